"""A Join Server on loopback with real TLS, a device that joins, and a client to ask with."""

from __future__ import annotations

import asyncio
import datetime
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from forwarder.edge.sources.join_server import (
    JoinRequestFacts,
    JoinServerClient,
    JoinServerSettings,
    ServerSettings,
)
from forwarder.edge.values import Envelope, KeyNews, Scheme
from forwarder.lorawan import crypto
from forwarder.lorawan.frame import Header, JoinRequest, MType
from forwarder.lorawan.keys import unwrap
from forwarder.sim.certificates import Authority
from forwarder.sim.https_server import HttpsServer, tls_context
from forwarder.sim.join_server import Gives, JoinServer, Kek, Peers, Roots

DEV_EUI, JOIN_EUI = 0x02AA000000000001, 0x02BB000000000001
APP_KEY, NWK_KEY = bytes(range(16)), bytes(range(16, 32))
NS_KEK, AS_KEK = Kek("ns:000013:lab", bytes(range(40, 56))), Kek("as:edge", bytes(range(60, 92)))
NEW_EUI = 0x02AA000000000011  # a LoRaWAN 1.1 device
NOW = datetime.datetime.now(datetime.UTC)
AS_ID, NET_ID = "edge-as.example", "000013"


@dataclass
class Tls:
    """Certificates of two authorities, as files."""

    ca: str
    server: tuple[str, str]
    expired_server: tuple[str, str]
    client: tuple[str, str]
    expired_client: tuple[str, str]
    foreign_ca: str
    foreign_client: tuple[str, str]
    elsewhere: tuple[str, str]  # a server certificate for another host

    @classmethod
    def make(cls, folder: Path) -> Tls:
        ours, other = Authority("test", NOW), Authority("foreign", NOW)
        (folder / "ca.pem").write_bytes(ours.certificate)
        (folder / "foreign.pem").write_bytes(other.certificate)

        def files(pair: Any, name: str) -> tuple[str, str]:
            one, two = pair.write(folder, name)
            return str(one), str(two)

        return cls(
            ca=str(folder / "ca.pem"),
            server=files(ours.server(days=20), "server"),
            expired_server=files(ours.server(days=-1), "expired"),
            client=files(ours.client(AS_ID, NET_ID, days=10), "client"),
            expired_client=files(ours.client(AS_ID, NET_ID, days=-1), "expired-client"),
            foreign_ca=str(folder / "foreign.pem"),
            foreign_client=files(other.client(AS_ID, NET_ID), "foreign-client"),
            elsewhere=files(ours.server(("js.example",)), "elsewhere"),
        )


Core = TypeVar("Core", bound=JoinServer)


def a_core(*, gives: Gives = Gives.BOTH, wrapped: bool = True) -> JoinServer:
    return a_core_of(JoinServer, gives=gives, wrapped=wrapped)


def a_core_of(kind: type[Core], *, gives: Gives = Gives.BOTH, wrapped: bool = True) -> Core:
    peers = Peers(
        network={NET_ID: NS_KEK if wrapped else None},
        application={AS_ID: AS_KEK if wrapped else None},
        home_as=AS_ID,
        closed=True,
    )
    devices = [
        Roots(DEV_EUI, JOIN_EUI, APP_KEY),
        Roots(NEW_EUI, JOIN_EUI, APP_KEY, NWK_KEY),
    ]
    ids = iter(range(1, 10_000))
    return kind(devices, peers, lambda size: next(ids).to_bytes(size, "big"), gives=gives)


@contextmanager
def serving(
    core: JoinServer,
    certificate: tuple[str, str] | None = None,
    client_ca: str | None = None,
    authorization: str = "",
) -> Iterator[HttpsServer]:
    context = tls_context(*certificate, client_ca) if certificate else None
    server = HttpsServer(core, ("127.0.0.1", 0), context, authorization=authorization)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def settings_for(server: HttpsServer, tls: Tls | None = None, **changes: Any) -> ServerSettings:
    if tls is None:
        facts = {"url": f"http://127.0.0.1:{server.port}", "allow_http": True}
    else:
        facts = {
            "url": f"https://127.0.0.1:{server.port}",
            "ca_file": tls.ca,
            "cert_file": tls.client[0],
            "key_file": tls.client[1],
        }
    return ServerSettings(**{**facts, **changes})


class Asked:
    """A running client and what it told."""

    def __init__(self, *servers: ServerSettings, **changes: Any) -> None:
        self.told: list[KeyNews] = []
        self._changed = asyncio.Event()
        self.client = JoinServerClient(
            JoinServerSettings(server=servers, as_id=AS_ID, net_id=NET_ID, **changes), self._tell
        )

    def _tell(self, news: KeyNews) -> None:
        self.told.append(news)
        self._changed.set()

    async def __aenter__(self) -> Asked:
        self._task = asyncio.create_task(self.client.run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def news(self) -> KeyNews:
        async with asyncio.timeout(20):
            while not self.told:
                self._changed.clear()
                await self._changed.wait()
        return self.told.pop(0)

    def server(self, index: int = 0) -> dict[str, Any]:
        servers = self.client.status()["servers"]
        assert isinstance(servers, list)
        found: dict[str, Any] = servers[index]
        return found


def a_join(
    nonce: int = 1, *, dev_eui: int = DEV_EUI, key: bytes | None = None, **changes: Any
) -> JoinRequestFacts:
    new = dev_eui == NEW_EUI
    frame = JoinRequest(Header(MType.JOIN_REQUEST), JOIN_EUI, dev_eui, nonce)
    mic = crypto.cmac4(key or (NWK_KEY if new else APP_KEY), frame.body())
    facts = {
        "phy_payload": frame.body() + mic,
        "dev_eui": f"{dev_eui:016x}",
        "join_eui": f"{JOIN_EUI:016x}",
        "dev_addr": 0x26C3D3AB,
        "mac_version": "1.1" if new else "1.0.4",
        "dl_settings": 0x23,
        "rx_delay": 5,
        "cf_list": bytes.fromhex("184f84e85684b85e84886684586e8400"),
    }
    return JoinRequestFacts(**{**facts, **changes})


def opened(envelope: Envelope | None) -> bytes:
    """What a vault makes of an envelope of this bench's KEKs."""
    assert envelope is not None
    if envelope.scheme is Scheme.CLEAR:
        return envelope.wrapped
    keks = {kek.label: kek.key for kek in (NS_KEK, AS_KEK)}
    return unwrap(keks[envelope.label], envelope.wrapped)
