"""What can be made to go wrong between host and board, on request."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """`fail_next` are statuses for the next SPI requests: 0 ok, 1 fail, 2 parameter, 3 time-out."""

    mute: bool = False  # the bridge takes requests and never answers
    unplugged: bool = False  # the device is gone (SimTransport)
    latency_us: int = 0  # added to every message
    fail_next: deque[int] = field(default_factory=deque)

    def next_status(self) -> int:
        """The SPI status of the request at hand."""
        return self.fail_next.popleft() if self.fail_next else 0
