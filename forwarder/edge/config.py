"""The `[edge]` tables of our TOML: what they may hold, and from them the observer.

A kind of source or sink is imported when one is configured. Everything that can be wrong is told
with file, key, value and what is allowed, when the configuration is read; what only a running
gateway can find (a Join Server that is away) is never an error here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ..errors import ConfigError
from .keks import KekSettings
from .session import Device
from .standalone.settings import StandaloneSettings

Table = dict[str, object]
Eui = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{16}$")]

# `type` in [[edge.source]] and [[edge.sink]]: the module and the class of its settings.
SOURCES = {
    "static": ("sources.static", "StaticSettings"),
    "push": ("sources.push", "PushSettings"),
    "chirpstack": ("sources.chirpstack", "ChirpstackSettings"),
    "tts": ("sources.tts", "TtsSettings"),
    "thingpark": ("sources.thingpark", "ThingParkSettings"),
    "loriot": ("sources.loriot", "LoriotSettings"),
    "join_server": ("sources.join_server_settings", "JoinServerSettings"),
}
SINKS = {
    "jsonl": ("sinks.jsonl", "JsonlSettings", "JsonlSink"),
    "mqtt": ("sinks.mqtt", "MqttSinkSettings", "MqttSink"),
    "webhook": ("sinks.webhook", "WebhookSettings", "WebhookSink"),
}
MAX_DEVICES_FILE = 64_000_000  # bytes; a hundred thousand devices have some ten million


class DeviceSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One enrolled device. Its session comes from a source, also that of an ABP device (static).

    `codec` is a JavaScript file, `exclusive` says that no other device within earshot has its
    DevAddr, `fcnt_bits` is 16 for devices whose counter wraps at 65535.
    """

    dev_eui: Eui
    name: Annotated[str, Meta(max_length=200)] = ""
    join_eui: Eui | Literal[""] = ""
    codec: str = ""
    lorawan: Literal["1.0", "1.1"] = "1.0"
    exclusive: bool = False
    allow_reset: bool = False
    fcnt_bits: Literal[16, 32] = 32


class EdgeSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[edge]` without its arrays of tables. Paths are relative to the configuration's folder."""

    mode: Literal["off", "observe", "standalone", "fallback"] = "observe"
    standalone: StandaloneSettings = StandaloneSettings()
    devices_file: str = ""
    database: str = ""
    keks: KekSettings = KekSettings()
    publish_unknown: bool = False
    publish_repeats: bool = False
    drop_forged: bool = False
    hold_s: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    counter_reserve: Annotated[int, Meta(ge=0, le=1000)] = 0


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """A checked configuration: settings, devices, and one settings value for each part.

    `devices` are those of the configuration itself; those of the devices file were checked, and are
    read again when they are wanted: there may be a hundred thousand.
    """

    settings: EdgeSettings
    folder: Path
    devices: tuple[DeviceSettings, ...]
    sources: tuple[Any, ...]
    sinks: tuple[Any, ...]

    def path(self, name: str) -> Path:
        return self.folder / name

    def all_devices(self) -> list[DeviceSettings]:
        """Raises ConfigError if the file has changed to something else since."""
        if not self.settings.devices_file:
            return list(self.devices)
        return [*self.devices, *read_devices(self.path(self.settings.devices_file))]


def read(table: Table, folder: Path, place: Callable[[str], str]) -> EdgeConfig | None:
    """Check `[edge]`; None for mode "off". `place("edge.mode")` is where a key was set.

    Raises ConfigError.
    """
    alone = {key: value for key, value in table.items() if key not in ("device", "source", "sink")}
    settings = _convert(alone, EdgeSettings, "edge", place)
    if settings.mode == "off":
        return None
    rows = _rows(table, "device", place)
    devices = [
        _convert(row, DeviceSettings, f"edge.device[{index}]", place)
        for index, row in enumerate(rows)
    ]
    sources = _parts(table, "source", SOURCES, place)
    sinks = _parts(table, "sink", SINKS, place)
    config = EdgeConfig(settings, folder, tuple(devices), sources, sinks)
    _no_doubles(config.all_devices(), place)
    return config


def _rows(table: Table, name: str, place: Callable[[str], str]) -> list[Table]:
    rows = table.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        key = f"edge.{name}"
        raise ConfigError(f"{place(key)}: {key}: tables expected, [[{key}]]")
    return rows


def _convert(value: object, kind: type[Any], key: str, place: Callable[[str], str]) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        whole = key + path.rstrip("`").replace("[...]", "")
        came = _came(value, path.rstrip("`"))
        what = what.replace("`", "'")
        raise ConfigError(f"{place(whole)}: {whole}{came}: {what[:1].lower()}{what[1:]}") from None


def _came(value: object, path: str) -> str:
    """The value at `path`, for a message. Short plain ones only: this may be somebody's mistake
    with a key in it."""
    for part in path.strip(".").split("."):
        if part:
            value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 24):
        return f" = {value!r}"
    return ""


def _parts(
    table: Table, name: str, kinds: dict[str, Any], place: Callable[[str], str]
) -> tuple[Any, ...]:
    """The settings of each source or sink. Names must differ: status and records go by them."""
    made: list[Any] = []
    for index, row in enumerate(_rows(table, name, place)):
        key = f"edge.{name}[{index}]"
        kind = row.get("type")
        if not isinstance(kind, str) or kind not in kinds:
            known = ", ".join(kinds)
            raise ConfigError(f"{place(key)}: {key}.type = {kind!r}: expected one of {known}")
        module, settings, *_ = kinds[kind]
        one = _convert(row, getattr(import_module(f"{__package__}.{module}"), settings), key, place)
        name_of_it = getattr(one, "name", "")
        if name_of_it and name_of_it in [getattr(other, "name", "") for other in made]:
            raise ConfigError(f"{place(key)}: {key}.name = {name_of_it!r}: another {name} has it")
        made.append(one)
    return tuple(made)


def read_devices(path: Path) -> list[DeviceSettings]:
    """A file of devices: JSON (an array, or one object a line) or TOML with [[device]].

    Raises ConfigError with the number of the device.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_DEVICES_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_DEVICES_FILE:
        raise ConfigError(f"{path}: too large; at most {MAX_DEVICES_FILE} bytes expected")
    try:
        if path.suffix == ".toml":
            table = msgspec.toml.decode(data)
            rows = table.get("device", []) if set(table) <= {"device"} else None
            return msgspec.convert(rows, list[DeviceSettings])
        if data.lstrip()[:1] == b"[":
            return msgspec.json.decode(data, type=list[DeviceSettings])
        return msgspec.json.Decoder(DeviceSettings).decode_lines(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigError(f"{path}: {str(error).replace('`', chr(39))}") from None


def _no_doubles(devices: Iterable[DeviceSettings], place: Callable[[str], str]) -> None:
    seen = set()
    for device in devices:
        eui = device.dev_eui.lower()
        if eui in seen:
            raise ConfigError(f"{place('edge')}: dev_eui {eui} is enrolled twice")
        seen.add(eui)


def make_devices(settings: Iterable[DeviceSettings]) -> Iterable[Device]:
    for one in settings:
        eui = one.dev_eui.lower()
        yield Device(
            one.dev_eui if one.dev_eui == eui else eui,  # no second copy of a hundred thousand
            one.name,
            one.join_eui.lower(),
            one.codec,
            one.lorawan == "1.1",
            one.exclusive,
            one.allow_reset,
            0xFFFF if one.fcnt_bits == 16 else 0xFFFFFFFF,
        )
