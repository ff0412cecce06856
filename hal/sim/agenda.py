"""What the chip does later: due instants in order, run when somebody looks.

Nothing here waits. The board moves the agenda to "now" before it answers an access, so that a
simulated day costs what happens in it.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

Action = Callable[[], None]
NEVER_NS = 1 << 62


class Agenda:
    def __init__(self) -> None:
        self.now_ns = 0
        self.next_ns = NEVER_NS
        self._due: list[tuple[int, int, Action]] = []
        self._order = count()

    def at(self, when_ns: int, action: Action) -> None:
        """Run `action` when the clock gets to `when_ns`; there is no cancelling."""
        heappush(self._due, (when_ns, next(self._order), action))
        self.next_ns = self._due[0][0]

    def advance(self, now_ns: int) -> None:
        """Run what is due, each at its own instant, in order."""
        while self._due and self._due[0][0] <= now_ns:
            when_ns, _, action = heappop(self._due)
            self.now_ns = max(self.now_ns, when_ns)
            action()
        self.next_ns = self._due[0][0] if self._due else NEVER_NS
        self.now_ns = max(self.now_ns, now_ns)

    def clear(self) -> None:
        self._due.clear()
        self.next_ns = NEVER_NS
