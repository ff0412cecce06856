"""A link on loopback for tests: made, run, waited for. Real sockets, real loop, no sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from forwarder.links.base import Courier, Link, Schedule
from forwarder.links.meter import Meter
from forwarder.links.semtech_udp.link import SemtechUdpLink, State
from forwarder.links.semtech_udp.resolve import Resolve, resolve

from .fake_server import PATIENCE_S
from .semtech_makers import Facts, answering, settings


def at_once() -> Iterator[float]:
    while True:
        yield 0.0


def in_the_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run an async test; the fixture-free way that needs no plugin."""

    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


def a_link(
    port: int,
    *,
    facts: Facts | None = None,
    schedule: Schedule | None = None,
    resolver: Resolve = resolve,
    meter: Meter | None = None,
    courier: Courier | None = None,
    now_us: Callable[[], int | None] = lambda: None,
    **changes: Any,
) -> SemtechUdpLink:
    config = settings(**{"port_up": port, "port_down": port, "keepalive_s": 0.05} | changes)
    return SemtechUdpLink(
        config,
        facts or Facts(),
        schedule or answering(),
        meter=meter,
        courier=courier,
        now_us=now_us,
        resolver=resolver,
        pauses=at_once,
    )


@asynccontextmanager
async def running(*links: Link) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(link.run()) for link in links]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(true: Callable[[], bool]) -> None:
    """Turn the loop until something holds; the wait is for the loop, not for time."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.wait([asyncio.ensure_future(turn())])


async def turn() -> None:
    loop = asyncio.get_running_loop()
    turned = loop.create_future()
    loop.call_later(0.001, turned.set_result, None)
    await turned


async def up(link: SemtechUdpLink) -> None:
    await until(lambda: link.state is State.UP)


def acked(count: int) -> dict[str, int]:
    return {"sent": count, "acknowledged": count, "late": 0, "lost": 0}
