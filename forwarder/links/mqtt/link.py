"""The link to one network server behind an MQTT broker: joins path, dialect and reports.

A frame is handed to the kernel inside the call of `send`, and a downlink is answered inside the
callback that reads it: nothing waits for a task to be scheduled. The connection is path.py's, what
a server asks for is commands.py's, what messages mean is the dialect's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from ...packets import Uplink
from ...timing import wall_clock
from ...version import VERSION
from ..base import Courier, RadioFacts, Schedule
from ..meter import Meter
from .commands import Commands, OnPlan
from .dialect import Dialect, Message
from .outbox import InFlight, Sent
from .path import BrokerPath, fair_chance
from .programs import run_program, told
from .reports import Reports, Totals, totals
from .session import Timing
from .settings import MqttSettings
from .tally import Tally

FAREWELL_S = 0.5  # for the last words to be taken
ASSERT_AGAIN_S = 60.0  # an old connection's will may come after the new one's birth

log = logging.getLogger(__name__)

# What a message in flight was for: an uplink's number, a report's totals, or nothing more.
Purpose = int | Totals | None


class Nobody:
    """A courier for a link whose frames nobody keeps."""

    def opened(self) -> None: ...
    def closed(self) -> None: ...
    def acknowledged(self, number: int) -> None: ...
    def metadata(self) -> dict[str, str]:
        return {}


class MqttLink:
    """See `Link` and `Outlet` of `forwarder.links.base`; all of it is of the event loop's thread.

    `courier` may be set until `run`; `on_plan` is what becomes of channel plans.
    """

    def __init__(
        self,
        settings: MqttSettings,
        facts: RadioFacts,
        schedule: Schedule,
        dialect: Dialect,
        *,
        courier: Courier | None = None,
        meter: Meter | None = None,
        timing: Timing | None = None,
        chance: Callable[[], float] = fair_chance,
    ) -> None:
        self.name = settings.name
        self.courier: Courier = courier or Nobody()
        self._settings = settings
        self._facts = facts
        self._dialect = dialect
        self._tally = Tally()
        self._in_flight: InFlight[Purpose] = InFlight()
        self._commands = Commands(settings, dialect, facts, schedule, self._say, self._tally)
        self._path = BrokerPath(
            settings,
            self,
            client_id=settings.client_id or dialect.client_id,
            username=settings.username or dialect.username,
            will=dialect.will,
            topics=tuple(dialect.subscriptions) if self._listens() else (),
            meter=meter or Meter(),
            timing=timing,
            chance=chance,
        )
        self._reports = Reports(self._totals())
        self._report_due = self._reporting = False
        self._told: dict[str, str] = {}  # by the metadata programs
        self._assert_again: asyncio.TimerHandle | None = None
        self._next_number = 0
        self._radio = facts.session

    @property
    def on_plan(self) -> OnPlan | None:
        return self._commands.on_plan

    @on_plan.setter
    def on_plan(self, use: OnPlan | None) -> None:
        self._commands.on_plan = use

    # What the app calls.

    async def run(self) -> None:
        """Stay connected until cancelled."""
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self._path.keep())
                parts.create_task(self._commands.run())
                parts.create_task(self._report_for_ever())
                if self._settings.metadata_commands:
                    parts.create_task(self._ask_programs())
                await self._leave_at_the_end()
        finally:
            self._path.drop()
            self.closed()

    def uplink(self, uplink: Uplink) -> None:
        """Send one frame now or never; with a keeper, frames come by `send`."""
        self._next_number += 1
        if not self.send(self._next_number, uplink, late=False):
            self._tally.unsent += 1

    def status(self) -> dict[str, object]:
        """State, counters since the start, round trips, margins, certificates; plain values."""
        tally = self._tally
        return {
            "name": self.name,
            "kind": "mqtt",
            "profile": self._settings.profile,
            **self._path.status(),
            "forwarded": tally.forwarded,
            "acknowledged": tally.acknowledged,
            "in_flight": len(self._in_flight),
            "unsent": tally.unsent,
            "uncarried": tally.uncarried,
            "dropped": tally.dropped,
            "rejected": tally.rejected,
            "rtt_ms": tally.rtt_ms(),
            "downlinks": tally.downlinks,
            "accepted": tally.accepted,
            "refused": dict(tally.refused),
            "repeated": tally.repeated,
            "retained": tally.retained,
            "unreadable": tally.unreadable,
            "programs": tally.programs,
            "plan_version": self._commands.plan_version,
            "plan_fault": self._commands.plan_fault,
            "stat_interval_s": self._commands.stat_interval_s,
            "margin_ms": tally.margin_ms(),
        }

    # What the keeper of the uplinks calls (Outlet).

    def send(self, number: int, uplink: Uplink, *, late: bool) -> bool:
        """Let one frame leave now; whether it did."""
        self._look_at_radio()
        if not self._in_flight.has_room(uplink=True):
            return False
        message = self._worded(uplink, late=late)
        if message is None:
            self._tally.uncarried += 1
            asyncio.get_running_loop().call_soon(self.courier.acknowledged, number)
            return True
        if not self._publish(message, number):
            return False
        self._tally.forwarded += 1
        return True

    def _look_at_radio(self) -> None:
        """A server that keeps a clock of our counter must not mix two of them up."""
        session, self._radio = self._radio, self._facts.session
        if session != self._radio and session and self._dialect.reconnects_with_radio:
            self._path.renew("the radio was restarted, and counts anew")

    # What the path calls.

    def opened(self, quota: int | None) -> None:
        self._in_flight.new_connection(quota)
        self._say_birth()
        loop = asyncio.get_running_loop()
        self._assert_again = loop.call_later(ASSERT_AGAIN_S, self._say_birth)
        if self._report_due:
            self._report()
        self.courier.opened()

    def closed(self) -> None:
        if self._assert_again is not None:
            self._assert_again.cancel()
            self._assert_again = None
        self._in_flight.new_connection(None)
        self._reporting = False
        self.courier.closed()

    def message(self, topic: str, payload: bytes, *, retained: bool) -> None:
        if retained:
            # What a broker has kept is of another time: sent again at each of our connections.
            self._tally.retained += 1
            return
        try:
            self._commands.take(topic, payload)
        except Exception:  # nor the connection
            log.exception("%s: a message on %s could not be dealt with", self.name, topic)

    def published(self, number: int, *, code: int, name: str) -> None:
        sent = self._in_flight.take(number)
        if sent is None:
            return
        if code:
            self._tally.rejected += 1
            self._path.refused(sent.topic, code, name, vital=isinstance(sent.of, int))
            return
        if sent.qos:
            self._tally.rtts_s.append(time.monotonic() - sent.at)
        match sent.of:
            case int():
                self._tally.acknowledged += 1
                self.courier.acknowledged(sent.of)
            case Totals():
                self._reports.published(sent.of)
                self._report_due = self._reporting = False

    # Messages.

    def _publish(self, message: Message, purpose: Purpose) -> bool:
        number = self._path.publish(message)
        if number is None:
            return False
        now = time.monotonic()
        self._in_flight.put(number, Sent(purpose, message.topic, now, message.qos))
        return True

    def _say(self, message: Message, purpose: Purpose = None) -> bool:
        """Publish what is no uplink; what cannot leave is counted and gone."""
        if self._in_flight.has_room(uplink=False) and self._publish(message, purpose):
            return True
        self._tally.dropped += 1
        return False

    def _say_birth(self) -> None:
        for message in self._dialect.birth():
            self._say(message)

    def _worded(self, uplink: Uplink, *, late: bool) -> Message | None:
        """None for a frame that this server's protocol cannot carry, or not any more."""
        if late and not self._dialect.replays:
            return None
        try:
            return self._dialect.uplink(uplink, late=late)
        except Exception:  # a bug there costs this frame, and not those behind it
            log.exception("%s: a frame could not be worded", self.name)
            return None

    def _listens(self) -> bool:
        """Whether there is anything that this server may ask of us."""
        settings = self._settings
        runs = bool(settings.commands or settings.raw_command)
        return not settings.uplink_only or runs or settings.remote_config

    # Reports.

    async def _report_for_ever(self) -> None:
        changed = self._commands.interval_changed
        while True:
            changed.clear()
            try:
                async with asyncio.timeout(self._commands.stat_interval_s):
                    await changed.wait()
            except TimeoutError:
                self._report()

    def _report(self) -> None:
        """Say what has happened since the last report that was taken, now or at the next chance."""
        self._report_due = True
        self._look_at_radio()
        if self._reporting or not self._path.is_up:
            return
        now = self._totals()
        trusted = wall_clock.is_trusted()
        report = self._reports.make(
            now,
            utc_ns=time.time_ns() if trusted else None,
            boot_utc_ns=round(self._facts.started_s * 1e9) if trusted else None,
            position=self._facts.position(),
            metrics=self._metrics(),
            metadata=self._metadata(),
            loads=self._facts.band_loads(),
        )
        message = self._dialect.report(report)
        self._report_due = message is not None
        self._reporting = message is not None and self._say(message, now)

    def _totals(self) -> Totals:
        tally = self._tally
        return totals(self._facts.counters, requested=tally.downlinks, answers=tally.answers)

    def _metrics(self) -> dict[str, float]:
        metrics: dict[str, float] = {}
        if (temperature_c := self._facts.temperature_c()) is not None:
            metrics["temperature"] = temperature_c
        for name, days in self._path.days_left().items():
            metrics[f"certificate_days_{name}"] = days
        if (rtt_ms := self._tally.rtt_ms()) is not None:
            metrics["rtt_ms"] = rtt_ms["median"]
        return metrics

    def _metadata(self) -> dict[str, str]:
        told = {"edgemast_version": VERSION, "model": self._facts.model}
        told["radio"] = self._facts.radio_words()
        if self._commands.plan_version:
            told["config_version"] = self._commands.plan_version
        if self._commands.plan_fault:
            told["config_fault"] = self._commands.plan_fault
        words = {name: words for name, words in told.items() if words}
        return {**words, **self.courier.metadata(), **self._told, **self._settings.metadata}

    async def _ask_programs(self) -> None:
        """Beside the reports, one after the other: one that hangs costs its own words only."""
        while True:
            fresh: dict[str, str] = {}
            for name, words in self._settings.metadata_commands.items():
                limit_s = self._settings.command_timeout_s
                outcome = await run_program(words, limit_s=limit_s)
                if outcome.error:
                    log.debug("%s: metadata '%s': %s", self.name, name, outcome.error)
                fresh |= told(name, outcome.stdout) if not outcome.error else {}
            self._told = fresh
            await asyncio.sleep(self._commands.stat_interval_s)

    # The end.

    async def _leave_at_the_end(self) -> None:
        """Say the last words when cancelled, and wait a moment for the broker to take them."""
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._say_farewell()
            raise

    async def _say_farewell(self) -> None:
        if not self._path.is_up:
            return
        for message in self._dialect.farewell():
            self._say(message)
        while len(self._in_flight) and self._path.is_up:
            await asyncio.sleep(0.005)
        # Else the will speaks for us: the broker sends it when a connection breaks off.
        self._path.drop(politely=True)
