"""A part that fails costs a pause, never the process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest

from forwarder import supervisor
from forwarder.backoff import backoff
from forwarder.errors import Fatal
from forwarder.supervisor import keep_running


def no_pause() -> Iterator[float]:
    while True:
        yield 0.0


def test_a_part_that_fails_or_ends_is_started_again() -> None:
    starts: list[int] = []

    async def part() -> None:
        starts.append(len(starts))
        if len(starts) == 1:
            raise ValueError("a bug")
        if len(starts) == 4:
            raise Fatal("enough")

    with pytest.raises(Fatal):
        asyncio.run(keep_running("part", part, delays=no_pause))
    assert starts == [0, 1, 2, 3]


def test_cancelling_ends_it() -> None:
    async def endless() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(keep_running("part", endless, delays=no_pause))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_pauses_double_up_to_a_ceiling_and_differ_between_gateways() -> None:
    pauses = backoff(1.0, 60.0)
    taken = [next(pauses) for _ in range(50)]
    for number, pause_s in enumerate(taken):
        most_s = min(2.0**number, 60.0)
        assert most_s / 2 <= pause_s <= most_s
    assert len(set(taken[10:])) > 10


def test_a_part_that_missed_its_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "CANCEL_AGAIN_S", 0.0)

    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def story() -> None:
        task = asyncio.create_task(deaf())
        await asyncio.to_thread(lambda: None)
        async with asyncio.timeout(10):
            await supervisor.end_all([task])
        assert task.cancelled()

    asyncio.run(story())
