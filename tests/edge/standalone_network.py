"""Devices, air, board, driver, scheduler, standalone core and Join Server in simulated time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from forwarder.config import loads
from forwarder.edge.keks import KeyRing, SoftKek, SourceKeys
from forwarder.edge.records import radio_facts
from forwarder.edge.session import Device as Enrolled
from forwarder.edge.sources.js_answers import joined_news
from forwarder.edge.sources.ts002 import Header, JoinAns, JoinReq, ResultCode, encode, parse
from forwarder.edge.standalone.core import StandaloneCore
from forwarder.edge.standalone.settings import StandaloneSettings
from forwarder.edge.standalone.store import StandaloneStore
from forwarder.edge.standalone.values import DownlinkState, JoinAsk, KeyAsk
from forwarder.edge.values import LocalDownlink, Record
from forwarder.edge.vault import KekVault
from forwarder.files.database import StoreFault
from forwarder.lorawan.region import REGIONS
from forwarder.packets import Answer, Downlink, Uplink
from forwarder.scheduling.downlinks import Scheduler
from forwarder.sim.device import Device
from forwarder.sim.device_events import Event
from forwarder.sim.device_spec import DeviceSpec, Traffic
from forwarder.sim.join_server import JoinServer, Kek, Peers, Roots
from forwarder.sim.world import World
from hal.clock import ManualClock
from hal.concentrator import Concentrator
from hal.frames import Crc
from hal.sim.air import Rules
from hal.sim.air.air import Air
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport

Kind = TypeVar("Kind")
S = 1_000_000_000
POLL_NS = 20_000_000
WALL_NS = 1_790_000_000 * S  # what the wall clock says when the test begins
NET_ID = "000013"
EU868 = REGIONS["EU868"]
JOIN_EUI = 0x70B3D57ED0000001
CONFIG = """
region = "EU868"
board = "sim"
[[server]]
address = "127.0.0.1"
"""
NS_KEK, AS_KEK = bytes(range(16)), bytes(range(16, 32))
SETTINGS = StandaloneSettings(
    net_id=NET_ID, channels_hz=tuple(867_100_000 + 200_000 * i for i in range(5))
)


def spec(number: int = 1, **more: Any) -> DeviceSpec:
    """A simulated device some hundred metres away; what it is like in `more`."""
    facts: dict[str, Any] = {
        "name": f"d{number}",
        "dev_eui": 0x70B3D57ED1000000 + number,
        "join_eui": JOIN_EUI,
        "app_key": bytes([number]) * 16,
        "region": EU868,
        "at": (300.0 + 10 * number, 0.0, 1.0),
        "traffic": Traffic(every_s=30.0),
        "start_s": 1.0 + 7 * number,
        "duty_cycle": 1.0,
    }
    return DeviceSpec(**(facts | more))


def vault() -> KekVault:
    ring = KeyRing([SoftKek("ns", NS_KEK), SoftKek("as", AS_KEK)])
    return KekVault(ring, {"js": SourceKeys()})


def join_server(specs: list[DeviceSpec]) -> JoinServer:
    peers = Peers({NET_ID: Kek("ns", NS_KEK)}, {"as": Kek("as", AS_KEK)}, home_as="as")
    roots = [Roots(one.dev_eui, one.join_eui, one.app_key) for one in specs]
    return JoinServer(roots, peers, random.Random(5).randbytes)


def enrolled(specs: list[DeviceSpec]) -> dict[str, Enrolled]:
    return {f"{one.dev_eui:016x}": Enrolled(f"{one.dev_eui:016x}", one.name) for one in specs}


@dataclass
class Site:
    """One gateway that is its own network server. `js_delay_s` is what the Join Server takes."""

    specs: list[DeviceSpec]
    path: Path
    settings: StandaloneSettings = SETTINGS
    js_delay_s: float = 0.3
    disk_full: bool = False
    records: list[Record] = field(default_factory=list)
    states: list[DownlinkState] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    device_events: list[tuple[str, Event]] = field(default_factory=list)
    scheduled: list[tuple[Downlink, Answer]] = field(default_factory=list)
    asks: list[JoinAsk | KeyAsk] = field(default_factory=list)
    uplinks: list[Uplink] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.air = Air(7, rules=Rules().quiet())
        self.board = SimBoard(self.clock, eui="0016c001f1500001")
        self.air.attach(self.board, name="gw", at=(0.0, 0.0, 15.0))
        config = loads(CONFIG, "test.toml").concentrator
        self.radio = Concentrator(
            SimTransport(self.board, clock=self.clock), config, clock=self.clock
        )
        self.radio.start()
        self.scheduler = Scheduler(config)
        self.join_server = join_server(self.specs)
        self._answers: list[tuple[float, JoinAsk, JoinReq, bytes]] = []
        self._transactions = 0
        self.world = World(self.air, on_event=self._device_event, on_sent=lambda *_: None)
        self.world.place(self.specs, seed=11, start_ns=self.clock.now_ns())
        self.boot()

    def boot(self) -> None:
        """The process starts, with what the disk has; also again, after it was killed."""
        self.core = StandaloneCore(
            self.settings,
            EU868,
            enrolled(self.specs),
            vault(),
            self._schedule,
            random.Random(3).randrange,
        )
        self.core.gateway = "gw"
        self.store = StandaloneStore(self.path)
        self.core.restore(*self.store.load())

    @property
    def now_s(self) -> float:
        return self.clock.now_ns() / S

    @property
    def wall_ns(self) -> int:
        return WALL_NS + self.clock.now_ns()

    def run(self, seconds: float) -> None:
        until = self.clock.now_ns() + round(seconds * S)
        while self.clock.now_ns() < until:
            self.clock.advance_to_ns(self.clock.now_ns() + POLL_NS)
            for frame in self.radio.receive().frames:
                if frame.crc is Crc.OK:
                    self.hear(Uplink(frame))
            self._join_answers()
            self.core.tick(self.now_s, self.wall_ns / 1e9)
            self.settle()
            for job, frame_out in self.scheduler.due(self.radio.now_us()):
                self.scheduler.emitted(job, self.radio.send(frame_out))

    def hear(self, uplink: Uplink) -> None:
        self.uplinks.append(uplink)
        self.core.uplink(
            uplink.frame.payload,
            radio_facts(uplink),
            time_ns=self.wall_ns,
            now_s=self.now_s,
            gps_ns=self.wall_ns,
        )

    def settle(self) -> None:
        """Write what is to be written, and what follows from that."""
        while (batch := self.core.take()) is not None:
            stored = not self.disk_full
            try:
                if stored:
                    self.store.commit(batch)
            except StoreFault:
                stored = False
            self.records += self.core.done(batch, stored=stored, now_s=self.now_s)
            if not stored:
                break
        self.states += self.core.take_states()
        self.events += self.core.take_events()
        for ask in self.core.take_asks():
            self.asks.append(ask)
            if isinstance(ask, JoinAsk):
                self._ask(ask)

    def send(self, downlink: LocalDownlink) -> None:
        self.core.enqueue(downlink, self.now_s)

    def kill(self) -> None:
        """Nothing is finished, nothing is closed."""
        self._answers.clear()
        self.boot()

    def _ask(self, ask: JoinAsk) -> None:
        self._transactions += 1
        request = JoinReq(
            Header(NET_ID, ask.join_eui, self._transactions),
            ask.mac_version,
            ask.phy_payload,
            ask.dev_eui,
            ask.dev_addr,
            ask.dl_settings,
            ask.rx_delay,
            ask.cf_list,
        )
        reply = self.join_server.answer(encode(request))
        self._answers.append((self.now_s + self.js_delay_s, ask, request, reply.body))

    def _join_answers(self) -> None:
        due = [one for one in self._answers if one[0] <= self.now_s]
        self._answers = [one for one in self._answers if one[0] > self.now_s]
        for _, ask, request, body in due:
            answer = parse(body)
            assert isinstance(answer, JoinAns)
            if answer.result.code is not ResultCode.SUCCESS:
                self.core.join_failed(ask.number, answer.result.code.value)
                continue
            news = joined_news("js", ask.join_eui, request, answer)
            self.core.join_granted(
                ask.number,
                answer.phy_payload,
                news,
                now_s=self.now_s,
                wall_s=self.wall_ns / 1e9,
            )

    def _schedule(self, downlink: Downlink) -> Answer:
        answer = self.scheduler.schedule(downlink, self.radio.now_us())
        self.scheduled.append((downlink, answer))
        return answer

    def _device_event(self, device: Device, event: Event, now_ns: int) -> None:
        self.device_events.append((device.spec.name, event))

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for _, event in self.device_events if isinstance(event, kind)]
