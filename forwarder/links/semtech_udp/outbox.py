"""PUSH_DATA texts on their way out: at once where possible, else bounded and in order.

A frame is never overtaken by a later one: The Things Stack takes the gateway's clock from the
order of arrival (semtech-udp.md 4.4).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from .pacing import Pacer
from .rxpk import push_text

BACKLOG_MOST = 1024  # texts that wait while there are no sockets; about half a megabyte
BACKLOG_PER_10MS = 50  # how fast they go out then, unless the server wants it slower
LARGEST_BATCH = 1200  # bytes; fits every path without fragments
_FRAME = len('{"rxpk":[]}') + 12  # what a datagram holds beside the frames


class Outbox:
    """`send` takes one text and says whether it left. Closed until `resume`."""

    def __init__(
        self, send: Callable[[str], bool], *, per_10ms: int | None = None, batch: bool = False
    ) -> None:
        self._send_now = send
        self._paced = per_10ms is not None
        self._pacer = Pacer(per_10ms or BACKLOG_PER_10MS)
        self._batching = batch
        self._batch: list[str] = []
        self._batch_size = _FRAME
        self._waiting: deque[str] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._open = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put_frame(self, rxpk: str) -> None:
        """Send one frame; with batching, together with what else this turn of the loop brings."""
        if not self._batching:
            self.put(push_text((rxpk,)))
            return
        if self._batch_size + len(rxpk) + 1 > LARGEST_BATCH:
            self._put_batch()
        if not self._batch:
            asyncio.get_running_loop().call_soon(self._put_batch)
        self._batch.append(rxpk)
        self._batch_size += len(rxpk) + 1

    def put(self, text: str) -> None:
        """Send one datagram's text, or keep it; the oldest is dropped when too many wait."""
        if not self._waiting and self._send(text, paced=self._paced):
            return
        if len(self._waiting) >= BACKLOG_MOST:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(text)
        self._drain_soon()

    def resume(self) -> None:
        """There are sockets again."""
        self._open = True
        self._drain_soon()

    def pause(self) -> None:
        """The sockets are gone; what comes now waits."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _put_batch(self) -> None:
        taken, self._batch, self._batch_size = self._batch, [], _FRAME
        if taken:
            self.put(push_text(taken))

    def _send(self, text: str, *, paced: bool) -> bool:
        now = time.monotonic()
        if not self._open or (paced and now < self._pacer.ready_at()):
            return False
        if not self._send_now(text):
            return False
        self._pacer.sent(now)
        return True

    def _drain_soon(self) -> None:
        if self._open and self._waiting and self._timer is None:
            delay_s = max(self._pacer.ready_at() - time.monotonic(), 0.001)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._drain)

    def _drain(self) -> None:
        self._timer = None
        while self._waiting and self._send(self._waiting[0], paced=True):
            self._waiting.popleft()
        self._drain_soon()
