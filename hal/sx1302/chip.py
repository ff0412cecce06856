"""Reads and writes fields by name, and gathers many of them for one transfer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import ChipError
from ..transport.base import Modify, Op, Read, Transport, Write
from .field import Access, Field

Setting = tuple[Field, int]


def field_ops(field: Field, value: int) -> list[Op]:
    """The operations that set one field: a Write for each byte it fills, a Modify for a part.

    Raises ValueError for a value that does not fit and for a field that only the chip writes.
    """
    if field.access is Access.RO:
        raise ValueError(f"{field.name} can only be read")
    return [_byte_op(*part) for part in field.parts(value)]


def one_by_one(settings: Iterable[Setting]) -> list[Op]:
    """The operations that make `settings`, in order, each by itself."""
    return [op for field, value in settings for op in field_ops(field, value)]


def settings_ops(settings: Iterable[Setting]) -> list[Op]:
    """The operations that make `settings`, in order; neighbours in one byte become one operation.

    For configuration only: where the chip acts on each write (triggers, MCU control), a merged
    write would hide an edge from it.
    """
    merged: list[tuple[int, int, int]] = []
    for field, value in settings:
        if field.access is Access.RO:
            raise ValueError(f"{field.name} can only be read")
        for address, mask, bits in field.parts(value):
            if merged and merged[-1][0] == address:
                _, old_mask, old_bits = merged.pop()
                bits |= old_bits & ~mask
                mask |= old_mask
            merged.append((address, mask, bits))
    return [_byte_op(*part) for part in merged]


def _byte_op(address: int, mask: int, bits: int) -> Op:
    return Write(address, bytes((bits,))) if mask == 0xFF else Modify(address, mask, bits)


class Unexpected(ChipError):
    """The chip answered otherwise than it must; the start-up adds which step that was."""

    def __init__(self, expected: str, read: str, *causes: str) -> None:
        self.expected = expected
        self.read = read
        self.causes = causes
        super().__init__(f"expected {expected}, read {read}")


class Sx1302:
    """The chip behind a transport. Raises TransportError from any call that reaches the bus."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        return self._transport.transfer(ops)

    def read(self, field: Field) -> int:
        (data,) = self._transport.transfer((Read(field.address, field.size),))
        return field.extract(data)

    def read_all(self, *fields: Field) -> list[int]:
        """Several fields, in order, in one transfer."""
        answers = self._transport.transfer([Read(field.address, field.size) for field in fields])
        return [field.extract(data) for field, data in zip(fields, answers, strict=True)]

    def write(self, field: Field, value: int) -> None:
        self._transport.transfer(field_ops(field, value))

    def apply(self, settings: Iterable[Setting]) -> None:
        """Many settings in one transfer; see `settings_ops` for what may be merged."""
        self._transport.transfer(settings_ops(settings))
