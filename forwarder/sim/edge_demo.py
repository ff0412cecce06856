"""The demo with keys: an external Join Server, a server that cannot read, a gateway that can.

    devices ── air ── board ── Gateway ══ UDP ══ network server ══ JoinReq ══╗
                                 │ local mode ◀══ events, NwkSKeys ══╝       ║ Join Server,
                                 └══════════════ AppSKeyReq ═════════════════╝ a process

Halfway the way to the network server is cut, and somebody sends what nobody should believe.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hal.sim.air.verdict import Report, sentence
from hal.sim.board import SimBoard

from ..app import Gateway
from ..config import GatewayConfig, load
from ..edge.codec.host import missing
from ..edge.config import EdgeConfig
from ..edge.observer import EdgeObserver
from ..edge.sources.http import HttpSource
from ..edge.sources.push import PushSource
from ..edge.values import KeySource, Record
from ..lorawan.keys import SessionKeys
from .demo import Demo, Show, WatchedGateway, udp_config_text
from .device import Device, Send
from .device_spec import DeviceSpec
from .edge_narrator import EdgeNarrator
from .intruder import Tape, Trick, play
from .join_desk import JoinDesk
from .key_site import JoinServerFacts, JoinServerProcess, KeySite
from .lns_reports import Address, Reports
from .narrator import Line
from .network_server import JoinAsk, NetworkServer
from .scenario import Scenario
from .server_events import DataHeard, ServerEvent
from .udp_server import UdpServer
from .world import World

USUAL_S = 60.0  # what the story takes where nobody says how long
LEAST_S = 20.0  # in less no device has joined before half of it is over
CUT_MOST_S = 15.0
AGAIN_NS = 700_000_000  # until an intruder who was not heard tries again
ASKED_EVERY = 3  # of every so many devices one has its AppSKey asked for, not tunnelled


@dataclass(frozen=True, slots=True)
class Plan:
    """When things happen, in seconds from the demo's start."""

    cut_s: float
    back_s: float
    tricks_s: tuple[tuple[Trick, float], ...]

    @classmethod
    def of(cls, seconds: float | None) -> Plan | None:
        """Halfway through, and all done before the end; None for a demo that is too short."""
        if seconds is not None and seconds < LEAST_S:
            return None
        whole_s = USUAL_S if seconds is None else seconds
        cut_s = whole_s / 2
        back_s = cut_s + min(CUT_MOST_S, whole_s / 4)
        step_s = min(3.0, whole_s / 16)
        tricks = tuple((trick, back_s + step_s * n) for n, trick in enumerate(Trick, 1))
        return cls(cut_s, back_s, tricks)


class TeeSink:
    """A sink (edge.values.Sink) that hands records to the demo."""

    name = "demo"

    def __init__(self, demo: EdgeDemo) -> None:
        self._demo = demo

    async def run(self) -> None:
        """Nothing waits here."""

    def publish(self, record: Record) -> None:
        self._demo.take(record)

    def status(self) -> dict[str, object]:
        return {}


class EdgeGateway(WatchedGateway):
    """With local mode, whose records `sink` has too."""

    sink: TeeSink | None = None

    def _open_edge(self, config: EdgeConfig) -> None:
        super()._open_edge(config)
        if self.sink is not None:
            observer_of(self).publisher.also(self.sink)


def observer_of(gateway: Gateway) -> EdgeObserver:
    observer = gateway.uplinks.observers[-1]
    assert isinstance(observer, EdgeObserver)
    return observer


