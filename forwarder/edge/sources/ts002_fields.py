"""Members of a Join Server's JSON objects, read as leniently as the field needs it. Pure.

Hex in either case with or without 0x, numbers as strings; absent and null are the same. What is
refused raises MessageError, which names the member and lengths, and never a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import EdgeError
from ..values import Envelope, Scheme

CLEAR_SIZE, WRAPPED_SIZE = 16, 24  # an AES-128 key, and the same under RFC 3394
LONGEST_SESSION_ID = 2048  # bytes; as The Things Stack's API
LONGEST_FRAME = 255
LONGEST_TEXT = 256
_LONG_RUN = re.compile(r"[0-9A-Za-z+/=_-]{20,}")  # what could be a key within a description
_NUMBER = re.compile(r"[0-9]{1,20}|0[xX][0-9a-fA-F]{1,16}")

Json = Mapping[str, object]


class MessageError(EdgeError):
    """Not a message of the Backend Interfaces; names the member, never its value."""


def envelope(members: Json, name: str) -> Envelope | None:
    """The KeyEnvelope `members[name]`; None where there is none or it is empty.

    48 digits without a label are taken too: the KEK is then the source's own. Raises MessageError.
    """
    found = members.get(name)
    if found is None:
        return None
    if not isinstance(found, dict):
        raise MessageError(f"{name}: an object with KEKLabel and AESKey expected")
    label = text(found, "KEKLabel", needed=False)
    key = octets(found, "AESKey", LONGEST_FRAME, within=name)
    if not key and not label:
        return None
    if len(key) == WRAPPED_SIZE:
        return Envelope(Scheme.RFC3394, key, label)
    if len(key) == CLEAR_SIZE and not label:
        return Envelope(Scheme.CLEAR, key)
    with_label = "with" if label else "without"
    raise MessageError(
        f"{name}.AESKey: 48 hexadecimal digits with a KEKLabel or 32 without one expected, "
        f"{2 * len(key)} {with_label} one came"
    )


def eui(members: Json, name: str) -> str:
    """An EUI that must be there, as 16 lower-case digits."""
    return hexadecimal(members, name, 8, needed=True).hex()


def hexadecimal(members: Json, name: str, size: int, *, needed: bool = False) -> bytes:
    """Exactly `size` bytes, or none where it is not `needed`."""
    found = octets(members, name, LONGEST_SESSION_ID)
    if len(found) == size or (not found and not needed):
        return found
    came = f"{2 * len(found)} digits" if found else "nothing"
    raise MessageError(f"{name}: {2 * size} hexadecimal digits expected, {came} came")


def octets(members: Json, name: str, longest: int, *, within: str = "") -> bytes:
    """Hexadecimal digits as up to `longest` bytes, none where there are none."""
    found = members.get(name)
    place = f"{within}.{name}" if within else name
    if found is None:
        return b""
    if not isinstance(found, str):
        raise MessageError(f"{place}: hexadecimal digits expected, not another JSON value")
    digits = found.strip()
    if digits[:2] in ("0x", "0X"):
        digits = digits[2:]
    if len(digits) > 2 * longest:
        raise MessageError(f"{place}: at most {2 * longest} digits expected, not {len(digits)}")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise MessageError(
            f"{place}: an even number of hexadecimal digits expected, not these {len(digits)} "
            "characters"
        ) from None


def text(members: Json, name: str, *, needed: bool = True) -> str:
    """A printable text, not empty where it is `needed`."""
    found = members.get(name)
    if found is None and not needed:
        return ""
    if not isinstance(found, str) or (needed and not found):
        raise MessageError(f"{name}: a text expected")
    if not found.isprintable():
        raise MessageError(f"{name}: printable characters expected")
    if len(found) > LONGEST_TEXT:
        raise MessageError(f"{name}: at most {LONGEST_TEXT} characters expected, not {len(found)}")
    return found


def number(members: Json, name: str, most: int) -> int:
    """A whole number from 0 to `most`, also as 5.0, "5" or "0x5"."""
    found = members.get(name)
    value: int | None = None
    if isinstance(found, int) and not isinstance(found, bool):
        value = found
    elif isinstance(found, float) and found.is_integer():
        value = int(found)
    elif isinstance(found, str) and _NUMBER.fullmatch(found):
        value = int(found, 16 if found[1:2] in ("x", "X") else 10)
    if value is None or not 0 <= value <= most:
        raise MessageError(f"{name}: a whole number from 0 to {most} expected")
    return value


def harmless(text: str) -> str:
    """A stranger's sentence for a log: short, printable, nothing long enough to be a key."""
    shown = "".join(char if char.isprintable() else " " for char in text[:LONGEST_TEXT])
    return _LONG_RUN.sub("...", shown)[:120]
