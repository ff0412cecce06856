"""A simulated class A end device as a pure state machine: times in, transmissions and windows out.

Ref: TS001-1.0.4 (class A, joins, confirmed traffic, ADR) for LoRaWAN 1.0.x.

    while True: world.at(device.next_ns) -> device.wake(now) -> Send
                end of the transmission  -> device.tx_done(end) -> Window (RX1)
                window closed            -> device.window_done(...) -> Window (RX2) or None

It knows no air and no clock; whoever drives it (`world.py`, a test) does. All times are ns.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

from ..lorawan import crypto, keys, mac_commands
from ..lorawan.counter import LAST, Step, reconstruct
from ..lorawan.frame import (
    DataFrame,
    FrameError,
    Header,
    JoinAccept,
    JoinRequest,
    MType,
    SealedJoinAccept,
    parse,
)
from .device_events import Acked, Downlinked, Event, Ignored, Joined, JoinMissed, Unacked
from .device_spec import DeviceSpec
from .mac_state import JOIN_DELAY_S, STICKY, MacState

S = 1_000_000_000
MS = 1_000_000
ACK_TIMEOUT_S = (1.0, 3.0)  # after RX2, before a confirmed frame is repeated
WINDOW_SYMBOLS = 6  # of the preamble's 8, that a window must be able to hear
WINDOW_ERROR_NS = 3 * MS  # what the device allows its own timers to be wrong, besides the crystal
ADR_ACK_LIMIT, ADR_ACK_DELAY = 64, 32
JOIN_TRIES_A_RATE = 2
HOUR = 3600 * S
FOPTS_SIZE = 15
FRAME_OVERHEAD = 13  # MHDR, FHDR without FOpts, FPort and MIC around the FRMPayload


class Phase(Enum):
    IDLE = "idle"
    SENDING = "sending"
    RX1 = "rx1"
    RX2 = "rx2"


@dataclass(frozen=True, slots=True)
class Send:
    """One transmission, to start now. `label` is what a person calls it."""

    payload: bytes
    freq_hz: int
    sf: int | None
    bw_hz: int
    power_dbm: float
    label: str


@dataclass(frozen=True, slots=True)
class Window:
    """A receive window; the device hears preambles that begin between the two times."""

    number: int
    from_ns: int
    to_ns: int
    freq_hz: int
    sf: int | None
    bw_hz: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What a window caught."""

    payload: bytes
    rssi_dbm: float
    snr_db: float
    end_ns: int


