"""Recorded receptions through air, chip and driver once more, in simulated time.

Every gateway of the recording gets a simulated board that hears the recording's channels, and our
driver on it. A reception becomes a pinned transmission: it is heard by its gateway only, at the
power and quality that were recorded; channels, demodulators, FIFO, records and counters are those
of any other frame.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hal.clock import ManualClock
from hal.concentrator import Concentrator
from hal.config import ConcentratorConfig
from hal.frames import Crc, RxFrame
from hal.modulation import Fsk, LoRa
from hal.sim.air import Air, Pinned, Rules, Transmission
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport

from ..errors import ConfigError
from .plan import plan
from .recording import Reception

START_NS = 10_000_000_000  # of silence before the first frame ends, so that it can begin
LONGEST_GAP_NS = 60_000_000_000  # longer silence is shortened
SHORTENED_NS = 3_000_000_000
UNREAD_NS = 60_000_000_000  # a counter that was not read for so long is read: it wraps at 134 s
LOOK_NS = 50_000_000  # after a frame's end the FIFO holds it: the chip's decoding takes less
RSSI_DB, SNR_DB = 1.0, 0.25  # how exactly a recorded level must come out

Key = tuple[bytes, int, LoRa | Fsk, Crc]


@dataclass(slots=True)
class Tally:
    """What came out of one gateway, against what was recorded there."""

    recorded: int = 0
    same: int = 0
    levels_off: int = 0
    unexpected: int = 0
    waiting: dict[Key, list[Reception]] = field(default_factory=lambda: defaultdict(list))

    @property
    def missing(self) -> int:
        return sum(len(receptions) for receptions in self.waiting.values())

    def expect(self, reception: Reception) -> None:
        self.recorded += 1
        self.waiting[_key(reception)].append(reception)

    def came(self, frame: RxFrame) -> None:
        expected = self.waiting.get(_key(frame))
        if not expected:
            self.unexpected += 1
        elif _same_levels(expected.pop(0), frame):
            self.same += 1
        else:
            self.levels_off += 1


@dataclass(frozen=True, slots=True)
class Heard:
    """What one gateway's driver gave at one look; `after_s` is scenario time since the start."""

    gateway: str
    after_s: float
    frames: list[RxFrame]


