"""Reads a TOML file: its values, and the line of every key, which `tomllib` does not tell."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import ConfigError
from .layers import Table

MAX_BYTES = 1_000_000

_HEADER = re.compile(r"^\s*\[(\[?)\s*([^\]#]+?)\s*\]")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"' -]+?)\s*=")


def read_text(path: Path) -> str:
    """The text of a configuration file. Raises ConfigError when it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: {len(data)} bytes; a configuration has at most {MAX_BYTES}")
    # Comments in files from the field are in any encoding; the keys and values are ASCII.
    return data.decode("utf-8-sig", errors="replace")


def parse(text: str, name: str) -> Table:
    """The values of a TOML text. Raises ConfigError with the line of the first mistake."""
    import tomllib  # a gateway with a Semtech file does not need it

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        where = f"{name}:{found.group(1)}" if found else name
        what = str(error)[: found.start()].strip() if found else str(error)
        raise ConfigError(f"{where}: not TOML: {what}") from error
    except (RecursionError, ValueError) as error:  # nested too deep; a number too long to read
        raise ConfigError(f"{name}: not TOML: nested too deep, or a number too long") from error


def lines(text: str) -> dict[str, int]:
    """The line of every key that begins one, by dotted key; best effort, for messages only."""
    found: dict[str, int] = {}
    prefix, counts = "", dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            prefix = header.group(2)
            if header.group(1):
                counts[prefix] = counts.get(prefix, -1) + 1
                found.setdefault(prefix, number)
                prefix = f"{prefix}[{counts[prefix]}]"
            found.setdefault(prefix, number)
        elif key := _KEY.match(line):
            name = key.group(1).strip("\"' ")
            found.setdefault(f"{prefix}.{name}" if prefix else name, number)
    return found
