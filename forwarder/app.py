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
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hal.clock import Clock, SystemClock
from hal.concentrator import Concentrator
from hal.frames import RxFrame
from hal.spectrum import SpectrumReport
from hal.transport.open import open_transport

from .config import GatewayConfig, LinkSettings
from .downlinks import Scheduler
from .duty_cycle import Emission
from .emission_log import EmissionLog, open_log
from .errors import Fatal
from .hearing import Hearing
from .identity import gateway_eui
from .links.base import RadioFacts, Schedule
from .links.feed import Feed
from .links.filters import Heads
from .links.meter import Meter
from .links.mqtt.settings import MqttSettings
from .links.semtech_udp.settings import UdpSettings
from .links.settings import OutagePolicy
from .packets import Answer, Downlink, Position, RadioCounters, Refusal, Refused
from .radio_thread import OpenRadio, RadioThread, RadioUp
from .service_manager import Condition, Notifier, ServiceManager
from .shares import Standing
from .spectrum import Spectrum
from .state_file import StateFile
from .status import snapshot
from .supervisor import keep_running
from .time_reference import NO_GPS, TimeReference
from .transmitter import Transmitter
from .uplinks import Uplinks

if TYPE_CHECKING:
    from .beaconing import Beaconing
    from .edge.config import EdgeConfig
    from .edge.standalone.open import Site
    from .spool.spool import Spool
    from .timing.service import GpsService

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
        self.radio = RadioThread(
            open_radio, self, loop, clock=clock, exit_after=config.health.exit_after
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
        self.transmitter = Transmitter(self.scheduler, self.radio, self.counters, self._sent)
        self._runtime, self._state = runtime, state
        self.spool: Spool | None = None
        self.beacons = open_beacons(self)
        self._emissions: EmissionLog | None = None
        self.spectrum = Spectrum()
        self._failed: asyncio.Future[None] = loop.create_future()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Receive and forward until cancelled. Raises Fatal when the radio never starts."""
        sys.setswitchinterval(SWITCH_S)
        self.radio.start()
        self._keep("status", self._log_status)
        self._keep(self.hearing.name, self.hearing.run)
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
            if self.spool is not None:
                await self.spool.end()
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
        _log_answer(downlink, answer)
        return answer

    # What links read about the gateway (links.base.GatewayFacts).

    def temperature_c(self) -> float | None:
        return self.radio.temperature_c

    def position(self) -> Position | None:
        return self.config.position or self.time.position()

    def host_us(self) -> int:
        """The monotonic clock, which duty cycles are counted by."""
        return self._clock.now_ns() // 1000

    def now_us(self) -> int | None:
        return self.radio.now_us() if self.radio.up else None

    def condition(self) -> Condition:
        """How it is, for the service manager."""
        servers_up = sum(link.status()["state"] == "up" for link in self.uplinks.links)
        return Condition(
            radio_up=self.ready.is_set() and self.radio.up,
            server_up=servers_up > 0,
            has_servers=bool(self.uplinks.links),
            beats=self.radio.beats,
            text=f"radio {'up' if self.radio.up else 'down'}, "
            f"{servers_up} of {len(self.uplinks.links)} servers up, "
            f"{self.counters.rx_ok} frames received, {self.counters.tx_ok} sent",
        )

    # What the radio thread tells (radio_thread.RadioEvents).

    def radio_up(self, up: RadioUp) -> None:
        self.session = os.urandom(4)
        self.model = up.model
        log.info("radio up: %s, EUI %s, session %d", up.model, up.eui, up.session)
        self._silence(self.config.silence(up.sx1261_fault))
        if up.session > 1:
            self._new_session("the radio was restarted")
            return
        try:
            self._open_links(up)
        except Exception as error:
            self._fail(error)
            return
        self.ready.set()

    def radio_down(self, reason: str, *, first: bool) -> None:
        if first:
            self._fail(Fatal(f"the radio did not start: {reason}"))
            return
        self.counters.restarts = dict(self.radio.recovery.steps)
        self._new_session("the radio failed")

    def radio_given_up(self, reason: str) -> None:
        self._fail(
            Fatal(
                f"the radio failed {self.config.health.exit_after} times in a row, last: {reason}; "
                "`edgemast doctor` walks through what may be wrong"
            )
        )

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
        self._new_session("the counter jumped")

    def _new_session(self, why: str) -> None:
        """What was known and planned on the old counter means nothing on the new one."""
        if self.gps is not None:
            self.gps.new_session()
        self.transmitter.new_session(why)

    def _sent(self, emission: Emission) -> None:
        if self._emissions is not None:
            self._emissions.write(emission, self.host_us())

    # Parts.

    def _open_links(self, up: RadioUp) -> None:
        simulated = self.config.radio_uri.startswith("sim:")
        self.eui, source = gateway_eui(self.config.eui, up.eui, simulated=simulated)
        log.info("gateway EUI %s (%s)", self.eui, source)
        if self._runtime is not None:
            regulation = self.scheduler.regulation
            self._emissions = open_log(self._runtime, self.eui, regulation, self.host_us())
        servers = self.config.servers_for(self.eui)
        for server in servers:
            if not server.uplink_only:
                feed = server.feed
                self.scheduler.introduce(server.name, Standing(feed.priority, feed.share))
        self.spool = self._open_spool(servers)
        for link in make_links(servers, self, self.schedule, self.spool):
            self.uplinks.links.append(link)
            self._keep(link.name, link.run)
        if self.spool is not None:
            self.spool.start()
        if self.config.edge is not None:
            self._open_edge(self.config.edge)

    def _open_spool(self, servers: Sequence[LinkSettings]) -> Spool | None:
        """What keepers share; a gateway whose links keep nothing has none of its memory."""
        if not any(is_kept(server) for server in servers):
            return None
        from .spool.spool import Spool

        return Spool(
            self.eui, folder=self._state, runtime=self._runtime, session=lambda: self.session
        )

    def _open_edge(self, config: EdgeConfig) -> None:
        """Local mode comes after every link: a frame is on its way before anybody here reads it."""
        from .edge.open import open_parts  # a gateway without it has none of its memory

        parts = open_parts(config, self.eui, self._site(config))
        edge, alone = parts.observer, parts.standalone
        self.uplinks.observers.append(edge)
        if config.settings.drop_forged:
            self.uplinks.unwanted = edge.forged
        self._keep(edge.name, edge.run)
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
            log.info("%s", self._status_line())
            for text in self.scheduler.warnings():
                log.warning("%s", text)

    def _status_line(self) -> str:
        radio, down = self.counters, self.scheduler.counters
        links = "; ".join(
            f"{link.name} {link.status()['state']}"
            for link in (*self.uplinks.links, *self.uplinks.observers)
        )
        return (
            f"received {radio.rx_total} ({radio.rx_ok} ok, {radio.rx_bad} bad CRC, "
            f"{radio.rx_ghosts} ghosts, {radio.damage} damaged), "
            f"sent {radio.tx_ok} of {down.requested} asked, {sum(down.refused.values())} refused, "
            f"{sum(down.lost.values())} lost; {links}"
            f"{self._air_line()}"
        )

    def _air_line(self) -> str:
        """What the listening radio found and what became of beacons, where there are any."""
        found = self.radio.listening.values()
        free, busy = sum(n.free for n in found), sum(n.busy for n in found)
        listened = f"listened {free + busy} times, {busy} busy" if free + busy else ""
        beacons = "" if self.beacons is None else self.beacons.plan.words()
        return "".join(f"; {part}" for part in (listened, self.spectrum.line(), beacons) if part)


def _log_answer(downlink: Downlink, answer: Answer) -> None:
    megahertz = downlink.freq_hz / 1e6
    if isinstance(answer, Refused):
        text = f"{answer.reason.name}: {answer.detail or answer.reason.value}"
        told = {"link": downlink.link, "refusal": answer.reason.name}
        log.warning(
            "refused a downlink of %s at %.3f MHz: %s",
            downlink.link,
            megahertz,
            text,
            extra={"fields": told},
        )
    else:
        margin_us = answer.margin_us
        when = "at once" if margin_us is None else f"margin {margin_us / 1000:.0f} ms"
        log.info("downlink of %s at %.3f MHz: %s", downlink.link, megahertz, when)


def open_gps(config: GatewayConfig, radio: RadioThread, clock: Clock) -> GpsService | None:
    """The receiver, where one is configured; nothing of it is loaded otherwise."""
    if config.gps is None:
        return None
    from .timing.service import GpsService

    return GpsService(config.gps, radio, clock)


def open_beacons(gateway: Gateway) -> Beaconing | None:
    """Class B beacons, where they are configured; they need the time of `open_gps`."""
    config = gateway.config
    if not config.beacon.period_s:
        return None
    from .beaconing import Beaconing

    return Beaconing(config.beacon, config.site.position, gateway)


def radio_opener(config: GatewayConfig, uri: str) -> OpenRadio:
    """How the radio thread gets its concentrator, at first and after every failure."""
    sx1261 = config.concentrator.sx1261
    sx1261_path = sx1261.spi_path if sx1261 else None

    def open_radio(line_start_us: int | None, hold_s: float) -> Concentrator:
        transport = open_transport(uri, lines=config.lines, sx1261_path=sx1261_path)
        try:
            if hold_s:
                transport.reset(hold_s)
        except BaseException:
            transport.close()  # or its lock would say for ever that somebody has the board
            raise
        return Concentrator(transport, config.concentrator, line_start_us=line_start_us)

    return open_radio


def is_kept(settings: LinkSettings) -> bool:
    """Whether a server's uplinks have a keeper: over MQTT always, over UDP if it replays."""
    return isinstance(settings, MqttSettings) or (
        settings.feed.outage.policy is OutagePolicy.REPLAY
    )


def make_links(
    servers: Iterable[LinkSettings],
    facts: RadioFacts,
    schedule: Schedule,
    spool: Spool | None = None,
) -> Iterator[Feed]:
    """One link for each configured server; what a kind needs is imported when it is configured.

    `spool` keeps uplinks through an outage; without it those of MQTT wait in memory only.
    """
    heads = Heads()
    for settings in servers:
        meter = Meter(most_a_day=settings.feed.bytes_per_day)
        if isinstance(settings, UdpSettings):
            yield _udp(settings, facts, schedule, heads, meter, spool)
        else:
            yield _mqtt(settings, facts, schedule, heads, meter, spool)


def _udp(
    settings: UdpSettings,
    facts: RadioFacts,
    schedule: Schedule,
    heads: Heads,
    meter: Meter,
    spool: Spool | None,
) -> Feed:
    """One server over UDP; its uplinks have a keeper if it is to be sent what waited."""
    from .links.semtech_udp.kept import RESEND_S
    from .links.semtech_udp.link import SemtechUdpLink

    carries = settings.carries
    if spool is None or not is_kept(settings):
        link = SemtechUdpLink(settings, facts, schedule, meter=meter)
        return Feed(link, settings.feed, heads, carries=carries, meter=meter)
    courier = spool.courier(settings.name, settings.feed.outage, resend_s=RESEND_S)
    link = SemtechUdpLink(
        settings, facts, schedule, meter=meter, courier=courier, now_us=facts.now_us
    )
    courier.attach(link)
    return Feed(link, settings.feed, heads, keeper=courier, carries=carries, meter=meter)


def _mqtt(
    settings: MqttSettings,
    facts: RadioFacts,
    schedule: Schedule,
    heads: Heads,
    meter: Meter,
    spool: Spool | None,
) -> Feed:
    """One server behind a broker; its uplinks always have a keeper."""
    from .links.mqtt.link import MqttLink
    from .links.mqtt.profiles import make_dialect
    from .spool.spool import Spool

    spool = spool or Spool("", folder=None, runtime=None, session=lambda: facts.session)
    courier = spool.courier(settings.name, settings.feed.outage)
    dialect = make_dialect(settings, facts)
    link = MqttLink(settings, facts, schedule, dialect, courier=courier, meter=meter)
    courier.attach(link)
    carries = settings.carries
    return Feed(link, settings.feed, heads, keeper=courier, carries=carries, meter=meter)
