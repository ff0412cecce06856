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
    reads_as: int | None = None  # every byte that is read: 0 no chip answers, 255 the bus floats
    flips_over: int | None = None  # a bit of every longer read is wrong, as on a bus too fast
    reset_ignored: bool = False  # the reset line is not wired to the chip
    dead_radios: set[int] = field(default_factory=set)  # 0 and 1 without power; 2 is the SX1261
    counter_stands: bool = False

    def next_status(self) -> int:
        """The SPI status of the request at hand."""
        return self.fail_next.popleft() if self.fail_next else 0

    @property
    def on_reads(self) -> bool:
        return self.reads_as is not None or self.flips_over is not None

    def damaged(self, data: bytes) -> bytes:
        """What a host sees of `data` when reading is what is broken."""
        if self.reads_as is not None:
            return bytes((self.reads_as,)) * len(data)
        if self.flips_over is not None and len(data) > self.flips_over:
            return bytes((data[0] ^ 1,)) + data[1:]
        return data
