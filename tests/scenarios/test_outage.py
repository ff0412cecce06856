"""An hour without the broker, and the program killed twice in it. Rung 2.

A real mosquitto, the link to ChirpStack as it ships, a real disk and journal; the hour is simulated:
the keeper's clock is the test's. Devices send every ten seconds all the while.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path

import aiomqtt

from forwarder.links.chirpstack import gw_pb2
from forwarder.links.mqtt.link import MqttLink
from forwarder.links.mqtt.profiles import make_dialect
from forwarder.packets import Uplink
from forwarder.spool.courier import KeepingCourier
from tests.edge.brokers import a_broker, free_port
from tests.forwarder.mqtt_bench import QUICK, RadioFacts, in_time, settings, until
from tests.forwarder.proxy import a_proxy
from tests.forwarder.semtech_makers import answering
from tests.forwarder.spool import makers
from tests.forwarder.spool.site import Site

DEVICES = (0x26011F01, 0x26011F02, 0x26011F03)
STEP_S = 10.0
KILLED_AT = (1200.0, 2500.0)  # seconds into the outage
OUTAGE_S = 3600.0


class Run:
    """The program from one start to its end: keeper and link, until it is killed."""

    def __init__(self, site: Site, port: int) -> None:
        (self.courier,) = site.start(replay_per_s=1000.0)
        config, facts = settings(port), RadioFacts()
        self.link = MqttLink(
            config,
            facts,
            answering(),
            make_dialect(config, facts),
            courier=self.courier,
            timing=QUICK,
        )
        self.courier.attach(self.link)
        self._task = asyncio.create_task(self.link.run())

    async def kill(self, site: Site) -> None:
        site.kill()
        self.courier._note = None
        self.courier._ended = True
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


class Devices:
    """What they have sent: each frame's DevAddr and counter."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []
        self.joins = 0

    def send(self, courier: KeepingCourier[Uplink]) -> None:
        for dev_addr in DEVICES:
            fcnt = len(self.sent) // len(DEVICES)
            courier.put(makers.uplink(makers.data(dev_addr, fcnt)))
            self.sent.append((dev_addr, fcnt))
        courier.put(makers.uplink(makers.JOIN))
        self.joins += 1


async def listen(port: int, heard: list[gw_pb2.UplinkFrame], ready: asyncio.Event) -> None:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("+/event/up", qos=1)
        await client.subscribe("gateway/+/event/up", qos=1)
        ready.set()
        async for message in client.messages:
            payload = message.payload
            assert isinstance(payload, bytes)
            heard.append(gw_pb2.UplinkFrame.FromString(payload))


def of(frame: gw_pb2.UplinkFrame) -> tuple[int, int]:
    payload = frame.phy_payload
    return int.from_bytes(payload[1:5], "little"), int.from_bytes(payload[6:8], "little")


def is_join(frame: gw_pb2.UplinkFrame) -> bool:
    return frame.phy_payload[0] >> 5 == 0


async def outage(site: Site, port: int, devices: Devices) -> tuple[Run, int]:
    """The hour, in which the program is killed twice; the run after it, and what was reported."""
    run, reported = Run(site, port), 0
    await site.ready()
    kills = list(KILLED_AT)
    seconds = 0.0
    while seconds < OUTAGE_S:
        devices.send(run.courier)
        site.later(STEP_S, run.courier)
        seconds += STEP_S
        while run.courier._asked is not None:
            await run.courier._answers()
        if kills and seconds >= kills[0]:
            del kills[0]
            await run.kill(site)
            run = Run(site, port)
            await site.ready()
            reported += sum(gap.count or 0 for gap in site.spool.gaps)
    return run, reported


@in_time
async def test_an_hour_without_the_broker_and_two_kills_lose_nothing_that_is_not_reported(
    folder: Path,
) -> None:
    site, devices, port = Site(folder), Devices(), free_port()
    heard: list[gw_pb2.UplinkFrame] = []
    run, reported = await outage(site, port, devices)
    async with a_broker(folder, free_port()) as inside:
        ready = asyncio.Event()
        listening = asyncio.create_task(listen(inside, heard, ready))
        await ready.wait()  # or what comes before somebody listens is heard by nobody
        async with a_proxy(inside, port=port):
            await until(lambda: drained(site, run))
            devices.send(run.courier)
            await until(lambda: drained(site, run))
            await until(lambda: all_came(heard, devices, reported))
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await run.kill(site)
    check(heard, devices, reported)


def all_came(heard: list[gw_pb2.UplinkFrame], devices: Devices, reported: int) -> bool:
    return len(heard) >= len(devices.sent) - reported and any(map(is_join, heard))


def drained(site: Site, run: Run) -> bool:
    site.later(0.1)
    run.courier._advance()
    status = run.courier.status()
    return bool(status["open"]) and not run.courier.at_risk and not status["on_disk"]


def check(heard: list[gw_pb2.UplinkFrame], devices: Devices, reported: int) -> None:
    came = Counter(of(frame) for frame in heard if not is_join(frame))
    lost = [frame for frame in devices.sent if frame not in came]
    assert len(lost) <= reported <= 2 * 4 * len(DEVICES)
    for dev_addr in DEVICES:
        counters = [fcnt for address, fcnt in map(of, heard) if address == dev_addr]
        firsts = list(dict.fromkeys(counters))
        assert firsts == sorted(firsts)
    assert sum(map(is_join, heard)) == 1  # the one that was sent while the broker was there
    late = [frame for frame in heard if frame.rx_info.metadata.get("late") == "true"]
    assert len(late) >= len(devices.sent) - reported - len(DEVICES)
    assert all("received_at" in frame.rx_info.metadata for frame in late)
