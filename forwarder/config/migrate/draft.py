"""What is known of the new configuration while others' files are read."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..layers import Table


@dataclass(slots=True)
class Draft:
    """Settings of the gateway, its servers, and the UDP ports that the old programs listened on.

    `channels` are the old channel plan, for a region that is known only when all files are read.
    """

    table: Table = field(default_factory=dict)
    servers: list[Table] = field(default_factory=list)
    listens: set[int] = field(default_factory=set)
    channels: Channels | None = None

    def put(self, key: str, value: object) -> None:
        """Set one value by its dotted key."""
        *tables, name = key.split(".")
        table = self.table
        for part in tables:
            inner = table.setdefault(part, {})
            assert isinstance(inner, dict)
            table = inner
        table[name] = value

    def get(self, key: str) -> object:
        """One value by its dotted key, None where there is none."""
        value: object = self.table
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value


@dataclass(frozen=True, slots=True)
class Channels:
    """Absolute frequencies; `lora_std` and `fsk` are tables as in our file, None if off."""

    place: str
    multi_sf_hz: tuple[int, ...]
    lora_std: Table | None = None
    fsk: Table | None = None
