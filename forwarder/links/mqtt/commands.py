"""What a server asks for: each request is done, and answered, once.

A downlink is answered before `take` returns. Programs run outside the loop, one after the other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from ...packets import Answer, Refusal, Refused
from ..base import RadioFacts, Schedule
from .dialect import (
    ChannelPlanPushed,
    Command,
    Dialect,
    DownlinkRequest,
    ExecRequest,
    ExecResult,
    Message,
    RawRequest,
    Unreadable,
)
from .programs import run_program
from .repeats import Repeats
from .settings import MqttSettings
from .tally import Tally

QUIET_S = 60.0  # between two log lines about what a server does wrongly
MOST_WAITING = 8  # programs that a server may ask for ahead

# Told later why a plan that was taken is in force no more.
PlanFailed = Callable[[str], None]
# Told the plan; gives why it is not used, "" when it is.
OnPlan = Callable[[ChannelPlanPushed, PlanFailed], str]

log = logging.getLogger(__name__)


class Commands:
    """`say` publishes; whether it could."""

    def __init__(
        self,
        settings: MqttSettings,
        dialect: Dialect,
        facts: RadioFacts,
        schedule: Schedule,
        say: Callable[[Message], bool],
        tally: Tally,
    ) -> None:
        self._settings = settings
        self._dialect = dialect
        self._facts = facts
        self._schedule = schedule
        self._say = say
        self._tally = tally
        self._repeats = Repeats()
        self._programs: asyncio.Queue[ExecRequest | RawRequest] = asyncio.Queue(MOST_WAITING)
        self._quiet_until = 0.0
        self.on_plan: OnPlan | None = None
        self.plan_version = ""
        self.plan_fault = ""
        self._stat_interval_s: float | None = None  # of the plan in force
        self.interval_changed = asyncio.Event()

    @property
    def stat_interval_s(self) -> float:
        """How often to report: as the plan in force wants it, else as the configuration does."""
        return self._stat_interval_s or self._settings.stat_interval_s

    def take(self, topic: str, payload: bytes) -> None:
        """Do what a message from the broker asks for."""
        match self._read(topic, payload):
            case DownlinkRequest() as request:
                self._downlink(request)
            case ExecRequest() as request:
                self._program(request)
            case ChannelPlanPushed() as plan:
                self._plan(plan)
            case RawRequest() as request:
                self._raw(request)
            case Unreadable(detail):
                self._complain("a message on %s is ignored: %s", topic, detail)

    async def run(self) -> None:
        """Run what programs are asked for, until cancelled."""
        while True:
            request = await self._programs.get()
            if isinstance(request, ExecRequest):
                await self._run_listed(request)
            else:
                await self._run_raw(request)

    def _read(self, topic: str, payload: bytes) -> Command:
        try:
            return self._dialect.read(topic, payload, now_us=self._facts.now_us())
        except Exception as error:  # a bug there must not cost the connection
            log.exception("%s: a message could not be read", self._settings.name)
            return Unreadable(f"{type(error).__name__}: {error}")

    # Downlinks.

    def _downlink(self, request: DownlinkRequest) -> None:
        now = time.monotonic()
        if (earlier := self._repeats.find(request.key, now)) is not None:
            self._tally.repeated += 1
            message = earlier[0]
        else:
            self._tally.downlinks += 1
            answers = self._answers(request)
            self._count(answers)
            message = self._dialect.answer(request, answers)
            self._repeats.put(request.key, message, now)
        if message is not None and not self._say(message):
            self._complain("an answer to a downlink could not be sent")

    def _answers(self, request: DownlinkRequest) -> list[Answer | None]:
        """The items in order until one is accepted; None for those behind it."""
        answers: list[Answer | None] = []
        for item in request.items:
            if any(not isinstance(answer, Refused) for answer in answers):
                answers.append(None)
            elif isinstance(item, Refused):
                answers.append(item)
            elif self._settings.uplink_only:
                answers.append(Refused(Refusal.DISABLED, "this server is set to uplinks only"))
            else:
                answers.append(self._schedule(item))
        return answers

    def _count(self, answers: list[Answer | None]) -> None:
        tried = [answer for answer in answers if answer is not None]
        for answer in tried:
            if isinstance(answer, Refused):
                self._tally.refused[answer.reason.name] += 1
            if answer.margin_us is not None:
                self._tally.margins_us.append(answer.margin_us)
        if not tried:
            return
        last = tried[-1]
        self._tally.accepted += not isinstance(last, Refused)
        self._tally.answers["OK" if not isinstance(last, Refused) else last.reason.name] += 1

    # Programs and plans.

    def _program(self, request: ExecRequest) -> None:
        self._tally.programs += 1
        if request.name not in self._settings.commands:
            self._complain(
                "the server asks for the program '%s', which is not listed", request.name
            )
            self._tell(ExecResult(request.exec_id, b"", b"", "no such command in this gateway"))
            return
        try:
            self._programs.put_nowait(request)
        except asyncio.QueueFull:
            self._tell(ExecResult(request.exec_id, b"", b"", "too many commands wait already"))

    async def _run_listed(self, request: ExecRequest) -> None:
        outcome = await run_program(
            self._settings.commands[request.name],
            limit_s=self._settings.command_timeout_s,
            stdin=request.stdin,
            environment=request.environment,
        )
        result = ExecResult(request.exec_id, outcome.stdout, outcome.stderr, outcome.error)
        log.info("%s: ran '%s': %s", self._settings.name, request.name, result.error or "ok")
        self._tell(result)

    def _tell(self, result: ExecResult) -> None:
        self._publish(self._dialect.exec_result(result))

    def _raw(self, request: RawRequest) -> None:
        if not self._settings.raw_command:
            self._complain("a raw command is ignored: raw_command is not set")
            return
        self._tally.programs += 1
        try:
            self._programs.put_nowait(request)
        except asyncio.QueueFull:
            self._complain("a raw command is ignored: too many commands wait already")

    async def _run_raw(self, request: RawRequest) -> None:
        """One event for each command that was done; there is no word for what went wrong."""
        words = self._settings.raw_command
        limit_s = self._settings.command_timeout_s
        outcome = await run_program(words, limit_s=limit_s, stdin=request.payload)
        if outcome.error:
            self._complain("the program for raw commands: %s", outcome.error)
            return
        self._publish(self._dialect.raw_result(request, outcome.stdout))

    def _publish(self, result: Message | None) -> None:
        if result is not None and not self._say(result):
            self._complain("the result of a program could not be sent")

    def _plan(self, plan: ChannelPlanPushed) -> None:
        """At most once a version, and a refused one counts as dealt with: or it comes for ever."""
        if plan.version == self.plan_version:
            return
        self._tally.plans += 1
        if not self._settings.remote_config or self.on_plan is None:
            self._complain("the server's channel plan is ignored: remote_config is not set")
            return
        try:
            fault = self.on_plan(plan, lambda why: self._plan_failed(plan, why))
        except Exception as error:
            log.exception("%s: the channel plan could not be used", self._settings.name)
            fault = f"{type(error).__name__}: {error}"
        self.plan_version = plan.version
        self._plan_is(fault, None if fault else plan.stat_interval_s)

    def _plan_failed(self, plan: ChannelPlanPushed, why: str) -> None:
        """Its version stays the one that was dealt with: it would fail again."""
        if plan.version == self.plan_version:
            self._plan_is(why, None)

    def _plan_is(self, fault: str, stat_interval_s: float | None) -> None:
        self.plan_fault = fault
        self._stat_interval_s = stat_interval_s
        self.interval_changed.set()
        if fault:
            name = self._settings.name
            log.warning("%s: the server's channel plan is not used: %s", name, fault)

    def _complain(self, text: str, *values: object) -> None:
        """At most one line a minute: a broken server must not fill the disk."""
        self._tally.unreadable += 1
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            log.warning("%s: " + text, self._settings.name, *values)
