"""What viewers see as it happens: the state every two seconds, and each frame when it comes.

Server-sent events (WHATWG HTML, section 9.2). A viewer has a bounded queue: one that is too slow
loses events, which are counted, and sees the next whole state all the same. While nobody looks,
nothing is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import msgspec

from ..state.frame_words import plain
from ..state.recent import Frame, Recent

STATE_S = 2.0
FRESH_S = 0.5  # a state that is not older than this is not made anew
VIEWERS = 8
QUEUE = 64
RETRY = b"retry: 2000\n\n"  # milliseconds until a browser tries again

State = dict[str, object]


class Live:
    """`state()` is status.snapshot of the gateway; `now_s` is monotonic."""

    def __init__(
        self, state: Callable[[], State], recent: Recent, now_s: Callable[[], float]
    ) -> None:
        self.missed = 0  # events that a viewer was too slow for
        self._state = state
        self._now_s = now_s
        self._made_s = float("-inf")
        self._made = b""
        self._viewers: set[asyncio.Queue[bytes]] = set()
        recent.on_frame = self._frame

    @property
    def is_full(self) -> bool:
        return len(self._viewers) >= VIEWERS

    async def run(self) -> None:
        """Tell all viewers the state, until cancelled."""
        while True:
            await asyncio.sleep(STATE_S)
            if self._viewers:
                state = self._state()
                state.pop("frames", None)  # a viewer has them, or is told of the new ones
                self._tell(event("state", msgspec.json.encode(state)))

    def state_json(self) -> bytes:
        """The whole state; many who ask at once get the same."""
        now_s = self._now_s()
        if now_s - self._made_s > FRESH_S:
            self._made, self._made_s = msgspec.json.encode(self._state()), now_s
        return self._made

    async def follow(self) -> AsyncGenerator[bytes, None]:
        """What one viewer is sent: all there is, then what comes."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        self._viewers.add(queue)
        try:
            yield RETRY + event("state", self.state_json())
            while True:
                yield await queue.get()
        finally:
            self._viewers.discard(queue)

    def _frame(self, frame: Frame) -> None:
        self._made_s = float("-inf")  # who comes next is not told of this one any more
        if self._viewers:
            self._tell(event("frame", msgspec.json.encode(plain(frame))))

    def _tell(self, text: bytes) -> None:
        for queue in self._viewers:
            if queue.full():
                self.missed += 1
            else:
                queue.put_nowait(text)


def event(name: str, data: bytes) -> bytes:
    """One event; JSON has no line ends in it."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
