"""One thread for what may block: jobs in their order, answers in the event loop.

A daemon: a disk that hangs for ever does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
ACCOUNTING = Path("/proc/thread-self/io")

log = logging.getLogger(__name__)


class Worker:
    """`written` is how many bytes jobs have written to the disk; None where nobody counts them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self.written: int | None = None

    def submit(
        self,
        work: Callable[[], T],
        done: Callable[[T | Exception], None],
        *,
        in_memory: bool = False,
    ) -> None:
        """Do `work` in the thread, then call `done` with its result or error in this loop.

        `in_memory`: what it writes is on no disk.
        """
        loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

        def job() -> None:
            before = bytes_written()
            result: T | Exception
            try:
                result = work()
            except Exception as error:
                result = error
            if not in_memory:
                self._count(before)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(done, result)

        self._jobs.put(job)

    async def ask(self, work: Callable[[], T]) -> T:
        """As `submit`, for somebody who can wait. Raises what `work` raised."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: T | Exception) -> None:
            if answer.done():
                return
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        self.submit(work, done)
        return await answer

    def _run(self) -> None:
        while True:
            self._jobs.get()()

    def _count(self, before: int | None) -> None:
        after = bytes_written()
        if before is not None and after is not None:
            self.written = (self.written or 0) + after - before


def bytes_written() -> int | None:
    """What the calling thread has handed to write calls since it began; None: not accounted."""
    try:
        with ACCOUNTING.open("rb") as file:
            lines = dict(line.split(b":") for line in file.read().splitlines())
        return int(lines[b"wchar"])
    except (OSError, ValueError, KeyError):
        return None