class Device:
    """One end device.

    `first_nonce` is the first DevNonce of 1.0.4 and later, and another number is another sequence
    of random ones before; so a server that remembers them is told new ones by each run.
    """

    def __init__(
        self, spec: DeviceSpec, rng: random.Random, *, start_ns: int = 0, first_nonce: int = 1
    ) -> None:
        self.spec = spec
        self.mac = MacState(spec.region, spec.channels)
        self.dev_addr = spec.dev_addr
        self.session: keys.SessionKeys | None = spec.session
        self.fcnt_up = 0  # of the next new frame
        self.next_ns: int | None = start_ns
        self.phase = Phase.IDLE
        self.sent_frames = 0
        self.airtime_ns = 0
        self._rng = rng
        self._start_ns = start_ns
        self._events: list[Event] = []
        self._used_nonces: set[int] = set()
        self._next_nonce = first_nonce
        self._nonce_rng = random.Random(f"{spec.dev_eui:016x}/{first_nonce}")
        self._dev_nonce = 0
        self._join_tries = 0
        self._first_join_ns: int | None = None
        self._fcnt_down: int | None = None
        self._traffic_ns = start_ns
        self._frame: bytes = b""  # the frame that is being repeated
        self._tries = 0
        self._tries_left = 0
        self._wants_ack = False
        self._must_ack = False
        self._soon = False
        self._answers: list[bytes] = []
        self._adr_ack_count = 0
        self._readings = 0
        self._snr_db = 0.0
        self._tx = (0, 0, 0)  # start ns, channel index, data rate
        self._tx_end_ns = 0
        if spec.dr is not None:
            self.mac.data_rate = spec.dr
        if spec.tx_power_dbm is not None:
            drop = self.mac.region.max_eirp_dbm - spec.tx_power_dbm
            self.mac.power_index = max(0, min(7, round(drop / 2)))

    @property
    def joined(self) -> bool:
        return self.session is not None

    def events(self) -> list[Event]:
        """Drain what has happened."""
        taken, self._events = self._events, []
        return taken

    # Sending.

    def wake(self, now_ns: int) -> Send | None:
        """Called at `next_ns`: the transmission to begin now, or None if it stays silent."""
        self.next_ns = None
        if self.session is None:
            return self._join(now_ns)
        if self._tries_left == 0 and not self._new_frame(now_ns):
            return None
        self._tries += 1
        self._tries_left -= 1
        if self._wants_ack and self._tries > 1 and self._tries % 2:
            self._slow_down(len(self._frame))
        again = f" try {self._tries}" if self._tries > 1 else ""
        return self._transmit(now_ns, self._frame, f"fcnt={self.fcnt_up - 1}{again}")

    def _slow_down(self, size: int = 0) -> bool:
        """One data rate down, if a frame of `size` bytes may go there."""
        slower = self.mac.slower(self.mac.data_rate)
        if slower == self.mac.data_rate or size > self._room(slower) + FRAME_OVERHEAD:
            return False
        self.mac.data_rate = slower
        return True

    def _room(self, rate: int) -> int:
        return self.spec.region.payloads.get(rate, 11)

    def _transmit(self, now_ns: int, payload: bytes, label: str) -> Send:
        rate = self.mac.data_rate
        channel = self._rng.choice(self.mac.usable(rate) or sorted(self.mac.enabled))
        data_rate = self.spec.region.data_rates[rate]
        self._tx = (now_ns, channel, rate)
        self.phase = Phase.SENDING
        self.sent_frames += 1
        return Send(
            payload,
            self.mac.channels[channel].freq_hz,
            data_rate.sf,
            data_rate.bw_hz,
            self.mac.power_dbm,
            label,
        )

    def _join(self, now_ns: int) -> Send:
        self._join_tries += 1
        if self._first_join_ns is None:
            self._first_join_ns = now_ns
        elif self._join_tries % JOIN_TRIES_A_RATE:
            self._slow_down()
        self._dev_nonce = self._fresh_nonce()
        request = JoinRequest(
            Header(MType.JOIN_REQUEST), self.spec.join_eui, self.spec.dev_eui, self._dev_nonce
        )
        body = request.body()
        payload = body + crypto.cmac4(self.spec.app_key, body)
        return self._transmit(now_ns, payload, f"join nonce={self._dev_nonce}")

    def _fresh_nonce(self) -> int:
        """A counter from 1.0.4 on, random before; never the same twice."""
        if len(self._used_nonces) >= 0xFFFF:
            raise ValueError(f"{self.spec.name} has used up its DevNonces: give it a new identity")
        if self.spec.nonce_counts:
            nonce = self._next_nonce & 0xFFFF
        else:
            nonce = self._nonce_rng.randrange(0x10000)
        while nonce in self._used_nonces:
            nonce = (nonce + 1) & 0xFFFF
        self._next_nonce = nonce + 1
        self._used_nonces.add(nonce)
        return nonce

    def _new_frame(self, now_ns: int) -> bool:
        if self.fcnt_up > LAST:
            return False  # a counter must not wrap; the session is over and the device silent
        confirmed = self._rng.random() < self.spec.confirmed
        answer_only = self._soon and now_ns < self._traffic_ns
        if not answer_only:
            self._traffic_ns = self.spec.traffic.next_ns(max(now_ns, self._traffic_ns), self._rng)
            self._readings += 1
        confirmed = confirmed and not answer_only
        self._soon = False
        self._tries = 0
        self._tries_left = self.spec.max_tries if confirmed else self.mac.nb_trans
        self._wants_ack = confirmed
        self._adr_back_off()
        self._frame = self._data_frame(confirmed, empty=answer_only)
        self.fcnt_up += 1
        self._adr_ack_count += 1
        return True

    def _data_frame(self, confirmed: bool, *, empty: bool) -> bytes:
        assert self.session is not None
        fopts = self._take_answers()
        room = self._room(self.mac.data_rate) - len(fopts)
        clear = b"" if empty else self.spec.payload.make(self._readings, self._rng)[: max(room, 0)]
        sealed = crypto.crypt_payload(
            self.session.app_s, crypto.UP, self.dev_addr, self.fcnt_up, clear
        )
        frame = DataFrame(
            Header(MType.CONFIRMED_UP if confirmed else MType.UNCONFIRMED_UP),
            self.dev_addr,
            self.fcnt_up & 0xFFFF,
            adr=self.spec.adr,
            adr_ack_req=self.spec.adr and self._adr_ack_count >= ADR_ACK_LIMIT,
            ack=self._must_ack,
            fopts=fopts,
            fport=None if empty else self.spec.payload.fport,
            payload=sealed,
        )
        self._must_ack = False
        body = frame.body()
        key = self.session.f_nwk_s_int
        return body + crypto.data_mic(key, body, crypto.UP, self.dev_addr, self.fcnt_up)

    def _take_answers(self) -> bytes:
        """Answers that fit FOpts, in their order; the sticky ones stay until a downlink."""
        fopts, room = b"", min(FOPTS_SIZE, self._room(self.mac.data_rate))
        for answer in self._answers:
            if len(fopts) + len(answer) > room:
                break
            fopts += answer
        self._answers = [answer for answer in self._answers if answer[0] in STICKY]
        return fopts

    def _adr_back_off(self) -> None:
        """Long unanswered: full power first, then slower and slower, at last every channel."""
        over = self._adr_ack_count - ADR_ACK_LIMIT
        if self.spec.adr and over >= ADR_ACK_DELAY and over % ADR_ACK_DELAY == 0:
            if self.mac.power_index:
                self.mac.power_index = 0
            elif not self._slow_down():
                self.mac.use_all()

    # Receive windows.

    def tx_done(self, end_ns: int) -> Window:
        """The transmission ended: RX1, and then (`window_done`) RX2."""
        self.airtime_ns += end_ns - self._tx[0]
        self._tx_end_ns = end_ns
        self.phase = Phase.RX1
        _, channel, rate = self._tx
        freq_hz, data_rate = self.mac.rx1(channel, rate)
        return self._window(1, freq_hz, data_rate.sf, data_rate.bw_hz)

    def _window(self, number: int, freq_hz: int, sf: int | None, bw_hz: int) -> Window:
        delay_s = (JOIN_DELAY_S if not self.joined else self.mac.rx_delay_s) + number - 1
        # A fast crystal counts a second too early.
        target = self._tx_end_ns + round(delay_s * S * (1 - self.spec.crystal_ppm * 1e-6))
        symbol = S * 2**sf // bw_hz if sf else 160_000  # FSK: a byte at 50 kbit/s
        return Window(
            number,
            target - WINDOW_ERROR_NS,
            target + WINDOW_ERROR_NS + WINDOW_SYMBOLS * symbol,
            freq_hz,
            sf,
            bw_hz,
        )

    def window_done(self, heard: Heard | None, now_ns: int) -> Window | None:
        """A window closed with a frame or without; RX2 if it is still worth opening."""
        number = 1 if self.phase is Phase.RX1 else 2
        if heard is not None:
            self._snr_db = heard.snr_db
            if self._receive(heard, number):
                self._plan(now_ns)
                return None
        if number == 1:
            freq_hz, data_rate = self.mac.rx2()
            window = self._window(2, freq_hz, data_rate.sf, data_rate.bw_hz)
            if now_ns <= window.to_ns:
                self.phase = Phase.RX2
                return window
        if not self.joined:
            self._events.append(JoinMissed(self._join_tries))
        self._plan(now_ns)
        return None

    def _receive(self, heard: Heard, number: int) -> bool:
        """Whether the frame was ours."""
        try:
            frame = parse(heard.payload)
            if isinstance(frame, SealedJoinAccept) and not self.joined:
                self._accept(frame, heard)
            elif isinstance(frame, DataFrame) and self.session is not None:
                self._data(frame, self.session, heard, number)
            else:
                raise FrameError("not what this device waits for")
        except (FrameError, crypto.InvalidMic) as error:
            self._events.append(Ignored(str(error)))
            return False
        return True

    def _accept(self, frame: SealedJoinAccept, heard: Heard) -> None:
        clear, mic = crypto.open_join_accept(self.spec.app_key, frame.sealed)
        crypto.check(crypto.join_accept_mic(self.spec.app_key, frame.header.byte(), clear), mic)
        accept = JoinAccept.parse(clear)
        self.session = keys.session_1_0(
            self.spec.app_key, accept.join_nonce, accept.net_id, self._dev_nonce
        )
        self.dev_addr = accept.dev_addr
        self.mac.accept(accept)
        self.fcnt_up, self._fcnt_down = 0, None
        self._tries_left = 0
        first = self._first_join_ns if self._first_join_ns is not None else heard.end_ns
        self._events.append(
            Joined(accept.dev_addr, self._join_tries, (heard.end_ns - first) / S, heard.snr_db)
        )
        self._traffic_ns = self.spec.traffic.first_ns(heard.end_ns, self._rng)

    def _data(self, frame: DataFrame, session: keys.SessionKeys, heard: Heard, number: int) -> None:
        if frame.header.mtype.uplink or frame.dev_addr != self.dev_addr:
            raise FrameError(f"for DevAddr {frame.dev_addr:08x}")
        candidate = reconstruct(self._fcnt_down, frame.fcnt)
        if candidate.full is None or candidate.step is not Step.NEW:
            raise FrameError(f"counter {frame.fcnt} was used before")
        body = frame.body()
        mic = crypto.data_mic(session.s_nwk_s_int, body, crypto.DOWN, self.dev_addr, candidate.full)
        crypto.check(mic, frame.mic)
        self._fcnt_down = candidate.full
        self._adr_ack_count = 0
        self._answers = []
        self._must_ack = frame.header.mtype.confirmed
        self._soon = self._must_ack or frame.pending
        self._acknowledged(frame)
        key = session.nwk_s_enc if frame.fport == 0 else session.app_s
        clear = crypto.crypt_payload(key, crypto.DOWN, self.dev_addr, candidate.full, frame.payload)
        self._obey(frame.fopts if frame.fport != 0 else clear, heard.snr_db)
        self._events.append(
            Downlinked(
                candidate.full,
                frame.fport,
                clear,
                number,
                heard.rssi_dbm,
                heard.snr_db,
                ack=frame.ack,
                confirmed=self._must_ack,
            )
        )

    def _acknowledged(self, frame: DataFrame) -> None:
        if self._wants_ack and frame.ack:
            self._events.append(Acked(self.fcnt_up - 1, self._tries))
            self._wants_ack = False
            self._tries_left = 0
        elif not self._wants_ack:
            self._tries_left = 0  # a downlink ends the repetitions of NbTrans

    def _obey(self, commands: bytes, snr_db: float) -> None:
        self._answers += self.mac.answers(mac_commands.parse(commands, uplink=False), snr_db)

    # When to wake next.

    def _plan(self, now_ns: int) -> None:
        self.phase = Phase.IDLE
        if self.session is None:
            self.next_ns = self._next_join_ns(now_ns)
            return
        free_ns = self._free_ns(min(self.spec.duty_cycle, self.mac.max_duty))
        if self._tries_left > 0:
            pause = round(self._rng.uniform(*ACK_TIMEOUT_S) * S)
            self.next_ns = max(now_ns + pause, free_ns)
            return
        if self._wants_ack:
            self._events.append(Unacked(self.fcnt_up - 1, self._tries))
            self._wants_ack = False
        self.next_ns = max(self._traffic_ns, free_ns)
        if self._soon:
            soon = now_ns + round(self._rng.uniform(*ACK_TIMEOUT_S) * S)
            self.next_ns = min(self.next_ns, max(soon, free_ns))

    def _free_ns(self, duty: float) -> int:
        """When the device may send again if it is to be on the air for `duty` of the time."""
        airtime = self._tx_end_ns - self._tx[0]
        return self._tx[0] + round(airtime / duty)

    def _next_join_ns(self, now_ns: int) -> int:
        """TS001-1.0.4 chapter 7: 1 % of the first hour, 0.1 % of ten more, then 0.01 %."""
        since = now_ns - (self._first_join_ns if self._first_join_ns is not None else now_ns)
        duty = 0.01 if since < HOUR else 0.001 if since < 11 * HOUR else 0.0001
        airtime = self._tx_end_ns - self._tx[0]
        spread = (
            self._rng.uniform(0.0, 0.5) * airtime / duty
        )  # so that a street does not knock in step
        return max(now_ns, self._free_ns(duty)) + round(spread)
