"""What GPS modules send, for tests: lines of the field with their own checksums, and UBX."""

from __future__ import annotations

import struct

from hal.gps import ubx
from hal.gps.ubx import UbxFrame
from hal.sim.gps import sentence

LINES = tuple(
    sentence(body)
    for body in (
        "GNRMC,101112.00,A,4808.22000,N,01134.50000,E,0.010,,281126,,,A,V",
        "GNGGA,101112.00,4808.22000,N,01134.50000,E,1,09,0.90,519.0,M,47.0,M,,",
        "GNGSA,A,3,04,07,08,09,16,21,27,30,,,,,1.60,0.90,1.32,1",
        "GPGSV,3,1,11,03,03,111,00,04,15,270,00,06,01,010,00,13,06,292,00",
        "GPTXT,01,01,02,ANTSTATUS=OK",
        "GNZDA,101112.00,28,11,2026,00,00",
    )
)


def time_gps(
    *,
    week: int = 2400,
    tow_ms: int = 5_000,
    tow_ns: int = 0,
    leap_s: int = 18,
    valid: int = 7,
    accuracy_ns: int = 25,
) -> bytes:
    """The payload of a NAV-TIMEGPS."""
    return struct.pack("<IihbBI", tow_ms, tow_ns, week, leap_s, valid, accuracy_ns)


TIMEGPS = ubx.encode(UbxFrame(ubx.NAV_TIMEGPS, time_gps()))
