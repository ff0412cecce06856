"""The demo's network server before a Join Server outside: JoinReq, and the one key it may open.

It has the KEK of network keys and no other, so that of a JoinAns it reads the NwkSKey; the AppSKey
stays the envelope that it came in, for whoever the application is.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..edge.sources.join_server import (
    JoinFailed,
    JoinRequestFacts,
    JoinServerClient,
    JoinServerSettings,
)
from ..edge.values import Envelope, KeyNews
from ..lorawan.keys import unwrap
from .network_server import JoinAsk, NetworkServer

WITHIN_S = 4.0  # of the five seconds that a device waits


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """What the Join Server said about one join. No repr: `nwk_s_key` is a key."""

    ask: JoinAsk
    session_id: bytes
    app_s_key: Envelope | None
    nwk_s_key: bytes


class JoinDesk:
    """Asks for `core`. `kek` opens network keys."""

    def __init__(self, core: NetworkServer, settings: JoinServerSettings, kek: bytes) -> None:
        self._core = core
        self._client = JoinServerClient(settings, _nobody)
        self._kek = kek

    async def run(self) -> None:
        """Until cancelled; then its connections are closed."""
        await self._client.run()

    async def ask(self, ask: JoinAsk) -> Grant | None:
        """Let the Join Server decide, and tell the core; None if the device stays outside."""
        device = ask.device
        facts = JoinRequestFacts(
            phy_payload=ask.frame,
            dev_eui=f"{device.dev_eui:016x}",
            join_eui=f"{device.join_eui:016x}",
            dev_addr=ask.dev_addr,
            mac_version=device.mac_version,
            dl_settings=ask.dl_settings,
            rx_delay=ask.rx_delay_s,
            cf_list=ask.cf_list,
        )
        try:
            answer = await self._client.join(facts, WITHIN_S)
        except JoinFailed as error:
            self._core.denied(ask, str(error))
            return None
        key = answer.news.f_nwk_s_int
        try:
            nwk_s_key = unwrap(self._kek, key.wrapped if key is not None else b"")
        except ValueError:
            self._core.denied(ask, "the NwkSKey is not wrapped under our KEK")
            return None
        self._core.granted(ask, answer.phy_payload, nwk_s_key)
        return Grant(ask, answer.news.session_id, answer.news.app_s_key, nwk_s_key)


def _nobody(news: KeyNews) -> None:
    """It asks for no AppSKey, so that none comes."""
