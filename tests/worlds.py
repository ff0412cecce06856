"""A whole gateway in one process: the app, the shipping driver, the simulated chip, a UDP server.

Time is the machine's own, but for the driver's pauses, which are skipped: a start costs nothing.
What happens to the radio is in a queue, so that a test waits for it and for nothing else.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forwarder.app import Gateway
from forwarder.config import GatewayConfig, loads
from forwarder.links.semtech_udp.settings import UdpSettings
from forwarder.radio.radio_thread import OpenRadio, RadioUp
from hal.concentrator import Concentrator
from hal.sim.board import SimBoard
from hal.sim.pty import Pty
from hal.sim.server import SimServer
from hal.sim.transport import SimTransport
from hal.sx1302.firmware import Firmware
from hal.transport.base import Transport
from hal.transport.usb import UsbTransport
from tests.forwarder.fake_server import FakeServer, serving
from tests.forwarder.semtech_makers import udp_servers
from tests.hal.configs import EU868
from tests.semtech import semtech_json

PATIENCE_S = 10.0  # a test that waits longer than this has failed
KEEPALIVE_S = 0.05  # so that a keepalive is never far away
ANSWER_S = 0.1  # how long the driver waits for a bridge; the real one takes a millisecond


class SkippingClock:
    """The machine's clock, ahead of it by all that anybody has slept."""

    def __init__(self) -> None:
        self._skipped_ns = 0
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        return time.monotonic_ns() + self._skipped_ns

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._skipped_ns += round(seconds * 1e9)


class WatchedGateway(Gateway):
    """Tells what its radio does: "up 1", "down", "jumped"."""

    def __init__(
        self,
        config: GatewayConfig,
        open_radio: OpenRadio,
        clock: SkippingClock,
        runtime: Path | None = None,
    ) -> None:
        self.story: asyncio.Queue[str] = asyncio.Queue()
        super().__init__(config, open_radio, clock=clock, runtime=runtime)

    def radio_up(self, up: RadioUp) -> None:
        super().radio_up(up)
        self.story.put_nowait(f"up {up.session}")

    def radio_down(self, reason: str, *, first: bool) -> None:
        super().radio_down(reason, first=first)
        self.story.put_nowait("down")

    def counter_jumped(self, by_us: int) -> None:
        super().counter_jumped(by_us)
        self.story.put_nowait("jumped")

    async def until(self, event: str) -> None:
        """Wait for `event`; what comes before it is passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.story.get() != event:
                pass


@dataclass
class World:
    gateway: WatchedGateway
    server: FakeServer
    board: SimBoard
    clock: SkippingClock
    running: asyncio.Task[None]

    def __post_init__(self) -> None:
        self._due: deque[Callable[[], object]] = deque()
        self.board.advance_hooks.append(self._do_due)

    def on_board(self, act: Callable[[], object]) -> None:
        """Do `act` to the board before its next access, in the thread that accesses it."""
        self._due.append(act)

    def _do_due(self, now_ns: int) -> None:
        while self._due:
            self._due.popleft()()

    def tmst(self, ahead_s: float) -> int:
        """A `tmst` so far from now, on the counter as servers know it."""
        now_us = self.gateway.radio.now_us()
        assert now_us is not None
        return (now_us + round(ahead_s * 1e6)) & 0xFFFFFFFF


@asynccontextmanager
async def a_gateway(
    transport: Callable[[], Transport] | None = None,
    board: SimBoard | None = None,
    *,
    beside: tuple[UdpSettings, ...] = (),
    runtime: Path | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """One that runs: its radio is up, and its server knows where it is.

    `transport` opens the way to `board`; without it there is no bus between. `beside` are servers
    more than that one, `runtime` its directory for what a restart has to know, `settings` those
    of a `GatewayConfig`.
    """
    if board is None:
        board = SimBoard(SkippingClock())
    clock = board.clock
    assert isinstance(clock, SkippingClock)
    opener = transport or (lambda: SimTransport(board, clock=clock))
    async with serving() as server:
        config = replace(a_config(server.port), **settings)
        config = replace(config, servers=(*config.servers, *beside))

        def open_radio(line_start_us: int | None, hold_s: float) -> Concentrator:
            return Concentrator(
                opener(),
                config.concentrator,
                clock=clock,
                firmware=Firmware.simulated(),
                line_start_us=line_start_us,
            )

        gateway = WatchedGateway(config, open_radio, clock, runtime)
        running = asyncio.create_task(gateway.run())
        try:
            await gateway.until("up 1")
            await server.pull()
            yield World(gateway, server, board, clock, running)
            assert not running.done(), "the gateway has ended"
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def a_config(port: int) -> GatewayConfig:
    config = loads(json.dumps(semtech_json(EU868, "/dev/ttyACM0", port)), "global_conf.json")
    servers = tuple(replace(one, keepalive_s=KEEPALIVE_S) for one in udp_servers(config))
    return replace(config, servers=servers)


@contextmanager
def a_board_on_a_tty(link: Path, board: SimBoard) -> Iterator[SimServer]:
    """`board` as a USB device at `link`, served by a thread."""
    server = SimServer(board, Pty(link), None)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE_S)
        server.close()


def usb(link: Path, board: SimBoard) -> Callable[[], Transport]:
    """How a driver opens the board at `link`, with the patience of a test."""
    return lambda: UsbTransport(str(link), timeout_s=ANSWER_S, clock=board.clock)
