"""An MQTT link on loopback for tests: a dialect of plain text, a broker, a server that listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt

from forwarder.links.base import Courier, Schedule
from forwarder.links.mqtt.dialect import (
    ChannelPlanPushed,
    Command,
    DownlinkRequest,
    ExecRequest,
    ExecResult,
    Message,
    RawRequest,
    Report,
    Unreadable,
)
from forwarder.links.mqtt.link import MqttLink
from forwarder.links.mqtt.session import State, Timing
from forwarder.links.mqtt.settings import MqttSettings, broker_address
from forwarder.packets import Answer, AsSoonAsPossible, Downlink, Refusal, Refused, Uplink
from hal.modulation import LoRa

from ..edge.brokers import a_broker, free_port
from .link_bench import running
from .semtech_makers import EUI, Facts, answering

PATIENCE_S = 20
QUICK = Timing(
    dial_s=6.0,
    answer_s=0.5,
    first_ceiling_s=0.05,
    clock_s=0.05,
    first_refused_s=0.2,
    most_refused_s=0.2,
    first_twin_s=30.0,
    route_s=0.05,
)


def settings(port: int, **changes: Any) -> MqttSettings:
    scheme = changes.pop("scheme", "mqtt")
    host = changes.pop("host", "127.0.0.1")
    values: dict[str, Any] = {
        "name": "here",
        "addresses": (broker_address(f"{scheme}://{host}:{port}"),),
        "eui": EUI,
        "most_backoff_s": 0.1,
        "stat_interval_s": 3600.0,
    }
    return MqttSettings(**values | changes)


@dataclass
class RadioFacts(Facts):
    session: bytes = b"1234"
    line_us: int | None = 0
    model: str = "SX1302"
    started_s: float = 0.0

    def now_us(self) -> int | None:
        return self.line_us


def downlink(name: str) -> Downlink:
    return Downlink("here", 0, AsSoonAsPossible(), name.encode(), 869_525_000, LoRa(9))


class TextDialect:
    """Words on topics: `up`, `stats`, `ack`, `state`; `down NAME ITEM...`, `exec NAME WORDS`,
    `raw`, `config VERSION SECONDS`."""

    username = ""
    replays = True
    reconnects_with_radio = False

    def __init__(self, qos: int = 1, client_id: str = EUI) -> None:
        self.qos = qos
        self.client_id = client_id
        self.reports: list[Report] = []

    @property
    def subscriptions(self) -> Sequence[tuple[str, int]]:
        return (("gw/command/+", self.qos),)

    def will(self) -> Message | None:
        return Message("gw/state", b"OFFLINE", self.qos, retain=True)

    def birth(self) -> Sequence[Message]:
        return (Message("gw/state", b"ONLINE", self.qos, retain=True),)

    def farewell(self) -> Sequence[Message]:
        return (Message("gw/state", b"GONE", self.qos, retain=True),)

    def uplink(self, uplink: Uplink, *, late: bool) -> Message | None:
        payload = uplink.frame.payload
        return None if not payload else Message("gw/up", b"late " * late + payload, self.qos)

    def read(self, topic: str, payload: bytes, *, now_us: int | None) -> Command:
        words = payload.decode("utf-8", "replace").split()
        if topic.endswith("/down") and words:
            items = tuple(
                Refused(Refusal.UNREADABLE, "as asked") if word == "bad" else downlink(word)
                for word in words[1:]
            )
            return DownlinkRequest(words[0].encode(), items, words[0])
        if topic.endswith("/exec") and words:
            return ExecRequest(words[0], 7, b"", {"WORD": " ".join(words[1:])})
        if topic.endswith("/config"):
            return ChannelPlanPushed(words[0], float(words[1]), ())
        if topic.endswith("/raw"):
            return RawRequest(payload, b"9")
        return Unreadable("no word that is known")

    def answer(self, request: DownlinkRequest, answers: Sequence[Answer | None]) -> Message | None:
        words = " ".join(
            "-" if a is None else a.reason.name if isinstance(a, Refused) else "OK" for a in answers
        )
        return Message("gw/ack", f"{request.reference} {words}".encode(), self.qos)

    def report(self, report: Report) -> Message | None:
        self.reports.append(report)
        words = f"rx {report.rx_received} tx {report.tx_received}"
        return Message("gw/stats", words.encode(), self.qos)

    def exec_result(self, result: ExecResult) -> Message | None:
        text = b"%d %s|%s" % (result.exec_id, result.stdout.strip(), result.error.encode())
        return Message("gw/exec", text, self.qos)

    def raw_result(self, request: RawRequest, output: bytes) -> Message | None:
        return Message("gw/event/raw", request.raw_id + b" " + output, self.qos)


@dataclass
class Keeper:
    """A courier that keeps what was put until it is acknowledged, in order."""

    link: MqttLink | None = None
    is_open: bool = False
    kept: dict[int, Uplink] = field(default_factory=dict)
    sent: set[int] = field(default_factory=set)
    acked: list[int] = field(default_factory=list)
    opens: int = 0

    def put(self, number: int, uplink: Uplink) -> None:
        self.kept[number] = uplink
        self._send(late=False)

    def opened(self) -> None:
        self.is_open = True
        self.opens += 1
        self._send(late=True)

    def closed(self) -> None:
        self.is_open = False
        self.sent.clear()

    def acknowledged(self, number: int) -> None:
        if self.kept.pop(number, None) is not None:
            self.acked.append(number)
        self._send(late=False)

    def metadata(self) -> dict[str, str]:
        return {}

    def _send(self, *, late: bool) -> None:
        assert self.link is not None
        for number, uplink in list(self.kept.items()):
            if self.is_open and number not in self.sent:
                if not self.link.send(number, uplink, late=late):
                    return
                self.sent.add(number)


def a_link(
    port: int,
    *,
    dialect: TextDialect | None = None,
    facts: RadioFacts | None = None,
    schedule: Schedule | None = None,
    courier: Courier | None = None,
    timing: Timing = QUICK,
    **changes: Any,
) -> MqttLink:
    config = settings(port, **changes)
    return MqttLink(
        config,
        facts or RadioFacts(),
        schedule or answering(),
        dialect or TextDialect(config.qos),
        courier=courier,
        timing=timing,
        chance=lambda: 0.5,
    )


def kept_link(port: int, **options: Any) -> tuple[MqttLink, Keeper]:
    keeper = Keeper()
    link = a_link(port, courier=keeper, **options)
    keeper.link = link
    return link, keeper


async def until(true: Callable[[], bool]) -> None:
    """Turn the loop until something holds; the wait is for the loop, not for time."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            turned = loop.create_future()
            loop.call_later(0.002, turned.set_result, None)
            await turned


