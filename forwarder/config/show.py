"""A configuration as lines to read: every value and where it came from. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from hal.config import FskChannel, LoraStdChannel, MultiSfChannel

from . import schema
from .base import Place
from .boards import pin
from .layers import leaves
from .model import GatewayConfig
from .names import shown
from .servers import server_type

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    value: object
    source: str


def rows(config: GatewayConfig) -> list[Row]:
    """Every setting, sorted by key: those that were set, and the defaults of the others."""
    found: dict[str, Row] = {}
    for key, value in _flat(_defaults(config)):
        found[key] = Row(key, value, DEFAULT)
    place = Place(dict(config.sources), str(config.path.name))
    for key, value in _flat(dict(config.settings)):
        found[key] = Row(key, value, place(key))
    for key, value in _derived(config):
        found[key] = Row(key, value, "computed")
    return [found[key] for key in sorted(found, key=_order)]


def lines(config: GatewayConfig) -> Iterator[str]:
    """The rows, aligned."""
    table = [(row.key, _text(row), row.source) for row in rows(config)]
    key_width = max(len(key) for key, _, _ in table)
    value_width = min(max(len(value) for _, value, _ in table), 44)
    for key, value, source in table:
        yield f"{key:<{key_width}}  {value:<{value_width}}  {source}".rstrip()


def _text(row: Row) -> str:
    if row.key.startswith("lines.") and isinstance(row.value, int) and row.value >= 0:
        return f"{row.value} ({pin(row.value)})"
    return shown(row.value)


def _defaults(config: GatewayConfig) -> dict[str, object]:
    """Our defaults for every table, and for each server that there is."""
    rows = config.settings.get("server")
    servers = tuple(server_type(row)(address="") for row in rows) if isinstance(rows, list) else ()
    file = schema.File(server=servers)
    table = msgspec.to_builtins(file)
    assert isinstance(table, dict)
    return {key: value for key, value in table.items() if value is not None}


def _flat(table: dict[str, object]) -> Iterator[tuple[str, object]]:
    for key, value in leaves(table):
        if value is None or value in ({}, (), []):
            continue
        if isinstance(value, list | tuple) and any(isinstance(row, dict) for row in value):
            for index, row in enumerate(value):
                yield from _row(f"{key}[{index}]", row)
        else:
            yield key, value


def _row(key: str, row: object) -> Iterator[tuple[str, object]]:
    """One row of an array: a server key by key, a gain or a channel on one line."""
    if not isinstance(row, dict):
        yield key, row
    elif key.startswith("server"):
        found = ((f"{key}.{name}", value) for name, value in leaves(row))
        yield from ((name, value) for name, value in found if value not in (None, (), [], {}))
    else:
        yield key, " ".join(f"{name}={shown(value)}" for name, value in row.items())


def _derived(config: GatewayConfig) -> Iterator[tuple[str, object]]:
    """What was worked out: each channel's radio, offset and frequency."""
    radios = config.concentrator.radios
    for index, channel in enumerate(config.concentrator.multi_sf):
        if channel.enable:
            yield f"channel.{index}", _channel(radios[channel.radio].freq_hz, channel, "125 kHz")
    std, fsk = config.concentrator.lora_std, config.concentrator.fsk
    if std.enable:
        what = f"SF{std.sf} {std.bw_hz // 1000} kHz"
        yield "channel.lora_std", _channel(radios[std.radio].freq_hz, std, what)
    if fsk.enable:
        what = f"FSK {fsk.bitrate_bps} bit/s"
        yield "channel.fsk", _channel(radios[fsk.radio].freq_hz, fsk, what)
    yield "net_antenna_gain_dbi", config.antenna_gain_dbi


def _channel(
    centre_hz: int, channel: MultiSfChannel | LoraStdChannel | FskChannel, what: str
) -> str:
    freq_mhz = (centre_hz + channel.if_hz) / 1e6
    return f"{freq_mhz:.4f} MHz, {what}, radio {channel.radio} {channel.if_hz:+d} Hz"


def _order(key: str) -> list[tuple[int, str]]:
    """Numbers in keys by their value: multi_sf[10] after multi_sf[9]."""
    parts = key.replace("]", "").replace("[", ".").split(".")
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
