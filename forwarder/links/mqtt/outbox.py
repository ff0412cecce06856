"""What was published and is not taken yet, and how much more may be. Pure.

Uplinks have a window; answers and reports may go a little beyond it, so that a slow broker never
costs a downlink its answer because of uplinks. What each was for is given back when it is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

WINDOW = 256  # unacknowledged uplinks
BESIDE = 64  # other messages beyond that
LEFT_OF_QUOTA = 4  # of what a broker allows (MQTT 5, Receive Maximum): kept for answers


@dataclass(frozen=True, slots=True)
class Sent(Generic[T]):
    """One message on its way; `of` says what is to be done when it is taken."""

    of: T
    topic: str
    at: float
    qos: int


class InFlight(Generic[T]):
    def __init__(self) -> None:
        self._sent: dict[int, Sent[T]] = {}
        self._window = WINDOW
        self._most = WINDOW + BESIDE

    def __len__(self) -> int:
        return len(self._sent)

    def new_connection(self, quota: int | None) -> None:
        """Nothing is in flight; `quota` is what the broker allows, if it says."""
        self._sent.clear()
        self._window, self._most = WINDOW, WINDOW + BESIDE
        if quota is not None:
            self._window = max(1, min(WINDOW, quota - LEFT_OF_QUOTA))
            self._most = max(self._window, min(self._most, quota))

    def has_room(self, *, uplink: bool) -> bool:
        return len(self._sent) < (self._window if uplink else self._most)

    def put(self, number: int, sent: Sent[T]) -> None:
        self._sent[number] = sent

    def take(self, number: int) -> Sent[T] | None:
        """The message that was taken; None for one of which nothing is known."""
        return self._sent.pop(number, None)
