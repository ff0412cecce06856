"""Keeps a part of the gateway running: a failure costs a pause, never the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from random import uniform

from .errors import Fatal

log = logging.getLogger(__name__)

STEADY_S = 300.0  # a part that ran this long starts with short pauses again


def backoff(first_s: float = 1.0, most_s: float = 60.0) -> Iterator[float]:
    """Seconds between tries, doubling, with jitter so that a fleet does not knock in step."""
    delay_s = first_s
    while True:
        yield uniform(delay_s / 2, delay_s)
        delay_s = min(2 * delay_s, most_s)


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
