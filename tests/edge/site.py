"""A whole gateway with local mode: air, chip, driver, app, UDP server, key files, JSON lines."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forwarder.app import Gateway
from forwarder.config import load
from forwarder.edge.observer import EdgeObserver
from forwarder.lorawan.keys import wrap
from hal.concentrator import Concentrator
from hal.sim.air import Transmission
from hal.sim.air.air import Air
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport
from hal.sx1302.firmware import Firmware
from tests.forwarder.fake_server import FakeServer, serving
from tests.worlds import PATIENCE_S, SkippingClock

from .devices import Node

EUI = "0016c001f1500812"


@dataclass(repr=False)
class Files:
    """What the owner of a gateway writes: KEKs, sessions, configuration. No repr: a key inside."""

    folder: Path
    kek: bytes

    @classmethod
    def write(
        cls, folder: Path, nodes: Sequence[Node], *, edge: str = "", wrong_keys: bool = False
    ) -> Files:
        files = cls(folder, secrets.token_bytes(16))
        files.secret("keks", f"site = {files.kek.hex()}\n")
        sealed = secrets.token_bytes(16) if wrong_keys else files.kek
        rows = [
            f'[[session]]\ndev_eui = "{node.dev_eui}"\ndev_addr = "{node.dev_addr:08x}"\n'
            f'app_s_key = {{ kek_label = "site", aes_key = "{wrap(sealed, node.app).hex()}" }}\n'
            f'nwk_s_key = {{ kek_label = "site", aes_key = "{wrap(sealed, node.nwk).hex()}" }}\n'
            for node in nodes
        ]
        files.secret("sessions.toml", "".join(rows))
        devices = [{"dev_eui": n.dev_eui, "name": f"node {n.number}"} for n in nodes]
        (folder / "devices.json").write_text(json.dumps(devices))
        files.edge = edge
        return files

    edge: str = ""

    def secret(self, name: str, text: str) -> None:
        (self.folder / name).touch(mode=0o600)
        (self.folder / name).write_text(text)

    def config(self, port: int, *, local: bool = True) -> Path:
        text = (
            'board = "sim"\nregion = "EU868"\n'
            f'[gateway]\neui = "{EUI}"\n'
            f'[[server]]\naddress = "127.0.0.1"\nport = {port}\nkeepalive_s = 1\n'
        )
        if local:
            text += (
                '[edge]\nmode = "observe"\ndevices_file = "devices.json"\n'
                f'database = "edge.sqlite3"\n{self.edge}'
                f'[edge.keks]\nfile = "{self.folder}/keks"\n'
                f'[[edge.source]]\ntype = "static"\nfile = "{self.folder}/sessions.toml"\n'
                f'[[edge.sink]]\ntype = "jsonl"\npath = "{self.records}"\n'
            )
        path = self.folder / "gateway.toml"
        path.write_text(text)
        return path

    @property
    def records(self) -> Path:
        return self.folder / "records.jsonl"


class Site:
    def __init__(self, gateway: Gateway, server: FakeServer, files: Files, air: Air) -> None:
        self.gateway, self.server, self.files, self.air = gateway, server, files, air
        self._due: deque[Callable[[int], object]] = deque()

    def do_due(self, now_ns: int) -> None:
        while self._due:
            self._due.popleft()(now_ns)

    def act(self, act: Callable[[int], object]) -> None:
        """Do something to the air, in the thread that drives it; it is given the time, ns."""
        self._due.append(act)

    def on_air(self, frame: bytes) -> None:
        """Send a frame as any device would."""

        def send(now_ns: int) -> None:
            at = now_ns + 1_000_000
            place = (100.0, 0.0, 1.0)
            self.air.transmit(Transmission("node", frame, at, 868_100_000, 7, at=place))

        self._due.append(send)

    async def up(self) -> list[dict[str, Any]]:
        """The frames of the next datagram that the server gets with any."""
        while True:
            body = await self.server.push()
            if "rxpk" in body:
                return list(body["rxpk"])

    async def heard(self, frame: bytes) -> dict[str, Any]:
        """Send a frame and wait until the server has it."""
        self.on_air(frame)
        (rxpk,) = await self.up()
        return dict(rxpk)

    @property
    def edge(self) -> EdgeObserver:
        (observer,) = self.gateway.uplinks.observers
        assert isinstance(observer, EdgeObserver)
        return observer

    async def records(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many records are in the file."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                path = self.files.records
                lines = path.read_text().splitlines() if path.exists() else []
                if len(lines) >= count:
                    return [json.loads(line) for line in lines]
                await asyncio.to_thread(lambda: None)  # what writes is in a thread


@asynccontextmanager
async def a_site(
    files: Files, *, local: bool = True, state: Path | None = None, more: str = ""
) -> AsyncIterator[Site]:
    """One that runs. With local mode its static sessions have been read.

    `state` is for what outlasts an outage, `more` the end of its configuration.
    """
    clock = SkippingClock()
    board = SimBoard(clock, eui=EUI)
    air = Air(1)
    air.attach(board, name="gateway", at=(0.0, 0.0, 10.0))
    async with serving() as server:
        path = files.config(server.port, local=local)
        path.write_text(path.read_text() + more)
        config = load(path)

        def open_radio(line_start_us: int | None, hold_s: float) -> Concentrator:
            return Concentrator(
                SimTransport(board, clock=clock),
                config.concentrator,
                clock=clock,
                firmware=Firmware.simulated(),
                line_start_us=line_start_us,
            )

        gateway = Gateway(config, open_radio, clock=clock, state=state)
        site = Site(gateway, server, files, air)
        board.advance_hooks.insert(0, site.do_due)
        running = asyncio.create_task(gateway.run())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await gateway.ready.wait()
                await server.pull()
                while local and not site.edge.mode.counters["news"]:
                    await asyncio.to_thread(lambda: None)
            yield site
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
