"""The text of a file of KEKs. Pure; kek_store.py reads and writes it.

The file belongs to root alone and has one of two forms:

    # label = hex; a version other than 1 stands before the key
    as:edge-as.example = f07e...
    as:edge-as.example = 2:77aa...

    [[kek]]                        # the same in TOML
    label = "as:edge-as.example"
    version = 2
    key = "77aa..."

Messages name labels and line numbers, never what should have been a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from .errors import KekError
from .keks import SoftKek, check_label

_LONG_HEX = re.compile(r"[0-9a-fA-F]{16,}")


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    label: str
    key: str
    version: int = 1

    def __repr__(self) -> str:
        return "<a KEK>"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kek: list[_Entry]

    def __repr__(self) -> str:
        return "<a file of KEKs>"


def parse_file(data: bytes, name: str, where: str = "file") -> list[SoftKek]:
    """The KEKs of a file in either form. Raises KekError with `name` and the line, no values."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KekError(f"{name}: no text; lines of LABEL = HEX are expected") from None
    if re.search(r"(?m)^\s*\[\[\s*kek\s*\]\]", text):
        return [_kek(entry, f"{name}, [[kek]] {i}", where) for i, entry in _tables(text, name)]
    return [
        _kek(_line_entry(line, f"{name}:{number}"), f"{name}:{number}", where)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def _tables(text: str, name: str) -> Iterator[tuple[int, _Entry]]:
    try:
        table = msgspec.toml.decode(text, type=_File)
    except msgspec.ValidationError as error:  # names path and type, no value; but unknown names
        raise KekError(f"{name}: {_LONG_HEX.sub('...', str(error))}") from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        found = re.search(r"at line \d+", str(error))
        raise KekError(f"{name}: not TOML {found.group() if found else ''}".rstrip()) from None
    return iter(enumerate(table.kek, 1))


def _line_entry(line: str, place: str) -> _Entry:
    label, equals, value = line.rpartition("=")
    if not equals:
        raise KekError(f"{place}: a line LABEL = HEX is expected")
    mark, colon, key = _unquoted(value).rpartition(":")
    if colon and not (mark.isascii() and mark.isdigit() and len(mark) <= 5):
        raise KekError(f"{place}: a version is a number before the key, as in LABEL = 2:HEX")
    return _Entry(label=_unquoted(label), version=int(mark) if colon else 1, key=key)


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _kek(entry: _Entry, place: str, where: str) -> SoftKek:
    try:
        return SoftKek(entry.label, _checked_hex(entry), entry.version, where)
    except KekError as error:
        raise KekError(f"{place}: {error}") from None


def _checked_hex(entry: _Entry) -> bytes:
    check_label(entry.label)  # first: the message about the key may then name its label
    try:
        return parse_hex(entry.key)
    except KekError as error:
        raise KekError(f"KEK {entry.label!r}: {error}") from None


def parse_hex(text: str) -> bytes:
    """A key written as hexadecimal digits; blanks and a leading 0x are tolerated. KekError."""
    digits = "".join(text.split()).removeprefix("0x")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise KekError(
            f"{len(digits)} characters that are not pairs of hexadecimal digits; "
            "a KEK has 32, 48 or 64 of them"
        ) from None
