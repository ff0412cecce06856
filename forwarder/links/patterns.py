"""Lists of addresses as a configuration writes them: values, prefixes and ranges in hex. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

DIGITS = frozenset("0123456789abcdef")


class Intervals:
    """A set of integers as stretches, each with its first and last; asked in logarithmic time."""

    def __init__(self, stretches: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(stretches):
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(last, self._lasts[-1])
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    def __contains__(self, value: int) -> bool:
        index = bisect_right(self._firsts, value) - 1
        return index >= 0 and value <= self._lasts[index]

    def __bool__(self) -> bool:
        return bool(self._firsts)


def stretch(text: str, bits: int) -> tuple[int, int]:
    """First and last value that `text` means, of `bits` bits. Raises ValueError with what to write.

    `26011f00` is one value, `26011f00/24` those that share its first 24 bits, `26011f00-26011fff`
    those from the one to the other.
    """
    low, dash, high = text.partition("-")
    if dash:
        first, last = _value(low, bits), _value(high, bits)
        if first > last:
            raise ValueError("expected a range from the lower to the higher value")
        return first, last
    digits, slash, length = text.partition("/")
    value = _value(digits, bits)
    if not slash:
        return value, value
    length = length.strip()
    if not (length.isascii() and length.isdigit() and len(length) < 4 and int(length) <= bits):
        raise ValueError(f"expected a prefix length from 0 to {bits} behind the slash")
    rest = (1 << (bits - int(length))) - 1
    return value & ~rest, value | rest


def stretches(texts: Iterable[str], bits: int) -> list[tuple[int, int]]:
    """What a whole list means. Raises ValueError that quotes the entry."""
    found: list[tuple[int, int]] = []
    for text in texts:
        try:
            found.append(stretch(text, bits))
        except ValueError as error:
            raise ValueError(f"'{text}': {error}") from None
    return found


def _value(text: str, bits: int) -> int:
    digits = text.strip().lower().removeprefix("0x")
    if len(digits) != bits // 4 or not set(digits) <= DIGITS:
        raise ValueError(
            f"expected {bits // 4} hex digits, alone, with a prefix length (/8) or as a range (A-B)"
        )
    return int(digits, 16)
