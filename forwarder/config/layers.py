"""Layers of settings: defaults under region, board and file, and who set each value.

A layer is a nested dict as the TOML file has it, with a place for every leaf. Merging goes deep
through tables; an array is one value and replaces what was below it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Table = dict[str, object]


@dataclass(slots=True)
class Layer:
    """Settings and where each came from: `place("radio_0.freq_hz")` says it for a person."""

    table: Table
    place: Callable[[str], str]


@dataclass(slots=True)
class Settings:
    """Merged layers. `sources` has the place of every leaf by its dotted key."""

    table: Table = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def add(self, layer: Layer) -> None:
        """Put a layer on top: what it sets wins."""
        for key, value in leaves(layer.table):
            self._put(key, value, layer.place(key))

    def _put(self, key: str, value: object, source: str) -> None:
        *tables, name = key.split(".")
        table = self.table
        for depth, part in enumerate(tables, 1):
            inner = table.get(part)
            if not isinstance(inner, dict):
                inner = table[part] = {}
                self.sources[".".join(tables[:depth])] = source
            table = inner
        if isinstance(table.get(name), dict) and value == {}:
            return
        table[name] = value
        self.sources[key] = source


def leaves(table: Table, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every value that is no table, by its dotted key; an empty table is a leaf too."""
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from leaves(value, key + ".")
        else:
            yield key, value
