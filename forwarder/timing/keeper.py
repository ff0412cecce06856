"""Joins what the receiver tells with the edges that the concentrator saw. Pure.

Position, time and PPS are three states, known and lost each by itself. Time and PPS together make
the reference. Every change of a state is one line for the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hal.gps.leap import LeapTable, gps_start
from hal.gps.reference import Pair, Reference, Sync
from hal.gps.values import (
    GPS_EPOCH_S,
    NS,
    Fix,
    GpsSecond,
    NoFix,
    NoTime,
    Report,
    Satellites,
    UtcSecond,
)

from ..packets import Position
from .time_reference import GpsState

SILENCE_S = 5.0  # what the receiver said longer ago than this counts no more
PPS_AGE_US = 2_000_000  # without an edge for so long, PPS is lost
EDGE_US = 950_000  # a message that comes later after its edge may belong to the next one
EARLIEST_GPS_S = 1_388_102_418  # 2024-01-01: a module that says less has lost 1024 weeks


@dataclass(frozen=True, slots=True)
class Now:
    """Everything that time is at one moment.

    `s` is monotonic; `us` the concentrator's line and `edge_us` its last PPS edge, None before
    the radio is up or an edge came.
    """

    s: float
    us: int | None = None
    edge_us: int | None = None

    @property
    def edge_age_us(self) -> int | None:
        return None if self.us is None or self.edge_us is None else self.us - self.edge_us

    @property
    def pps(self) -> bool:
        age_us = self.edge_age_us
        return age_us is not None and abs(age_us) <= PPS_AGE_US


class TimeKeeper:
    """One receiver and one concentrator. `source` names the receiver's device in `state`."""

    def __init__(self, leaps: LeapTable, source: str = "") -> None:
        self._leaps = leaps
        self._source = source
        self._reference = Reference()
        self._fix: Fix | None = None
        self._fix_s: float | None = None
        self._satellites: int | None = None
        self._time_s: float | None = None
        self._no_time = "the receiver has not told the time"
        self._leap_s: int | None = None  # as the receiver has it
        self._waiting: tuple[int, int] | None = None  # GPS second, and the line when it was told
        self._told: dict[str, str] = {}
        self._notes: list[str] = []
        self.protocol = ""
        self.connected = False

    # What is told.

    def report(self, report: Report, now: Now) -> None:
        """Take what the receiver says."""
        match report:
            case Fix():
                self._fix, self._fix_s = self._with_altitude(report), now.s
            case NoFix():
                self._fix = None
            case Satellites():
                self._satellites = report.used
            case NoTime():
                self._no_time, self._time_s = report.why, None
            case GpsSecond() | UtcSecond():
                self._second(report, now)

    def _with_altitude(self, fix: Fix) -> Fix:
        """Some messages leave it out; the last one that told it still holds."""
        if fix.altitude_m is not None or self._fix is None:
            return fix
        return replace(fix, altitude_m=self._fix.altitude_m)

    def new_session(self) -> None:
        """The counter jumped or starts anew."""
        self._reference = Reference()
        self._waiting = None

    def _second(self, second: GpsSecond | UtcSecond, now: Now) -> None:
        if second.leap_s is not None and second.leap_s != self._leap_s:
            self._note_leap(second.leap_s, second)
        gps_s = self._gps_s(second)
        if gps_s < EARLIEST_GPS_S:
            self._time_s = None
            self._no_time = (
                "its date is years behind: the module's firmware does not survive the GPS week "
                "rollover; use another module, or gpsd"
            )
            return
        self._time_s = now.s
        self._waiting = None if now.us is None else (gps_s, now.us)
        self.settle(now)

    def settle(self, now: Now) -> bool:
        """Join the newest second with its edge; False: the concentrator has not told of it yet.

        A message may be here before the poll that brings its edge.
        """
        if self._waiting is None or now.edge_us is None:
            return True
        gps_s, came_us = self._waiting
        age_us = came_us - now.edge_us
        if age_us > EDGE_US:
            return not now.pps
        self._waiting = None
        if age_us > 0 and self._reference.sync(Pair(now.edge_us, gps_s)) is Sync.REPLACED:
            self._notes.append("GPS time jumped: the last three seconds agree on another time")
        return True

    def _gps_s(self, second: GpsSecond | UtcSecond) -> int:
        if isinstance(second, GpsSecond):
            return second.gps_s
        known = second.leap_s if second.leap_s is not None else self._leap_s
        return gps_start(second.utc_s, self._leaps.of_utc(second) if known is None else known)

    def _note_leap(self, leap_s: int, second: GpsSecond | UtcSecond) -> None:
        self._leap_s = leap_s
        if leap_s != (table_s := self._table_leap_s(second)):
            self._notes.append(
                f"the receiver says that GPS is {leap_s} s ahead of UTC, the table of leap "
                f"seconds says {table_s} s: the receiver is believed"
            )

    def _table_leap_s(self, second: GpsSecond | UtcSecond) -> int:
        if isinstance(second, GpsSecond):
            return self._leaps.of_gps(second.gps_s)
        return self._leaps.of_utc(second)

    # What is asked.

    def valid(self, now: Now) -> bool:
        """Whether GPS time is known: fresh pairs, a receiver that still tells, edges."""
        return now.us is not None and now.pps and self._reference.valid(now.us)

    def gps_ns(self, counter_us: int, now: Now) -> int | None:
        return self._reference.gps_ns(counter_us) if self.valid(now) else None

    def utc_ns(self, counter_us: int, now: Now) -> int | None:
        gps_ns = self.gps_ns(counter_us, now)
        if gps_ns is None:
            return None
        return gps_ns + (GPS_EPOCH_S - self._leap_at(gps_ns // NS)) * NS

    def counter_us(self, gps_ns: int, now: Now) -> int | None:
        return self._reference.counter_us(gps_ns) if self.valid(now) else None

    def corrected_hz(self, freq_hz: int) -> int:
        return self._reference.crystal.corrected_hz(freq_hz)

    def position(self, now: Now) -> Position | None:
        fix = self._fix if _fresh(self._fix_s, now.s) else None
        if fix is None:
            return None
        altitude_m = round(fix.altitude_m or 0.0)
        return Position(fix.latitude_deg, fix.longitude_deg, altitude_m, from_gps=True)

    def _leap_at(self, gps_s: int) -> int:
        """By the table, which knows the changes; the receiver wins where they differ."""
        by_table = self._leaps.of_gps(gps_s)
        newest = self._reference.newest_gps_s
        if self._leap_s is None or newest is None or self._leaps.of_gps(newest) == self._leap_s:
            return by_table
        return self._leap_s

    def state(self, now: Now) -> GpsState:
        """All three states, and why there is no reference if there is none."""
        valid = self.valid(now)
        newest = self._reference.newest_gps_s
        return GpsState(
            source=self._source,
            protocol=self.protocol,
            connected=self.connected,
            position_fix=self.position(now) is not None,
            position_age_s=_age(self._fix_s, now.s),
            satellites=self._satellites,
            time_fix=_fresh(self._time_s, now.s),
            time_age_s=_age(self._time_s, now.s),
            pps=now.pps,
            pps_age_s=None if now.edge_age_us is None else now.edge_age_us / 1e6,
            valid=valid,
            reason="" if valid else self._why_not(now),
            crystal_ppm=self._reference.crystal.ppm if valid else None,
            crystal_settled=valid and self._reference.crystal.settled,
            leap_s=None if newest is None else self._leap_at(newest),
        )

    def _why_not(self, now: Now) -> str:
        if not self.connected:
            return f"the receiver at {self._source} cannot be read"
        if not _fresh(self._time_s, now.s):
            return self._no_time if self._time_s is None else "the receiver has stopped talking"
        if now.us is None:
            return "the radio is not up"
        if not now.pps:
            return "no PPS edge reaches the concentrator: is the receiver's PPS line wired to it?"
        return "waiting for a second that agrees with the one before"

    # What the log is told.

    def changes(self, now: Now) -> list[str]:
        """A line for every state that has changed since the last call."""
        lines, self._notes = self._notes, []
        for name, text in self._words(now):
            before = self._told.get(name)
            self._told[name] = text
            if text != before:
                lines.append(f"{name}: {text}")
        return lines

    def _words(self, now: Now) -> Iterator[tuple[str, str]]:
        yield "GPS position", "known" if self.position(now) is not None else "none"
        yield "GPS time", f"from {self.protocol}" if _fresh(self._time_s, now.s) else "none"
        yield "PPS", "present" if now.pps else "none"
        yield "time reference", "valid" if self.valid(now) else f"none: {self._why_not(now)}"


def _age(since_s: float | None, now_s: float) -> float | None:
    return None if since_s is None else max(0.0, now_s - since_s)


def _fresh(since_s: float | None, now_s: float) -> bool:
    age_s = _age(since_s, now_s)
    return age_s is not None and age_s <= SILENCE_S
