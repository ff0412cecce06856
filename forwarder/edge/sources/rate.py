"""How often a caller may call: a bucket of tokens each, for a bounded number of callers. Pure."""

from __future__ import annotations

MAX_CALLERS = 256


class RateLimit:
    """`per_minute` calls in the long run, and as many at once; by caller."""

    def __init__(self, per_minute: int) -> None:
        self._most = float(per_minute)
        self._left: dict[str, tuple[float, float]] = {}  # caller: tokens, at what second

    def take(self, caller: str, now_s: float) -> bool:
        """Whether `caller` may go on. Who was refused pays nothing."""
        tokens, at_s = self._left.pop(caller, (self._most, now_s))
        tokens = min(self._most, tokens + (now_s - at_s) * self._most / 60)
        allowed = tokens >= 1
        self._left[caller] = (tokens - 1 if allowed else tokens, now_s)
        if len(self._left) > MAX_CALLERS:
            del self._left[next(iter(self._left))]  # who was here longest ago
        return allowed
