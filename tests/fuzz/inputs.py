"""From a fuzzer's bytes to inputs with a shape, so that it gets past the first check.

Nothing here is random: the same bytes give the same input, so a finding is a file. Bytes that run
out are zeros.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

# What fields of configurations, recordings and requests are replaced with: the limits of the types
# that programs keep them in, one past each, and what is of another type altogether.
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 5, 7, 12, 13, 16, 127, 128, 255, 256, 65_535, 65_536,
    2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, -(2**31), -(2**63), 10**17,
    0.0, -0.0, 0.5, 1.5, -1.5, 1e-9, 868.1, 1e6, 8.681e8, 1e18, 1e308, -1e308,
    float("nan"), float("inf"), float("-inf"),
    "", " ", "0", "1", "-1", "auto", "EU868", "US915", "SF7BW125", "SF13BW125", "4/5", "FSK", "LORA",
    "é", "\0", "\n", "\udc80", "\u2028", "{n}", "{n:999}", "{n.x}", "../../etc/passwd", "/dev/null",
    "A" * 300, "=", "====", "AA==", "0016c001f1500812", "127.0.0.1", "::1", "10m", "1e999d",
    [], {}, [0], [None], [[]], [{}], {"a": 1}, [1, 2, 3],
)  # fmt: skip


class Taker:
    """Takes values off the front of `data`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return max(0, len(self._data) - self._at)

    def octets(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken.ljust(size, b"\0")

    def byte(self) -> int:
        return self.octets(1)[0]

    def word(self) -> int:
        return int.from_bytes(self.octets(2), "big")

    def block(self) -> bytes:
        """Up to 255 bytes, or what is left of them."""
        return self.octets(min(self.byte(), self.left))

    def rest(self) -> bytes:
        return self.octets(self.left)

    def of(self, choices: Sequence[T]) -> T:
        return choices[self.byte() % len(choices)]


def mutated(base: Any, take: Taker, most: int = 8) -> Any:
    """A JSON value like `base` with up to `most` places of it replaced, removed or added."""
    value = copy.deepcopy(base)
    for _ in range(most):
        if not take.left:
            break
        places = list(_places(value))
        if not places:
            break
        holder, key = places[take.word() % len(places)]
        match take.byte() % 5:
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[str(take.of(ODD_VALUES))] = holder[key]
            case 2:
                holder[key] = take.block().decode("utf-8", "surrogateescape")
            case _:
                holder[key] = copy.deepcopy(take.of(ODD_VALUES))
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key in it, from the outside in."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield value, key
        for key in keys:
            yield from _places(value[key])


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def mutated_lines(base: str, take: Taker, most: int = 8) -> str:
    """A text like `base` with up to `most` lines of it replaced, removed, doubled or changed."""
    lines = base.splitlines()
    for _ in range(most):
        if not take.left or not lines:
            break
        at = take.word() % len(lines)
        match take.byte() % 5:
            case 0:
                del lines[at]
            case 1:
                lines.insert(take.word() % len(lines), lines[at])
            case 2:
                lines[at] = take.block().decode("utf-8", "replace")
            case _:
                key = lines[at].partition("=")[0]
                lines[at] = f"{key}= {_literal(take.of(ODD_VALUES))}"
    return "\n".join(lines)


def _literal(value: Any) -> str:
    """A TOML literal; objects and null are left to be a mistake."""
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)
