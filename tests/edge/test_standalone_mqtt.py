"""A network server for one site as it is configured: real broker, real HTTP, several Join Servers.

The configuration names three sources of keys: one that lets devices join, one that is asked for
AppSKeys, and, last, one for the devices of somebody else. Only the right ones may be asked.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from forwarder.config import load
from forwarder.edge.open import Parts, open_parts
from forwarder.edge.standalone.open import Site
from forwarder.edge.values import Envelope, KeyNews, KeyOrigin, Scheme
from forwarder.lorawan.keys import wrap
from forwarder.lorawan.region import REGIONS
from forwarder.packets import Accepted, Answer, Downlink
from forwarder.sim.device import Device, Heard
from forwarder.sim.device_events import Downlinked
from forwarder.sim.device_spec import DeviceSpec
from forwarder.sim.join_server import Gives
from tests.edge.brokers import a_broker, free_port
from tests.edge.join_server_bench import (
    APP_KEY,
    AS_ID,
    AS_KEK,
    DEV_EUI,
    JOIN_EUI,
    NET_ID,
    NS_KEK,
    a_core,
    serving,
)
from tests.edge.test_standalone_server import uplink_of

GATEWAY = "0016c001f1500001"
EUI = f"{DEV_EUI:016x}"
BASE = f"edgemast/{GATEWAY}"
DOWN = f"{BASE}/{EUI}/down"
SPEC = DeviceSpec("one", DEV_EUI, JOIN_EUI, APP_KEY, REGIONS["EU868"], confirmed=1.0)
CODEC = "function encodeDownlink(input) { return {fPort: 9, bytes: [input.data.on ? 1 : 0]}; }"


@pytest.fixture(autouse=True)
def _soft_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What shuts out debuggers would stay for all tests that this process still runs."""
    monkeypatch.setattr("forwarder.edge.open.harden", lambda: "left as it is, for tests")


def source(name: str, port: int, join_eui: str, facts: str) -> str:
    return (
        f'[[edge.source]]\ntype = "join_server"\nname = "{name}"\n{facts}\n'
        f'[[edge.source.server]]\nurl = "http://127.0.0.1:{port}"\nallow_http = true\n'
        f'join_eui = ["{join_eui}"]\n'
    )


def write(folder: Path, broker: int, join_server: int) -> Path:
    keks = folder / "keks"
    keks.touch(mode=0o600)
    keks.write_text("".join(f"{kek.label} = {kek.key.hex()}\n" for kek in (NS_KEK, AS_KEK)))
    (folder / "codec.js").write_text(CODEC)
    nobody = free_port()
    path = folder / "gateway.toml"
    path.write_text(
        'board = "sim"\nregion = "EU868"\n[edge]\nmode = "standalone"\ndatabase = "edge.db"\n'
        f'[edge.keks]\nfile = "{keks}"\n'
        f'[edge.standalone]\nnet_id = "{NET_ID}"\nstore = "alone.db"\n'
        f'[[edge.device]]\ndev_eui = "{EUI}"\ncodec = "codec.js"\n'
        f'[[edge.sink]]\ntype = "mqtt"\nserver = "mqtt://127.0.0.1:{broker}"\n'
        + source("joins", join_server, f"{JOIN_EUI:016x}", f'net_id = "{NET_ID}"')
        + source("asked", join_server, f"{JOIN_EUI:016x}/40", f'as_id = "{AS_ID}"')
        + source("other", nobody, "*", f'as_id = "{AS_ID}"\nnet_id = "{NET_ID}"')
    )
    return path


@dataclass
class Bench:
    """A device in front of the configured parts, and somebody on site at the broker."""

    parts: Parts
    client: aiomqtt.Client
    sent: asyncio.Queue[Downlink]
    device: Device = field(default_factory=lambda: Device(SPEC, random.Random(3)))
    line_us: int = 1_000_000
    heard: list[bytes] = field(default_factory=list)

    async def turn(self) -> Downlink:
        """The device's next frame, and the answer to it, which it hears."""
        send = None
        while send is None:
            assert self.device.next_ns is not None
            start_ns = self.device.next_ns
            send = self.device.wake(start_ns)
        window = self.device.tx_done(start_ns + 50_000_000)
        self.line_us += 10_000_000
        uplink = uplink_of(send, self.line_us)
        assert self.parts.standalone is not None
        self.parts.standalone.uplink(uplink)
        downlink = await self.sent.get()
        heard = Heard(downlink.payload, -80.0, 8.0, window.to_ns)
        assert self.device.window_done(heard, window.to_ns) is None
        events = [event for event in self.device.events() if isinstance(event, Downlinked)]
        self.heard += [event.payload for event in events if event.payload]
        return downlink

    async def told(self, topic: str) -> dict[str, Any]:
        """The next message of a topic; others are skipped."""
        async for message in self.client.messages:
            if message.topic.value == topic:
                assert isinstance(message.payload, bytes)
                found: dict[str, Any] = json.loads(message.payload)
                return found
        raise AssertionError("the broker is gone")

    async def ask(self, body: dict[str, object]) -> None:
        await self.client.publish(DOWN, json.dumps(body), qos=1)


