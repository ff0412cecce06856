"""A radio that does not start: with a server that takes reports it is told there, else it is the end.

The whole gateway with a real broker; the board is one that cannot be opened.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiomqtt
import pytest

from forwarder.app import Gateway
from forwarder.config import GatewayConfig, loads
from forwarder.errors import Fatal
from hal.concentrator import Concentrator
from hal.errors import TransportError
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport
from tests.edge.brokers import a_broker, free_port
from tests.worlds import SkippingClock

EUI = "0016c001f1500812"
STATS = f"eu868/gateway/{EUI}/event/stats"


def config(port: int, exit_after: int = 3) -> GatewayConfig:
    return loads(
        f'board = "sim"\nregion = "EU868"\n[gateway]\neui = "{EUI}"\n'
        f'[health]\nexit_after = {exit_after}\n[[server]]\ntype = "mqtt"\n'
        f'address = "mqtt://127.0.0.1:{port}"\njson = true\nstat_interval_s = 0.1\n',
        "gateway.toml",
    )


def no_board(line_start_us: int | None, hold_s: float) -> Concentrator:
    raise TransportError("the board is not there")


async def told(client: aiomqtt.Client, words: str) -> None:
    """Wait until a report says `words` of the radio."""
    async for message in client.messages:
        assert isinstance(message.payload, bytes)
        if words in json.loads(message.payload).get("metadata", {}).get("radio", ""):
            return


def test_a_server_hears_of_a_radio_that_does_not_start_and_then_of_one_that_does(
    tmp_path: Path,
) -> None:
    board = SimBoard(SkippingClock())
    there = False

    async def scenario() -> None:
        async with (
            asyncio.timeout(20),
            a_broker(tmp_path, free_port()) as port,
            aiomqtt.Client("127.0.0.1", port) as client,
        ):
            await client.subscribe(STATS)
            settings = config(port, exit_after=0)

            def open_radio(line_start_us: int | None, hold_s: float) -> Concentrator:
                if not there:
                    return no_board(line_start_us, hold_s)
                transport = SimTransport(board, clock=board.clock)
                return Concentrator(transport, settings.concentrator, clock=board.clock)

            running = asyncio.create_task(Gateway(settings, open_radio).run())
            await told(client, "starting: the board is not there")
            nonlocal there
            there = True
            await told(client, "up")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())


def test_a_board_that_answers_and_never_starts_is_given_up_after_some_tries(
    tmp_path: Path,
) -> None:
    board = SimBoard(SkippingClock())
    board.faults.mute = True
    settings = config(free_port(), exit_after=2)

    def open_radio(line_start_us: int | None, hold_s: float) -> Concentrator:
        transport = SimTransport(board, clock=board.clock)
        return Concentrator(transport, settings.concentrator, clock=board.clock)

    async def scenario() -> None:
        async with asyncio.timeout(20):
            await Gateway(settings, open_radio).run()

    with pytest.raises(Fatal, match="the radio failed 2 times in a row"):
        asyncio.run(scenario())
