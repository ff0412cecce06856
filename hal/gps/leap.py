"""Leap seconds: GPS minus UTC at any instant, from a table that expires. Pure.

The table is in the format of the IANA's leap-seconds.list: seconds since 1900 and TAI minus UTC
from then on, the date of expiry behind `#@`. GPS time is 19 s behind TAI.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from .values import GPS_EPOCH_S, UtcSecond

NTP_EPOCH_S = 2_208_988_800  # 1900-01-01 to 1970-01-01
TAI_MINUS_GPS_S = 19


@dataclass(frozen=True, slots=True)
class LeapTable:
    """`steps` are POSIX seconds and GPS minus UTC from then on; both grow together."""

    steps: tuple[tuple[int, int], ...]
    expires_s: int  # POSIX seconds

    def of_utc(self, second: UtcSecond) -> int:
        """GPS minus UTC in a UTC second; 23:59:60 still belongs to the day that it ends."""
        return self._at(second.utc_s - second.inserted, [start for start, _ in self.steps])

    def of_gps(self, gps_s: int) -> int:
        """GPS minus UTC in a GPS second. An inserted second belongs to the day that it ends."""
        return self._at(gps_s, [gps_start(start, offset) for start, offset in self.steps])

    def _at(self, when: int, starts: list[int]) -> int:
        return self.steps[max(bisect_right(starts, when) - 1, 0)][1]


def gps_start(utc_s: int, leap_s: int) -> int:
    """The GPS second at which the UTC second begins."""
    return utc_s - GPS_EPOCH_S + leap_s


def parse(text: str) -> LeapTable:
    """A leap-seconds.list. Raises ValueError that says what is wrong with it."""
    steps: list[tuple[int, int]] = []
    expires_s = None
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.startswith("#@"):
                expires_s = int(line[2:].split()[0]) - NTP_EPOCH_S
            elif line.strip() and not line.startswith("#"):
                start, offset = line.split()[:2]
                steps.append((int(start) - NTP_EPOCH_S, int(offset) - TAI_MINUS_GPS_S))
        except (ValueError, IndexError):
            raise ValueError(f"line {number}: a date in seconds and an offset expected") from None
    if expires_s is None or not steps:
        raise ValueError("a line with #@ and the date of expiry, and lines with offsets, expected")
    if any(later <= earlier for (earlier, _), (later, _) in pairwise(steps)):
        raise ValueError("the dates do not grow")
    return LeapTable(tuple(steps), expires_s)
