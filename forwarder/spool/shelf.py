"""Which frames of one link are on disk and not in memory: numbers, devices, ages, sizes. Pure.

Some 34 bytes for each, so that the 600 000 frames of a full store of 64 MB are known in 20 MB.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence

NO_LANE = -1
SWEEP = 1024  # entries that have left, before the arrays are cut


class Shelf:
    """Kept ascending by number. Frames leave it oldest first, or oldest first of one lane."""

    def __init__(self) -> None:
        self._numbers, self._lanes = array("q"), array("q")
        self._taken_s, self._sizes = array("d"), array("L")
        self._head = 0  # what is before it has left
        self._left: set[int] = set()  # what has left behind it
        self._of: dict[int, array[int]] = {}  # lane to its numbers
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._numbers) - self._head - len(self._left)

    def add(self, number: int, lane: int | None, taken_s: float, size: int) -> None:
        key = NO_LANE if lane is None else lane
        if number in self._left:  # it comes back
            self._left.discard(number)
        else:
            at = bisect_left(self._numbers, number, self._head)
            self._numbers.insert(at, number)
            self._lanes.insert(at, key)
            self._taken_s.insert(at, taken_s)
            self._sizes.insert(at, size)
        mine = self._of.setdefault(key, array("q"))
        mine.insert(bisect_left(mine, number), number)
        self.bytes += size

    def has(self, lane: int) -> bool:
        return lane in self._of

    def first_of(self, lane: int) -> int | None:
        numbers = self._of.get(lane)
        return numbers[0] if numbers else None

    def oldest(self) -> int | None:
        """Its number."""
        self._skip()
        return self._numbers[self._head] if len(self) else None

    def oldest_taken_s(self) -> float | None:
        self._skip()
        return self._taken_s[self._head] if len(self) else None

    def oldest_numbers(self, most: int) -> tuple[int, ...]:
        """They stay, until `take`."""
        found = []
        for number in self._numbers[self._head : self._head + most + len(self._left)]:
            if number not in self._left:
                found.append(number)
        return tuple(found[:most])

    def numbers_of(self, lane: int, most: int) -> tuple[int, ...]:
        """They stay, until `take`."""
        return tuple(self._of.get(lane, ())[:most])

    def take(self, numbers: Sequence[int]) -> int:
        """Let these go, those that are there; how many were."""
        before = len(self)
        for number in numbers:
            at = bisect_left(self._numbers, number, self._head)
            if at == len(self._numbers) or self._numbers[at] != number or number in self._left:
                continue
            self._left.add(number)
            self.bytes -= self._sizes[at]
            mine = self._of[self._lanes[at]]
            del mine[bisect_left(mine, number)]
            if not mine:
                del self._of[self._lanes[at]]
        self._skip()
        return before - len(self)

    def _skip(self) -> None:
        while self._head < len(self._numbers) and self._numbers[self._head] in self._left:
            self._left.discard(self._numbers[self._head])
            self._head += 1
        if self._head >= SWEEP and 2 * self._head >= len(self._numbers):
            for values in (self._numbers, self._lanes, self._taken_s, self._sizes):
                del values[: self._head]
            self._head = 0
