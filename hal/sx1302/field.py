"""How the bits of a register map are declared: Field, Access, Block. Pure.

A field is written as the datasheet writes it, [msb:lsb], at the address of its first byte. One
that is wider than a byte spans consecutive bytes, most significant first unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Self


class Access(Enum):
    RW = "rw"
    RO = "ro"


@dataclass(frozen=True, slots=True)
class Field:
    """Bits `msb` to `lsb`, counted over all `size` bytes from `address` on."""

    address: int
    msb: int
    lsb: int
    reset: int = 0
    access: Access = Access.RW
    signed: bool = False
    lsb_first: bool = False
    name: str = ""

    @property
    def width(self) -> int:
        return self.msb - self.lsb + 1

    @property
    def size(self) -> int:
        """Bytes that the field spans."""
        return self.msb // 8 + 1

    @property
    def mask(self) -> int:
        return ((1 << self.width) - 1) << self.lsb

    def extract(self, data: bytes) -> int:
        """The field's value in the `size` bytes that were read at its address."""
        word = int.from_bytes(data, "little" if self.lsb_first else "big")
        value = (word & self.mask) >> self.lsb
        if self.signed and value >> (self.width - 1):
            value -= 1 << self.width
        return value

    def insert(self, word: int, value: int) -> int:
        """`word` with the field set to `value`. Raises ValueError for what does not fit."""
        lowest = -(1 << (self.width - 1)) if self.signed else 0
        highest = (1 << (self.width - self.signed)) - 1
        if not lowest <= value <= highest:
            raise ValueError(f"{self.name} takes {lowest} to {highest}, not {value}")
        return (word & ~self.mask) | (value << self.lsb & self.mask)

    def parts(self, value: int) -> Iterator[tuple[int, int, int]]:
        """The bytes that hold `value`, as (address, mask, bits), in the order of addresses."""
        masks = self._spread(self.mask)
        bits = self._spread(self.insert(0, value))
        yield from zip(range(self.address, self.address + self.size), masks, bits, strict=True)

    def _spread(self, word: int) -> bytes:
        return word.to_bytes(self.size, "little" if self.lsb_first else "big")


def rw(
    offset: int,
    msb: int,
    lsb: int | None = None,
    *,
    reset: int = 0,
    signed: bool = False,
    lsb_first: bool = False,
) -> Field:
    """A field that can be written; `lsb` may be left out for a single bit."""
    low = msb if lsb is None else lsb
    return Field(offset, msb, low, reset, Access.RW, signed=signed, lsb_first=lsb_first)


def ro(offset: int, msb: int, lsb: int | None = None, *, reset: int = 0) -> Field:
    """A field that the chip alone writes."""
    return Field(offset, msb, msb if lsb is None else lsb, reset, Access.RO)


class Block:
    """A run of registers; subclass with base=... and one Field a line.

    A block that the chip has several times is declared once at base 0 and subclassed without new
    lines, once for each place.
    """

    base: int

    def __init_subclass__(cls, *, base: int) -> None:
        cls.base = base
        for name in dir(cls):
            field = getattr(cls, name)
            if isinstance(field, Field):
                here = replace(field, address=base + field.address, name=f"{cls.__name__}.{name}")
                setattr(cls, name, here)

    @classmethod
    def at(cls, base: int, name: str, resets: Mapping[str, int] | None = None) -> type[Self]:
        """The same registers at another place, where some may reset to other values."""
        changed = {
            field: replace(getattr(cls, field), reset=reset)
            for field, reset in (resets or {}).items()
        }
        return type(name, (cls,), changed, base=base)

    @classmethod
    def fields(cls) -> list[Field]:
        """Every field, in the order of addresses, most significant bits first."""
        found = [field for name in dir(cls) if isinstance(field := getattr(cls, name), Field)]
        return sorted(found, key=lambda field: (field.address, -field.msb))
