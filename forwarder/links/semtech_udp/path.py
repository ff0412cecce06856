"""The way to one server: its two sockets, made and made anew for as long as the link lives.

It needs no network to start and none to go on. Names are asked for again and sockets made anew
after silence and errors, with growing pauses; every ten minutes the name is looked up in case the
server has moved. Every address of the name gets its turn.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from ...backoff import backoff
from .resolve import Peer, Resolve
from .settings import UdpSettings
from .sockets import UdpSocket

REFRESH_S = 600.0
STEADY_S = 300.0  # connected that long, the next trouble begins with short pauses again

log = logging.getLogger(__name__)


class PathUser(Protocol):
    """What a path tells whoever uses it."""

    def received(self, data: bytes) -> None: ...

    def failed(self, error: OSError, *, pull: bool) -> None:
        """A socket reported an error; `pull` says which one. The path takes care of itself."""
        ...

    def no_address(self, why: str) -> None: ...

    def opened(self, peer: Peer, *, alone: bool) -> None:
        """There are sockets; `alone` says that the name has no other address."""
        ...

    def closed(self) -> None: ...


class Path:
    """`push` and `pull` are the sockets while there are any; `pull` stays None for uplinks only."""

    def __init__(
        self,
        settings: UdpSettings,
        user: PathUser,
        resolver: Resolve,
        pauses: Callable[[], Iterator[float]] = backoff,
    ) -> None:
        self._settings = settings
        self._user = user
        self._resolver = resolver
        self._new_pauses = pauses
        self._pauses = pauses()
        self._turn = 0  # which of the server's addresses is next
        self._trouble = asyncio.Event()
        self._opened_at = 0.0
        self.push: UdpSocket | None = None
        self.pull: UdpSocket | None = None
        self.peer: Peer | None = None
        self.connections = 0

    async def keep(self) -> None:
        """Have sockets until cancelled."""
        try:
            while True:
                await self._connect()
                await self._watch()
                self._close()
        finally:
            self._close()

    def answered(self) -> None:
        """The server speaks to us: whatever the trouble was, it has passed."""
        self._trouble.clear()

    def silent(self, *, never_answered: bool) -> None:
        """The server does not speak to us: time for new sockets, and perhaps its next address."""
        self._turn += never_answered
        self._trouble.set()

    async def _connect(self) -> None:
        while True:
            try:
                peers = await self._resolve()
            except OSError as error:
                self._user.no_address(f"cannot find {self._settings.address}: {error}")
            else:
                if self._open_first(peers):
                    return
                self._user.no_address(f"no route to {self._settings.address}")
            await asyncio.sleep(next(self._pauses))

    async def _watch(self) -> None:
        """Return when new sockets are due: after trouble and a pause, or when the name moved."""
        while True:
            try:
                async with asyncio.timeout(REFRESH_S):
                    await self._trouble.wait()
            except TimeoutError:
                if await self._moved():
                    return
                continue
            if time.monotonic() - self._opened_at > STEADY_S:
                self._pauses = self._new_pauses()
            await asyncio.sleep(next(self._pauses))
            if self._trouble.is_set():  # else the server has answered meanwhile
                return

    async def _resolve(self) -> list[Peer]:
        settings = self._settings
        return await self._resolver(settings.address, settings.port_up, settings.port_down)

    async def _moved(self) -> bool:
        try:
            return self.peer not in await self._resolve()
        except OSError:
            return False

    def _open_first(self, peers: list[Peer]) -> bool:
        for offset in range(len(peers)):
            peer = peers[(self._turn + offset) % len(peers)]
            try:
                self._open(peer)
            except OSError as error:
                log.debug("%s: %s: %s", self._settings.name, peer.host, error)
                self._drop_sockets()
                continue
            self._user.opened(peer, alone=len(peers) == 1)
            return True
        return False

    def _open(self, peer: Peer) -> None:
        user = self._user
        self.push = UdpSocket(
            peer.family, peer.up, user.received, lambda error: self._failed(error, pull=False)
        )
        if not self._settings.uplink_only:
            self.pull = UdpSocket(
                peer.family, peer.down, user.received, lambda error: self._failed(error, pull=True)
            )
        self.peer = peer
        self.connections += 1
        self._trouble.clear()
        self._opened_at = time.monotonic()

    def _failed(self, error: OSError, *, pull: bool) -> None:
        self._trouble.set()
        self._user.failed(error, pull=pull)

    def _close(self) -> None:
        if self.push is not None:
            self._drop_sockets()
            self._user.closed()

    def _drop_sockets(self) -> None:
        for udp in (self.push, self.pull):
            if udp is not None:
                udp.close()
        self.push = self.pull = None
