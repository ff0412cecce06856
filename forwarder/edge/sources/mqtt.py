"""Reports from a network server's MQTT broker: subscribes and reads, on every connection anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiomqtt

from ..broker import Broker, subscribe
from .intake import Intake
from .report import Report
from .settings import BrokerSettings


class MqttSource:
    """`pause` is how to wait between tries. `connected` is set while subscriptions stand."""

    def __init__(
        self,
        kind: str,
        settings: BrokerSettings,
        intake: Intake,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = intake.name
        self._kind = kind
        self._intake = intake
        self._topics = settings.topics or intake.dialect.topics()
        self._broker = Broker(self.name, settings, pause=pause)
        self.connected = self._broker.connected

    async def run(self) -> None:
        await self._broker.run(self._session)

    def status(self) -> dict[str, object]:
        return {"type": self._kind} | self._broker.status() | self._intake.counts

    async def _session(self, client: aiomqtt.Client) -> None:
        for topic in self._topics:
            await subscribe(client, topic)
        self._broker.stands()
        loop = asyncio.get_running_loop()
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            event = message.topic.value.rpartition("/")[2]
            self._intake.take(Report(payload, event), loop.time())
