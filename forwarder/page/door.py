"""Listening sockets whose connections are bounded before anything is done with them.

asyncio's own servers accept whatever comes, and a TLS handshake is begun with each: enough of them
that say nothing would use up the process's files, and the gateway needs those for its servers.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine

from ..supervisor import end_all

BACKLOG = 16
PAUSE_S = 1.0  # after a failed accept: the process has no file left

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]

log = logging.getLogger(__name__)


class Door:
    """At most `most` connections at a time are given to `serve`; what is beyond is closed."""

    def __init__(self, serve: Serve, *, most: int, head_limit: int, handshake_s: float) -> None:
        self._serve = serve
        self._most = most
        self._head_limit = head_limit
        self._handshake_s = handshake_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._sockets: list[socket.socket] = []

    async def open(self, host: str, port: int) -> int:
        """Listen on every address of `host` that there is; the port, which is chosen if it is 0.

        Raises OSError if none can be had.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        places = {(family, place) for family, _, _, _, place in found}
        failed: list[OSError] = []
        for family, place in sorted(places, key=str)[: None if port else 1]:
            try:
                self._sockets.append(_listening(family, place))
            except OSError as error:  # such as ::1 of localhost on a machine without IPv6
                failed.append(error)
        if not self._sockets:
            raise failed[0]
        return int(self._sockets[0].getsockname()[1])

    async def accept(self, context: ssl.SSLContext | None) -> None:
        """Let callers in until cancelled; the sockets are closed at its end."""
        try:
            await asyncio.gather(*(self._accept_at(one, context) for one in self._sockets))
        finally:
            for one in self._sockets:
                one.close()
            self._sockets.clear()
            await end_all(self._tasks)

    async def _accept_at(self, listening: socket.socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                caller, _ = await loop.sock_accept(listening)
            except OSError as error:
                log.warning("page: nobody could be let in: %s", error)
                await asyncio.sleep(PAUSE_S)
                continue
            if len(self._tasks) >= self._most:
                caller.close()
                continue
            task = loop.create_task(self._let_in(caller, context))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _let_in(self, caller: socket.socket, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=self._head_limit)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                caller,
                ssl=context,
                ssl_handshake_timeout=self._handshake_s if context else None,
            )
        except (OSError, ssl.SSLError):
            caller.close()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            await self._serve(reader, writer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            transport.abort()
        except Exception:
            log.exception("page: a request failed")
            transport.abort()
        except BaseException:
            transport.abort()  # the gateway ends
            raise
        finally:
            writer.close()


def _listening(family: int, place: tuple[object, ...]) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.setblocking(False)
        found.bind(place)
        found.listen(BACKLOG)
    except OSError:
        found.close()
        raise
    return found
