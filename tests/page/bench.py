"""A gateway with a page, and a client that says exactly what a test wants said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from forwarder.page.server import PageServer
from forwarder.page.settings import PageSettings
from hal.sim.rx_encode import Record
from tests.worlds import PATIENCE_S, World, a_gateway

DATA_UP = bytes.fromhex("40efbeadde8005000aaabbccdd01020304")  # DevAddr deadbeef, FCnt 5
HERE = PageSettings("127.0.0.1", 0)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@asynccontextmanager
async def a_page(settings: PageSettings = HERE) -> AsyncIterator[tuple[World, PageServer]]:
    async with a_gateway(page=settings) as world:
        page = world.gateway.page
        assert page is not None
        async with asyncio.timeout(PATIENCE_S):
            await page.listening.wait()
        yield world, page


def hear(world: World, payload: bytes = DATA_UP) -> None:
    """Let the board receive a frame."""
    world.on_board(lambda: world.board.inject(Record(payload)))


async def ask(
    port: int, path: str = "/", *, method: str = "GET", body: bytes = b"", **headers: str
) -> Reply:
    """One request as a browser on this machine would send it. `_` in header names is a dash."""
    lines = [f"{method} {path} HTTP/1.1"]
    given = {"host": f"127.0.0.1:{port}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if body:
        given |= {
            "content-length": str(len(body)),
            "content-type": "application/x-www-form-urlencoded",
        }
    lines += [f"{name}: {value}" for name, value in given.items()]
    return await say(port, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)


async def say(port: int, data: bytes) -> Reply:
    """Send these bytes and read all that comes back; status 0 where nothing does."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        try:
            text = await reader.read(-1)
        except ConnectionError:
            text = b""
        writer.close()
    head, _, rest = text.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Reply(int(first.split(" ")[1]) if first else 0, headers, rest)


async def stream(port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An answer that goes on, behind its head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 17)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0]
    return reader, writer


async def next_event(reader: asyncio.StreamReader, name: str) -> Any:
    """The next event called `name`; others are passed over."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            text = (await reader.readuntil(b"\n\n")).decode()
            fields = dict(line.split(": ", 1) for line in text.strip().split("\n"))
            if fields.get("event") == name:
                return json.loads(fields["data"])
