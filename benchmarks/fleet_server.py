"""The server's end of the fleet's broker: one persistent session at QoS 1, in a process of its own.

It counts each uplink by gateway and number, and goes to the next broker when its own ends.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from forwarder.links.chirpstack import gw_pb2

FILTER = "eu868/gateway/+/event/up"
NUMBER_AT = slice(9, 17)  # of the frame: behind its head


@dataclass
class Seen:
    """What came: how often each (EUI, number)."""

    times: Counter[tuple[str, int]] = field(default_factory=Counter)
    connections: int = 0
    granted: bool = False

    @property
    def copies(self) -> int:
        return self.times.total() - len(self.times)


def serve(brokers: Sequence[tuple[str, int]], login: tuple[str, str], pipe: Connection) -> None:
    """Consume until the pipe says so; each word on it is answered."""
    seen = Seen()
    turn = 0
    while True:
        host, port = brokers[turn % len(brokers)]
        turn += 1
        client = _client(seen, login)
        with suppress(OSError):
            client.connect(host, port, keepalive=10)
            while client.loop(0.2) == paho.MQTT_ERR_SUCCESS:
                if _told_to_end(pipe, seen):
                    return
        if _told_to_end(pipe, seen):
            return
        time.sleep(0.5)


def _told_to_end(pipe: Connection, seen: Seen) -> bool:
    if not pipe.poll():
        return False
    match pipe.recv():
        case "ready":
            pipe.send(seen.granted)
        case "count":
            pipe.send(len(seen.times))
        case _:
            pipe.send(seen)
            return True
    return False


def _client(seen: Seen, login: tuple[str, str]) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, "server", clean_session=False)
    if login[0]:
        client.username_pw_set(*login)

    def on_connect(client: paho.Client, *rest: object) -> None:
        seen.connections += 1
        client.subscribe(FILTER, qos=1)

    def on_subscribe(*rest: object) -> None:
        seen.granted = True

    def on_message(client: paho.Client, data: object, message: paho.MQTTMessage) -> None:
        frame = gw_pb2.UplinkFrame.FromString(bytes(message.payload))
        eui = message.topic.split("/")[2]
        seen.times[eui, int.from_bytes(frame.phy_payload[NUMBER_AT], "little")] += 1

    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    return client
