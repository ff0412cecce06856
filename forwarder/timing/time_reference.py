"""What time it is at an instant of the concentrator's counter, as the rest of the gateway sees it.

Pure. `timing/` makes one where a GPS receiver is configured; everywhere else there is `NO_GPS`.
All answers are None, and nothing is sent that would be derived from them, while the reference is
not valid: that takes a receiver that knows the time and PPS edges at the concentrator.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol

from ..packets import Position


@dataclass(frozen=True, slots=True)
class GpsState:
    """The three things that can be missing, each by itself, and what they make together.

    Ages are seconds since the receiver last told (or the last edge came), None for never.
    `reason` says why there is no reference; empty when it is valid.
    """

    source: str = ""  # /dev/ttyAMA0 or gpsd://host:port; empty: no GPS configured
    protocol: str = ""  # UBX, NMEA or gpsd, as far as it has told the time
    connected: bool = False
    position_fix: bool = False
    position_age_s: float | None = None
    satellites: int | None = None
    time_fix: bool = False
    time_age_s: float | None = None
    pps: bool = False
    pps_age_s: float | None = None
    valid: bool = False
    reason: str = "no GPS is configured"
    crystal_ppm: float | None = None
    crystal_settled: bool = False  # measured long enough to correct a frequency by
    leap_s: int | None = None

    def as_dict(self) -> dict[str, object]:
        """Plain values, for `--json`, the page and the metrics."""
        return asdict(self)


class TimeReference(Protocol):
    """What is read of it. `now_us` and every `counter_us` are on the concentrator's line."""

    @property
    def state(self) -> GpsState: ...

    def valid(self, now_us: int) -> bool:
        """Whether GPS time is known now."""
        ...

    def utc_ns(self, counter_us: int, now_us: int) -> int | None:
        """Nanoseconds since 1970 as POSIX counts them, at an instant of the counter."""
        ...

    def gps_ms(self, counter_us: int, now_us: int) -> int | None:
        """Milliseconds since 1980-01-06 without leap seconds, cut off as `tmms` is."""
        ...

    def counter_us(self, gps_ms: int, now_us: int) -> int | None:
        """The counter's line at a GPS instant."""
        ...

    def corrected_hz(self, freq_hz: int) -> int:
        """What to program so that `freq_hz` leaves this crystal."""
        ...

    def position(self) -> Position | None:
        """Where the receiver is, while it knows."""
        ...


class NoGps:
    """The reference of a gateway without a receiver."""

    state = GpsState()

    def valid(self, now_us: int) -> bool:
        return False

    def utc_ns(self, counter_us: int, now_us: int) -> int | None:
        return None

    def gps_ms(self, counter_us: int, now_us: int) -> int | None:
        return None

    def counter_us(self, gps_ms: int, now_us: int) -> int | None:
        return None

    def corrected_hz(self, freq_hz: int) -> int:
        return freq_hz

    def position(self) -> Position | None:
        return None


NO_GPS: TimeReference = NoGps()
