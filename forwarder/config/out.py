"""Collects settings with the place of each, for a layer."""

from __future__ import annotations

from collections.abc import Callable

from .layers import Layer, Table
from .section import Section

DEFAULT = "default of Semtech's forwarder"

Put = Callable[[str, str, object], None]


class Out:
    """Settings under construction: dotted keys, values, places."""

    def __init__(self) -> None:
        self._table: Table = {}
        self.places: dict[str, str] = {}

    def put(self, key: str, value: object, place: str) -> None:
        """Set one value."""
        table_name, _, name = key.rpartition(".")
        if table_name:
            table = self._table.setdefault(table_name, {})
            assert isinstance(table, dict)
            table[name] = value
        else:
            self._table[name] = value
        self.places[key] = place

    def table(self, name: str, source: Section) -> Put:
        """A function that puts into table `name`: our key, the key in `source`, the value."""

        def put(key: str, source_key: str, value: object) -> None:
            place = source.place(source_key) if source_key in source else DEFAULT
            self.put(f"{name}.{key}", value, place)

        return put

    def layer(self) -> Layer:
        """What was put, as a layer."""
        return Layer(self._table, lambda key: self.places.get(key, DEFAULT))
