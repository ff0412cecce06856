"""Reads a TOML file: its values, and the line of every key, which `tomllib` does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..errors import ConfigError
from .layers import Table

MAX_BYTES = 1_000_000
MAX_DEPTH = 16  # of tables and arrays in each other; the deepest setting is at 4
MAX_LINE = 200  # characters in which a key is looked for; a pattern must not meet a whole file

_HEADER = re.compile(r"^\s*\[(\[?)\s*([^\]#]+?)\s*\]")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"' -]+?)\s*=")


def read_text(path: Path) -> str:
    """The text of a configuration file. Raises ConfigError when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)  # a device has no end
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: too large; a configuration has at most {MAX_BYTES} bytes")
    # Comments in files from the field are in any encoding; the keys and values are ASCII.
    return data.decode("utf-8-sig", errors="replace")


def parse(text: str, name: str) -> Table:
    """The values of a TOML text. Raises ConfigError with the line of the first mistake."""
    import tomllib  # a gateway with a Semtech file does not need it

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        where = f"{name}:{found.group(1)}" if found else name
        what = str(error)[: found.start()].strip() if found else str(error)
        raise ConfigError(f"{where}: not TOML: {what}") from error
    except (RecursionError, ValueError) as error:  # nested too deep; a number too long to read
        raise ConfigError(f"{name}: not TOML: nested too deep, or a number too long") from error
    _check_depth(table, name)
    return table


def _check_depth(table: Table, name: str) -> None:
    """`a.a.a. ... = 1` is good TOML of any depth; who walks the table later must come back."""
    level: list[object] = [table]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise ConfigError(f"{name}: nested more than {MAX_DEPTH} deep: no setting is that deep")


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def lines(text: str) -> dict[str, int]:
    """The line of every key that begins one, by dotted key; best effort, for messages only."""
    found: dict[str, int] = {}
    prefix, counts = "", dict[str, int]()
    for number, whole in enumerate(text.splitlines(), 1):
        line = whole[:MAX_LINE]
        if header := _HEADER.match(line):
            prefix = _in_last_row(header.group(2), counts)
            if header.group(1):
                counts[prefix] = counts.get(prefix, -1) + 1
                found.setdefault(prefix, number)
                prefix = f"{prefix}[{counts[prefix]}]"
            found.setdefault(prefix, number)
        elif key := _KEY.match(line):
            name = key.group(1).strip("\"' ")
            found.setdefault(f"{prefix}.{name}" if prefix else name, number)
    return found


def _in_last_row(header: str, counts: dict[str, int]) -> str:
    """`server.filter` is of the last `[[server]]` before it: `server[1].filter`."""
    first, dot, rest = header.partition(".")
    return f"{first}[{counts[first]}].{rest}" if dot and first in counts else header
