"""Builders for the ChirpStack tests: settings, the gateway's facts, and dialects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from forwarder.links.chirpstack.v3 import ChirpstackV3
from forwarder.links.chirpstack.v4 import ChirpstackV4
from forwarder.links.mqtt.dialect import Message, Report
from forwarder.links.mqtt.settings import BrokerAddress, MqttSettings

from .semtech_makers import EUI, Facts

SESSION = b"\x11\x22\x33\x44"


@dataclass
class RadioFacts(Facts):
    """A RadioFacts."""

    session: bytes = SESSION
    line_us: int | None = 0
    model: str = "SX1302"
    started_s: float = 0.0

    def now_us(self) -> int | None:
        return self.line_us


def mqtt_settings(**changes: Any) -> MqttSettings:
    values: dict[str, Any] = {
        "name": "here",
        "addresses": (BrokerAddress("127.0.0.1", 1883),),
        "eui": EUI,
        "topic_prefix": "eu868",
    }
    return MqttSettings(**values | changes)


def v4(session: bytes = SESSION, **changes: Any) -> ChirpstackV4:
    return ChirpstackV4(mqtt_settings(**changes), RadioFacts(session=session))


def v3(session: bytes = SESSION, **changes: Any) -> ChirpstackV3:
    return ChirpstackV3(mqtt_settings(topic_prefix="", **changes), RadioFacts(session=session))


def report(**changes: Any) -> Report:
    values: dict[str, Any] = {
        "utc_ns": None,
        "boot_utc_ns": None,
        "position": None,
        "rx_received": 5,
        "rx_ok": 4,
        "tx_received": 3,
        "tx_emitted": 2,
    }
    return Report(**values | changes)


def sent(message: Message | None) -> Message:
    assert message is not None
    return message
