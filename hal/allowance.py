"""How often something may be done: a burst, and then a steady rate. Pure."""

from __future__ import annotations


class Allowance:
    """A bucket of `burst` tokens that fills again by `per_s`. Time is an argument, nanoseconds."""

    def __init__(self, *, burst: int, per_s: float) -> None:
        self._burst = burst
        self._per_ns = per_s / 1e9
        self._tokens = float(burst)
        self._at_ns: int | None = None

    def take(self, now_ns: int) -> bool:
        """Whether it may be done now; counts it if so."""
        passed_ns = 0 if self._at_ns is None else max(0, now_ns - self._at_ns)
        self._at_ns = now_ns
        self._tokens = min(self._burst, self._tokens + passed_ns * self._per_ns)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
