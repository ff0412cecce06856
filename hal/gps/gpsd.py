"""gpsd's JSON protocol: one line in, reports out. Pure.

Source: gpsd_json(5), classes TPV (a fix), SKY (satellites), DEVICES and ERROR. gpsd speaks every
receiver's language and tells UTC; the PPS edge that a TPV belongs to is the one before it, as with
NMEA.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import isfinite

from .values import Fix, NoFix, NoTime, Report, Satellites, UtcSecond

WATCH = b'?WATCH={"enable":true,"json":true};\n'
PORT = 2947
LONGEST = 1 << 16  # bytes of a line; a SKY of all constellations is 10 kB


class GpsdLines:
    """gpsd's bytes cut into lines. A line that is too long is dropped and counted."""

    def __init__(self) -> None:
        self._rest = b""
        self.damaged = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that end in `data`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            self._rest = b""
            self.damaged += 1
        return [line for line in lines if line.strip()]


def reports(line: bytes) -> list[Report]:
    """What a line tells of time and place; nothing if it is of no use or makes no sense."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return []
    if not isinstance(said, dict):
        return []
    match said.get("class"):
        case "TPV":
            return _tpv(said)
        case "SKY":
            return _sky(said)
    return []


def _tpv(said: dict[str, object]) -> list[Report]:
    if said.get("mode") not in (2, 3):
        return [NoTime("gpsd has no fix"), NoFix()]
    found: list[Report] = []
    second = _second(said.get("time"), said.get("leapseconds"))
    if second is not None:
        found.append(second)
    latitude, longitude = _number(said.get("lat"), 90), _number(said.get("lon"), 180)
    if latitude is not None and longitude is not None:
        height = next((said[key] for key in ("altMSL", "alt", "altHAE") if key in said), None)
        found.append(Fix(latitude, longitude, _number(height, 1e5)))
    return found


def _second(text: object, leap_s: object) -> UtcSecond | None:
    """From 2026-11-28T12:00:00.000Z; None for an epoch between two edges, or nonsense."""
    if not isinstance(text, str) or len(text) < 20 or text[-1] != "Z":
        return None
    inserted = text[17:19] == "60"
    whole = f"{text[:17]}59" if inserted else text[:19]
    if text[19:-1].strip(".0"):
        return None
    try:
        when = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    known = isinstance(leap_s, int) and not isinstance(leap_s, bool) and 0 < leap_s < 128
    return UtcSecond(
        int(when.timestamp()) + inserted, inserted, int(str(leap_s)) if known else None
    )


def _sky(said: dict[str, object]) -> list[Report]:
    used = said.get("uSat")
    listed = said.get("satellites")
    if isinstance(used, int) and not isinstance(used, bool) and 0 <= used < 1000:
        return [Satellites(used)]
    if isinstance(listed, list):
        in_use = [one for one in listed if isinstance(one, dict) and one.get("used") is True]
        return [Satellites(len(in_use))]
    return []


def _number(value: object, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > most:
        return None
    return float(value) if isfinite(value) else None
