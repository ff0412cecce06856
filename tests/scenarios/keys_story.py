"""A device, an external Join Server, a network server that cannot read, a gateway that can.

Radio, air, devices and servers go by simulated time; the Join Server is a process of its own behind
real HTTPS, and what the network server tells the gateway goes over real HTTP. While those answer,
simulated time stands still.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from forwarder.config import load
from forwarder.edge.observer import EdgeObserver
from forwarder.edge.open import open_edge
from forwarder.edge.values import Record
from forwarder.links.semtech_udp import txpk as txpk_reader
from forwarder.lorawan.region import make_cf_list_freqs
from forwarder.packets import Downlink, Refused, Uplink
from forwarder.scheduling.downlinks import Scheduler
from forwarder.sim.device import Device, Send
from forwarder.sim.edge_demo import port_of, without_secrets
from forwarder.sim.intruder import Tape, Trick, play
from forwarder.sim.join_desk import Grant, JoinDesk
from forwarder.sim.key_site import JoinServerProcess, KeySite
from forwarder.sim.lns_reports import Address, Reports
from forwarder.sim.network_server import JoinAsk, NetworkServer, Reception
from forwarder.sim.placing import devices_of, region_of
from forwarder.sim.scenario import Scenario, read
from forwarder.sim.server_events import DataHeard, ServerEvent
from forwarder.sim.udp_server import txpk
from forwarder.sim.world import World
from hal.clock import ManualClock
from hal.concentrator import Concentrator
from hal.frames import Crc, RxFrame
from hal.modulation import LoRa
from hal.sim.air import Rules
from hal.sim.air.air import Air
from hal.sim.air.verdict import Report
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport

EUI = "0016c001f1500001"
S = 1_000_000_000
POLL_NS = 20_000_000
PATIENCE_S = 10.0
SCENARIO = """
[scenario]
name = "keys"
seed = 11
[[devices]]
name = "meter-{n}"
count = 2
place = { kind = "points", points = [[250, 40, 1], [-300, 80, 1]] }
payload = { kind = "temperature" }
traffic = { kind = "periodic", every = "8s" }
start = "3s"
[[devices]]
name = "old-meter"
activation = "abp"
place = { kind = "points", points = [[100, -90, 1]] }
payload = { kind = "counter", bytes = 8 }
traffic = { kind = "periodic", every = "9s" }
start = "1s"
"""


class KeysStory:
    """`asked`: the network server passes on session ids only, so that AppSKeys are asked for."""

    def __init__(self, site: KeySite, scenario: Scenario, *, asked: bool) -> None:
        self.site, self.asked = site, asked
        self.specs = devices_of(scenario)
        self.region = region_of(scenario)
        self.clock = ManualClock()
        self.records: list[Record] = []
        self.events: list[ServerEvent] = []
        self.grants: list[Grant] = []
        self.name = "story"
        self.cut = False
        self.desk: JoinDesk
        self.reports: Reports
        self.tape = Tape()

    # What a sink does (edge.values.Sink).

    async def run(self) -> None:
        """Nothing waits here."""

    def publish(self, record: Record) -> None:
        self.records.append(record)

    def status(self) -> dict[str, object]:
        return {}

    # The parts.

    def build(self, config: Path) -> None:
        read_config = load(config)
        assert read_config.edge is not None
        self.board = SimBoard(self.clock, eui=EUI)
        self.air = Air(7, rules=Rules().quiet())
        self.air.attach(self.board, name="gw", at=(0.0, 0.0, 15.0))
        self.radio = Concentrator(
            SimTransport(self.board, clock=self.clock), read_config.concentrator, clock=self.clock
        )
        self.radio.start()
        self.scheduler = Scheduler(read_config.concentrator)
        self.world = World(self.air, on_sent=self._sent)
        self.world.place(self.specs, seed=3, start_ns=self.clock.now_ns())
        self.core = NetworkServer(
            self.region,
            [without_secrets(spec) for spec in self.specs],
            cf_list=make_cf_list_freqs([867_100_000 + 200_000 * n for n in range(5)]),
            join_server_outside=True,
        )
        self.edge: EdgeObserver = open_edge(read_config.edge, EUI)
        self.edge.publisher.also(self)

    async def connect(self) -> None:
        """Where the network server reaches the gateway."""
        ports = {
            one.name: await port_of(one)
            for one in self.edge.sources
            if one.name in ("tunnel", "push")
        }
        self.reports = Reports(
            Address(ports["tunnel"], self.site.event_token, "/"),
            Address(ports["push"], self.site.push_token, "/v1/sessions"),
            self.site.push_kek,
        )
        await self.until(lambda: bool(self.edge.mode.counters["news"]))  # the owner's file

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not reached():
                await asyncio.to_thread(lambda: None)

    # Simulated time.

    async def play(self, seconds: float) -> None:
        until_ns = self.clock.now_ns() + round(seconds * S)
        while self.clock.now_ns() < until_ns:
            self.clock.advance_to_ns(self.clock.now_ns() + POLL_NS)
            for frame in self.radio.receive().frames:
                if frame.crc is Crc.OK:
                    await self._hear(frame)
            if not self.cut:
                await self._serve()
            for job, frame_out in self.scheduler.due(self.radio.now_us()):
                self.scheduler.emitted(job, self.radio.send(frame_out))

    async def _hear(self, frame: RxFrame) -> None:
        """First up, then here, as in the gateway."""
        if not self.cut:
            self.core.uplink(_reception(frame), self.clock.now_ns() / S)
        self.edge.uplink(Uplink(frame))
        await self.until(lambda: not self.edge.status()["waiting"] and self._is_idle())

    def _is_idle(self) -> bool:
        return not (self.edge._frames or self.edge._news or self.edge._records)

    async def _serve(self) -> None:
        self.core.tick(self.clock.now_ns() / S)
        for event in self.core.events():
            self.events.append(event)
            if isinstance(event, DataHeard):
                self.reports.heard(event)
        for ask in self.core.asks():
            await self._join(ask)
        for downlink in self.core.downlinks():
            read_back = txpk_reader.read(txpk(downlink).encode(), link="lns", token=downlink.token)
            assert isinstance(read_back, Downlink)
            answer = self.scheduler.schedule(read_back, self.radio.now_us())
            assert not isinstance(answer, Refused), answer
            self.core.answered(downlink.token, None)

    async def _join(self, ask: JoinAsk) -> None:
        grant = await self.desk.ask(ask)
        assert grant is not None
        self.grants.append(grant)
        told = self.reports.sent + self.reports.failed
        self.reports.joined(grant, envelope=not self.asked)
        await self.until(lambda: self.reports.sent + self.reports.failed >= told + 2)
        assert not self.reports.failed
        await self.until(lambda: self._has_key(f"{ask.device.dev_eui:016x}"))

    def _has_key(self, dev_eui: str) -> bool:
        device = self.edge.mode.enrolment.devices[dev_eui]
        newest = device.sessions[-1:] if device.sessions else ()
        return any(one.app_s is not None and one.nwk is not None for one in newest)

    def _sent(self, device: Device, send: Send, report: Report) -> None:
        self.tape.hear(device.spec.name, send)

    def intrude(self, trick: Trick) -> None:
        played = play(trick, self.tape, random.Random(5), self.clock.now_ns())
        assert played is not None
        self.air.transmit(played[0])

    def app_s_keys(self) -> dict[str, bytes]:
        """What no server may have: from the devices themselves."""
        sessions = {name: one.session for name, one in self.world.devices.items()}
        return {name: one.app_s for name, one in sessions.items() if one is not None}


def _reception(frame: RxFrame) -> Reception:
    assert isinstance(frame.modulation, LoRa)
    return Reception(
        EUI,
        frame.payload,
        frame.counter_us & 0xFFFFFFFF,
        frame.freq_hz,
        frame.modulation.sf,
        frame.modulation.bw_hz,
        frame.rssi_channel_dbm,
        frame.snr_db or 0.0,
    )


def _config(site: KeySite, edge: str) -> Path:
    head = (
        f'board = "sim"\nregion = "EU868"\n[gateway]\neui = "{EUI}"\n'
        '[[server]]\naddress = "127.0.0.1"\nport = 9\n'
    )
    sink = f'[[edge.sink]]\ntype = "jsonl"\npath = "{site.folder}/records.jsonl"\n'
    return site.secret("gateway.toml", head + edge + sink)


@asynccontextmanager
async def a_story(
    folder: Path,
    *,
    asked: bool = False,
    codec: bool = True,
    edge: Callable[[KeySite, str], str] = lambda site, text: text,
) -> AsyncIterator[KeysStory]:
    """One that runs; `edge` may change the gateway's `[edge]`."""
    scenario_file = folder / "keys.toml"
    scenario_file.write_text(SCENARIO)
    scenario = read(SCENARIO)
    site = KeySite(folder)
    story = KeysStory(site, scenario, asked=asked)
    arguments = site.join_server_arguments(str(scenario_file), scenario.scenario.seed)
    async with JoinServerProcess(arguments) as facts:
        story.build(_config(site, edge(site, site.edge(facts, story.specs, codec=codec))))
        story.desk = JoinDesk(story.core, site.network_side(facts), site.ns_kek)
        tasks = [asyncio.create_task(story.edge.run()), asyncio.create_task(story.desk.run())]
        try:
            await story.connect()
            tasks.append(asyncio.create_task(story.reports.run()))
            yield story
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
