"""Messages as bytes: protobuf or JSON, and either of them read whatever was chosen.

ChirpStack decides by each message which of the two a gateway speaks, and forgets it when it is
started again; so whoever speaks JSON may be answered in protobuf (mqtt-backends.md 1.6). JSON is
read by the library, whose module for it is imported when the first JSON comes.
"""

from __future__ import annotations

import json
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from .json_text import to_json

MOST_BYTES = 256 * 1024

M = TypeVar("M", bound=Message)


class UnreadableMessage(Exception):
    """Bytes that are not the message they should be."""


def encode(message: Message, *, as_json: bool, defaults: bool = False) -> bytes:
    """`defaults`: fields that are zero or empty are printed too (JSON only)."""
    return to_json(message, defaults=defaults).encode() if as_json else message.SerializeToString()


def decode(payload: bytes, kind: type[M], *, entries: str = "") -> M:
    """The message in `payload`; unknown fields are ignored. Raises UnreadableMessage.

    `entries` is a map whose entries our message has as a list; in JSON it comes as an object.
    No protobuf message begins with a brace: it would open a group.
    """
    if len(payload) > MOST_BYTES:
        raise UnreadableMessage(f"{len(payload)} bytes; {MOST_BYTES} at most are read")
    if payload[:1] == b"{":
        return _from_json(payload, kind, entries)
    # The library in Python alone, where it has no C code, lets two more through: for text that is
    # no UTF-8, and for groups in groups.
    try:
        return kind.FromString(payload)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise UnreadableMessage(f"{len(payload)} bytes that are no {_name(kind)}") from None


def _from_json(payload: bytes, kind: type[M], entries: str) -> M:
    from google.protobuf.json_format import ParseDict, ParseError

    # ParseError is what the library promises; the others are what it lets through for values of
    # another type, numbers without end and text without sense, differently in each version.
    let_through = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)
    try:
        found = json.loads(payload)
        _check_texts(found)
        if isinstance(found.get(entries), dict):
            found[entries] = [{"key": key, "value": one} for key, one in found[entries].items()]
        return ParseDict(found, kind(), ignore_unknown_fields=True)
    except RecursionError:
        raise UnreadableMessage(f"JSON too deep to be a {_name(kind)}") from None
    except (ParseError, *let_through) as error:
        raise UnreadableMessage(f"JSON that is no {_name(kind)}: {str(error)[:200]}") from None


def _check_texts(found: object) -> None:
    """Raise UnicodeEncodeError for half a character, written as an escape.

    As the name of a field it makes the C code of protobuf 4 fail, and at times the whole process.
    """
    json.dumps(found, ensure_ascii=False).encode()


def _name(kind: type[Message]) -> str:
    return kind.DESCRIPTOR.name
