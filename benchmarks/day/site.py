"""The gateway, its board, air and devices, and two servers, in one loop and one radio thread."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forwarder.app import Gateway
from forwarder.config import GatewayConfig, loads
from forwarder.config.model import GpsSettings
from forwarder.links.mqtt import workers
from forwarder.packets import Accepted, Answer, Downlink
from forwarder.radio.radio_thread import RadioUp
from forwarder.sim.device import Device, Send
from forwarder.sim.network_server import NetworkServer, Reception
from forwarder.sim.placing import devices_of, region_of, rules_of
from forwarder.sim.scenario import read
from forwarder.sim.udp_server import UdpServer
from forwarder.sim.world import World
from forwarder.spool.worker import Worker
from forwarder.timing import service as timing
from hal.concentrator import Concentrator
from hal.frames import Crc, RxFrame
from hal.sim.air.air import Air
from hal.sim.air.verdict import Outcome, Report
from hal.sim.board import SimBoard
from hal.sim.gps import SimGps
from hal.sim.transport import SimTransport
from hal.sx1302.firmware import Firmware
from tests.forwarder.chirpstack_peer import ChirpstackPeer

from .account import Account
from .broker import Broker
from .simulated_time import Machine

EUI = "0016c001f1500001"
GPS_NS = 20_000  # the chip's timestamp of a frame is good to some microseconds
XTAL_PPM = 2
KEPT = 16  # frames that the simulation remembers: its memory is flat within the first hour
STAMPS_US = 20  # between two frames of a session; data rates differ by up to 8
MQTT, UDP, PLAIN = "behind-a-broker", "over-udp", "plain-udp"
SCENARIO = f"""
[scenario]
name = "day"
seed = 7
region = "EU868"

[[gateway]]
id = "gw1"
eui = "{EUI}"

[[devices]]
name = "mqtt-{{n:02}}"
count = 16
place = {{ kind = "disc", radius = 2500 }}
traffic = {{ kind = "poisson", every = "100s" }}
confirmed = 0.3

[[devices]]
name = "udp-{{n:02}}"
count = 16
place = {{ kind = "disc", radius = 2500 }}
traffic = {{ kind = "poisson", every = "100s" }}
confirmed = 0.3

[[devices]]
name = "late-mqtt-{{n:02}}"
count = 24
place = {{ kind = "disc", radius = 1500 }}
traffic = {{ kind = "periodic", every = "10m", jitter = "20s" }}
start = "LASTs"

[[devices]]
name = "late-udp-{{n:02}}"
count = 24
place = {{ kind = "disc", radius = 1500 }}
traffic = {{ kind = "periodic", every = "10m", jitter = "20s" }}
start = "LASTs"
"""
CONFIG = """
board = "sim"
region = "EU868"

[gateway]
eui = "{eui}"

[[server]]
type = "mqtt"
name = "{mqtt}"
address = "mqtt://127.0.0.1:{broker}"

[[server]]
name = "{udp}"
address = "127.0.0.1"
port = {port}
[server.outage]
policy = "replay"

