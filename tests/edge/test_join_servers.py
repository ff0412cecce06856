"""Several sources of type join_server: the longest prefix of a JoinEUI says which is asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from forwarder.edge.sources.join_server import JoinAnswer, JoinFailed, JoinRequestFacts
from forwarder.edge.sources.join_server_settings import PrefixTable, ServerSettings
from forwarder.edge.sources.join_servers import JoinServers
from forwarder.edge.sources.ts002 import Reaction


@dataclass
class Client:
    """Remembers what it was asked."""

    prefixes: tuple[str, ...]
    asked: list[str] = field(default_factory=list)

    def bits(self, join_eui: str) -> int | None:
        one = ServerSettings(url="https://js.example", join_eui=self.prefixes)
        return PrefixTable((one,)).bits(join_eui)

    def ask(self, dev_eui: str, join_eui: str, session_id: bytes) -> None:
        self.asked.append(join_eui)

    async def join(self, facts: JoinRequestFacts, within_s: float = 4.0) -> JoinAnswer:
        self.asked.append(facts.join_eui)
        raise JoinFailed("asked", Reaction.DROP)


@pytest.mark.parametrize(
    ("join_eui", "index"),
    [
        ("70b3d57ed0000001", 1),
        ("70b3d50000000000", 2),
        ("0000000000000001", 0),
        ("", 0),
    ],
)
def test_the_longest_prefix_is_asked_wherever_it_stands(join_eui: str, index: int) -> None:
    clients = [Client(("*",)), Client(("70b3d57ed0/40",)), Client(("70b3d5", "ff"))]
    servers = JoinServers(clients)
    servers.ask("02aa000000000001", join_eui, b"id")
    with pytest.raises(JoinFailed):
        asyncio.run(servers.join(JoinRequestFacts(b"", "02aa000000000001", join_eui, 0, "1.0.3")))
    assert [len(client.asked) for client in clients] == [2 * (at == index) for at in range(3)]


def test_where_none_fits_the_first_says_so() -> None:
    clients = [Client(("70b3d5",)), Client(("ff",))]
    JoinServers(clients).ask("02aa000000000001", "0000000000000001", b"id")
    assert clients[0].asked and not clients[1].asked
