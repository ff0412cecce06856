"""Keeps a part of the gateway running: a failure costs a pause, never the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

from .backoff import backoff
from .errors import Fatal

log = logging.getLogger(__name__)

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
