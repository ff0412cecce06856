"""Time as a thing that is passed in: the real clock, and one that a test or a replay moves."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock and the only way to wait."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds (CLOCK_MONOTONIC for the real one)."""
        ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class ManualClock:
    """Stands still until somebody sleeps or advances it; a replay of a day takes seconds."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def sleep(self, seconds: float) -> None:
        self._now_ns += round(seconds * 1e9)

    def advance_to_ns(self, when_ns: int) -> None:
        """Move forward to `when_ns`; never backwards."""
        self._now_ns = max(self._now_ns, when_ns)
