"""Keeps a part of the gateway running: a failure costs a pause, never the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any

from .backoff import backoff
from .errors import Fatal

log = logging.getLogger(__name__)

CANCEL_AGAIN_S = 5.0
STEADY_S = 300.0  # a part that ran this long starts with short pauses again


async def keep_running(
    name: str,
    part: Callable[[], Awaitable[None]],
    *,
    delays: Callable[[], Iterator[float]] = backoff,
) -> None:
    """Run `part` for ever. A failure costs a pause; Fatal and cancellation pass through."""
    loop = asyncio.get_running_loop()
    pauses = delays()
    while True:
        started_s = loop.time()
        try:
            await part()
            log.warning("%s ended; starting it again", name)
        except Fatal:
            raise
        except Exception:
            log.exception("%s failed; starting it again", name)
        if loop.time() - started_s > STEADY_S:
            pauses = delays()
        await asyncio.sleep(next(pauses))


async def end_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` and wait until all have ended; what they raise is dropped.

    Once is not always enough: in Python 3.11 `wait_for` loses a cancellation that comes together
    with what it waits for, and the task goes on as if nothing had been said.
    """
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
