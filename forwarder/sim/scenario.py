"""The scenario file: who is on the simulated air, where, how often, and what goes wrong.

TOML, every value with a default; the same file and seed give the same frames. Unknown keys are an
error with the nearest known name. Presets are scenarios that travel with the program.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from ..config import data
from ..config.names import nearest
from ..config.toml_file import parse, read_text
from ..errors import ConfigError

MAX_DEVICES = 100_000
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_LONGEST = 40  # characters of a duration
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, Meta(gt=0.0)]
Duration = str | int | float
Point = Annotated[list[float], Meta(min_length=3, max_length=3)]


class Head(Struct, frozen=True):
    name: str = "unnamed"
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 7
    duration: Duration = "1h"
    speed: Positive | Literal["max"] = 1
    region: str = "EU868"
    sub_band: Annotated[int, Meta(ge=1, le=12)] = 2  # of US915, AU915 and CN470: eight channels


class PathLossPart(Struct, frozen=True):
    model: str = "log_distance"
    exponent: Positive | None = None
    at_1m: float | None = None


class Shadowing(Struct, frozen=True):
    sigma: Annotated[float, Meta(ge=0)] = 7.0


class Fading(Struct, frozen=True):
    sigma: Annotated[float, Meta(ge=0)] = 3.0


class PerCurve(Struct, frozen=True):
    at_floor: Annotated[float, Meta(gt=0, lt=0.5)] = 0.10
    slope_db: Positive = 1.0


class Ghosts(Struct, frozen=True):
    above: float = -65.0
    drop: Annotated[list[float], Meta(min_length=2, max_length=2)] = field(
        default_factory=lambda: [34.0, 75.0]
    )


class ChannelPart(Struct, frozen=True):
    path_loss: PathLossPart = PathLossPart()
    shadowing: Shadowing = Shadowing()
    fading: Fading = Fading()
    noise_figure: float = 2.5
    sir_matrix: str = "croce"
    preamble_needed: Annotated[int, Meta(ge=1, le=8)] = 5
    per_curve: PerCurve = PerCurve()
    ghosts: Ghosts | Literal[False] = Ghosts()
    noise_bursts_per_hour: Annotated[float, Meta(ge=0)] = 60.0


class GatewayPart(Struct, frozen=True):
    id: str = "gw1"
    eui: Annotated[str, Meta(pattern="^[0-9a-fA-F]{16}$")] = "0016c001f1500001"
    at: Point = field(default_factory=lambda: [0.0, 0.0, 15.0])
    chip: Literal["sx1302", "sx1303"] = "sx1302"
    temperature: float = 25.0


class Place(Struct, frozen=True):
    """DISC and LINE around `at`; GRID with `spacing`; POINTS from `points`."""

    kind: Literal["disc", "line", "grid", "points"] = "disc"
    radius: Positive = 1000.0
    inner: Annotated[float, Meta(ge=0)] = 0.0
    at: Point = field(default_factory=lambda: [0.0, 0.0, 1.0])
    spacing: Positive = 50.0
    points: list[Point] = field(default_factory=list)


class PayloadPart(Struct, frozen=True):
    kind: Literal["counter", "random", "temperature"] = "counter"
    bytes: Annotated[int, Meta(ge=0, le=242)] = 12
    port: Annotated[int, Meta(ge=1, le=223)] = 1


class TrafficPart(Struct, frozen=True):
    kind: Literal["periodic", "poisson", "burst"] = "periodic"
    every: Duration = "10m"
    jitter: Duration = "0s"
    frames: Annotated[int, Meta(ge=1)] = 1
    gap: Duration = "5s"


class Crystal(Struct, frozen=True):
    sigma: Annotated[float, Meta(ge=0)] = 5.0


class Group(Struct, frozen=True):
    """`count` devices alike, which begin one by one until `start`; else within one period."""

    name: str = "device-{n:03}"
    count: Annotated[int, Meta(ge=1, le=MAX_DEVICES)] = 1
    place: Place = Place()
    activation: Literal["otaa", "abp"] = "otaa"
    mac: Literal["1.0.2", "1.0.3", "1.0.4"] = "1.0.4"
    dr: Annotated[int, Meta(ge=0, le=7)] | Literal["adr", "by_link"] = "by_link"
    tx_power: float = 14.0
    confirmed: Share = 0.0
    payload: PayloadPart = PayloadPart()
    traffic: TrafficPart = TrafficPart()
    crystal_ppm: Crystal = Crystal()
    duty_cycle: Annotated[float, Meta(gt=0, le=1)] = 0.01
    start: Duration | None = None


class Fault(Struct, frozen=True):
    """Something that goes wrong `at` a time, `duration` (in the file: `for`) long."""

    what: Literal["interferer", "antenna_loss", "unplugged", "spi_error", "device_off"]
    at: Duration = 0
    duration: Duration = field(name="for", default="60s")
    target: str = ""
    freq: Positive = 868.1e6
    power_at_gateway: float = -80.0
    duty: Annotated[float, Meta(gt=0, le=1)] = 1.0
    loss: float = 40.0
    count: Annotated[int, Meta(ge=1)] = 10


class Scenario(Struct, frozen=True):
    scenario: Head = Head()
    channel: ChannelPart = ChannelPart()
    gateway: list[GatewayPart] = field(default_factory=lambda: [GatewayPart()])
    devices: list[Group] = field(default_factory=list)
    fault: list[Fault] = field(default_factory=list)


def load(name_or_path: str) -> Scenario:
    """A preset by its name, or a file. Raises ConfigError."""
    if name_or_path in presets():
        path = data.path("scenarios", name_or_path)
    elif name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
    else:
        known = presets()
        raise ConfigError(
            f"scenario {name_or_path!r} is not known: {', '.join(known)}, or a .toml file, "
            f"expected{nearest(name_or_path, known)}"
        )
    return read(read_text(path), str(path))


def presets() -> list[str]:
    return data.names("scenarios")


def read(text: str, name: str = "scenario") -> Scenario:
    """A scenario from TOML. Raises ConfigError that names file, key, value and what is allowed."""
    table = parse(text, name)
    _unknown_keys(table, Scenario, name, "")
    try:
        found = msgspec.convert(table, Scenario, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_words(str(error))}") from error
    _durations(found, name)
    if sum(group.count for group in found.devices) > MAX_DEVICES:
        raise ConfigError(f"{name}: more than {MAX_DEVICES} devices; fewer expected")
    return found


def seconds(duration: Duration) -> float:
    """`"2h"`, `"1h30m"`, `"500ms"`, or a number of seconds. Raises ValueError."""
    if isinstance(duration, int | float):
        value = float(max(-1, min(duration, 10**10)))  # no float holds every whole number
    else:
        parts = _DURATION.findall(duration[:_LONGEST].strip())
        if not parts or "".join(n + u for n, u in parts) != duration.replace(" ", ""):
            raise ValueError(
                f'a duration such as "30s", "10m" or "2h" expected, not {duration[:_LONGEST]!r}'
            )
        value = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    if not (math.isfinite(value) and 0 <= value <= 1e9):
        raise ValueError(
            f"a duration from 0 to 1e9 seconds expected, not {str(duration)[:_LONGEST]}"
        )
    return value


def _durations(found: Scenario, name: str) -> None:
    told: list[tuple[str, Duration | None, bool]] = [
        ("scenario.duration", found.scenario.duration, True)
    ]
    for group in found.devices:
        told.append(("devices.traffic.every", group.traffic.every, True))
        told.append(("devices.traffic.gap", group.traffic.gap, True))
        told.append(("devices.traffic.jitter", group.traffic.jitter, False))
        told.append(("devices.start", group.start, False))
    for fault in found.fault:
        told += [("fault.at", fault.at, False), ("fault.for", fault.duration, False)]
    for key, duration, positive in told:
        try:
            value = seconds(duration) if duration is not None else 1.0
        except ValueError as error:
            raise ConfigError(f"{name}: {key}: {error}") from error
        if positive and value <= 0:
            raise ConfigError(f"{name}: {key}: more than 0 expected")


def _words(message: str) -> str:
    """msgspec says `... - at `$.devices[0].count``; the key belongs in front."""
    what, _, place = message.partition(" - at `$")
    key = place.rstrip("`").lstrip(".")
    return f"{key}: {what}" if key else what


def _unknown_keys(value: object, kind: Any, name: str, place: str) -> None:
    """Raise ConfigError for the first key that no struct at its place has."""
    for struct in _structs(kind):
        if not isinstance(value, dict):
            continue
        fields = {one.encode_name: one for one in msgspec.structs.fields(struct)}
        for key, inner in value.items():
            here = f"{place}.{key}" if place else str(key)
            if key not in fields:
                hint = nearest(str(key), fields)
                raise ConfigError(f"{name}: {here}: unknown key{hint}")
            for at, one in enumerate(inner if isinstance(inner, list) else [inner]):
                where = f"{here}[{at}]" if isinstance(inner, list) else here
                _unknown_keys(one, fields[key].type, name, where)


def _structs(kind: Any) -> list[type[Struct]]:
    """The struct types in an annotation."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return [kind]
    return [struct for part in getattr(kind, "__args__", ()) for struct in _structs(part)]
