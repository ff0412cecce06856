"""Frames that wait for the AppSKey that was asked for: told again when it comes. Pure.

Bounded by number and, so that nobody acts on an old reading as if it were new, by time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from msgspec.structs import replace

from ...lorawan.frame import DataFrame
from ..values import PayloadState, RadioFacts, Record
from . import data

HELD_S = 60.0
MOST_PER_SESSION = 8  # a device sends few frames while a Join Server answers
MOST_SESSIONS = 256


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame and all that its record is made of."""

    match: data.Match
    frame: DataFrame
    radio: RadioFacts
    time_ns: int
    extra: dict[str, object] = field(default_factory=dict)

    def record(self, gateway: str, *, late: bool = False) -> Record:
        """What the keys of its session make of it now."""
        made = data.record(
            self.match,
            self.frame,
            self.radio,
            gateway=gateway,
            time_ns=self.time_ns,
            extra=self.extra,
        )
        return replace(made, late=late)


class Hold:
    """Waiting frames by session. `now_s` is monotonic."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, deque[tuple[float, Heard]]] = {}

    def tell(self, heard: Heard, gateway: str, now_s: float) -> Record:
        """The record of a frame that was just heard; keeps the frame if its key may still come."""
        made = heard.record(gateway)
        if made.payload_state is PayloadState.PENDING_KEY:
            ident = heard.match.session.ident
            if ident not in self._waiting and len(self._waiting) >= MOST_SESSIONS:
                del self._waiting[next(iter(self._waiting))]
            queue = self._waiting.setdefault(ident, deque(maxlen=MOST_PER_SESSION))
            queue.append((now_s, heard))
        return made

    def opened(self, ident: bytes, gateway: str, now_s: float) -> list[Record]:
        """The AppSKey of a session has come: the records of what waited for it, in order."""
        waited = self._waiting.pop(ident, deque())
        fresh = [heard for since_s, heard in waited if now_s - since_s <= HELD_S]
        return [heard.record(gateway, late=True) for heard in fresh]

    def forget(self, now_s: float) -> None:
        """Let go of what waits too long."""
        over = [i for i, queue in self._waiting.items() if now_s - queue[-1][0] > HELD_S]
        for ident in over:
            del self._waiting[ident]
