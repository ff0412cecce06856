"""Fields of the documents that key sources send: bounded, lenient in form, strict in size. Pure.

Network servers write the same value as number or string, in hex of either case or in base64; all
of it is taken. What cannot be taken is a SourceError that names field, expectation and length and
never a value, since the value may be a key.
"""

from __future__ import annotations

import binascii

import msgspec

from ..errors import SourceError
from ..values import Envelope, Scheme

MAX_DOCUMENT = 256 * 1024  # bytes; an uplink heard by a hundred gateways has some 60 000
MAX_SESSION_ID = 2048  # bytes; The Things Stack's bound, TS002 has none
MAX_LABEL = 2048  # characters; likewise
MAX_PAYLOAD = 255
CLEAR_SIZE, WRAPPED_SIZE = 16, 24  # an AES-128 key as it is and under RFC 3394
FCNT_END = 0xFFFFFFFF
_HEX = frozenset("0123456789abcdefABCDEF")

Table = dict[str, object]


def json_object(data: bytes) -> Table:
    """The JSON object in `data`. Raises SourceError."""
    check_size(data)
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Without the cause: it may hold the document.
        raise SourceError(f"a JSON object expected, came {len(data)} other bytes") from None
    if not isinstance(value, dict):
        raise SourceError(f"a JSON object expected, came {shape(value)}")
    return value


def check_size(data: bytes) -> None:
    if len(data) > MAX_DOCUMENT:
        raise SourceError(f"a document of up to {MAX_DOCUMENT} bytes expected, came {len(data)}")


def shape(value: object) -> str:
    """What `value` is without saying what it says."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case str():
            return f"a string of {len(value)} characters"
        case int() | float():
            return "a number"
        case dict():
            return "an object"
    return "a list"


def member(table: Table, *names: str) -> object:
    """The value under the first of `names` that is there and not null, else None."""
    for name in names:
        value = table.get(name)
        if value is not None:
            return value
    return None


def subtable(value: object, where: str) -> Table:
    """An object, empty where there is none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SourceError(f"{where}: an object expected, came {shape(value)}")
    return value


def text(value: object, where: str, most: int = 256) -> str:
    """A string of up to `most` characters, empty where there is none; numbers as written."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > most:
        raise SourceError(f"{where}: up to {most} characters expected, came {shape(value)}")
    return value


def number(value: object, where: str, most: int = FCNT_END) -> int:
    """0 to `most`, from a number or its decimal digits; 0 where there is none (as in protobuf)."""
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise SourceError(f"{where}: a number from 0 to {most} expected, came {shape(value)}")
    return value


def from_hex(value: object, where: str, most: int) -> bytes:
    """Up to `most` bytes from hex digits of either case, with or without 0x."""
    digits = text(value, where, 2 * most + 2)
    if digits[:2] in ("0x", "0X"):
        digits = digits[2:]
    if len(digits) % 2 or not _HEX.issuperset(digits):
        raise SourceError(f"{where}: pairs of hex digits expected, came {shape(value)}")
    return bytes.fromhex(digits)


def from_base64(value: object, where: str, most: int) -> bytes:
    """Up to `most` bytes from base64, standard or URL-safe, padded or not."""
    digits = text(value, where, 2 * most + 4).rstrip("=")
    digits = digits.replace("-", "+").replace("_", "/")
    try:
        data = binascii.a2b_base64(digits + "=" * (-len(digits) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        raise SourceError(f"{where}: base64 expected, came {shape(value)}") from None
    if len(data) > most:
        raise SourceError(f"{where}: up to {most} bytes expected, came {len(data)}")
    return data


def eui(value: object, where: str) -> str:
    """16 lower-case hex digits."""
    data = from_hex(value, where, 8)
    if len(data) != 8:
        raise SourceError(f"{where}: 16 hex digits expected, came {shape(value)}")
    return data.hex()


def optional_eui(value: object, where: str) -> str | None:
    return eui(value, where) if text(value, where) else None


def dev_addr(value: object, where: str) -> int | None:
    """A DevAddr from 8 hex digits, most significant first; None where there is none."""
    data = from_hex(value, where, 4)
    if not data:
        return None
    if len(data) != 4:
        raise SourceError(f"{where}: 8 hex digits expected, came {shape(value)}")
    return int.from_bytes(data)


def envelope(key: bytes, label: str, where: str) -> Envelope | None:
    """TS002's KeyEnvelope: 24 bytes wrapped by RFC 3394, or 16 in clear without a label.

    None where there is no key. Ref: Backend Interfaces 1.0, section 21.
    """
    if not key:
        return None
    if len(key) == WRAPPED_SIZE:
        return Envelope(Scheme.RFC3394, key, label)
    if len(key) == CLEAR_SIZE and not label:
        return Envelope(Scheme.CLEAR, key)
    named = "a KEK label" if label else "no label"
    raise SourceError(
        f"{where}: {WRAPPED_SIZE} bytes (wrapped) expected, or {CLEAR_SIZE} without a label; "
        f"came {len(key)} with {named}"
    )
