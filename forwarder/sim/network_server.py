"""A small network server for demonstrations: joins, acknowledgements, a downlink now and then.

LoRaWAN 1.0.x, class A, no ADR; everything in memory. Sans I/O: receptions and times in, downlinks
and events out. `udp_server.py` speaks Semtech UDP around it. It is its own Join Server, or asks one
outside, and then holds neither root keys nor AppSKeys: payloads stay ciphertext.

    server.uplink(reception, now_s)     while receptions come
    server.tick(now_s)                  when `next_tick` has passed
    server.downlinks(), server.events() what is to be sent, what happened
    server.asks()                       joins that a Join Server outside must decide;
    server.granted(ask, ...), server.denied(ask, why)       and what it said
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..lorawan import crypto, keys, mac_commands
from ..lorawan.counter import Candidate, Step, reconstruct
from ..lorawan.frame import DataFrame, Frame, FrameError, Header, JoinAccept, JoinRequest, MType
from ..lorawan.frame import parse as parse_frame
from ..lorawan.region import DataRate, Region
from .device_spec import DeviceSpec
from .server_events import (
    DataHeard,
    DownlinkAnswered,
    DownlinkSent,
    JoinHeard,
    JoinRefused,
    Radio,
    ServerEvent,
    Unknown,
)

NET_ID = 0x000013
DEDUPLICATION_S = 0.2  # as ChirpStack and The Things Stack
REMEMBER_S = 1.0  # later copies of a handled frame; repetitions of a device come later still
JOIN_DELAY_US, RX_DELAY_US, RX2_AFTER_US = 5_000_000, 1_000_000, 1_000_000
APPLICATION_EVERY = 6  # every so many frames of a device it gets a message
APPLICATION_PORT = 10
TOKENS_KEPT = 64
DEV_STATUS_REQ = b"\x06"
NOT_KNOWN = "this DevEUI is not known here"


@dataclass(frozen=True, slots=True)
class Reception:
    """A frame as one gateway reports it."""

    gateway: str
    payload: bytes
    tmst: int
    freq_hz: int
    sf: int | None
    bw_hz: int
    rssi_dbm: float
    snr_db: float


@dataclass(frozen=True, slots=True)
class Transmit:
    """A downlink to hand to a gateway; polarity is inverted, as always in this direction."""

    gateway: str
    token: int
    tmst: int
    freq_hz: int
    rate: DataRate
    power_dbm: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class JoinAsk:
    """A join-request for the Join Server outside, and the address it would get here."""

    device: DeviceSpec
    frame: bytes
    dev_addr: int
    dl_settings: int
    rx_delay_s: int
    cf_list: bytes
    heard: Reception
    radio: Radio


@dataclass(slots=True)
class _Session:
    device: DeviceSpec
    dev_addr: int
    keys: keys.SessionKeys
    fcnt_up: int | None = None
    fcnt_down: int = 0
    frames: int = 0
    asked_status: bool = False


@dataclass(slots=True)
class _Copies:
    """Receptions of one frame, until it is handled; then only what is late."""

    receptions: list[Reception]
    due_s: float
    handled: bool = False


@dataclass(frozen=True, slots=True)
class _Pending:
    """A downlink that a gateway has not answered, and where it goes if it does not fit."""

    device: str
    kind: str
    window: int
    transmit: Transmit
    other: Transmit | None


@dataclass(slots=True)
class _Known:
    spec: DeviceSpec
    nonces: set[int] = field(default_factory=set)


class NetworkServer:
    """`devices` are those it lets in. `cf_list` goes with every join-accept.

    With `join_server_outside` no root key of `devices` is looked at, nor an AppSKey.
    """

    def __init__(
        self,
        region: Region,
        devices: Iterable[DeviceSpec],
        *,
        cf_list: bytes = b"",
        power_dbm: int = 14,
        join_server_outside: bool = False,
    ) -> None:
        self._outside = join_server_outside
        self._asks: list[JoinAsk] = []
        self._region = region
        self._cf_list = cf_list
        self._power_dbm = power_dbm
        self._known: dict[int, _Known] = {}
        self._sessions: dict[int, list[_Session]] = {}
        self._copies: dict[bytes, _Copies] = {}
        self._pending: dict[int, _Pending] = {}
        self._outbox: list[Transmit] = []
        self._events: list[ServerEvent] = []
        self._next_addr = NET_ID << 25 & 0xFE000000 | 1
        self._join_nonce = 0
        self._token = 0
        for spec in devices:
            self._known[spec.dev_eui] = _Known(spec)
            if spec.session is not None:
                self._add_session(_Session(spec, spec.dev_addr, spec.session))

    # What the world says.

    def uplink(self, reception: Reception, now_s: float) -> None:
        """One gateway heard a frame; its copies are awaited for a moment."""
        copies = self._copies.get(reception.payload)
        if copies is None or (copies.handled and now_s >= copies.due_s):
            self._copies[reception.payload] = _Copies([reception], now_s + DEDUPLICATION_S)
        elif not copies.handled:
            copies.receptions.append(reception)

    def answered(self, token: int, error: str | None) -> None:
        """A gateway's TX_ACK; what does not fit into RX1 is tried in RX2."""
        pending = self._pending.pop(token, None)
        if pending is None:
            return
        self._events.append(
            DownlinkAnswered(pending.device, token, pending.kind, pending.window, error)
        )
        if error is not None and pending.other is not None:
            self._send(replace(pending, window=2, transmit=pending.other, other=None))

    def tick(self, now_s: float) -> None:
        """Handle what has waited long enough for its copies."""
        for payload, copies in list(self._copies.items()):
            if now_s < copies.due_s:
                continue
            if copies.handled:
                del self._copies[payload]
            else:
                copies.handled = True
                copies.due_s = now_s + REMEMBER_S
                self._handle(payload, copies.receptions)
                copies.receptions = []

    def next_tick(self) -> float | None:
        """When `tick` is next worth calling."""
        return min((copies.due_s for copies in self._copies.values()), default=None)

    # What to do about it.

    def downlinks(self) -> list[Transmit]:
        """Drain what is to be sent."""
        taken, self._outbox = self._outbox, []
        return taken

    def asks(self) -> list[JoinAsk]:
        """Drain the joins that the Join Server outside has to decide."""
        taken, self._asks = self._asks, []
        return taken

    def granted(self, ask: JoinAsk, accept: bytes, nwk_s_key: bytes) -> None:
        """The Join Server let a device in: its join-accept, and the one key that we are given."""
        session = keys.SessionKeys.of_1_0(nwk_s_key, b"")
        self._add_session(_Session(ask.device, ask.dev_addr, session))
        self._answer(ask.device.name, "join-accept", accept, ask.heard, JOIN_DELAY_US)

    def denied(self, ask: JoinAsk, why: str) -> None:
        self._events.append(JoinRefused(ask.device.dev_eui, why, ask.radio))

    def app_s_keys(self) -> int:
        """How many AppSKeys are held here."""
        return sum(bool(one.keys.app_s) for at in self._sessions.values() for one in at)

    def events(self) -> list[ServerEvent]:
        """Drain what has happened."""
        taken, self._events = self._events, []
        return taken

    # One frame.

    def _handle(self, payload: bytes, receptions: list[Reception]) -> None:
        best = max(receptions, key=lambda one: (one.rssi_dbm, one.snr_db))
        gateways = {one.gateway for one in receptions}
        radio = Radio(
            best.freq_hz,
            best.sf,
            best.bw_hz,
            best.rssi_dbm,
            best.snr_db,
            copies=len(gateways),
            ghosts=len(receptions) - len(gateways),
        )
        try:
            frame: Frame = parse_frame(payload)
        except FrameError as error:
            self._events.append(Unknown(str(error), radio))
            return
        if isinstance(frame, JoinRequest) and self._outside:
            self._ask(frame, best, radio)
        elif isinstance(frame, JoinRequest):
            self._join(frame, best, radio)
        elif isinstance(frame, DataFrame) and frame.header.mtype.uplink:
            self._data(frame, best, radio)
        else:
            self._events.append(Unknown(f"a {frame.header.mtype.name.lower()} frame", radio))

    def _join(self, request: JoinRequest, best: Reception, radio: Radio) -> None:
        known = self._known.get(request.dev_eui)
        why = _join_fault(request, known)
        if known is None or why:
            self._events.append(JoinRefused(request.dev_eui, why, radio))
            return
        spec = known.spec
        known.nonces.add(request.dev_nonce)
        self._events.append(JoinHeard(spec.name, request.dev_nonce, radio))
        self._join_nonce += 1
        accept = JoinAccept(
            join_nonce=self._join_nonce,
            net_id=NET_ID,
            dev_addr=self._next_addr,
            dl_settings=self._region.rx2_dr & 15,
            rx_delay=RX_DELAY_US // 1_000_000,
            cf_list=self._cf_list,
        )
        self._next_addr += 1
        session = keys.session_1_0(spec.app_key, accept.join_nonce, NET_ID, request.dev_nonce)
        self._add_session(_Session(spec, accept.dev_addr, session))
        header = Header(MType.JOIN_ACCEPT).byte()
        clear = accept.encode()
        mic = crypto.join_accept_mic(spec.app_key, header, clear)
        sealed = crypto.seal_join_accept(spec.app_key, clear, mic)
        self._answer(spec.name, "join-accept", bytes([header]) + sealed, best, JOIN_DELAY_US)

    def _ask(self, request: JoinRequest, best: Reception, radio: Radio) -> None:
        known = self._known.get(request.dev_eui)
        if known is None:
            self._events.append(JoinRefused(request.dev_eui, NOT_KNOWN, radio))
            return
        self._events.append(JoinHeard(known.spec.name, request.dev_nonce, radio))
        self._asks.append(
            JoinAsk(
                known.spec,
                best.payload,
                self._next_addr,
                self._region.rx2_dr & 15,
                RX_DELAY_US // 1_000_000,
                self._cf_list,
                best,
                radio,
            )
        )
        self._next_addr += 1

    def _data(self, frame: DataFrame, best: Reception, radio: Radio) -> None:
        found = self._owner(frame)
        if found is None:
            why = f"DevAddr {frame.dev_addr:08x} with this MIC belongs to nobody here"
            self._events.append(Unknown(why, radio))
            return
        session, candidate = found
        assert candidate.full is not None
        repeat = candidate.step is Step.REPEAT
        missed = 0 if repeat else candidate.full - (session.fcnt_up or 0) - 1
        if session.fcnt_up is None:
            missed = candidate.full
        session.fcnt_up = candidate.full
        session.frames += not repeat
        self._forget_older_sessions(session)
        self._tell_data(session, frame, candidate.full, missed, repeat, radio)
        self._maybe_downlink(session, frame, best)

    def _owner(self, frame: DataFrame) -> tuple[_Session, Candidate] | None:
        """The session whose key gives this MIC, and the counter that does."""
        for session in self._sessions.get(frame.dev_addr, []):
            candidate = reconstruct(session.fcnt_up, frame.fcnt)
            if candidate.full is None:
                continue
            expected = crypto.data_mic(
                session.keys.f_nwk_s_int, frame.body(), crypto.UP, frame.dev_addr, candidate.full
            )
            if expected == frame.mic:
                return session, candidate
        return None

    def _tell_data(
        self,
        session: _Session,
        frame: DataFrame,
        fcnt: int,
        missed: int,
        repeat: bool,
        radio: Radio,
    ) -> None:
        key = session.keys.nwk_s_enc if frame.fport == 0 else session.keys.app_s
        sealed = not key and bool(frame.payload)
        clear = frame.payload
        if not sealed:
            clear = crypto.crypt_payload(key, crypto.UP, frame.dev_addr, fcnt, frame.payload)
        commands = mac_commands.parse(frame.fopts, uplink=True)
        self._events.append(
            DataHeard(
                session.device.name,
                fcnt,
                frame.fport,
                clear,
                frame.header.mtype.confirmed,
                frame.ack,
                missed,
                repeat,
                radio,
                tuple(command.text() for command in commands),
                sealed,
            )
        )

    # Downlinks.

    def _maybe_downlink(self, session: _Session, frame: DataFrame, best: Reception) -> None:
        ack = frame.header.mtype.confirmed
        message = b""
        if session.keys.app_s and session.frames and session.frames % APPLICATION_EVERY == 0:
            message = b"hello %d" % (session.frames // APPLICATION_EVERY)
        fopts = b""
        if session.frames == 2 and not session.asked_status:
            fopts, session.asked_status = DEV_STATUS_REQ, True
        if not (ack or message or fopts):
            return
        kinds = [
            name
            for name, wanted in (("ack", ack), ("message", message), ("status request", fopts))
            if wanted
        ]
        data = self._data_downlink(session, ack=ack, fopts=fopts, message=message)
        self._answer(session.device.name, " + ".join(kinds), data, best, RX_DELAY_US)

    def _data_downlink(
        self, session: _Session, *, ack: bool, fopts: bytes, message: bytes
    ) -> bytes:
        fcnt, session.fcnt_down = session.fcnt_down, session.fcnt_down + 1
        address = session.dev_addr
        frame = DataFrame(
            Header(MType.UNCONFIRMED_DOWN),
            address,
            fcnt & 0xFFFF,
            ack=ack,
            fopts=fopts,
            fport=APPLICATION_PORT if message else None,
            payload=_sealed(session, fcnt, message),
        )
        body = frame.body()
        key = session.keys.s_nwk_s_int
        return body + crypto.data_mic(key, body, crypto.DOWN, address, fcnt)

    def _answer(
        self, device: str, kind: str, payload: bytes, best: Reception, delay_us: int
    ) -> None:
        """Into RX1, with RX2 in reserve."""
        region = self._region
        rx2 = Transmit(
            best.gateway,
            0,
            (best.tmst + delay_us + RX2_AFTER_US) & 0xFFFFFFFF,
            region.rx2_freq_hz,
            region.data_rates[region.rx2_dr],
            self._power_dbm,
            payload,
        )
        up_dr = region.dr_of(best.sf, best.bw_hz)
        if up_dr is None:
            self._send(_Pending(device, kind, 2, rx2, None))
            return
        rx1 = replace(
            rx2,
            tmst=(best.tmst + delay_us) & 0xFFFFFFFF,
            freq_hz=self._rx1_freq_hz(best.freq_hz),
            rate=region.data_rates[region.rx1_dr(up_dr, 0)],
        )
        self._send(_Pending(device, kind, 1, rx1, rx2))

    def _rx1_freq_hz(self, freq_hz: int) -> int:
        for channel in self._region.channels:
            if abs(channel.freq_hz - freq_hz) < 10_000:
                return channel.downlink_freq_hz
        return freq_hz

    def _send(self, pending: _Pending) -> None:
        self._token = self._token + 1 & 0xFFFF
        self._pending[self._token] = pending
        while len(self._pending) > TOKENS_KEPT:
            del self._pending[next(iter(self._pending))]
        self._outbox.append(replace(pending.transmit, token=self._token))
        self._events.append(DownlinkSent(pending.device, self._token, pending.kind, pending.window))

    # Sessions.

    def _add_session(self, session: _Session) -> None:
        self._sessions.setdefault(session.dev_addr, []).append(session)

    def _forget_older_sessions(self, proven: _Session) -> None:
        """The first uplink under new keys proves a join; only then do the old ones go."""
        if proven.frames != 1:
            return
        for address, sessions in list(self._sessions.items()):
            kept = [one for one in sessions if one is proven or one.device is not proven.device]
            if kept:
                self._sessions[address] = kept
            else:
                del self._sessions[address]


def _sealed(session: _Session, fcnt: int, message: bytes) -> bytes:
    if not message:
        return b""
    return crypto.crypt_payload(session.keys.app_s, crypto.DOWN, session.dev_addr, fcnt, message)


def _join_fault(request: JoinRequest, known: _Known | None) -> str:
    if known is None:
        return NOT_KNOWN
    if request.join_eui != known.spec.join_eui:
        return f"JoinEUI {request.join_eui:016x} is not the one of this device"
    if crypto.cmac4(known.spec.app_key, request.body()) != request.mic:
        return "the MIC does not fit the AppKey"
    if request.dev_nonce in known.nonces:
        return f"DevNonce {request.dev_nonce} was used before"
    return ""
