"""tc.uri and cups.uri of LoRa Basics Station: how that server is reached without it. Pure.

Its protocol is not spoken here. The Things Stack takes the same API key over MQTT; ChirpStack has
a broker; AWS IoT Core for LoRaWAN has nothing else.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..layers import Table
from .draft import Draft

THINGS = (".cloud.thethings.network", ".cloud.thethings.industries")
THINGS_PORTS = (1887, 8887)  # The Things Stack's own, for self-hosted ones
BRIDGE_PORT = 3001  # ChirpStack Gateway Bridge's for stations
KEY_FILE = "tts.key"
NOT_SPOKEN = "LoRa Basics Station's protocol is not spoken"


def read(name: str, text: str, draft: Draft) -> list[str]:
    """Add the server's equivalent if there is one; what has to be said, with the file's name."""
    url = urlsplit(text.strip())
    host = url.hostname or ""
    if url.scheme in ("http", "https"):
        return [f"{name}:1: CUPS is not spoken: servers and certificates are in gateway.toml"]
    if host.endswith(THINGS) or url.port in THINGS_PORTS:
        draft.servers.append(_things(host, secure=url.scheme == "wss"))
        return [
            f"{name}:1: {NOT_SPOKEN}; The Things Stack is reached over MQTT with the same API key: "
            f"write what follows 'Bearer' in tc.key into {KEY_FILE}, chmod 600 it; gateway_id is "
            "eui-EUI unless it is set (docs/lns-tts.md)"
        ]
    if "lorawan" in host and host.endswith(".amazonaws.com"):
        return [
            f"{name}:1: {NOT_SPOKEN}, and AWS IoT Core for LoRaWAN takes nothing else "
            "(docs/lns-aws.md)"
        ]
    where = "ChirpStack's Gateway Bridge" if url.port == BRIDGE_PORT else "this server"
    return [
        f"{name}:1: {NOT_SPOKEN}: {where} is to be reached another way, over MQTT "
        "(docs/lns-chirpstack.md) or Semtech UDP (docs/lns-others.md)"
    ]


def _things(host: str, *, secure: bool) -> Table:
    return {
        "type": "mqtt",
        "profile": "tts",
        "address": f"{'mqtts' if secure else 'mqtt'}://{host}",
        "password_file": KEY_FILE,
    }
