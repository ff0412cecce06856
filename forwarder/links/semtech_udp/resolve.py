"""Names to addresses, without ever holding up the loop or the end of the process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Peer:
    """One address of a server; `up` and `down` are what `socket.connect` takes."""

    family: socket.AddressFamily
    host: str
    up: tuple[Any, ...]
    down: tuple[Any, ...]


Resolve = Callable[[str, int, int], Awaitable[list[Peer]]]


async def resolve(host: str, port_up: int, port_down: int) -> list[Peer]:
    """Every address of `host`, IPv6 and IPv4, best first. Raises OSError when there is none.

    A name server may take half a minute. The thread that waits for it is a daemon and not of the
    loop's pool, which would be waited for when the process ends.
    """
    with suppress(OSError, UnicodeError):
        return _look_up(host, port_up, port_down, socket.AI_NUMERICHOST)
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Peer]] = loop.create_future()

    def work() -> None:
        peers: list[Peer] = []
        failure: Exception | None = None
        try:
            peers = _look_up(host, port_up, port_down, 0)
        except (OSError, UnicodeError) as error:  # a label of 64 letters is a UnicodeError
            failure = error
        with suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(_settle, found, peers, failure)

    threading.Thread(target=work, name=f"resolve {host}", daemon=True).start()
    return await found


def _settle(
    found: asyncio.Future[list[Peer]], peers: list[Peer], failure: Exception | None
) -> None:
    if found.done():  # nobody waits any more
        return
    if failure is None:
        found.set_result(peers)
    else:
        found.set_exception(OSError(str(failure)))


def _look_up(host: str, port_up: int, port_down: int, flags: int) -> list[Peer]:
    # As bytes, where it can be: a str has Python load its tables of international names.
    name = host.encode() if host.isascii() else host
    rows = socket.getaddrinfo(name, port_up, type=socket.SOCK_DGRAM, flags=flags)
    return [
        Peer(family, str(address[0]), address, (address[0], port_down, *address[2:]))
        for family, _, _, _, address in rows
        if family in (socket.AF_INET, socket.AF_INET6)
    ]
