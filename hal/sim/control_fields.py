"""The fields of a control request, checked: what is asked for comes out in range, or says why."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any


class RequestError(Exception):
    """The request cannot be done; the message is for whoever sent it."""


class Fields:
    """A JSON object; readers raise RequestError for what is missing, wrong or out of range."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def names(self) -> list[str]:
        return list(self._given)

    def text(self, name: str) -> str:
        value = self._given.get(name)
        if not isinstance(value, str):
            raise _wrong(name, value, "a string")
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if self._given.get(name) is not None else None

    def choice(self, name: str, known: tuple[str, ...], default: str) -> str:
        value = self._given.get(name, default)
        if value not in known:
            raise _wrong(name, value, " or ".join(known))
        return str(value)

    def is_flag(self, name: str) -> bool:
        return isinstance(self._given.get(name), bool)

    def flag(self, name: str, default: bool | None = None) -> bool:
        value = self._given.get(name, default)
        if not isinstance(value, bool):
            raise _wrong(name, value, "true or false")
        return value

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _wrong(name, value, f"a whole number from {low} to {high}")
        return value

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        return None if self._given.get(name) is None else self.integer(name, low, high)

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        value = self._given.get(name, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise _wrong(name, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def integers(self, name: str, low: int, high: int) -> list[int]:
        value = self._given.get(name)
        if not isinstance(value, list) or any(
            isinstance(item, bool) or not isinstance(item, int) or not low <= item <= high
            for item in value
        ):
            raise _wrong(name, value, f"a list of whole numbers from {low} to {high}")
        return list(value)

    def hexadecimal(self, name: str, most: int, default: str | None = None) -> bytes:
        value = self._given.get(name, default)
        try:
            data = bytes.fromhex(value) if isinstance(value, str) else None
        except ValueError:
            data = None
        if data is None or len(data) > most:
            raise _wrong(name, value, f"hex digits of at most {most} bytes")
        return data

    def items(self, name: str, most: int) -> list[Fields | None]:
        """A list of objects; None for an element that is none."""
        value = self._given.get(name)
        if not isinstance(value, list) or len(value) > most:
            raise _wrong(name, value, f"a list of at most {most} objects")
        return [Fields(item) if isinstance(item, dict) else None for item in value]


def _shown(value: object) -> str:
    """Whatever came, however deep it is."""
    return reprlib.repr(value) if isinstance(value, list | dict) else repr(value)


def _wrong(name: str, value: object, expected: str) -> RequestError:
    came = "missing" if value is None else _shown(value)
    if len(came) > 80:
        came = came[:77] + "..."
    return RequestError(f"{name} is {came}; {expected} expected")
