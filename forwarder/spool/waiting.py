"""Frames that wait in memory: the oldest first, of each device in its order, none too soon. Pure.

A network server works on frames in parallel: two of one device that come within milliseconds may
change places there, and then the older one is dropped (chirpstack: gateway/backend/mqtt.rs starts
a task for each). So a device of which a frame has just been sent rests for a moment, and the oldest
frame of another one goes meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from math import inf
from typing import Any, Generic

from .kept import Kept
from .kind import T

SLACK = 64  # numbers of frames that have left, before they are swept out


class Waiting(Generic[T]):
    """Any frame may come in at any time; times are the keeper's clock."""

    def __init__(self) -> None:
        self._frames: dict[int, Kept[T]] = {}
        self._order: list[int] = []  # a heap; may name frames that have left
        self._lanes: dict[int, deque[int]] = {}  # ascending
        self._heads: list[tuple[int, int]] = []  # a heap of (first number, lane); some outdated
        self._until: dict[int, float] = {}  # lanes that rest
        self._resting: list[tuple[float, int]] = []  # a heap of the same
        self.unstored: dict[int, Kept[T]] = {}  # those that memory alone has

    def __len__(self) -> int:
        return len(self._frames)

    def __contains__(self, number: int) -> bool:
        return number in self._frames

    def __iter__(self) -> Iterator[Kept[T]]:
        return iter(sorted(self._frames.values(), key=lambda kept: kept.number))

    def has(self, lane: int) -> bool:
        """Whether a frame of this device waits."""
        return lane in self._lanes

    def put(self, kept: Kept[T]) -> None:
        self._frames[kept.number] = kept
        if not kept.stored:
            self.unstored[kept.number] = kept
        heappush(self._order, kept.number)
        key = _key(kept)
        numbers = self._lanes.setdefault(key, deque())
        _insert(kept.number, numbers)
        if numbers[0] == kept.number:
            heappush(self._heads, (kept.number, key))

    def oldest(self) -> Kept[T] | None:
        """It stays."""
        while self._order and self._order[0] not in self._frames:
            heappop(self._order)
        return self._frames[self._order[0]] if self._order else None

    def oldest_of(self, lane: int) -> Kept[T] | None:
        """It stays."""
        numbers = self._lanes.get(lane)
        return self._frames[numbers[0]] if numbers else None

    def remove(self, number: int) -> Kept[T] | None:
        """Let it go, if it is there."""
        kept = self._frames.pop(number, None)
        self.unstored.pop(number, None)
        if kept is not None:
            key = _key(kept)
            numbers = self._lanes[key]
            numbers.remove(number)  # nearly always the first
            if numbers:
                heappush(self._heads, (numbers[0], key))
            else:
                del self._lanes[key]
        if len(self._order) > 2 * len(self._frames) + SLACK:
            self._order = sorted(self._frames)  # a sorted list is a heap
        return kept

    def restock(self) -> None:
        """The disk has none of them any more."""
        self.unstored = dict(self._frames)

    # Rest.

    def rest(self, lane: int, until: float) -> None:
        """A frame of this device has just been sent."""
        self._until[lane] = until
        heappush(self._resting, (until, lane))

    def rests(self, lane: int, now: float) -> bool:
        self._wake(now)
        return lane in self._until

    def wakes_at(self, lane: int) -> float:
        """When this device has rested; in the past if it does not rest."""
        return self._until.get(lane, -inf)

    def next(self, now: float) -> Kept[T] | None:
        """The oldest of a device that does not rest; it stays."""
        self._wake(now)
        while self._heads:
            number, lane = self._heads[0]
            if lane not in self._lanes or self._lanes[lane][0] != number or lane in self._until:
                heappop(self._heads)  # outdated, or comes back when it wakes
            else:
                return self._frames[number]
        return None

    def next_at(self, now: float) -> float:
        """When `next` has one: in the past, when the first lane wakes, or never."""
        if self.next(now) is not None:
            return -inf
        return self._resting[0][0] if self._frames and self._resting else inf

    def _wake(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            until, lane = heappop(self._resting)
            if self._until.get(lane) == until:
                del self._until[lane]
                if lane in self._lanes:
                    heappush(self._heads, (self._lanes[lane][0], lane))


def _key(kept: Kept[Any]) -> int:
    """Its lane; a frame of nobody has one of its own."""
    return kept.lane if kept.lane is not None else -1 - kept.number


def _insert(number: int, numbers: deque[int]) -> None:
    """Keep `numbers` ascending: new frames come at the end, what was in flight in front."""
    if not numbers or number > numbers[-1]:
        numbers.append(number)
    elif number < numbers[0]:
        numbers.appendleft(number)
    else:
        at = next(index for index, other in enumerate(numbers) if other > number)
        numbers.insert(at, number)
