"""The kinds of value that tables of a configuration share."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Hz = Annotated[int, Meta(ge=0, le=1_000_000_000)]
IfHz = Annotated[int, Meta(ge=-800_000, le=800_000)]
ChainNumber = Annotated[int, Meta(ge=0, le=1)]
Port = Annotated[int, Meta(ge=1, le=65_535)]
Dbm = Annotated[int, Meta(ge=-128, le=127)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
SpreadingFactor = Annotated[int, Meta(ge=5, le=12)]
Bandwidth = Literal[125_000, 250_000, 500_000]
Line = Annotated[int, Meta(ge=-1, le=511)]  # BCM number; -1: the board has no such line


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A table in which an unknown key is a mistake."""


class Place(Struct, frozen=True):
    """Tells where a dotted key was set, for messages."""

    sources: dict[str, str]
    fallback: str

    def __call__(self, key: str) -> str:
        while key:
            if key in self.sources:
                return self.sources[key]
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return self.fallback
