"""FCntDown, reserved ahead on disk: no number is used twice, whatever the power does. Pure.

A number may be used only below a limit that is known to be on disk, and after a restart counting
goes on at that limit: what was reserved and not used is lost, which costs nothing. Two downlinks
under one counter would give away the XOR of both (edge-keys.md 1.5).
"""

from __future__ import annotations

from ...lorawan.counter import LAST

BLOCK = 32
END = LAST + 1


class DownCounter:
    __slots__ = ("_asked", "_limit", "_next")

    def __init__(self, stored_limit: int = 0) -> None:
        self._next = self._limit = self._asked = stored_limit

    @property
    def left(self) -> int:
        return self._limit - self._next

    @property
    def exhausted(self) -> bool:
        return self._next >= END

    def take(self) -> int | None:
        """The next counter; None while no more are reserved on disk, and for ever at the end."""
        if self._next >= self._limit:
            return None
        self._next += 1
        return self._next - 1

    def short(self) -> bool:
        """Whether more should be reserved now."""
        return self.left < BLOCK // 2 and self._limit < END

    def to_store(self) -> int:
        """The limit that a row written now carries; `stored` must be told when it is on disk."""
        self._asked = (
            max(self._asked, min(self._next + BLOCK, END)) if self.short() else self._limit
        )
        return self._asked

    def stored(self, limit: int) -> None:
        """A commit with `limit` is on disk for certain."""
        self._limit = max(self._limit, limit)
