"""The just-in-time queue: one air, one order of what leaves when. Pure.

Rules and numbers are those of Semtech's forwarder (sx1302_hal: packet_forwarder/src/jitqueue.c),
on the unwrapped 64-bit line and therefore with signed differences: what is late is called late.
Where it differs, it says so here:

- one queue for all RF chains, since they share one antenna (unless the board is full duplex);
- a frame that was handed to the radio keeps its place until its last symbol has left, so nothing
  is programmed over it;
- "as soon as possible" means now if the air is free, and such a frame steps aside when a frame
  with a fixed time needs its place; it is moved, never dropped.

Every frame occupies the air from its load time (programming into the chip) to its end; two
occupied intervals keep MARGIN_US between them. A frame that has been handed to the radio occupies
it from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ..packets import Priority, Refusal

T = TypeVar("T")

START_US = 1_500  # from the trigger to the first symbol
LOAD_US = 40_000  # before that, to carry a frame into the chip; may be set lower on a quick host
MARGIN_US = 1_000  # silence between two frames
HORIZON_US = 512_000_000  # four beacon periods of 128 s
BEACON_GUARD_US = 3_000_000  # before a beacon; class A and C may use it, class B may not
BEACON_RESERVED_US = 2_120_000  # from a beacon's start
CAPACITY = 32
EARLY_US = (
    60_000  # a frame may be carried to the chip so much sooner: nothing fits before it any more
)
IMMEDIATE_US = 4_000  # from "now" to the first symbol of a frame that is programmed at once


@dataclass(frozen=True, slots=True)
class Slot(Generic[T]):
    """A frame's place: first symbol at `start_us`, `airtime_us` long. `flexible` may be moved."""

    start_us: int
    airtime_us: int
    priority: Priority
    item: T
    flexible: bool = False
    immediate: bool = False

    @property
    def end_us(self) -> int:
        reserved = BEACON_RESERVED_US if self.priority is Priority.BEACON else 0
        return self.start_us + max(self.airtime_us, reserved)


