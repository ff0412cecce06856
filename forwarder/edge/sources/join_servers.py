"""Several sources of type join_server as one: a JoinEUI decides which of them is asked. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .join_server import JoinAnswer, JoinRequestFacts


class Client(Protocol):
    """join_server.JoinServerClient."""

    def bits(self, join_eui: str) -> int | None: ...

    def ask(self, dev_eui: str, join_eui: str, session_id: bytes) -> None: ...

    async def join(self, facts: JoinRequestFacts, within_s: float = ...) -> JoinAnswer: ...


class JoinServers:
    """The longest prefix counts, as among the servers of one source; of equal ones the first.

    Where none fits, the first source is asked all the same: it counts that and says it in words.
    """

    def __init__(self, clients: Sequence[Client]) -> None:
        self._clients = clients

    def ask(self, dev_eui: str, join_eui: str, session_id: bytes) -> None:
        self._for(join_eui).ask(dev_eui, join_eui, session_id)

    async def join(self, facts: JoinRequestFacts, within_s: float = 4.0) -> JoinAnswer:
        """Raises JoinFailed."""
        return await self._for(facts.join_eui).join(facts, within_s)

    def _for(self, join_eui: str) -> Client:
        if not join_eui:
            return self._clients[0]
        found = [one.bits(join_eui) for one in self._clients]
        fits = [-1 if bits is None else bits for bits in found]
        return self._clients[fits.index(max(fits))]
