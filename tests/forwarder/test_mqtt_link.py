"""The MQTT link against a real mosquitto: frames, downlinks, reports, programs, the end."""

from __future__ import annotations

from pathlib import Path

from .mqtt_bench import (
    a_broker,
    free_port,
    in_time,
    kept_link,
    listening,
    running,
    until,
    up,
)
from .semtech_makers import uplink


@in_time
async def test_a_frame_reaches_the_broker_and_its_acknowledgement_the_keeper(folder: Path) -> None:
    async with a_broker(folder, free_port()) as port, listening(port) as server:
        link, keeper = kept_link(port)
        async with running(link):
            await up(link)
            keeper.put(1, uplink(b"one"))
            keeper.put(2, uplink(b"two"))
            assert [await server.next("up"), await server.next("up")] == ["one", "two"]
            await until(lambda: keeper.acked == [1, 2])
            status = link.status()
            assert (status["forwarded"], status["acknowledged"], status["in_flight"]) == (2, 2, 0)
            assert status["rtt_ms"] is not None