@asynccontextmanager
async def a_bench(folder: Path, broker: int, join_server: int) -> AsyncIterator[Bench]:
    config = load(write(folder, broker, join_server))
    assert config.edge is not None
    sent: asyncio.Queue[Downlink] = asyncio.Queue()

    def schedule(downlink: Downlink) -> Answer:
        sent.put_nowait(downlink)
        return Accepted(0, 14.0, adjusted=False, margin_us=900_000)

    site = Site(schedule, "EU868", config.concentrator, lambda: False)
    parts = open_parts(config.edge, GATEWAY, site)
    assert parts.standalone is not None
    async with aiomqtt.Client("127.0.0.1", broker) as client:
        await client.subscribe(f"{BASE}/#", qos=1)
        tasks = [asyncio.create_task(part.run()) for part in (parts.observer, parts.standalone)]
        bench = Bench(parts, client, sent)
        try:
            async with asyncio.timeout(30):
                await bench.told(f"{BASE}/state")  # the sink's subscription stands before it
                while not parts.standalone.core.restored:
                    await asyncio.to_thread(lambda: None)
                yield bench
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def test_from_a_join_to_readings_and_downlinks_at_the_broker(tmp_path: Path) -> None:
    async def story(join_server: int) -> None:
        async with (
            a_broker(tmp_path, free_port()) as broker,
            a_bench(tmp_path, broker, join_server) as bench,
        ):
            await bench.ask({"fport": 3, "payload_hex": "0a"})
            assert "no session" in (await bench.told(f"{DOWN}/state"))["state"]
            await bench.turn()
            assert bench.device.joined
            await bench.ask({"fport": 3, "payload_hex": "0a0b", "reference": "r1"})
            assert await bench.told(f"{DOWN}/state") == {"state": "queued", "reference": "r1"}
            while bench.heard != [b"\x0a\x0b"]:
                await bench.turn()
            assert await bench.told(f"{DOWN}/state") == {"state": "sent", "reference": "r1"}
            while (record := await bench.told(f"{BASE}/{EUI}/up"))["payload_state"] != "decrypted":
                await bench.turn()
            assert (record["mic"], record["dev_eui"]) == ("ok", EUI)

    with serving(a_core(gives=Gives.SESSION_ID)) as js:
        asyncio.run(story(js.port))


def test_an_object_is_made_bytes_by_the_device_s_codec(tmp_path: Path) -> None:
    async def story(join_server: int) -> None:
        async with (
            a_broker(tmp_path, free_port()) as broker,
            a_bench(tmp_path, broker, join_server) as bench,
        ):
            await bench.turn()
            await bench.ask({"fport": 3, "object": {"on": True}, "reference": "r2"})
            assert (await bench.told(f"{DOWN}/state"))["state"] == "queued"
            assert bench.parts.standalone is not None
            queue = bench.parts.standalone.core.sessions.queue(EUI)
            while not len(queue):  # a child process makes it
                await asyncio.to_thread(lambda: None)
            while not bench.heard:
                await bench.turn()
            assert bench.heard == [b"\x01"]

    with serving(a_core()) as js:
        asyncio.run(story(js.port))


def test_a_key_of_no_named_session_does_not_take_the_place_of_one_that_joined(
    tmp_path: Path,
) -> None:
    async def story(join_server: int) -> None:
        async with (
            a_broker(tmp_path, free_port()) as broker,
            a_bench(tmp_path, broker, join_server) as bench,
        ):
            await bench.turn()
            foreign = Envelope(Scheme.RFC3394, wrap(AS_KEK.key, b"f" * 16), AS_KEK.label)
            news = KeyNews("asked", KeyOrigin.PUSH, EUI, app_s_key=foreign)
            assert bench.parts.standalone is not None
            assert not bench.parts.standalone.key_news(news)

    with serving(a_core(gives=Gives.KEY)) as js:
        asyncio.run(story(js.port))
