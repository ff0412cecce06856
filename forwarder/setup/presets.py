"""The servers that `edgemast setup` knows by name, and what each needs to be told. Pure.

Sources: ports and user names of The Things Stack from its gateway connector (docs/lns-tts.md),
ChirpStack's from its gateway bridge and mqtt backend (docs/lns-chirpstack.md), Helium's from
gateway-rs (settings.toml: listen 127.0.0.1:1680).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of server. `usual` is its address where there is one that most people use.

    `credentials`: it wants a user name and a password. A preset without a `kind` is a note only.
    """

    name: str
    title: str
    kind: str = ""
    profile: str = ""
    usual: str = ""
    credentials: bool = False
    note: str = ""


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "chirpstack-udp",
            "ChirpStack, by UDP through its Gateway Bridge",
            "udp",
            "chirpstack",
            note="the Gateway Bridge listens on port 1700; docs/lns-chirpstack.md",
        ),
        Preset(
            "chirpstack-mqtt",
            "ChirpStack 4, by MQTT straight to its broker",
            "mqtt",
            "chirpstack",
            credentials=True,
            note="as mqtts://broker.example:8883, or mqtt:// in a network of your own",
        ),
        Preset(
            "tts-udp",
            "The Things Stack or The Things Network, by UDP",
            "udp",
            "tts",
            usual="eu1.cloud.thethings.network",
            note="your cluster: eu1, nam1 or au1; register the gateway first",
        ),
        Preset(
            "tts-mqtt",
            "The Things Stack or The Things Network, by MQTT with TLS",
            "mqtt",
            "tts",
            usual="mqtts://eu1.cloud.thethings.network",
            credentials=True,
            note="user name: the gateway's id, with @tenant where there are tenants; password: an "
            "API key of the gateway that may link it",
        ),
        Preset("udp", "another server that speaks Semtech UDP", "udp", "generic"),
        Preset(
            "helium",
            "Helium, through its gateway-rs beside us",
            "udp",
            "helium",
            usual="127.0.0.1:1680",
            note="gateway-rs holds the hotspot's key; install it on this computer and leave its "
            "listen address as it is",
        ),
        Preset(
            "aws",
            "AWS IoT Core for LoRaWAN",
            note="AWS takes gateways by LoRa Basics Station only, which Edgemast does not speak: "
            "a ChirpStack or The Things Stack between forwards to AWS",
        ),
    )
}


def parse(text: str) -> tuple[Preset, str]:
    """`NAME` or `NAME:ADDRESS`. Raises ValueError with what is known."""
    name, _, address = text.partition(":")
    preset = PRESETS.get(name)
    known = ", ".join(name for name, preset in PRESETS.items() if preset.kind)
    if preset is None:
        raise ValueError(f"{name} is no server that setup knows: {known}, as NAME:ADDRESS")
    if not preset.kind:
        raise ValueError(f"{name}: {preset.note}")
    address = address or preset.usual
    if not address:
        raise ValueError(f"{name} needs an address: {name}:ADDRESS")
    return preset, with_scheme(preset, address)


def with_scheme(preset: Preset, address: str) -> str:
    """A broker's address says whether it is spoken to with TLS; nothing said means with it."""
    if preset.kind == "mqtt" and "://" not in address:
        return f"mqtts://{address}"
    return address
