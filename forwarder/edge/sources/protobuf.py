"""Protobuf's wire format, as much of it as reading a few fields needs. Pure.

Ref: protobuf.dev, Encoding. Values of a field that is repeated replace each other: the sources
read no repeated fields.
"""

from __future__ import annotations

from ..errors import SourceError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_VARINT = 10  # bytes of a 64-bit number

Message = dict[int, int | bytes]


def message(data: bytes) -> Message:
    """Field numbers to values: numbers for varints, bytes for all else. Raises SourceError."""
    fields: Message = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                fields[tag >> 3], at = _varint(data, at)
            case 2:
                size, at = _varint(data, at)
                fields[tag >> 3], at = _take(data, at, size)
            case 1:
                fields[tag >> 3], at = _take(data, at, 8)
            case 5:
                fields[tag >> 3], at = _take(data, at, 4)
            case _:
                raise SourceError(f"a protobuf message expected; byte {at} begins no field")
    return fields


def number(fields: Message, field: int) -> int:
    """A varint field, 0 where there is none."""
    value = fields.get(field, 0)
    if not isinstance(value, int):
        raise SourceError(f"protobuf field {field}: a number expected, came {len(value)} bytes")
    return value


def data(fields: Message, field: int, most: int) -> bytes:
    """A bytes field of up to `most`, empty where there is none."""
    value = fields.get(field, b"")
    if not isinstance(value, bytes) or len(value) > most:
        raise SourceError(f"protobuf field {field}: up to {most} bytes expected")
    return value


def text(fields: Message, field: int, most: int) -> str:
    try:
        return data(fields, field, most).decode()
    except UnicodeDecodeError:
        raise SourceError(f"protobuf field {field}: UTF-8 text expected") from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(data[at : at + MAX_VARINT]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, at + shift + 1
    raise SourceError(f"a protobuf message expected; the number at byte {at} has no end")


def _take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if size > len(data) - at:
        raise SourceError(f"a protobuf message expected; the field at byte {at} is cut short")
    return data[at : at + size], at + size
