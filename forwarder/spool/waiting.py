"""Frames that wait in memory: the oldest first, or the oldest of one device first. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush

from .kept import Kept

SLACK = 64  # numbers of frames that have left, before they are swept out


class Waiting:
    """Any frame may come in at any time; they leave in the order of their numbers."""

    def __init__(self) -> None:
        self._frames: dict[int, Kept] = {}
        self._order: list[int] = []  # a heap; may name frames that have left
        self._lanes: dict[int, deque[int]] = {}  # ascending
        self.unstored: dict[int, Kept] = {}  # those that memory alone has

    def __len__(self) -> int:
        return len(self._frames)

    def __contains__(self, number: int) -> bool:
        return number in self._frames

    def __iter__(self) -> Iterator[Kept]:
        return iter(sorted(self._frames.values(), key=lambda kept: kept.number))

    def has(self, lane: int) -> bool:
        """Whether a frame of this device waits."""
        return lane in self._lanes

    def put(self, kept: Kept) -> None:
        self._frames[kept.number] = kept
        if not kept.stored:
            self.unstored[kept.number] = kept
        heappush(self._order, kept.number)
        if kept.lane is not None:
            self._into_lane(kept.number, self._lanes.setdefault(kept.lane, deque()))

    def oldest(self) -> Kept | None:
        """It stays."""
        while self._order and self._order[0] not in self._frames:
            heappop(self._order)
        return self._frames[self._order[0]] if self._order else None

    def oldest_of(self, lane: int) -> Kept | None:
        """It stays."""
        numbers = self._lanes.get(lane)
        return self._frames[numbers[0]] if numbers else None

    def remove(self, number: int) -> Kept | None:
        """Let it go, if it is there."""
        kept = self._frames.pop(number, None)
        self.unstored.pop(number, None)
        if kept is not None and kept.lane is not None:
            numbers = self._lanes[kept.lane]
            numbers.remove(number)  # nearly always the first
            if not numbers:
                del self._lanes[kept.lane]
        if len(self._order) > 2 * len(self._frames) + SLACK:
            self._order = sorted(self._frames)  # a sorted list is a heap
        return kept

    def restock(self) -> None:
        """The disk has none of them any more."""
        self.unstored = dict(self._frames)

    @staticmethod
    def _into_lane(number: int, numbers: deque[int]) -> None:
        """Keep `numbers` ascending: new frames come at the end, what was in flight in front."""
        if not numbers or number > numbers[-1]:
            numbers.append(number)
            return
        if number < numbers[0]:
            numbers.appendleft(number)
            return
        at = next(index for index, other in enumerate(numbers) if other > number)
        numbers.insert(at, number)
