"""The words that radio, scheduler and links share. Values; pure.

A link turns what a server said into a `Downlink` and what the radio heard (`Uplink`) into its own
protocol; no link knows another.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from hal.frames import RxFrame
from hal.modulation import Modulation

K = TypeVar("K")

MOST_KINDS = 256  # frequencies, or modulations, that are counted apart


class Refusal(Enum):
    """Why a downlink is not sent. Each protocol owns its words for these, in one table."""

    TOO_LATE = "its start time has passed or is too near to program"
    TOO_EARLY = "its start time is further ahead than the queue reaches"
    COLLISION_PACKET = "another downlink has that time"
    COLLISION_BEACON = "a beacon has that time"
    FULL = "the queue is full"
    TX_FREQ = "the frequency is outside what this gateway may use"
    TX_POWER = "less power asked than the board can be set to"
    GPS_UNLOCKED = "GPS time was asked for and there is none"
    DUTY_CYCLE = "the band's duty cycle is used up"
    LBT = "listen before talk does not allow it"
    DISABLED = "this gateway, RF chain or link does not transmit"
    UNREADABLE = "the request could not be understood"
    RADIO = "the radio failed or is being restarted"


class Priority(Enum):
    """Kinds of downlink as the scheduler knows them; lower value wins where a rule compares."""

    BEACON = 0
    CLASS_A = 1
    CLASS_B = 2
    CLASS_C = 3


@dataclass(frozen=True, slots=True)
class AtTmst:
    """32 low bits of the concentrator's microseconds, as Semtech's protocol gives it (class A)."""

    tmst: int


@dataclass(frozen=True, slots=True)
class AtGps:
    """Milliseconds since 1980-01-06, without leap seconds (class B)."""

    gps_ms: int


@dataclass(frozen=True, slots=True)
class AtCounter:
    """An exact instant of the concentrator's unwrapped line, in microseconds (class A).

    For protocols that carry a context of ours back: it holds the upper bits too, so a stale one
    is late instead of meaning another wrap.
    """

    counter_us: int


@dataclass(frozen=True, slots=True)
class AtBeacon:
    """A beacon of this gateway's own: on the PPS edge that begins this second of GPS time."""

    gps_s: int


@dataclass(frozen=True, slots=True)
class AsSoonAsPossible:
    """At once, or in the next free slot (class C)."""


When = AtTmst | AtCounter | AtGps | AtBeacon | AsSoonAsPossible


@dataclass(frozen=True, slots=True)
class Uplink:
    """A received frame with what the gateway adds: wall time of reception when it is known.

    `utc_ns` (nanoseconds since 1970) and `gps_ms` come from a valid GPS reference only. `ghost`:
    a much weaker copy of a frame that another channel heard at the same time.

    The last two are for a frame that was kept (spool/): `session` is that of the radio on whose
    line `counter_us` is (empty: the present one), and `received_ns` is the host's wall time of
    reception, None while the host's clock is not to be trusted or the frame is not late.
    """

    frame: RxFrame
    utc_ns: int | None = None
    gps_ms: int | None = None
    ghost: bool = False
    session: bytes = b""
    received_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Downlink:
    """One transmission that a server asks for.

    `power_dbm` is what the protocol carries: EIRP (Semtech, ChirpStack), from which the scheduler
    subtracts the antenna gain, or with `conducted` (The Things Stack) the power at the board's
    connector. None when the server left it out. `link` and `token` find the way back for the
    answer.
    """

    link: str
    token: int
    when: When
    payload: bytes
    freq_hz: int
    modulation: Modulation
    power_dbm: float | None = None
    rf_chain: int = 0
    preamble: int | None = None
    crc: bool = True
    implicit_header: bool = False
    invert_polarity: bool = False
    conducted: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The downlink has its place on the air. `power_dbm` is conducted, as the board will send it.

    `adjusted` says that it is less than what was asked. `margin_us` is how much earlier than
    necessary it came, None where it had no time to keep; `start_us` is on the unwrapped line.
    """

    start_us: int
    power_dbm: float
    adjusted: bool
    margin_us: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The downlink will not be sent. `margin_us` is negative by how much it came too late."""

    reason: Refusal
    detail: str = ""
    margin_us: int | None = None


Answer = Accepted | Refused


@dataclass(slots=True)
class RadioCounters:
    """What the radio has seen and done since the process started; only ever grows."""

    rx_total: int = 0
    rx_ok: int = 0
    rx_bad: int = 0
    rx_no_crc: int = 0
    rx_ghosts: int = 0  # of rx_total: copies of strong frames on other channels
    rx_dropped: int = 0  # queue to the links was full
    rx_unwanted: int = 0  # kept from the links by a filter that was switched on
    damage: int = 0  # stretches of the FIFO that were no record
    tx_ok: int = 0
    tx_failed: int = 0
    tx_cut: int = 0  # of tx_ok: the radio failed before they had left
    restarts: dict[str, int] = field(default_factory=dict)  # recovery stage to count
    rx_very_close: int = 0  # strong frames that had ghosts: a device within metres
    # Of rx_ok and tx_ok, by frequency in Hz and by modulation.
    rx_frequencies: Counter[int] = field(default_factory=Counter)
    rx_modulations: Counter[Modulation] = field(default_factory=Counter)
    tx_frequencies: Counter[int] = field(default_factory=Counter)
    tx_modulations: Counter[Modulation] = field(default_factory=Counter)

    def count_rx(self, freq_hz: int, modulation: Modulation) -> None:
        """One more frame with a good CRC."""
        self.rx_ok += 1
        _one_more(self.rx_frequencies, freq_hz)
        _one_more(self.rx_modulations, modulation)

    def count_tx(self, freq_hz: int, modulation: Modulation) -> None:
        """One more frame sent."""
        self.tx_ok += 1
        _one_more(self.tx_frequencies, freq_hz)
        _one_more(self.tx_modulations, modulation)


def _one_more(counter: Counter[K], key: K) -> None:
    """A server may ask for any frequency: a table of more than MOST_KINDS is no statistics."""
    if key in counter or len(counter) < MOST_KINDS:
        counter[key] += 1


@dataclass(frozen=True, slots=True)
class Position:
    """Where the gateway is: as GPS has it, or as the configuration says."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: int
    from_gps: bool = False
