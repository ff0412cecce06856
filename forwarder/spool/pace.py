"""How fast frames of an outage go out. Pure."""

from __future__ import annotations

CATCH_UP_S = 0.02  # how much of a late wake-up is made good; a loop's timers are not exact


class Pace:
    """`per_s` in a second, evenly, with bursts of `CATCH_UP_S` worth."""

    def __init__(self, per_s: float) -> None:
        self._step_s = 1.0 / per_s
        self.ready_at = 0.0

    def is_ready(self, now: float) -> bool:
        return now >= self.ready_at

    def sent(self, now: float) -> None:
        self.ready_at = max(self.ready_at, now - CATCH_UP_S) + self._step_s