[[server]]
name = "{plain}"
address = "127.0.0.1"
port = {other}
"""


class CountingServer(NetworkServer):
    """A network server that tells what it is given, before anything is made of it."""

    account: Account
    name: str
    machine: Machine

    def uplink(self, reception: Reception, now_s: float) -> None:
        self.account.came(self.name, reception.payload, self.machine.now_ns())
        super().uplink(reception, now_s)


class WatchedGateway(Gateway):
    """Tells the account what its radio reads, and when it is away."""

    site: Site

    def received(self, frames: list[RxFrame], damaged: int, dropped: int) -> None:
        for frame in frames:
            if frame.crc is Crc.OK:
                self.site.read(frame)
        super().received(frames, damaged, dropped)

    def radio_up(self, up: RadioUp) -> None:
        self.site.radio_up()
        super().radio_up(up)

    def radio_down(self, reason: str, *, first: bool) -> None:
        self.site.radio_down(reason)
        super().radio_down(reason, first=first)

    def counter_jumped(self, by_us: int) -> None:
        self.site.new_line()
        super().counter_jumped(by_us)

    def schedule(self, downlink: Downlink) -> Answer:
        answer = super().schedule(downlink)
        self.site.accepted += isinstance(answer, Accepted)
        return answer


class Receiver:
    """The GPS receiver's serial line, in memory: see `forwarder.timing.source.Source`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._data = bytearray()
        self._came = asyncio.Event()

    def came(self, data: bytes) -> None:
        self._data += data
        self._came.set()

    async def read(self) -> bytes:
        await self._came.wait()
        self._came.clear()
        data, self._data = bytes(self._data), bytearray()
        return data

    def write(self, data: bytes) -> None:
        self._site.gps.hear(data)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What must stay flat."""

    rss_mb: float
    objects: int
    tasks: int
    threads: int
    files: int


class Site:
    def __init__(self, machine: Machine, folder: Path, seconds: float) -> None:
        self.machine = machine
        self.account = Account((MQTT, UDP), (PLAIN,))
        self.scenario = read(SCENARIO.replace("LAST", str(int(seconds))), "day.toml")
        self._folder = folder
        self.board = SimBoard(machine, eui=EUI)
        self.board.counter.set_xtal_ppm(XTAL_PPM)
        self.board.tx.programmed = deque(maxlen=KEPT)
        self.board.tx.transmitted = deque(maxlen=KEPT)
        self.air = Air(7, rules=rules_of(self.scenario.channel), keep=KEPT)
        self.air.attach(self.board, name="gw1", at=(0.0, 0.0, 15.0))
        self.world = World(self.air, on_sent=self._sent)
        self._line: Receiver | None = None
        self.gps = SimGps(self.board, self._gps_says)
        self.accepted = self.emitted = self.aborted = 0
        self.board.on_transmit.append(self._emitted)
        self.board.on_abort.append(self._aborted)
        self.stamps: Counter[str] = Counter()
        self.times: Counter[str] = Counter()
        self._offset_us: float | None = None
        self.restarts: Counter[str] = Counter()
        region = region_of(self.scenario)
        self.specs = devices_of(self.scenario)
        self.cores = [self._core(MQTT), self._core(UDP), self._core(PLAIN)]
        self.peer = ChirpstackPeer(self.cores[0], region, {EUI})
        self.broker = Broker(self._to_peer)
        self.udp = UdpServer(self.cores[1], lambda event: None)
        self.plain = UdpServer(self.cores[2], lambda event: None)
        self.gateway: WatchedGateway
        machine.next_event_ns = self._next_event_ns

    def _core(self, name: str) -> CountingServer:
        chosen = [one for one in self.specs if ("mqtt" in one.name) == (name == MQTT)]
        core = CountingServer(region_of(self.scenario), chosen if name != PLAIN else [])
        core.account, core.name, core.machine = self.account, name, self.machine
        return core

    # Running it.

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.broker.start()
        config = self._config(await self.udp.start(), await self.plain.start())

        def open_radio(line_start_us: int | None, hold_s: float) -> Concentrator:
            transport = SimTransport(self.board, clock=self.machine)
            if hold_s:
                transport.reset(hold_s)
            return Concentrator(
                transport,
                config.concentrator,
                clock=self.machine,
                firmware=Firmware.simulated(),
                line_start_us=line_start_us,
            )

        state, runtime = self._folder / "state", self._folder / "run"
        gateway = self.gateway = WatchedGateway(
            config, open_radio, clock=self.machine, runtime=runtime, state=state
        )
        gateway.site = self
        self.machine.adopt(gateway.radio)
        saying = asyncio.create_task(self._say())
        with _counting_others(self.machine), self._serial_line():
            running = asyncio.create_task(gateway.run())
            try:
                await gateway.ready.wait()
                self._place()
                yield
                assert not running.done(), running
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
        saying.cancel()
        self.broker.stop()
        self.udp.close()
        self.plain.close()

    def _config(self, port: int, other: int) -> GatewayConfig:
        names = {"eui": EUI, "mqtt": MQTT, "udp": UDP, "plain": PLAIN}
        text = CONFIG.format(broker=self.broker.port, port=port, other=other, **names)
        return replace(loads(text, "day.toml"), gps=GpsSettings("simulated"))

    def _place(self) -> None:
        start_ns = self.machine.now_ns() + 1_000_000_000
        self.world.place(self.specs, seed=7, start_ns=start_ns)

    @contextmanager
    def _serial_line(self) -> Iterator[None]:
        usual = vars(timing)["open_source"]

        @asynccontextmanager
        async def open_source(settings: GpsSettings) -> AsyncIterator[Receiver]:
            self._line = Receiver(self)
            try:
                yield self._line
            finally:
                self._line = None

        vars(timing)["open_source"] = open_source
        try:
            yield
        finally:
            vars(timing)["open_source"] = usual

    def sizes(self) -> Sizes:
        gc.collect()
        rss = next(
            line for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line
        )
        return Sizes(
            int(rss.split()[1]) / 1024,
            len(gc.get_objects()),
            len(asyncio.all_tasks()),
            threading.active_count(),
            len(list(Path("/proc/self/fd").iterdir())),
        )

    def forget(self) -> None:
        """What only tests look at, and would fill the memory."""
        for kept in (self.peer.events, self.peer.uplinks, self.peer.stats, self.peer.acks):
            kept.clear()
        self.peer._asked.clear()

    # In the radio thread.

    def _next_event_ns(self) -> int | None:
        events = (self.air.next_event_ns(), self.board.agenda.next_ns, self.gps.next_ns)
        return min((one for one in events if one is not None), default=None)

    def _sent(self, device: Device, send: Send, report: Report) -> None:
        outcomes = [one.outcome for one in report.verdicts if not one.ghost]
        outcome = outcomes[0] if outcomes else Outcome.BELOW_SENSITIVITY
        stored = outcome is Outcome.RECEIVED
        self.account.sent(send.payload, report.frame.end_ns, outcome.value, stored=stored)

    def _emitted(self, emission: object) -> None:
        self.emitted += 1

    def _aborted(self, emission: object, at_ns: int) -> None:
        self.aborted += 1

    def _gps_says(self, data: bytes) -> None:
        if self._line is not None:
            self.gateway._failed.get_loop().call_soon_threadsafe(self._line.came, data)

    # In the loop.

    def read(self, frame: RxFrame) -> None:
        end_ns = self.account.read(frame.payload)
        if end_ns is None:
            return
        offset_us = frame.counter_us - end_ns / 1000 * (1 + XTAL_PPM * 1e-6)
        self.times[self._gps_word(frame, end_ns)] += 1
        if self._offset_us is None:
            self._offset_us = offset_us
        off = abs(offset_us - self._offset_us)
        stands = self.account.is_now("radio counter stands")
        self.stamps["right" if off < STAMPS_US else "no counter" if stands else "wrong"] += 1

    def _gps_word(self, frame: RxFrame, end_ns: int) -> str:
        """Whether the time that servers are told is the receiver's, to some microseconds."""
        gps = self.gateway.gps
        assert gps is not None
        told_ns = gps.keeper.gps_ns(frame.counter_us, gps._now())
        if told_ns is None:
            return "untold"
        return "right" if abs(told_ns - self.gps.gps_ns(end_ns)) < GPS_NS else "wrong"

    def new_line(self) -> None:
        """The counter's line began anew."""
        self._offset_us = None

    def radio_up(self) -> None:
        self.new_line()
        self.account.ended("radio down", self.machine.now_ns())

    def radio_down(self, reason: str) -> None:
        self.restarts[reason.split(":")[0].split(";")[0]] += 1
        if not self.account.is_now("radio down"):
            self.account.began("radio down", self.machine.now_ns())

    def _to_peer(self, topic: str, payload: bytes) -> None:
        if "/event/" in topic:
            self.peer._take(topic, payload)
            self.peer._flush()

    async def _say(self) -> None:
        while True:
            self.broker.say(*await self.peer._outbox.get())


@contextmanager
def _counting_others(machine: Machine) -> Iterator[None]:
    """Jobs of the gateway's own threads take no simulated time."""
    submit, start = Worker.submit, workers.start

    def counted_submit(self: Worker, work: Any, done: Any, **options: Any) -> None:
        machine.others += 1

        def ended(result: Any) -> None:
            machine.others -= 1
            done(result)

        submit(self, work, ended, **options)

    def counted_start(work: Any) -> None:
        machine.others += 1
        loop = asyncio.get_running_loop()

        def job() -> None:
            try:
                work()
            finally:
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(machine.other_ended)

        start(job)

    Worker.submit = counted_submit  # type: ignore[method-assign]
    workers.start = counted_start
    try:
        yield
    finally:
        Worker.submit = submit  # type: ignore[method-assign]
        workers.start = start