class Replay:
    """One run of a recording. `config` replaces the plan that the recording suggests.

    Raises ConfigError when no board can hear a gateway's channels.
    """

    def __init__(
        self, receptions: Sequence[Reception], *, config: ConcentratorConfig | None = None
    ) -> None:
        self._receptions = sorted(receptions, key=lambda reception: reception.at_us)
        self._clock = ManualClock()
        self._air = Air(1, rules=Rules().quiet())  # nothing is heard but the recording
        self.tallies: dict[str, Tally] = {}
        self._radios: dict[str, Concentrator] = {}
        self._looked_ns: dict[str, int] = {}
        for gateway, heard in _by_gateway(self._receptions).items():
            channels = config or plan((one.freq_hz, one.modulation) for one in heard)
            self._radios[gateway] = self._start(gateway, channels)
            self.tallies[gateway] = Tally()
            self._looked_ns[gateway] = self._clock.now_ns()

    @property
    def gateways(self) -> list[str]:
        return list(self._radios)

    def run(self) -> Iterator[Heard]:
        """Play it; gives what each driver heard, in order of time."""
        start_ns = self._clock.now_ns()
        schedule = self._schedule(start_ns + START_NS)
        by_start = deque(sorted(schedule, key=lambda entry: entry[1].start_ns))
        due: set[str] = set()
        for reception, sent in schedule:
            if due and sent.end_ns > self._clock.now_ns() + LOOK_NS:
                self._clock.advance_to_ns(self._clock.now_ns() + LOOK_NS)
                yield from self._look(due, start_ns)
                due.clear()
            while by_start and by_start[0][1].start_ns <= sent.end_ns:
                self._put_on_air(*by_start.popleft())
            self._clock.advance_to_ns(sent.end_ns)
            due.add(reception.gateway)
        self._clock.advance_to_ns(self._clock.now_ns() + LOOK_NS)
        yield from self._look(set(self._radios), start_ns)

    def close(self) -> None:
        for radio in self._radios.values():
            radio.stop()

    # Steps.

    def _start(self, gateway: str, channels: ConcentratorConfig) -> Concentrator:
        board = SimBoard(self._clock, eui=gateway)
        self._air.attach(board, name=gateway)
        radio = Concentrator(SimTransport(board, clock=self._clock), channels, clock=self._clock)
        try:
            radio.start()
        except ValueError as error:
            raise ConfigError(f"no board can hear what gateway {gateway} heard: {error}") from error
        return radio

    def _schedule(self, first_ns: int) -> list[tuple[Reception, Transmission]]:
        """Each reception as a transmission, in order of its end; long silence is shortened."""
        schedule, end_ns, before_us = [], first_ns, None
        for reception in self._receptions:
            gap_ns = 0 if before_us is None else 1000 * (reception.at_us - before_us)
            end_ns += gap_ns if gap_ns <= LONGEST_GAP_NS else SHORTENED_NS
            before_us = reception.at_us
            schedule.append((reception, _transmission(reception, end_ns)))
        schedule.sort(key=lambda entry: entry[1].end_ns)
        return schedule

    def _put_on_air(self, reception: Reception, sent: Transmission) -> None:
        self.tallies[reception.gateway].expect(reception)
        self._air.transmit(sent)

    def _look(self, gateways: set[str], start_ns: int) -> Iterator[Heard]:
        now_ns = self._clock.now_ns()
        overdue = {name for name, at_ns in self._looked_ns.items() if now_ns - at_ns > UNREAD_NS}
        for gateway in sorted(gateways | overdue):
            self._looked_ns[gateway] = now_ns
            frames = self._radios[gateway].receive().frames
            for frame in frames:
                self.tallies[gateway].came(frame)
            if frames:
                yield Heard(gateway, (now_ns - start_ns) / 1e9, frames)


def _by_gateway(receptions: Sequence[Reception]) -> dict[str, list[Reception]]:
    grouped: dict[str, list[Reception]] = defaultdict(list)
    for reception in receptions:
        grouped[reception.gateway].append(reception)
    return grouped


def _transmission(reception: Reception, end_ns: int) -> Transmission:
    """The frame that ends at `end_ns` and is heard as `reception` says."""
    modulation = reception.modulation
    pinned = Pinned(reception.rssi_dbm, reception.snr_db, reception.crc)
    sent = Transmission(
        who=reception.gateway,
        payload=reception.payload,
        start_ns=0,
        freq_hz=reception.freq_hz,
        sf=None,
        crc=reception.crc is not Crc.NONE,
        pinned={reception.gateway: pinned},
    )
    if isinstance(modulation, LoRa):
        coding_rate = modulation.coding_rate
        pinned = replace(pinned, coding_rate=coding_rate)
        sent = replace(
            sent,
            sf=modulation.sf,
            bw_hz=modulation.bw_hz,
            coding_rate=coding_rate or 1,
            pinned={reception.gateway: pinned},
        )
    else:
        sent = replace(sent, bitrate_bps=modulation.bitrate_bps)
    return replace(sent, start_ns=end_ns - sent.end_ns)


def _key(one: Reception | RxFrame) -> Key:
    return one.payload, one.freq_hz, one.modulation, one.crc


def _same_levels(recorded: Reception, frame: RxFrame) -> bool:
    snr_db = recorded.snr_db if frame.snr_db is None else frame.snr_db
    return (
        abs(frame.rssi_channel_dbm - recorded.rssi_dbm) <= RSSI_DB
        and abs(snr_db - recorded.snr_db) <= SNR_DB
    )
