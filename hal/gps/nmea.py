"""NMEA 0183 sentences as receivers send them: one line in, one value out. Pure.

    $ttSSS,field,field,...*hh      tt: talker (GP, GN, GL, BD, ...), hh: XOR of what is between

Fields are found from the left and additional ones are ignored: newer editions append some (a mode
to RMC in 2.3, a navigation status in 4.1), and a parser that counts them fails on half of the
modules. Source: NMEA 0183 edition 4.11 as u-blox UBX-13003221 section 31 and Quectel's L76K
protocol specification give it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from .values import Fix, NoFix, NoTime, Report, Satellites, UtcSecond

LONGEST = 128  # bytes; the standard says 82, modules with proprietary sentences send more
NO_FIX_MODES = "NEMS"  # not valid, estimated (dead reckoning), manual input, simulator


def parse(line: bytes) -> list[str] | None:
    """The fields of a sentence, talker and all; None unless checksum and alphabet are right."""
    body, star, given = line.strip().removeprefix(b"$").rpartition(b"*")
    if not star or len(given) != 2 or not body.isascii():
        return None
    try:
        expected = int(given, 16)
    except ValueError:
        return None
    found = 0
    for byte in body:
        found ^= byte
    return body.decode("ascii").split(",") if found == expected else None


def reports(fields: Sequence[str]) -> list[Report]:
    """What a sentence tells of time and place; nothing if it is of no use or makes no sense."""
    if len(fields[0]) != 5:
        return []  # proprietary: $PUBX, $PMTK, ...
    try:
        match fields[0][2:]:
            case "RMC":
                return _rmc(fields)
            case "GGA":
                return _gga(fields)
            case "ZDA":
                return _zda(fields)
            case "GSA":
                return [NoFix()] if _field(fields, 2) == "1" else []
    except (ValueError, OverflowError):
        pass  # a field that is empty or damaged: the sentence says nothing
    return []


def _rmc(fields: Sequence[str]) -> list[Report]:
    """Time, date and place: hhmmss.ss,A,lat,N,long,E,knots,degrees,ddmmyy,var,E,mode,status."""
    valid = _field(fields, 2) == "A" and (_field(fields, 12) or "A")[0] not in NO_FIX_MODES
    if not valid:
        return [NoTime("no satellites"), NoFix()]
    day, month, year = _pairs(_field(fields, 9))
    second = _second(_field(fields, 1), day, month, year + (1900 if year >= 80 else 2000))
    place = Fix(*_place(fields, 3))
    return [place] if second is None else [place, second]


def _zda(fields: Sequence[str]) -> list[Report]:
    """Time and date: hhmmss.ss,dd,mm,yyyy. It comes without a fix too, and does not say so."""
    day, month, year = (_number(_field(fields, at)) for at in (2, 3, 4))
    second = _second(_field(fields, 1), day, month, year)
    return [] if second is None else [second]


def _gga(fields: Sequence[str]) -> list[Report]:
    """Place and quality: hhmmss.ss,lat,N,long,E,quality,satellites,hdop,altitude,M,..."""
    used: list[Report] = [Satellites(_number(_field(fields, 7)))] if _field(fields, 7) else []
    if _field(fields, 6) in ("", "0", "6", "7", "8"):  # none, estimated, manual, simulator
        return [NoFix(), *used]
    altitude = _field(fields, 9)
    return [Fix(*_place(fields, 2), _decimal(altitude) if altitude else None), *used]


def _place(fields: Sequence[str], at: int) -> tuple[float, float]:
    """Latitude and longitude from four fields. Raises ValueError."""
    latitude = _degrees(_field(fields, at), _field(fields, at + 1), 2, "NS", 90)
    return latitude, _degrees(_field(fields, at + 2), _field(fields, at + 3), 3, "EW", 180)


def _second(clock: str, day: int, month: int, year: int) -> UtcSecond | None:
    """The whole second; None for an epoch between two edges. Raises ValueError."""
    whole, _, fraction = clock.partition(".")
    if fraction.strip("0"):
        return None
    hours, minutes, seconds = _pairs(whole)
    inserted = (hours, minutes, seconds) == (23, 59, 60)
    when = datetime(year, month, day, hours, minutes, seconds - inserted, tzinfo=UTC)
    return UtcSecond(int(when.timestamp()) + inserted, inserted)


def _pairs(text: str) -> tuple[int, int, int]:
    """Three numbers of two digits each. Raises ValueError."""
    if len(text) != 6:
        raise ValueError(text)
    return _number(text[:2]), _number(text[2:4]), _number(text[4:])


def _degrees(text: str, half: str, digits: int, halves: str, most: int) -> float:
    """Degrees from ddmm.mmmm and a hemisphere. Raises ValueError."""
    if len(half) != 1 or half not in halves:
        raise ValueError(half)
    degrees = _number(text[:digits]) + _decimal(text[digits:]) / 60
    if not 0 <= degrees <= most:
        raise ValueError(text)
    return degrees if half == halves[0] else -degrees


def _decimal(text: str) -> float:
    if not text.lstrip("-").replace(".", "", 1).isdigit():
        raise ValueError(text)  # nan, inf and 1e9 are numbers only to Python
    return float(text)


def _number(text: str) -> int:
    if not text.isdigit():
        raise ValueError(text)
    return int(text)


def _field(fields: Sequence[str], at: int) -> str:
    return fields[at] if at < len(fields) else ""
