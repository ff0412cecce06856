"""A small Semtech UDP server on loopback, written from the protocol and not from our code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

PATIENCE_S = 10.0  # a test that waits longer than this has failed


class FakeServer(asyncio.DatagramProtocol):
    """Acknowledges unless told not to; what came is in queues, one a kind of datagram."""

    def __init__(self) -> None:
        self.acks = True
        self.pushes: asyncio.Queue[bytes] = asyncio.Queue()
        self.pulls: asyncio.Queue[bytes] = asyncio.Queue()
        self.tx_acks: asyncio.Queue[bytes] = asyncio.Queue()
        self.tx_ack_from: Any = None
        self.pull_from: Any = None
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def datagram_received(self, data: bytes, addr: Any) -> None:
        kind = data[3]
        if kind == 0:
            self.pushes.put_nowait(data)
            self._acknowledge(data, 1, addr)
        elif kind == 2:
            self.pull_from = addr
            self.pulls.put_nowait(data)
            self._acknowledge(data, 4, addr)
        elif kind == 5:
            self.tx_ack_from = addr
            self.tx_acks.put_nowait(data)

    def _acknowledge(self, data: bytes, kind: int, addr: Any) -> None:
        if self.acks:
            self.raw(data[:3] + bytes([kind]), addr)

    def raw(self, data: bytes, addr: Any = None) -> None:
        """Send anything to where the last PULL_DATA came from, or to `addr`."""
        assert self._transport is not None
        self._transport.sendto(data, addr or self.pull_from)

    def downlink(self, text: bytes, token: int = 0xBEEF, version: int = 2) -> None:
        self.raw(bytes([version]) + token.to_bytes(2, "big") + b"\x03" + text)

    async def push(self) -> dict[str, Any]:
        """The JSON of the next PUSH_DATA."""
        found: dict[str, Any] = json.loads((await _soon(self.pushes))[12:])
        return found

    async def pull(self) -> bytes:
        return await _soon(self.pulls)

    async def tx_ack(self) -> bytes:
        return await _soon(self.tx_acks)


async def _soon(queue: asyncio.Queue[bytes]) -> bytes:
    async with asyncio.timeout(PATIENCE_S):
        return await queue.get()


@asynccontextmanager
async def serving(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[FakeServer]:
    server = FakeServer()
    await server.open(host, port)
    try:
        yield server
    finally:
        server.close()
