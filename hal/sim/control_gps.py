"""The control request `gps`: what the simulated receiver sees and does, set and told."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .control_fields import Fields, RequestError
from .gps import SimGps

_LAST_GPS_S = (1 << 32) - 1
_MOST_GARBAGE = 4096


class GpsControl:
    """Without a receiver every request is answered with how to have one."""

    def __init__(self, gps: SimGps | None) -> None:
        self._gps = gps

    def request(self, fields: Fields) -> dict[str, Any]:
        """Set what is named, all or nothing; gives the state."""
        if self._gps is None:
            raise RequestError("this board has no GPS receiver: start it with --gps PATH")
        changes = {name: _read(fields, name) for name in fields.names() if name != "cmd"}
        if changes.pop("power_cycle", False):
            self._gps.switch_off_and_on()
        if "pps" in changes:
            self._gps.set_pps(bool(changes.pop("pps")))
        for name, value in changes.items():
            setattr(self._gps.sky, name, value)
        state = asdict(self._gps.sky) | {"garbage": self._gps.sky.garbage.hex()}
        return {"gps_s": self._gps.now_s, **state}


def _read(fields: Fields, name: str) -> object:
    match name:
        case "fix" | "silent" | "ublox" | "nmea41" | "pps" | "power_cycle":
            return fields.flag(name)
        case "latitude_deg":
            return fields.number(name, -90, 90)
        case "longitude_deg":
            return fields.number(name, -180, 180)
        case "altitude_m":
            return fields.number(name, -1000, 20_000)
        case "satellites":
            return fields.integer(name, 0, 99)
        case "leap_s":
            return fields.integer(name, 0, 127)
        case "leap_at_gps_s":
            return fields.optional_integer(name, 0, _LAST_GPS_S)
        case "delay_us":
            return fields.integer(name, 0, 5_000_000)
        case "garbage":
            return fields.hexadecimal(name, _MOST_GARBAGE)
    raise RequestError(
        f"gps has no {name!r}; one of fix, silent, pps, latitude_deg, longitude_deg, altitude_m, "
        "satellites, leap_s, leap_at_gps_s, delay_us, garbage, ublox, nmea41, power_cycle expected"
    )
