"""A TCP proxy that does to a connection what networks do: delay, throttle, freeze, cut, swallow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 4096


class Proxy:
    """What is set holds for all its connections, from the next bytes on.

    `frozen`: bytes are taken and go nowhere; whoever sends sees a network that is well. `stopped`:
    nothing is taken any more, so that the sender's buffers fill. `silent`: new connections are
    accepted and lead nowhere. `bytes_per_s` and `delay_s` are of each direction.
    """

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        self.target = target
        self.target_host = host
        self.port = 0
        self.frozen = self.stopped = self.silent = False
        self.delay_s = 0.0
        self.bytes_per_s = 0.0
        self.accepted = self.carried = 0  # connections; pieces of what they said
        self._moved = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """End all connections with a reset."""
        for writer in self._writers:
            writer.transport.abort()

    def resume(self) -> None:
        """Nothing is held up any more; what was swallowed stays lost."""
        self.frozen = self.stopped = self.silent = False
        self._moved.set()
        self._moved.clear()

    async def close(self) -> None:
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one of the two sides went away
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.silent:
            while await reader.read(CHUNK):
                pass
            return
        there, back = await asyncio.open_connection(self.target_host, self.target)
        self._writers.add(back)
        ways = [
            asyncio.ensure_future(self._pump(reader, back)),
            asyncio.ensure_future(self._pump(there, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers.discard(back)
            back.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                while self.stopped:
                    await self._moved.wait()
                pause_s = self.delay_s + (len(data) / self.bytes_per_s if self.bytes_per_s else 0.0)
                if pause_s:
                    await asyncio.sleep(pause_s)
                self.carried += 1
                if not self.frozen:
                    writer.write(data)
                    await writer.drain()


@asynccontextmanager
async def a_proxy(target: int, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Proxy]:
    """A proxy to `host`:`target` on `port`, or on one that the system chose: `proxy.port`."""
    proxy = Proxy(target, host)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", port, limit=CHUNK)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()
