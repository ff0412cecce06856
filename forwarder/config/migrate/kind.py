"""Which program a configuration file is of, by what is in it. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from ..jsonc import parse as parse_json
from ..layers import Table
from ..section import document
from ..semtech import BOARDS
from ..toml_file import parse as parse_toml

URI = re.compile(r"\s*(wss?|https?)://\S+\s*\Z")


class Kind(StrEnum):
    """The programs whose files are read, in the words of their makers."""

    OURS = "Edgemast"
    SEMTECH = "Semtech's packet forwarder"
    STATION = "LoRa Basics Station"
    STATION_URI = "LoRa Basics Station's server"
    CONCENTRATORD = "ChirpStack Concentratord"
    MQTT_FORWARDER = "ChirpStack MQTT Forwarder"
    GATEWAY_BRIDGE = "ChirpStack Gateway Bridge"
    MULTIPLEXER = "ChirpStack Packet Multiplexer"
    KERLINK = "Kerlink's lorafwd"


RADIO_KINDS = (Kind.SEMTECH, Kind.STATION, Kind.CONCENTRATORD)  # those that know the board


def kind_of(name: str, text: str) -> Kind:
    """Raises ConfigError for a text that is neither TOML, JSON nor an address."""
    if URI.match(text):
        return Kind.STATION_URI
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "/"):
        return _of_json(document(parse_json(text, name)).root)
    return _of_toml(parse_toml(text, name))


def _of_json(root: Table) -> Kind:
    boards = [root[name] for name in BOARDS if name in root]
    station = "gateway_conf" not in root and any(
        isinstance(board, dict) and "com_type" not in board for board in boards
    )
    return Kind.STATION if "station_conf" in root or station else Kind.SEMTECH


def _of_toml(root: Table) -> Kind:
    if "multiplexer" in root or "packet_multiplexer" in root:
        return Kind.MULTIPLEXER
    if "gwmp" in root:
        return Kind.KERLINK
    if "integration" in root:
        return Kind.GATEWAY_BRIDGE
    if "mqtt" in root:
        return Kind.MQTT_FORWARDER
    gateway = root.get("gateway")
    theirs = isinstance(gateway, dict) and {"concentrator", "beacon", "model", "lbt"} & set(gateway)
    if "concentratord" in root or theirs or not root:  # some of its region files are empty
        return Kind.CONCENTRATORD
    return Kind.OURS
