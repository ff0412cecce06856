"""The composition root: the parts of a gateway and how they are joined. The diagram in code.

    board ── Concentrator ── RadioThread ══ Uplinks ──▶ links ══ servers
                                   ▲                      │ (and, last, local mode: edge/)
                                   └── Transmitter ◀── Scheduler (JitQueue)

`══` are the two seams between threads and between machines; all else is plain calls in one loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hal.clock import Clock, SystemClock
from hal.frames import RxFrame
from hal.spectrum import SpectrumReport

from .config import GatewayConfig, LinkSettings
from .errors import Fatal
from .identity import Identity, early_eui, gateway_eui
from .links.mqtt.settings import MqttSettings
from .packets import Answer, Downlink, Position, RadioCounters, Refusal, Refused, Uplink
from .parts import is_kept, make_links, open_beacons, open_gps, open_page
from .radio.hearing import Hearing
from .radio.radio_thread import OpenRadio, RadioThread, RadioUp
from .radio.spectrum import Spectrum
from .scheduling.downlinks import Scheduler
from .scheduling.duty_cycle import WINDOW_US, Emission
from .scheduling.emission_log import EmissionLog, open_log
from .scheduling.regulation import BandLoad
from .scheduling.shares import Standing
from .scheduling.transmitter import Transmitter
from .service.service_manager import Condition, Notifier, ServiceManager
from .state.log_lines import log_answer, status_line
from .state.state_file import StateFile
from .state.status import snapshot
from .state.watching import Watching
from .supervisor import keep_running
from .timing.time_reference import NO_GPS, TimeReference
from .uplinks import Uplinks

if TYPE_CHECKING:
    from .edge.config import EdgeConfig
    from .edge.standalone.open import Site
    from .edge.values import Record
    from .links.mqtt.commands import PlanFailed
    from .links.mqtt.dialect import ChannelPlanPushed
    from .spool.spool import Spool

log = logging.getLogger(__name__)

SWITCH_S = 0.0005  # the loop waits for the radio thread's bytecode at most this long
BEACONS_SHARE = 0.5  # a server's is 1: beacons need 1.2 % of their band's hour, and four places
STATUS_S = 30.0  # between two lines of the log that say how things are


class Gateway:
    """One concentrator and its servers. `run` it once, in the event loop that made it."""

    def __init__(
        self,
        config: GatewayConfig,
        open_radio: OpenRadio,
        *,
        clock: Clock | None = None,
        runtime: Path | None = None,
        state: Path | None = None,
    ) -> None:
        """`clock` is the one that the radios of `open_radio` go by; the machine's by default.

        `runtime` is a directory in memory for what a restart has to know, `state` one on disk for
        what must outlive an outage; None: it knows nothing, nothing does.
        """
        loop = asyncio.get_running_loop()
        self.config = config
        self.counters = RadioCounters()
        self.eui = self.model = ""
        self.started_s = time.time()
        self.session = b""
        self.ready = asyncio.Event()
        self._clock = clock or SystemClock()
        self.born_us = self.host_us()
        self.radio_trouble = ""  # why there is no radio; empty while there is
        self._reports = any(isinstance(one, MqttSettings) for one in config.servers)
        self.radio = RadioThread(
            open_radio,
            self,
            loop,
            clock=clock,
            patient=self._reports,
            exit_after=config.health.exit_after,
        )
        self.hearing = Hearing(config.health, self.radio.restart)
        self.gps = open_gps(config, self.radio, self._clock)
        self.time: TimeReference = self.gps or NO_GPS
        self.uplinks = Uplinks(self.counters, time_reference=self.time)
        self.scheduler = Scheduler(
            config.concentrator,
            antenna_gain_db=config.antenna_gain_dbi,
            limits=config.limits,
            time_reference=self.time,
        )
        self.watching = Watching(self)
        self.uplinks.listeners.append(self.watching)
        self.transmitter = Transmitter(
            self.scheduler, self.radio, self.counters, self._sent, self.watching.ended
        )
        self.page = open_page(self)
        self._runtime, self._state = runtime, state
        self.spool: Spool[Uplink] | None = None
        self.record_spool: Spool[Record] | None = None
        self.beacons = open_beacons(self)
        self._emissions: EmissionLog | None = None
        self.spectrum = Spectrum()
        self._plan_failed: PlanFailed | None = None  # whose plan was used last
        self._failed: asyncio.Future[None] = loop.create_future()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Receive and forward until cancelled. Raises Fatal when the radio never starts."""
        sys.setswitchinterval(SWITCH_S)
        if len(self.config.eui) == 16:  # the servers may know of us before there is a radio
            self._open_links(gateway_eui(self.config.eui, None))
        self.radio.start()
        self._keep("status", self._log_status)
        self._keep(self.hearing.name, self.hearing.run)
        self._keep(self.watching.name, self.watching.run)
        if self.page is not None:
            self._keep(self.page.name, self.page.run)
        if (notifier := Notifier()).wanted:
            manager = ServiceManager(notifier, self.condition)
            self._keep(manager.name, manager.run)
        if self._runtime is not None:
            state = StateFile(self._runtime, lambda: snapshot(self))
            self._keep(state.name, state.run)
        if self.gps is not None:
            self._keep(self.gps.name, self.gps.run)
        if self.beacons is not None:
            self.scheduler.introduce(self.beacons.name, Standing(share=BEACONS_SHARE))
            self._keep(self.beacons.name, self.beacons.run)
        try:
            await self._failed
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.to_thread(self.radio.stop)
            await asyncio.gather(
                *(spool.end() for spool in (self.spool, self.record_spool) if spool is not None)
            )
            if self._emissions is not None:
                self._emissions.close()

    def schedule(self, downlink: Downlink) -> Answer:
        """The one answer to a downlink; what every link is given."""
        now_us = self.radio.now_us()
        if now_us is None or not self.radio.up:
            answer: Answer = Refused(Refusal.RADIO, "the radio is being restarted")
        else:
            answer = self.scheduler.schedule(downlink, now_us, self.host_us())
            self.transmitter.wake()
        self.watching.answered(downlink, answer)
        log_answer(downlink, answer)
        return answer

    def use_plan(self, plan: ChannelPlanPushed, failed: PlanFailed) -> str:
        """Listen where a server wants it, from the next start of the radio on; or why not.

        `failed` is told if the radio does not start with it and goes back to what it had.
        """
        from .radio.channel_plan import UnfitPlan, planned

        running = self.radio.plan or self.config.concentrator
        try:
            wanted = planned(running, plan)
        except UnfitPlan as error:
            return str(error)
        if wanted != running:
            log.info("channels are set anew: plan %s of a server", plan.version)
            self._plan_failed = failed
            self.radio.use(wanted, f"new channels, plan {plan.version} of a server")
        return ""

    # What links read about the gateway (links.base.GatewayFacts).

    def temperature_c(self) -> float | None:
        return self.radio.temperature_c

    def position(self) -> Position | None:
        return self.config.position or self.time.position()

    def band_loads(self) -> list[BandLoad]:
        regulation, now_us = self.scheduler.regulation, self.host_us()
        return [load for load in regulation.loads(now_us) if load.load_max_us < WINDOW_US]

    def host_us(self) -> int:
        """The monotonic clock, which duty cycles are counted by."""
        return self._clock.now_ns() // 1000

    def now_us(self) -> int | None:
        return self.radio.now_us() if self.radio.up else None

    def radio_words(self) -> str:
        """How the radio is, for people."""
        if self.radio.up:
            return "up"
        word = "down" if self.ready.is_set() else "starting"
        return f"{word}: {self.radio_trouble}" if self.radio_trouble else word

    def condition(self) -> Condition:
        """How it is, for the service manager."""
        servers_up = sum(link.status()["state"] == "up" for link in self.uplinks.links)
        return Condition(
            radio_up=self.ready.is_set() and self.radio.up,
            server_up=servers_up > 0,
            has_servers=bool(self.uplinks.links),
            beats=self.radio.beats,
            text=f"radio {self.radio_words()}, "
            f"{servers_up} of {len(self.uplinks.links)} servers up, "
            f"{self.counters.rx_ok} frames received, {self.counters.tx_ok} sent",
        )

    # What the radio thread tells (radio_thread.RadioEvents).

    def radio_up(self, up: RadioUp) -> None:
        self.session = os.urandom(4)
        self.model = up.model
        log.info("radio up: %s, EUI %s, session %d", up.model, up.eui, up.session)
        self.watching.radio("up", f"{up.model}, start {up.session}")
        self._silence(self.config.silence(up.sx1261_fault))
        self.radio_trouble = ""
        if up.session > 1:
            self._new_session("the radio was restarted")
            return
        try:
            if not self.eui:
                simulated = self.config.radio_uri.startswith("sim:")
                self._open_links(gateway_eui(self.config.eui, up.eui, simulated=simulated))
        except Exception as error:  # a mistake of the owner's, or ours: it ends the gateway
            self._fail(error)
            return
        self.ready.set()

    def radio_down(self, reason: str, *, first: bool) -> None:
        self.radio_trouble = reason
        next_words = self.radio.next_words
        self.watching.radio("down", f"{reason}; next: {next_words}" if next_words else reason)
        if first:
            self._without_a_radio(reason)
            return
        self.counters.restarts = dict(self.radio.recovery.steps)
        self.transmitter.radio_failed()
        self._new_session("the radio failed")

    def radio_given_up(self, reason: str) -> None:
        self._fail(
            Fatal(
                f"the radio failed {self.config.health.exit_after} times in a row, last: {reason}; "
                "`edgemast doctor` walks through what may be wrong"
            )
        )

    def plan_failed(self, reason: str) -> None:
        self.watching.radio("down", f"the new channels are left again: {reason}")
        if self._plan_failed is not None:
            failed, self._plan_failed = self._plan_failed, None
            failed(f"the radio does not start with it: {reason}")

    def received(self, frames: list[RxFrame], damaged: int, dropped: int) -> None:
        self.counters.damage += damaged
        self.counters.rx_dropped += dropped
        self.uplinks.received(frames, self.radio.now_us())
        self.scheduler.heard(frames)
        self.hearing.heard(frames)

    def scanned(self, report: SpectrumReport) -> None:
        self.spectrum.add(report)

    def counter_jumped(self, by_us: int) -> None:
        log.warning("the chip's counter jumped by %.3f s", by_us / 1e6)
        self.watching.radio("up", f"the chip's counter jumped by {by_us / 1e6:.3f} s")
        self._new_session("the counter jumped")

    def _new_session(self, why: str) -> None:
        """What was known and planned on the old counter means nothing on the new one."""
        if self.gps is not None:
            self.gps.new_session()
        self.transmitter.new_session(why)

    def _sent(self, emission: Emission) -> None:
        if self._emissions is not None:
            self._emissions.write(emission, self.host_us())

    def _without_a_radio(self, reason: str) -> None:
        """It has never started: the end, unless some server can be told of it meanwhile."""
        if not self._reports:
            self._fail(Fatal(f"the radio did not start: {reason}"))
        elif not self.eui and (identity := early_eui(self.config.eui)) is not None:
            try:
                self._open_links(identity)
            except Exception as error:  # as at the radio's start
                self._fail(error)

    # Parts.

    def _open_links(self, identity: Identity) -> None:
        self.eui, source = identity
        log.info("gateway EUI %s (%s)", self.eui, source)
        self.watching.named(self.eui)
        if self._runtime is not None:
            regulation = self.scheduler.regulation
            self._emissions = open_log(self._runtime, self.eui, regulation, self.host_us())
        servers = self.config.servers_for(self.eui)
        for server in servers:
            if not server.uplink_only:
                feed = server.feed
                self.scheduler.introduce(server.name, Standing(feed.priority, feed.share))
        self.spool = self._open_spool(servers)
        for link in make_links(servers, self, self.schedule, self.spool, self.use_plan):
            self.uplinks.links.append(link)
            self._keep(link.name, link.run)
        if self.spool is not None:
            self.spool.start()
        if self.config.edge is not None:
            self._open_edge(self.config.edge)

    def _open_spool(self, servers: Sequence[LinkSettings]) -> Spool[Uplink] | None:
        """What keepers share; a gateway whose links keep nothing has none of its memory."""
        if not any(is_kept(server) for server in servers):
            return None
        from .spool.spool import Spool
        from .spool.uplinks import Uplinks as Kind

        kind = Kind(lambda: self.session)
        return Spool(self.eui, kind, folder=self._state, runtime=self._runtime)

    def _open_record_spool(self, config: EdgeConfig) -> Spool[Record] | None:
        """What keepers of records share, where there are sinks."""
        if not config.sinks:
            return None
        from .edge.sinks.kept_records import Records
        from .spool.spool import Spool

        return Spool(self.eui, Records(), folder=self._state, runtime=self._runtime)

    def _open_edge(self, config: EdgeConfig) -> None:
        """Local mode comes after every link: a frame is on its way before anybody here reads it."""
        from .edge.open import open_parts  # a gateway without it has none of its memory

        self.record_spool = self._open_record_spool(config)
        parts = open_parts(config, self.eui, self._site(config), self.record_spool)
        edge, alone = parts.observer, parts.standalone
        self.uplinks.observers.append(edge)
        if config.settings.drop_forged:
            self.uplinks.unwanted = edge.forged
        self._keep(edge.name, edge.run)
        if self.record_spool is not None:
            self.record_spool.start()
        if alone is not None:
            self.scheduler.introduce(alone.name, Standing())
            self.uplinks.observers.append(alone)
            self._keep(alone.name, alone.run)

    def _site(self, config: EdgeConfig) -> Site | None:
        if config.settings.mode == "observe":
            return None
        from .edge.standalone.open import Site

        return Site(
            self.schedule,
            self.config.region or "",
            self.config.concentrator,
            lambda: any(link.status()["state"] == "up" for link in self.uplinks.links),
        )

    def _keep(self, name: str, part: Callable[[], Coroutine[None, None, None]]) -> None:
        task = asyncio.create_task(keep_running(name, part), name=name)
        task.add_done_callback(self._part_ended)
        self._tasks.append(task)

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        """A part runs for ever: what ends it other than our own stop ends the gateway."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _silence(self, why: str) -> None:
        """Nothing is sent, because nobody listens before; told when it begins."""
        if why and why != self.scheduler.silence:
            log.warning("nothing will be sent: %s", why)
        self.scheduler.silence = why

    def _fail(self, error: BaseException) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)

    async def _log_status(self) -> None:
        while True:
            await asyncio.sleep(STATUS_S)
            log.info("%s", status_line(self))
            for text in self.scheduler.warnings():
                log.warning("%s", text)
