"""What a receiver tells, whatever language it speaks. Values; pure.

GPS seconds count from 1980-01-06T00:00:00 without leap seconds, UTC seconds as POSIX does.
"""

from __future__ import annotations

from dataclasses import dataclass

NS = 1_000_000_000  # nanoseconds in a second
GPS_EPOCH_S = 315_964_800  # 1980-01-06, in POSIX seconds
WEEK_S = 604_800


@dataclass(frozen=True, slots=True)
class GpsSecond:
    """The GPS second that began at the last PPS edge.

    `leap_s` is GPS minus UTC as the receiver has it from the satellites; None if it has not yet.
    """

    gps_s: int
    leap_s: int | None = None


@dataclass(frozen=True, slots=True)
class UtcSecond:
    """The UTC second that began at the last PPS edge, from a receiver that tells only UTC.

    `inserted`: it is 23:59:60, and `utc_s` is that of 00:00:00, as POSIX has it.
    """

    utc_s: int
    inserted: bool = False
    leap_s: int | None = None


@dataclass(frozen=True, slots=True)
class NoTime:
    """The receiver speaks, and does not know the time; `why` is for a person."""

    why: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Where the antenna is: degrees, north and east positive; metres over the sea, if known."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float | None = None


@dataclass(frozen=True, slots=True)
class NoFix:
    """The receiver speaks, and does not know where it is."""


@dataclass(frozen=True, slots=True)
class Satellites:
    """How many satellites the solution uses."""

    used: int


Report = GpsSecond | UtcSecond | NoTime | Fix | NoFix | Satellites
