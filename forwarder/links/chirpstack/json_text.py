"""Messages as the JSON text that protobuf prescribes, without the library's module for it. Pure.

That module takes three times as long for an uplink and half a megabyte, puts blanks between, and
calls its options by other names in each series. What both write is the same to any reader. Covers
the types of our own .proto files: integers have at most 32 bits there, as larger ones are texts.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from json import dumps
from math import isfinite
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

# A value of any field, which the descriptor alone knows the type of.
Write = Callable[[Any], str]
TIMES = ("google.protobuf.Timestamp", "google.protobuf.Duration")


@dataclass(frozen=True, slots=True)
class _Field:
    """`start` is the name with its colon; `default` is what is printed where nothing is set."""

    start: str
    write: Write
    default: str


def to_json(message: Message, *, defaults: bool = False) -> str:
    """With `defaults`, zeros, empty texts and empty lists are printed too, as v3's bridge does."""
    fields = _fields(message.DESCRIPTOR, defaults)
    parts = [
        fields[field.number].start + fields[field.number].write(value)
        for field, value in message.ListFields()
    ]
    if defaults:
        there = {field.number for field, _ in message.ListFields()}
        parts += [
            field.start + field.default
            for number, field in fields.items()
            if field.default and number not in there
        ]
    return f"{{{','.join(parts)}}}"


@cache
def _fields(kind: Descriptor, defaults: bool) -> dict[int, _Field]:
    return {
        field.number: _Field(
            f"{dumps(field.json_name)}:", _writer(field, defaults), _default(field)
        )
        for field in kind.fields
    }


def _writer(field: FieldDescriptor, defaults: bool) -> Write:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map_writer(field.message_type, defaults)
    write = _value_writer(field, defaults)
    if not _is_repeated(field):
        return write
    return lambda values: f"[{','.join(map(write, values))}]"


def _map_writer(entry: Descriptor, defaults: bool) -> Write:
    """An object; its names are texts whatever the keys are."""
    key_is_text = entry.fields_by_name["key"].type == FieldDescriptor.TYPE_STRING
    write = _value_writer(entry.fields_by_name["value"], defaults)

    def one(key: object, value: object) -> str:
        return f"{dumps(key) if key_is_text else dumps(str(key))}:{write(value)}"

    return lambda values: f"{{{','.join(one(key, value) for key, value in values.items())}}}"


def _value_writer(field: FieldDescriptor, defaults: bool) -> Write:
    if field.message_type is not None:
        if field.message_type.full_name in TIMES:
            return lambda time: f'"{time.ToJsonString()}"'
        return lambda message: to_json(message, defaults=defaults)
    if field.enum_type is not None:
        return _enum_writer(field.enum_type)
    return _SCALARS.get(field.type, str)


def _enum_writer(kind: EnumDescriptor) -> Write:
    names = {value.number: f'"{value.name}"' for value in kind.values}
    return lambda number: names.get(number) or str(number)


def _number(value: float) -> str:
    if isfinite(value):
        return repr(value)
    return '"NaN"' if value != value else '"Infinity"' if value > 0 else '"-Infinity"'


_SCALARS: dict[int, Write] = {
    FieldDescriptor.TYPE_STRING: dumps,
    FieldDescriptor.TYPE_BYTES: lambda data: f'"{b64encode(data).decode("ascii")}"',
    FieldDescriptor.TYPE_BOOL: lambda flag: "true" if flag else "false",
    FieldDescriptor.TYPE_FLOAT: _number,
    FieldDescriptor.TYPE_DOUBLE: _number,
}


def _default(field: FieldDescriptor) -> str:
    """Empty for what may be absent: messages, and members of a choice."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return "{}"
    if _is_repeated(field):
        return "[]"
    if field.message_type is not None or field.containing_oneof is not None:
        return ""
    return _value_writer(field, True)(field.default_value)


def _is_repeated(field: FieldDescriptor) -> bool:
    """The attribute that says so has changed its name; what is repeated defaults to a list."""
    return isinstance(field.default_value, list)
