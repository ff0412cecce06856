"""A client of a Join Server on loopback, for tests: made, told stories, asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from forwarder.edge.sources.join_server import ServerSettings
from forwarder.edge.values import KeyNews
from forwarder.lorawan import crypto, keys
from forwarder.lorawan.frame import JoinAccept

from .join_server_bench import (
    APP_KEY,
    DEV_EUI,
    JOIN_EUI,
    Asked,
    a_join,
)

EUI, JOIN = f"{DEV_EUI:016x}", f"{JOIN_EUI:016x}"
Story = Callable[[Asked], Any]


def tell(story: Story, *servers: ServerSettings, **changes: Any) -> Any:
    """Run `story` with a client of these servers."""

    async def told() -> Any:
        async with Asked(*servers, **changes) as asked:
            return await story(asked)

    return asyncio.run(told())


async def joined_and_asked(asked: Asked) -> tuple[KeyNews, KeyNews]:
    joined = await asked.client.join(a_join())
    asked.client.ask(EUI, JOIN, joined.news.session_id)
    return joined.news, await asked.news()


def device_keys(phy_payload: bytes, nonce: int = 1) -> tuple[JoinAccept, keys.SessionKeys]:
    """What a 1.0 device makes of a join-accept."""
    clear, mic = crypto.open_join_accept(APP_KEY, phy_payload[1:])
    assert mic == crypto.join_accept_mic(APP_KEY, phy_payload[0], clear)
    accept = JoinAccept.parse(clear)
    return accept, keys.session_1_0(APP_KEY, accept.join_nonce, accept.net_id, nonce)
