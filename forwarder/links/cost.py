"""What one uplink costs a line, on the wire and both ways, as meter.py counts. Pure; estimates.

Of MQTT the message's size is that of its envelope (measured on our own dialects) and the payload:
good to a tenth or so, and without loading a dialect.
"""

from __future__ import annotations

from ..packets import Uplink
from .meter import TCP, TLS, UDP, Overhead
from .mqtt.settings import MqttSettings
from .semtech_udp.rxpk import push_text, rxpk
from .semtech_udp.settings import UdpSettings

PUSH_DATA = 12  # header and EUI, before the text
PUSH_ACK = 4
PUBLISH = 6  # fixed header, length of the topic, and a packet identifier
PUBACK = 4
TOPIC = {"chirpstack": "/gateway/{eui}/event/up", "chirpstack-v3": "gateway/{eui}/event/up"}
ENVELOPE = {"chirpstack": 88, "chirpstack-v3": 96, "tts": 106}  # bytes around the payload
JSON_ENVELOPE = {"chirpstack": 312, "chirpstack-v3": 443}


def uplink_cost(settings: UdpSettings | MqttSettings, uplink: Uplink) -> int:
    """Bytes on the wire for one frame sent and acknowledged."""
    if isinstance(settings, UdpSettings):
        sent = PUSH_DATA + len(push_text((rxpk(uplink),)))
        return _one(sent, UDP) + _one(PUSH_ACK, UDP)
    overhead = TLS if settings.addresses[0].tls else TCP
    cost = _one(_message(settings, len(uplink.frame.payload)), overhead)
    return cost + (_one(PUBACK, overhead) if settings.qos else 0)


def _one(size: int, overhead: Overhead) -> int:
    return size + overhead.packet + overhead.answer


def _message(settings: MqttSettings, size: int) -> int:
    eui, profile = settings.eui, settings.profile
    uid = settings.gateway_id or f"eui-{eui}"
    topic = TOPIC.get(profile, f"v3/{uid}/up").format(eui=eui)
    if profile == "chirpstack":
        topic = settings.topic_prefix + topic
    if settings.json and profile in JSON_ENVELOPE:
        return PUBLISH + len(topic) + JSON_ENVELOPE[profile] + (size + 2) // 3 * 4
    return PUBLISH + len(topic) + ENVELOPE[profile] + size
