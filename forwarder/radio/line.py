"""Where the concentrator's line stands between two readings of its counter. Pure.

A reading is a pair: the counter, and the host's clock when the answer was there. On a busy host the
answer waits, and such a pair says that the counter is behind. So a reading may set the line back
only as far as a crystal can have run differently; forward it may go at once.
"""

from __future__ import annotations

JUMP_US = 1_000_000  # more than this between counter and host clock is a jump, not a busy host
DRIFT_PPM = 100  # no crystal of board or host is further off


class Line:
    """`note` readings, ask `at` any later instant of the host's monotonic clock (nanoseconds)."""

    def __init__(self, now_us: int, at_ns: int) -> None:
        self._pair = (now_us, at_ns)  # replaced whole: it is read in another thread

    def at(self, when_ns: int) -> int:
        """The line's microseconds at `when_ns`."""
        now_us, at_ns = self._pair
        return now_us + (when_ns - at_ns) // 1000

    def note(self, now_us: int, at_ns: int) -> int:
        """Take a reading; gives by how much the counter jumped, 0 if it did not."""
        expected_us = self.at(at_ns)
        by_us = now_us - expected_us
        if abs(by_us) > JUMP_US:
            self._pair = (now_us, at_ns)
            return by_us
        drift_us = (at_ns - self._pair[1]) * DRIFT_PPM // 1_000_000_000 + 1
        self._pair = (max(now_us, expected_us - drift_us), at_ns)
        return 0
