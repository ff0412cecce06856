"""Records to a local MQTT broker, and downlinks from it. See topics.py for the topics."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated

import aiomqtt
import msgspec
from msgspec import Meta

from ...spool.spool import Spool
from ...supervisor import end_all
from ..broker import Broker, subscribe
from ..records import to_json
from ..sources.settings import BrokerSettings
from ..values import LocalDownlink, Record
from .hand import Hand
from .home_assistant import Discovery
from .kept_records import SinkOutage
from .topics import LARGEST_DOWN, Topics, read_down

log = logging.getLogger(__name__)

ONLINE, OFFLINE = b'{"state":"online"}', b'{"state":"offline"}'
# Takes a downlink and says what became of it: "queued", or why not.
TakeDownlink = Callable[[LocalDownlink], str]
STATES_MOST = 256


class MqttSinkSettings(BrokerSettings, frozen=True, kw_only=True, tag_field="type", tag="mqtt"):
    """`[[edge.sink]] type = "mqtt"`. With `home_assistant` every decoded value becomes a sensor."""

    prefix: Annotated[str, Meta(pattern=r"^[^+#\0/]+(/[^+#\0/]+)*$", max_length=128)] = "edgemast"
    qos: Annotated[int, Meta(ge=0, le=2)] = 1
    retain: bool = False
    home_assistant: bool = False
    home_assistant_prefix: str = "homeassistant"
    outage: SinkOutage = SinkOutage()


class MqttSink:
    """A record leaves its keeper when the broker has acknowledged it (QoS 1 and 2)."""

    def __init__(
        self,
        settings: MqttSinkSettings,
        gateway: str,
        take: TakeDownlink | None = None,
        *,
        spool: Spool[Record] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._hand = Hand(f"mqtt {settings.server}", settings.outage, spool)
        self.name = self._hand.name
        self._settings = settings
        self._topics = Topics(settings.prefix, gateway)
        self._take = take
        self._more = self._hand.more
        self._states: deque[tuple[str, str, str]] = deque(maxlen=STATES_MOST)
        self._discovery = Discovery(settings.home_assistant_prefix)
        will = aiomqtt.Will(self._topics.state, OFFLINE, qos=1, retain=True)
        self.broker = Broker(self.name, settings, will=will, pause=pause)

    async def run(self) -> None:
        await self.broker.run(self._session)

    def publish(self, record: Record) -> None:
        self._hand.publish(record)

    def serve(self, take: TakeDownlink) -> None:
        """Listen for downlinks too; to be called before `run`."""
        self._take = take

    def tell(self, dev_eui: str, state: str, reference: str) -> None:
        """What became of a downlink later. The oldest go first while the broker is away."""
        self._states.append((dev_eui, state, reference))
        self._more.set()

    def status(self) -> dict[str, object]:
        return {"type": "mqtt", **self.broker.status(), **self._hand.status()}

    async def _session(self, client: aiomqtt.Client) -> None:
        if self._take is not None:
            await subscribe(client, self._topics.downs)
        await client.publish(self._topics.state, ONLINE, qos=1, retain=True)
        self.broker.stands()
        self._hand.opened()
        try:
            await _until_one_ends(self._listen(client), self._deliver(client))
        finally:
            self._hand.closed()

    async def _deliver(self, client: aiomqtt.Client) -> None:
        while True:
            while self._states:
                dev_eui, state, reference = self._states.popleft()
                topic = self._topics.down_state(dev_eui)
                await client.publish(topic, state_body(state, reference), qos=1)
            held = self._hand.first()
            if held is None:
                self._more.clear()
                await self._more.wait()
                continue
            await self._send(client, held.record)
            self._hand.done(held)

    async def _send(self, client: aiomqtt.Client, record: Record) -> None:
        topic = self._topics.up(record)
        if self._settings.home_assistant:
            for where, body in self._discovery.announce(record, topic, self._topics.state):
                await client.publish(where, body, qos=1, retain=True)
        settings = self._settings
        await client.publish(topic, to_json(record), qos=settings.qos, retain=settings.retain)

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Until the connection ends, which is an error here too: then `_deliver` ends with it."""
        async for message in client.messages:
            payload = message.payload
            data = payload if isinstance(payload, bytes) else str(payload).encode()
            dev_eui = self._topics.device(message.topic.value)
            if dev_eui:
                kept = bool(message.retain)
                await self._down(client, dev_eui, data[: LARGEST_DOWN + 1], kept=kept)

    async def _down(self, client: aiomqtt.Client, dev_eui: str, data: bytes, *, kept: bool) -> None:
        if self._take is None:
            return
        reference = ""
        try:
            downlink = read_down(dev_eui, data)
            reference = downlink.reference
            if kept:  # the broker would bring it again after every restart of either
                raise ValueError("a retained message is not sent: publish it without retain")
            told = self._take(downlink)
        except ValueError as error:
            told = str(error)
            log.warning("%s: a downlink for %s was refused: %s", self.name, dev_eui, error)
        await client.publish(self._topics.down_state(dev_eui), state_body(told, reference), qos=1)


def state_body(state: str, reference: str) -> bytes:
    """What is told about a downlink."""
    return msgspec.json.encode({"state": state, "reference": reference})


async def _until_one_ends(*parts: Coroutine[None, None, None]) -> None:
    """Run `parts` together; what ends the first of them ends all, and is raised as it was."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await end_all(tasks)
