"""A GPS receiver beside a simulated board: its PPS edges, and its messages on a serial line.

Every second begins with an edge; the messages that name it follow within a fifth of a second, as a
module's do. NMEA always, and UBX NAV-TIMEGPS for a u-blox that was asked for it. Position, time
and PPS can be lost, and a leap second come, at any moment. Written from the protocols and not from
the driver's parsers. It lives on the board's clock and acts when the board is looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .board import SimBoard

_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
_SECOND_NS = 1_000_000_000
DEFAULT_GPS_S = 1_440_000_018  # for a run without a date of its own; in August 2025
_MOST_BEHIND = 3  # seconds; a clock that was moved far ahead does not bring hours of messages
_BAD_ACCURACY_NS = 4_000_000_000
_ASKED = b"\xb5\x62\x06\x01"  # CFG-MSG
_WANTED = b"\x01\x20"  # NAV-TIMEGPS


@dataclass(slots=True)
class Sky:
    """What the receiver sees and does; change any of it while it runs."""

    fix: bool = True  # position and time
    silent: bool = False  # nothing on the serial line
    latitude_deg: float = 48.137
    longitude_deg: float = 11.575
    altitude_m: float = 519.0
    satellites: int = 9
    leap_s: int = 18  # GPS minus UTC
    leap_at_gps_s: int | None = None  # the GPS second that is 23:59:60
    garbage: bytes = b""  # comes before every second's messages
    ublox: bool = True  # speaks UBX when asked
    nmea41: bool = False  # RMC with the field of edition 4.1, over which some programs stumble
    delay_us: int = 60_000  # from an edge to its first message


class SimGps:
    """`write` sends to the host; what the host says comes in by `hear`.

    It is `gps_ns` of GPS time now; edges are at its whole seconds, whatever happens to the chip.
    """

    def __init__(
        self,
        board: SimBoard,
        write: Callable[[bytes], object],
        *,
        gps_ns: int = DEFAULT_GPS_S * _SECOND_NS,
    ) -> None:
        self.sky = Sky()
        self._board = board
        self._write = write
        self._asked_for_ubx = False
        self._anchor_s, into_ns = divmod(gps_ns, _SECOND_NS)
        self._anchor_ns = board.agenda.now_ns - into_ns
        self._next_s = self._anchor_s + (into_ns > 0)
        board.counter.follow(self._anchor_ns)
        board.advance_hooks.append(self.advance)

    @property
    def next_ns(self) -> int:
        """When `advance` is next worth calling, on the board's clock."""
        return self.edge_ns(self._next_s) + self.sky.delay_us * 1000

    @property
    def now_s(self) -> int:
        """The GPS second that it is now."""
        return self.gps_ns(self._board.agenda.now_ns) // _SECOND_NS

    def edge_ns(self, gps_s: int) -> int:
        """When a GPS second begins, on the board's clock."""
        return self._anchor_ns + (gps_s - self._anchor_s) * _SECOND_NS

    def gps_ns(self, when_ns: int) -> int:
        """GPS nanoseconds at an instant of the board's clock: the truth, for tests."""
        return self._anchor_s * _SECOND_NS + when_ns - self._anchor_ns

    def set_pps(self, on: bool) -> None:
        """Connect or cut the line to the concentrator."""
        self._board.counter.set_pps(on)

    def hear(self, data: bytes) -> None:
        """What the host writes. A u-blox does what CFG-MSG asks, and says so."""
        at = data.find(_ASKED)
        if at < 0 or not self.sky.ublox:
            return
        self._asked_for_ubx |= data[at + 6 : at + 8] == _WANTED
        self._write(_ubx(0x05, 0x01, _ASKED[2:]))

    def switch_off_and_on(self) -> None:
        """What it was asked is forgotten, as a module without a battery does."""
        self._asked_for_ubx = False

    def advance(self, now_ns: int) -> None:
        """Say what is due up to `now_ns`."""
        behind = (now_ns - self.next_ns) // _SECOND_NS
        self._next_s += max(0, behind - _MOST_BEHIND)
        while self.next_ns <= now_ns:
            gps_s, self._next_s = self._next_s, self._next_s + 1
            if not self.sky.silent:
                self._write(self.sky.garbage + self.messages(gps_s))

    def messages(self, gps_s: int) -> bytes:
        """All that it says of one second."""
        sky = self.sky
        text = b"".join(sentence(body) for body in _bodies(sky, _utc_fields(sky, gps_s)))
        return _time_gps(sky, gps_s) + text if self._asked_for_ubx else text


def gps_ns_of(posix_ns: int, leap_s: int = 18) -> int:
    """GPS time at an instant of the machine's own clock, for receivers of today."""
    return posix_ns - (int(_EPOCH.timestamp()) - leap_s) * _SECOND_NS


def sentence(body: str) -> bytes:
    """An NMEA sentence with its checksum."""
    total = 0
    for char in body.encode():
        total ^= char
    return f"${body}*{total:02X}\r\n".encode()


def _bodies(sky: Sky, utc: tuple[str, str, str]) -> list[str]:
    clock, short_date, long_date = utc
    zda = f"GNZDA,{clock},{long_date},00,00"
    status = ",V" if sky.nmea41 else ""
    if not sky.fix:
        return [
            f"GNRMC,{clock},V,,,,,,,{short_date},,,N{status}",
            f"GNGGA,{clock},,,,,0,00,99.99,,,,,,",
            "GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99,1",
            zda,
        ]
    place = (
        f"{_angle(abs(sky.latitude_deg), 2)},{'N' if sky.latitude_deg >= 0 else 'S'},"
        f"{_angle(abs(sky.longitude_deg), 3)},{'E' if sky.longitude_deg >= 0 else 'W'}"
    )
    return [
        f"GNRMC,{clock},A,{place},0.010,,{short_date},,,A{status}",
        f"GNGGA,{clock},{place},1,{sky.satellites:02d},0.90,{sky.altitude_m:.1f},M,47.0,M,,",
        "GNGSA,A,3,04,07,08,09,16,21,27,30,,,,,1.60,0.90,1.32,1",
        "GPGSV,1,1,01,04,61,071,43,1",
        zda,
    ]


def _angle(degrees: float, digits: int) -> str:
    whole, minutes = divmod(round(degrees * 60, 5), 60)
    return f"{int(whole):0{digits}d}{minutes:08.5f}"


def _leap_s(sky: Sky, gps_s: int) -> int:
    passed = sky.leap_at_gps_s is not None and gps_s > sky.leap_at_gps_s
    return sky.leap_s + passed


def _utc_fields(sky: Sky, gps_s: int) -> tuple[str, str, str]:
    inserted = gps_s == sky.leap_at_gps_s
    when = _EPOCH + timedelta(seconds=gps_s - _leap_s(sky, gps_s) - inserted)
    clock = f"{when:%H%M}{when.second + inserted:02d}.00"
    return clock, f"{when:%d%m%y}", f"{when:%d,%m,%Y}"


def _time_gps(sky: Sky, gps_s: int) -> bytes:
    week, tow_s = divmod(gps_s, 604_800)
    accuracy_ns = 25 if sky.fix else _BAD_ACCURACY_NS
    content = struct.pack("<IihbBI", tow_s * 1000, -137, week, _leap_s(sky, gps_s), 7, accuracy_ns)
    return _ubx(0x01, 0x20, content)


def _ubx(group: int, number: int, content: bytes) -> bytes:
    body = bytes((group, number)) + len(content).to_bytes(2, "little") + content
    first = second = 0
    for byte in body:
        first += byte
        second += first
    return b"\xb5\x62" + body + bytes((first & 255, second & 255))
