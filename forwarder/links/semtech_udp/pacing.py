"""How fast datagrams may follow each other to one server. Pure.

A sliding window: never more than `most` sends in any 10 ms. Servers that count datagrams per
time (The Things Stack) drop what exceeds theirs without a word (semtech-udp.md 4.4).
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 0.010


class Pacer:
    def __init__(self, most: int) -> None:
        self._sent: deque[float] = deque(maxlen=most)

    def ready_at(self) -> float:
        """The earliest time for the next send; anything in the past means at once."""
        full = len(self._sent) == self._sent.maxlen
        return self._sent[0] + WINDOW_S if full else float("-inf")

    def sent(self, now: float) -> None:
        self._sent.append(now)
