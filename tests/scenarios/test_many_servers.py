"""Two servers on one gateway: one air, one answer each, in each one's own words. Rung 2.

The app, the shipping driver and the simulated chip run; the servers are at the other side of real
sockets. The band's hour is made short, so that a few frames use it up.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forwarder.config.model import Limits, TxBand
from forwarder.links.semtech_udp.settings import UdpSettings
from hal.sim.board import SimBoard
from tests.forwarder.fake_server import FakeServer, serving
from tests.forwarder.semtech_makers import body
from tests.semtech import EUI
from tests.worlds import KEEPALIVE_S, PATIENCE_S, SkippingClock, World, a_gateway

# 0.79 s an hour, of which 0.2 s are kept for either; a frame of DOWN takes 0.165 s.
SHORT = TxBand(868_000_000, 868_600_000, 16.15, 0.00022)
LIMITS = Limits((SHORT,), enforce_duty_cycle=True)
DOWN = {"freq": 868.1, "datr": "SF9BW125", "powe": 14}


def run(scenario: Any) -> None:
    async def timed() -> None:
        async with asyncio.timeout(3 * PATIENCE_S):
            await scenario

    asyncio.run(timed())


@dataclass
class Site:
    world: World
    first: FakeServer
    second: FakeServer  # of ChirpStack's words
    token: int = 0

    async def ask(self, server: FakeServer, **changes: Any) -> str:
        """Send a PULL_RESP; gives what its one TX_ACK says, "" for yes."""
        self.token += 1
        server.downlink(body(**DOWN | changes), self.token)
        ack = await server.tx_ack()
        assert ack[1:3] == self.token.to_bytes(2, "big")
        error = json.loads(ack[12:])["txpk_ack"]["error"] if ack[12:] else ""
        return "" if error == "NONE" else str(error)

    async def send(self, server: FakeServer) -> str:
        """Ask for a frame at once, and wait until the radio has it."""
        before = self.world.gateway.counters.tx_ok
        answer = await self.ask(server, imme=True, tmst=None)
        while not answer and self.world.gateway.counters.tx_ok == before:
            await asyncio.sleep(0.005)
        return answer


@asynccontextmanager
async def a_site(
    limits: Limits | None = None, runtime: Path | None = None, board: SimBoard | None = None
) -> AsyncIterator[Site]:
    async with serving() as second:
        other = UdpSettings(
            "second",
            "127.0.0.1",
            EUI,
            second.port,
            second.port,
            keepalive_s=KEEPALIVE_S,
            profile="chirpstack",
        )
        async with a_gateway(
            board=board, beside=(other,), runtime=runtime, limits=limits or Limits()
        ) as world:
            await second.pull()
            yield Site(world, world.server, second)


def test_of_two_that_want_the_same_instant_one_has_it_and_the_other_its_second_window() -> None:
    async def scenario() -> None:
        async with a_site() as site:
            rx1, rx2 = site.world.tmst(1.0), site.world.tmst(2.0)
            assert await site.ask(site.first, tmst=rx1) == ""
            assert await site.ask(site.second, tmst=rx1) == "COLLISION_PACKET"
            assert await site.ask(site.second, tmst=rx2, freq=869.525) == ""
            links = site.world.gateway.scheduler.links
            assert [links[name].accepted for name in links] == [1, 1]

    run(scenario())


def test_who_asks_for_everything_leaves_the_other_its_share_and_hears_it_in_its_own_words() -> None:
    async def scenario() -> None:
        async with a_site(LIMITS) as site:
            answers = [await site.send(site.second) for _ in range(4)]
            assert answers == ["", "", "", "DUTY_CYCLE_OVERFLOW"]
            assert await site.ask(site.first, tmst=site.world.tmst(1.0)) == ""
            assert await site.ask(site.first, tmst=site.world.tmst(3.0)) == "UNKNOWN"

    run(scenario())


def test_a_restart_of_the_program_does_not_forget_what_was_sent(tmp_path: Path) -> None:
    async def scenario() -> None:
        board = SimBoard(SkippingClock())
        async with a_site(LIMITS, tmp_path, board) as site:
            assert [await site.send(site.second) for _ in range(4)][-1]
        async with a_site(LIMITS, tmp_path, board) as site:
            assert await site.send(site.second) == "DUTY_CYCLE_OVERFLOW"
        async with a_site(LIMITS, None, board) as site:
            assert await site.send(site.second) == ""

    run(scenario())


def test_a_restart_of_the_radio_does_not_forget_either() -> None:
    async def scenario() -> None:
        async with a_site(LIMITS) as site:
            assert [await site.send(site.second) for _ in range(4)][-1]
            for session in (2, 3):
                site.world.on_board(site.world.board.reset)
                await site.world.gateway.until(f"up {session}")
                assert await site.send(site.second) == "DUTY_CYCLE_OVERFLOW"

    run(scenario())