class EdgeDemo(Demo):
    """One run. `source` is the scenario as `edgemast sim-js` is told of it: preset or file."""

    narrator: EdgeNarrator

    def __init__(
        self, scenario: Scenario, show: Show, *, source: str, seconds: float | None = None
    ) -> None:
        super().__init__(scenario, show)
        self.narrator = EdgeNarrator({spec.name: spec.payload.kind for spec in self._specs})
        self._source = source
        self._plan = Plan.of(seconds)
        self._tape = Tape()
        self._rng = random.Random(f"{scenario.scenario.seed}/intruder")
        self._due: deque[Trick] = deque()
        joining = [spec.name for spec in self._specs if spec.session is None]
        self._asked = set(joining[1::ASKED_EVERY])
        self._core: NetworkServer | None = None
        self._reports: Reports | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        with tempfile.TemporaryDirectory(prefix="edgemast-demo-") as folder:
            site = KeySite(Path(folder))
            arguments = site.join_server_arguments(self._source, self._scenario.scenario.seed)
            async with JoinServerProcess(arguments) as facts:
                await self._run_with(site, facts)

    async def _run_with(self, site: KeySite, facts: JoinServerFacts) -> None:
        self._site = site
        cf_list = self._cf_list(self._config("127.0.0.1", 1))
        # All that the network server is told: who its devices are.
        devices = [without_secrets(spec) for spec in self._specs]
        self._core = core = NetworkServer(
            self._region, devices, cf_list=cf_list, join_server_outside=True
        )
        self._desk = JoinDesk(core, site.network_side(facts), site.ns_kek)
        self._server = UdpServer(core, self._server_event, self._ask)
        try:
            port = await self._server.start()
            self._keep(self._desk.run())
            where = "a process of its own, TS002 over HTTPS with mutual TLS"
            self._say(Line("info", "Join Server", "up", where))
            why = missing()
            if why is not None:
                self._say(Line("info", "gateway", "no codec", f"bytes are shown: {why}"))
            await self._forward(self._config_with_edge(port, facts, codec=why is None))
        finally:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _config_with_edge(self, port: int, facts: JoinServerFacts, *, codec: bool) -> GatewayConfig:
        text = udp_config_text(self._scenario, "127.0.0.1", port) + self._site.edge(
            facts, self._specs, codec=codec
        )
        return load(self._site.secret("demo.toml", text))

    def _make_gateway(self, config: GatewayConfig) -> WatchedGateway:
        gateway = EdgeGateway(config, self._radio(config))
        gateway.sink = TeeSink(self)
        return gateway

    async def _when_ready(self, gateway: Gateway) -> None:
        await gateway.ready.wait()
        ports = {
            source.name: await port_of(source)
            for source in observer_of(gateway).sources
            if isinstance(source, HttpSource | PushSource)
        }
        site = self._site
        self._reports = Reports(
            Address(ports["tunnel"], site.event_token, "/"),
            Address(ports["push"], site.push_token, "/v1/sessions"),
            site.push_kek,
        )
        self._keep(self._reports.run())
        self._keep(self._tell_story())
        await super()._when_ready(gateway)

    def _keep(self, part: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(part))

    def summary(self) -> dict[str, object]:
        held = self._core.app_s_keys() if self._core is not None else 0
        return {**super().summary(), "server_app_s_keys": held}

    # In the loop.

    async def _ask(self, ask: JoinAsk) -> None:
        grant = await self._desk.ask(ask)
        if grant is None:
            return
        envelope = ask.device.name not in self._asked
        self._say(self.narrator.grant(grant, envelope=envelope))
        if self._reports is not None:
            self._reports.joined(grant, envelope=envelope)

    def _server_event(self, event: ServerEvent) -> None:
        super()._server_event(event)
        if isinstance(event, DataHeard) and self._reports is not None:
            self._reports.heard(event)

    def take(self, record: Record) -> None:
        self._tell(partial(self.narrator.record, record))

    def _say(self, line: Line) -> None:
        self._show(line, self.seconds())

    async def _tell_story(self) -> None:
        plan = self._plan
        if plan is None:
            return
        await self._until(plan.cut_s)
        self._server.cut = self.narrator.away = True
        length = f"no datagram to or from the network server for {plan.back_s - plan.cut_s:.0f} s"
        self._say(Line("info", "backhaul", "cut", length))
        await self._until(plan.back_s)
        self._server.cut = self.narrator.away = False
        count = self.narrator.counts["edge readings away"]
        self._say(Line("info", "backhaul", "back", f"the gateway read {count} frames meanwhile"))
        for trick, at_s in plan.tricks_s:
            await self._until(at_s)
            self._due.append(trick)

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, at_s - self.seconds()))

    # In the radio thread.

    def _populate(self, world: World, board: SimBoard, now_ns: int) -> None:
        super()._populate(world, board, now_ns)
        while self._due:
            self._play(self._due.popleft(), world, now_ns)

    def _play(self, trick: Trick, world: World, now_ns: int) -> None:
        played = play(trick, self._tape, self._rng, now_ns)
        words = "nothing to imitate was heard yet"
        if played is not None:
            frame, words = played
            world.air.transmit(frame, partial(self._played, trick, world))
        self._hand_over(lambda: [Line("info", "intruder", trick.value, words)])

    def _played(self, trick: Trick, world: World, report: Report) -> None:
        """Once more if the gateway did not get it: also an intruder is not always heard."""
        if _received(report):
            return
        verdict = next(iter(report.verdicts), None)
        why = sentence(verdict).removeprefix("lost: ") if verdict else "out of reach"
        self._hand_over(lambda: [Line("lost", "intruder", trick.value, why)])
        world.air.call_at(report.frame.end_ns + AGAIN_NS, lambda _: self._due.append(trick))

    def _sent(self, device: Device, send: Send, report: Report) -> None:
        if _received(report):
            self._tape.hear(device.spec.name, send)
        super()._sent(device, send, report)


def _received(report: Report) -> bool:
    return any(verdict.outcome.name == "RECEIVED" for verdict in report.verdicts)


def without_secrets(spec: DeviceSpec) -> DeviceSpec:
    """A device as its network server knows it: no root key, no AppSKey."""
    session = spec.session and SessionKeys.of_1_0(spec.session.nwk_s_enc, b"")
    return replace(spec, app_key=b"", session=session)


async def port_of(source: KeySource) -> int:
    """Where a source listens, as soon as it does."""
    assert isinstance(source, HttpSource | PushSource)
    await source.server.listening.wait()
    return source.server.port
