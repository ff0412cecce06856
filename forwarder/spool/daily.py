"""What was written in the last 24 hours. Pure."""

from __future__ import annotations

from collections import deque

HOUR_S = 3600.0
HOURS = 24


class Daily:
    """Bytes by the hour in which they were noticed; times are seconds on a monotonic clock."""

    def __init__(self) -> None:
        self._hours: deque[tuple[int, int]] = deque(maxlen=HOURS + 1)
        self.total = 0

    def update(self, total: int, now: float) -> None:
        """`total` is all that was written since the start."""
        more, self.total = total - self.total, total
        if more <= 0:
            return
        hour = int(now // HOUR_S)
        if self._hours and self._hours[-1][0] == hour:
            hour, before = self._hours.pop()
            more += before
        self._hours.append((hour, more))

    def last_day(self, now: float) -> int:
        first = int(now // HOUR_S) - HOURS
        return sum(count for hour, count in self._hours if hour > first)