class JitQueue(Generic[T]):
    """Places frames on the air. `now_us` is the concentrator's line, in every call."""

    def __init__(self, *, capacity: int = CAPACITY, load_us: int = LOAD_US) -> None:
        self._capacity = capacity
        self._load_us = load_us
        self._waiting: list[Slot[T]] = []
        self._loaded: list[Slot[T]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Slot[T]]:
        return iter(self._waiting)

    @property
    def capacity(self) -> int:
        """How many frames may wait."""
        return self._capacity

    @property
    def lead_us(self) -> int:
        """A fixed start has to be further ahead than this."""
        return START_US + self._load_us + MARGIN_US

    def load_at_us(self, slot: Slot[T]) -> int:
        """When `slot` is due to be programmed."""
        return slot.start_us - (IMMEDIATE_US if slot.immediate else START_US + self._load_us)

    def push(self, slot: Slot[T], now_us: int) -> Slot[T] | Refusal:
        """Queue a frame with a fixed start; gives its place or the reason why it has none."""
        self._forget_ended(now_us)
        ahead_us = slot.start_us - now_us
        if ahead_us <= self.lead_us:
            return Refusal.TOO_LATE
        if ahead_us > HORIZON_US and slot.priority is not Priority.BEACON:
            return Refusal.TOO_EARLY
        if len(self._waiting) >= self._capacity:
            return Refusal.FULL
        in_the_way = [other for other in self._waiting if self._meet(slot, other)]
        fixed = [other for other in in_the_way if not other.flexible] + self._in_the_chip(slot)
        if fixed:
            return _collision(fixed)
        self._insert(slot)
        self._move(in_the_way, now_us)
        return slot

    def push_soon(self, slot: Slot[T], now_us: int) -> Slot[T] | Refusal:
        """Place a frame at once, or in the first gap; `slot.start_us` is ignored."""
        self._forget_ended(now_us)
        if len(self._waiting) >= self._capacity:
            return Refusal.FULL
        placed = self._first_gap(slot, now_us)
        if placed.start_us - now_us > HORIZON_US:
            return Refusal.COLLISION_PACKET
        self._insert(placed)
        return placed

    def pop(self, now_us: int) -> Slot[T] | None:
        """The frame to program now, if one is due. It keeps its place until it has ended."""
        self._forget_ended(now_us)
        if not self._waiting or self._due_us(self._waiting[0]) > now_us:
            return None
        slot = self._waiting.pop(0)
        self._loaded.append(slot)
        return slot

    def next_us(self) -> int | None:
        """When `pop` is next worth calling."""
        return self._due_us(self._waiting[0]) if self._waiting else None

    def settle(self, item: T, start_us: int) -> None:
        """The radio says when this frame really starts; its place ends accordingly."""
        self._loaded = [
            replace(slot, start_us=start_us) if slot.item is item else slot for slot in self._loaded
        ]

    def release(self, item: T) -> None:
        """The radio did not take this frame, so its place on the air is free again."""
        self._loaded = [slot for slot in self._loaded if slot.item is not item]

    def clear(self) -> list[Slot[T]]:
        """Drop everything, as when the counter session ends; gives what was waiting."""
        dropped, self._waiting, self._loaded = self._waiting, [], []
        return dropped

    def _due_us(self, slot: Slot[T]) -> int:
        """When to hand `slot` over: early, unless the chip has another frame until then.

        One that left later than planned may keep the chip beyond our load time; so this waits for
        it as long as our own start can still be met.
        """
        early_us = self.load_at_us(slot) - (0 if slot.immediate else EARLY_US)
        free_us = max((other.end_us + MARGIN_US for other in self._loaded), default=early_us)
        return min(max(early_us, free_us), slot.start_us - IMMEDIATE_US)

    def _in_the_chip(self, slot: Slot[T]) -> list[Slot[T]]:
        """What the radio was handed and has not finished when `slot` has to be programmed."""
        load_us = self.load_at_us(slot)
        return [other for other in self._loaded if load_us <= other.end_us + MARGIN_US]

    def _occupants(self) -> list[Slot[T]]:
        return self._loaded + self._waiting

    def _forget_ended(self, now_us: int) -> None:
        self._loaded = [slot for slot in self._loaded if slot.end_us + MARGIN_US > now_us]

    def _insert(self, slot: Slot[T]) -> None:
        self._waiting.append(slot)
        self._waiting.sort(key=self.load_at_us)

    def _begins_us(self, slot: Slot[T], against: Slot[T]) -> int:
        """Where the interval that `slot` keeps free for itself begins, as seen by `against`."""
        load_us = self.load_at_us(slot)
        if slot.priority is not Priority.BEACON:
            return load_us
        if against.priority in (Priority.CLASS_A, Priority.CLASS_C):
            # Semtech's forwarder lets these reach into the beacon's load time, and then loses it.
            return load_us
        return load_us - BEACON_GUARD_US

    def _meet(self, a: Slot[T], b: Slot[T]) -> bool:
        apart = (
            a.end_us + MARGIN_US < self._begins_us(b, a)
            or b.end_us + MARGIN_US < self._begins_us(a, b)
        )  # fmt: skip
        return not apart

    def _first_gap(self, slot: Slot[T], now_us: int) -> Slot[T]:
        """Now if nothing is in the way, else right behind one of those that are."""
        now = replace(slot, start_us=now_us + IMMEDIATE_US, flexible=True, immediate=True)
        if self._is_free(now):
            return now
        candidates = (
            replace(slot, start_us=start_us, flexible=True, immediate=False)
            for start_us in self._after_each(now_us)
        )
        # The place behind the last one is always free, so there is a first one.
        return next(candidate for candidate in candidates if self._is_free(candidate))

    def _after_each(self, now_us: int) -> list[int]:
        behind_us = self._load_us + START_US + 2 * MARGIN_US
        starts = [other.end_us + behind_us for other in self._occupants()]
        # A beacon keeps its guard free of class B only; what is soonest comes first.
        return sorted(max(start, now_us + self.lead_us + MARGIN_US) for start in starts)

    def _is_free(self, slot: Slot[T]) -> bool:
        if self._in_the_chip(slot):
            return False
        return not any(self._meet(slot, other) for other in self._waiting)

    def _move(self, displaced: list[Slot[T]], now_us: int) -> None:
        for slot in displaced:
            self._waiting.remove(slot)
        for slot in displaced:
            self._insert(self._first_gap(slot, now_us))


def _collision(others: list[Slot[T]]) -> Refusal:
    if any(other.priority is Priority.BEACON for other in others):
        return Refusal.COLLISION_BEACON
    return Refusal.COLLISION_PACKET
