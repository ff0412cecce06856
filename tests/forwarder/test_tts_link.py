"""The Things Stack's dialect on the MQTT link, where the two have to agree. Rung 2: mosquitto."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiomqtt

from forwarder.links.mqtt.link import MqttLink
from forwarder.links.tts.gateway_pb2 import TxAcknowledgment, UplinkMessage
from forwarder.packets import Downlink

from .mqtt_bench import QUICK, Keeper, RadioFacts, a_broker, free_port, in_time, running, until, up
from .mqtt_bench import settings as broker_settings
from .semtech_makers import answering, uplink
from .test_tts import a_dialect, down

UID = "roof@ttn"


def a_link(
    port: int, facts: RadioFacts, seen: list[Downlink] | None = None
) -> tuple[MqttLink, Keeper]:
    config = broker_settings(port, name="ttn", profile="tts", gateway_id=UID, qos=0)
    dialect = a_dialect()
    keeper = Keeper()
    link = MqttLink(
        config,
        facts,
        answering(seen=seen),
        dialect,
        courier=keeper,
        timing=QUICK,
        chance=lambda: 0.5,
    )
    keeper.link = link
    return link, keeper


async def next_of(messages: Any, topic: str) -> bytes:
    while True:
        message = await anext(messages)
        if message.topic.value == topic:
            assert isinstance(message.payload, bytes)
            return message.payload


@in_time
async def test_a_restarted_radio_is_followed_by_a_new_connection(folder: Path) -> None:
    facts = RadioFacts()
    async with a_broker(folder, free_port()) as port, aiomqtt.Client("127.0.0.1", port) as server:
        await server.subscribe(f"v3/{UID}/up")
        messages = aiter(server.messages)
        link, keeper = a_link(port, facts)
        async with running(link):
            await up(link)
            keeper.put(1, uplink(counter_us=111))
            first = UplinkMessage.FromString(await next_of(messages, f"v3/{UID}/up"))
            opens = keeper.opens
            facts.session = b"5678"
            keeper.put(2, uplink(counter_us=5))
            await until(lambda: keeper.opens == opens + 1)
            keeper.put(3, uplink(counter_us=6))
            second = UplinkMessage.FromString(await next_of(messages, f"v3/{UID}/up"))
            assert (first.settings.timestamp, second.settings.timestamp) == (111, 6)
            await asyncio.sleep(0)
            assert keeper.opens == opens + 1, "one restart, one new connection"


@in_time
async def test_a_downlink_is_scheduled_and_answered_with_its_identifiers(folder: Path) -> None:
    seen: list[Downlink] = []
    async with a_broker(folder, free_port()) as port, aiomqtt.Client("127.0.0.1", port) as server:
        await server.subscribe(f"v3/{UID}/down/ack")
        link, _ = a_link(port, RadioFacts(), seen)
        async with running(link):
            await up(link)
            await server.publish(f"v3/{UID}/down", down())
            payload = await next_of(aiter(server.messages), f"v3/{UID}/down/ack")
            ack = TxAcknowledgment.FromString(payload)
            assert list(ack.correlation_ids) == ["gs:down:token:17", "ns:downlink:1"]
            assert ack.result == TxAcknowledgment.SUCCESS
    (asked,) = seen
    assert asked.conducted and asked.power_dbm == 26.5
