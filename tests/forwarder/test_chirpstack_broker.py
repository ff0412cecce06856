"""ChirpStack's dialect on the topics of other brokers, and without state, at a real mosquitto."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from forwarder.links.chirpstack.gw_pb2 import ConnState, DownlinkFrame, DownlinkTxAck, UplinkFrame
from forwarder.links.chirpstack.v4 import ChirpstackV4
from forwarder.links.mqtt.link import MqttLink

from .mqtt_bench import PATIENCE_S, QUICK, RadioFacts, a_broker, free_port, settings, up
from .semtech_makers import EUI, answering, uplink

Seen = list[tuple[str, bytes, bool]]
# Topics as the documentation has them: docs/mqtt.md, "Other brokers".
AWS = {
    "event_topic": "{prefix}/things/{eui}/event/{event}",
    "command_topic": "{prefix}/things/{eui}/command/{command}",
    "state_topic": "{prefix}/things/{eui}/state",
    "topic_prefix": "site/eu868",
    "retain_state": False,
}
AZURE = {
    "event_topic": "devices/{eui}/messages/events/event={event}",
    "state_topic": "none",
    "topic_prefix": "",
    "uplink_only": True,
}
GOOGLE = {
    "event_topic": "/devices/{eui}/events/{event}",
    "command_topic": "/devices/{eui}/commands/{command}",
    "state_topic": "none",
    "topic_prefix": "",
}


@asynccontextmanager
async def a_gateway(port: int, **changes: Any) -> AsyncIterator[MqttLink]:
    config, facts = settings(port, **changes), RadioFacts()
    dialect = ChirpstackV4(config, facts)
    link = MqttLink(config, facts, answering(), dialect, timing=QUICK)
    task = asyncio.create_task(link.run())
    try:
        await up(link)
        yield link
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def heard(
    folder: Path, asked: str = "", acked: str = "", **changes: Any
) -> tuple[Seen, Seen]:
    """What a gateway says that sends one frame, is sent one on `asked` and leaves; and what the
    broker has kept of it afterwards."""
    async with (
        asyncio.timeout(PATIENCE_S),
        a_broker(folder, free_port()) as port,
        aiomqtt.Client("127.0.0.1", port) as client,
    ):
        await client.subscribe("#", qos=1)
        messages = aiter(client.messages)
        seen: Seen = []
        async with a_gateway(port, **changes) as link:
            link.uplink(uplink(b"\x40hello"))
            if asked:
                down = DownlinkFrame(downlink_id=7, gateway_id=EUI)
                down.items.add(phy_payload=b"\x60x")
                await client.publish(asked, down.SerializeToString(), qos=1)
                seen += await until(acked, messages)
        await client.publish("end", b"", qos=1)
        seen += await until("end", messages)
        async with aiomqtt.Client("127.0.0.1", port) as later:
            await later.subscribe("#", qos=1)
            await later.publish("end", b"", qos=1)
            kept = await until("end", aiter(later.messages))
    return [one for one in seen if one[0] not in (asked, "end")], kept[:-1]


async def until(topic: str, messages: AsyncIterator[aiomqtt.Message]) -> Seen:
    """The next messages, to the one on `topic`."""
    seen: Seen = []
    while not seen or seen[-1][0] != topic:
        message = await anext(messages)
        assert isinstance(message.payload, bytes)
        seen.append((message.topic.value, message.payload, message.retain))
    return seen


def test_topics_of_ones_own_without_retained_state(tmp_path: Path) -> None:
    base = f"site/eu868/things/{EUI}"
    seen, kept = asyncio.run(heard(tmp_path, f"{base}/command/down", f"{base}/event/ack", **AWS))
    topics = [topic for topic, _, _ in seen]
    assert topics == [f"{base}/{end}" for end in ("state", "event/up", "event/ack", "state")]
    states = [ConnState.FromString(seen[at][1]).state for at in (0, -1)]
    assert states == [ConnState.ONLINE, ConnState.OFFLINE]
    assert UplinkFrame.FromString(seen[1][1]).phy_payload == b"\x40hello"
    assert DownlinkTxAck.FromString(seen[2][1]).downlink_id == 7
    assert kept == []


def test_state_is_retained_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    _, kept = asyncio.run(heard(tmp_path))
    ((topic, payload, retained),) = kept
    assert topic == f"gateway/{EUI}/state/conn" and retained
    assert ConnState.FromString(payload).state == ConnState.OFFLINE


@pytest.mark.parametrize(
    ("changes", "asked", "acked", "topics"),
    [
        pytest.param(AZURE, "", "", [f"devices/{EUI}/messages/events/event=up"], id="azure"),
        pytest.param(
            GOOGLE,
            f"/devices/{EUI}/commands/down",
            f"/devices/{EUI}/events/ack",
            [f"/devices/{EUI}/events/{event}" for event in ("up", "ack")],
            id="google",
        ),
    ],
)
def test_no_state_is_told_where_a_broker_takes_none(
    changes: dict[str, Any], asked: str, acked: str, topics: list[str], tmp_path: Path
) -> None:
    seen, kept = asyncio.run(heard(tmp_path, asked, acked, **changes))
    assert [topic for topic, _, _ in seen] == topics and kept == []
