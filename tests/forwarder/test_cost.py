"""What one uplink costs a line is near what is really sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forwarder.links.cost import uplink_cost
from forwarder.links.meter import TCP, UDP
from forwarder.links.mqtt.dialect import Dialect
from forwarder.links.mqtt.settings import BrokerAddress, MqttSettings
from forwarder.links.semtech_udp.rxpk import push_text, rxpk

from .chirpstack_makers import mqtt_settings, v3, v4
from .semtech_makers import EUI, settings, uplink
from .test_tts import a_dialect

HEADER = 4  # of a PUBLISH: fixed header and length of the topic; at QoS 1 two more

V3 = mqtt_settings(profile="chirpstack-v3", topic_prefix="")
TTS = MqttSettings(
    "ttn", (BrokerAddress("a", 1882),), EUI, profile="tts", qos=0, gateway_id="roof@ttn"
)


@pytest.mark.parametrize("size", [12, 23, 60, 200])
@pytest.mark.parametrize(
    ("dialect", "config"),
    [
        (v4(), mqtt_settings()),
        (v4(json=True), mqtt_settings(json=True)),
        (v3(profile="chirpstack-v3"), V3),
        (v3(profile="chirpstack-v3", json=True), replace(V3, json=True)),
        (a_dialect(), TTS),
    ],
    ids=["v4", "v4 json", "v3", "v3 json", "tts"],
)
def test_a_message_over_mqtt_is_estimated_within_a_tenth(
    dialect: Dialect, config: MqttSettings, size: int
) -> None:
    heard = uplink(bytes(range(size)))
    message = dialect.uplink(heard, late=False)
    assert message is not None
    sent = HEADER + len(message.topic) + len(message.payload) + TCP.packet + TCP.answer
    back = 4 + TCP.packet + TCP.answer if config.qos else 0
    assert uplink_cost(config, heard) == pytest.approx(sent + back, rel=0.1)


def test_tls_costs_more_than_none_for_each_packet() -> None:
    plain = mqtt_settings()
    secret = mqtt_settings(addresses=(BrokerAddress("a", 8883, tls=True),))
    assert uplink_cost(secret, uplink()) == uplink_cost(plain, uplink()) + 2 * 22


def test_a_datagram_is_counted_to_the_byte_with_its_acknowledgement() -> None:
    text = push_text([rxpk(uplink())])
    assert uplink_cost(settings(), uplink()) == len(text) + 12 + 4 + 2 * UDP.packet
