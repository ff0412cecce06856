"""Writes settings as our TOML, in the order of `config/gateway.toml`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .layers import Table
from .model import GatewayConfig
from .schema import File

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
INLINE = {"multi_sf", "tx_gains", "lbt_channels", "bands"}


def to_toml(config: GatewayConfig) -> str:
    """A TOML file that loads to the same concentrator, servers and the rest."""
    return toml_text(dict(config.settings), config.path.name, config.warnings)


def toml_text(table: Table, source: str, notes: Iterable[str]) -> str:
    """`table` in the order of our files, with where it is from and what there was to say."""
    said = [f"# {_printable(note)}" for note in notes]
    head = [f"# Converted from {_printable(source)} by `edgemast config convert`."]
    if said:
        head += ["#", "# What its conversion had to say:", *said]
    ordered = {name: table[name] for name in File.__struct_fields__ if name in table}
    return "\n".join([*head, "", *_body(ordered)]).rstrip() + "\n"


def _body(table: Table) -> Iterator[str]:
    tables = {name: value for name, value in table.items() if isinstance(value, dict)}
    arrays = {name: value for name, value in table.items() if name == "server"}
    for name, value in table.items():
        if name not in tables and name not in arrays:
            yield from _setting(name, value)
    for name, inner in tables.items():
        yield from _table(f"[{name}]", name, inner)
    for name, rows in arrays.items():
        for row in rows if isinstance(rows, list) else ():
            yield from _table(f"[[{name}]]", name, row)


def _table(header: str, name: str, table: Table) -> Iterator[str]:
    """A table, and after its values the tables in it."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    yield ""
    yield header
    for key, value in table.items():
        if key not in inner:
            yield from _setting(key, value)
    for key, value in inner.items():
        yield from _table(f"[{name}.{_key(key)}]", f"{name}.{_key(key)}", value)


def _setting(key: str, value: object) -> Iterator[str]:
    if key in INLINE and isinstance(value, list) and value:
        yield f"{_key(key)} = ["
        for row in value:
            yield f"    {_value(row)},"
        yield "]"
    else:
        yield f"{_key(key)} = {_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 100_000 else str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
        )
    return _string(str(value))


def _key(name: str) -> str:
    return name if BARE_KEY.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_printable(escaped)}"'


def _printable(text: str) -> str:
    """What a terminal or a TOML comment cannot hold, as TOML's escapes."""
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in text)