async def acknowledged(keeper: Keeper, *numbers: int) -> None:
    """Wait until the server has these."""
    await until(lambda: set(numbers) <= set(keeper.acked))


async def in_state(link: MqttLink, state: str) -> None:
    """Wait until the link says it is in `state`."""
    await until(lambda: link.status()["state"] == state)


async def one_in_state(links: Sequence[MqttLink], state: str) -> None:
    """Wait until one of the links says it is in `state`."""
    await until(lambda: any(link.status()["state"] == state for link in links))


async def up(*links: MqttLink) -> None:
    await until(lambda: all(link.status()["state"] == State.UP.value for link in links))


def count(link: MqttLink, name: str) -> int:
    """A number of the link's status."""
    value = link.status()[name]
    assert isinstance(value, int)
    return value


class Server:
    """What listens at the broker for a network server, and says what one would."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self._messages = aiter(client.messages)
        self.seen: list[tuple[str, str, bool]] = []

    async def next(self, topic: str) -> str:
        """The next message on gw/`topic`; others are remembered in `seen`."""
        while True:
            message = await anext(self._messages)
            assert isinstance(message.payload, bytes)
            name, words = message.topic.value.removeprefix("gw/"), message.payload.decode()
            self.seen.append((name, words, message.retain))
            if name == topic:
                return words

    async def say(self, topic: str, words: str, *, retain: bool = False, qos: int = 1) -> None:
        await self._client.publish(f"gw/{topic}", words.encode(), qos=qos, retain=retain)


@asynccontextmanager
async def listening(port: int, **options: Any) -> AsyncIterator[Server]:
    async with aiomqtt.Client("127.0.0.1", port, **options) as client:
        await client.subscribe("gw/#", qos=1)
        yield Server(client)


@contextmanager
def told() -> Iterator[list[str]]:
    """The warnings that MQTT links write to the log meanwhile."""
    lines: list[str] = []

    class Listing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Listing(logging.WARNING)
    logger = logging.getLogger("forwarder.links.mqtt")
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def in_time(test: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """Run an async test that takes a folder."""

    def run(tmp_path: Path) -> None:
        async def limited() -> None:
            async with asyncio.timeout(PATIENCE_S):
                await test(tmp_path)

        asyncio.run(limited())

    run.__name__ = test.__name__
    return run


__all__ = ["a_broker", "free_port", "running"]
