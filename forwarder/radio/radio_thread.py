"""The thread that owns the concentrator, and its face in the event loop.

The thread polls the chip, programs what it is given, watches the chip's health and starts it again
when it fails; the loop never waits for the bus and the bus never waits for the loop. What crosses
is values: frames one way, jobs the other.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Protocol

from hal.clock import Clock, SystemClock
from hal.concentrator import Concentrator, Reception
from hal.config import ConcentratorConfig
from hal.errors import ChipError, HalError, TxRefused
from hal.frames import RxFrame, TxFrame, TxReceipt
from hal.spectrum import SpectrumReport
from hal.sx1302.lbt import LbtCount

from .line import Line
from .recovery import EXIT_AFTER, HOLD_S, Recovery, Stage, Step

log = logging.getLogger(__name__)

BUSY_S = 0.003  # pause between two looks at the FIFO: half of it is the median wait of a frame
QUIET_S = 0.008  # and where nothing has happened for QUIET_AFTER_S: looking costs a few % of a core
QUIET_AFTER_S = 2.0
HEALTH_S = 1.0  # between two looks at the registers that tell a reset or stalled chip
BACKLOG = 8192  # frames that wait for the loop; beyond that they are dropped and counted
SESSION_US = 1 << 30  # how far a new session starts from the old: stale requests are late for it

FAILURES_KEPT = 4  # of those that are shown; each has some hundred registers

TxOutcome = TxReceipt | HalError
TxDone = Callable[[TxOutcome], None]
# Opens the board; the argument is where the counter's line starts, None for the chip's own value,
# and how long the reset lines are held beforehand, 0 for not at all.
OpenRadio = Callable[[int | None, float], Concentrator]


@dataclass(frozen=True, slots=True)
class RadioUp:
    """The concentrator receives. `session` counts its starts; 1 is the first.

    `sx1261_fault` says why the listening radio that was asked for does not work.
    """

    eui: str
    model: str
    session: int
    sx1261_fault: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the radio was lost, and its registers then; empty where they could not be read.

    `at_ns` is monotonic.
    """

    at_ns: int
    reason: str
    registers: dict[str, int]


class RadioEvents(Protocol):
    """What the loop is told, always in the loop's own thread."""

    def radio_up(self, up: RadioUp) -> None: ...

    def radio_down(self, reason: str, *, first: bool) -> None:
        """The radio is lost, or did not start. `first`: it has never run in this process."""
        ...

    def radio_given_up(self, reason: str) -> None:
        """Nothing that this program can do brings the radio back; its thread has ended."""
        ...

    def plan_failed(self, reason: str) -> None:
        """The radio did not start with what `use` gave it, and goes back to what it had."""
        ...

    def received(self, frames: list[RxFrame], damaged: int, dropped: int) -> None: ...

    def scanned(self, report: SpectrumReport) -> None: ...

    def counter_jumped(self, by_us: int) -> None:
        """The chip's counter moved against the host's clock: planned start times mean nothing."""
        ...


class NewPlan(Exception):
    """The radio is to be started anew because somebody wants other channels; no failure."""


class RadioThread:
    """Start it once; it runs until `stop`."""

    def __init__(
        self,
        open_radio: OpenRadio,
        events: RadioEvents,
        loop: asyncio.AbstractEventLoop,
        *,
        clock: Clock | None = None,
        patient: bool = False,
        exit_after: int = EXIT_AFTER,
    ) -> None:
        """`exit_after` failures in a row the radio is given up; 0: never.

        `patient`: so it is with one that never started; else its first failure is the end.
        """
        self._patient = patient
        self._open = open_radio
        self._events = events
        self._loop = loop
        self._clock = clock or SystemClock()
        self._jobs: SimpleQueue[tuple[TxFrame, TxDone] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._main, name="radio", daemon=True)
        self._stopping = threading.Event()
        self._backlog: deque[RxFrame] = deque()
        self._damaged = self._dropped = 0
        self._told = False
        self._line: Line | None = None
        self._session = 0
        self._hold_s = 0.0
        self._told_reason = ""
        self._present = False  # whether the last attempt found a board to talk to
        self._wanted_restart = ""  # why somebody else wants the radio started anew
        self._wanted_plan = ""  # why it is to be started with other channels
        self._plan: ConcentratorConfig | None = None  # instead of what `open_radio` opens with
        self._proven: ConcentratorConfig | None = None  # the last of these that started
        self.recovery = Recovery(exit_after)
        self.failures: deque[Failure] = deque(maxlen=FAILURES_KEPT)
        self.temperature_c: float | None = None
        self.edge_us: int | None = None  # the line at the newest PPS edge of this session
        self.listening: dict[tuple[int, int], LbtCount] = {}  # by frequency and bandwidth
        self.next_words = ""  # what is done about the last failure
        self.up = False
        self.beats = 0  # rounds of the thread that came to an end

    @property
    def session(self) -> int:
        """How often the radio has come up."""
        return self._session

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 1.5) -> None:
        """End the thread: what is on the air is aborted and the board let go of."""
        self._stopping.set()
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def restart(self, reason: str) -> None:
        """Have the radio started anew as if it had failed for `reason`."""
        self._wanted_restart = reason

    @property
    def plan(self) -> ConcentratorConfig | None:
        """What `use` gave it, and it could start with; None: what it is opened with."""
        return self._plan

    def use(self, config: ConcentratorConfig, reason: str) -> None:
        """Have the radio started anew with `config`; if it cannot, it goes back to the last."""
        self._plan = config
        self._wanted_plan = reason

    def now_us(self) -> int | None:
        """The concentrator's line now, by the host's clock since the last poll; None before it."""
        line = self._line
        return None if line is None else line.at(self._clock.now_ns())

    def send(self, frame: TxFrame, done: TxDone) -> None:
        """Have `frame` programmed at once; `done` hears the outcome in the loop."""
        self._jobs.put((frame, done))

    # The loop's side.

    def _tell(self, callback: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)

    def _deliver(self) -> None:
        self._told = False
        frames: list[RxFrame] = []
        while self._backlog:
            frames.append(self._backlog.popleft())
        damaged, self._damaged = self._damaged, 0
        dropped, self._dropped = self._dropped, 0
        self._events.received(frames, damaged, dropped)

    # The thread's side.

    def _main(self) -> None:
        while not self._stopping.is_set():
            try:
                self._run_session()
            except NewPlan as wanted:
                self._start_anew(str(wanted))
            except HalError as error:
                self._recover(str(error))
            except Exception as error:
                log.exception("the radio thread failed; starting the radio again")
                self._recover(f"{type(error).__name__}: {error}")

    def _run_session(self) -> None:
        radio = self._start_radio()
        try:
            self._session += 1
            up = RadioUp(radio.eui, radio.model, self._session, radio.sx1261_fault)
            self._line = Line(radio.now_us(), self._clock.now_ns())
            self.edge_us = None
            # What came while the radio was down was meant for the session before.
            self._refuse_jobs(ChipError("the radio was restarted"))
            self.up = True
            self._told_reason = ""
            self.recovery.running(self._clock.now_ns() / 1e9)
            self._tell(lambda: self._events.radio_up(up))
            self._poll_until_stopped(radio)
        except NewPlan:
            raise
        except Exception as error:
            self._note_failure(radio, str(error))
            raise
        finally:
            self.up = False
            radio.stop()

    def _note_failure(self, radio: Concentrator, reason: str) -> None:
        """Keep what the chip looks like, if it can still be read: there is no second chance."""
        registers: dict[str, int] = {}
        with suppress(HalError):
            registers = radio.snapshot()
        self.failures.append(Failure(self._clock.now_ns(), reason, registers))

    def _start_radio(self) -> Concentrator:
        last_us = self.now_us()
        line_start_us = None if last_us is None else last_us + SESSION_US
        self._present = False
        radio = self._open(line_start_us, self._hold_s)
        self._present = True
        plan = self._plan
        try:
            if plan is not None:
                radio.use(plan)
            radio.start()
        except BaseException as error:
            radio.stop()
            self._go_back(plan, str(error))
            raise
        self._proven = plan
        return radio

    def _go_back(self, plan: ConcentratorConfig | None, reason: str) -> None:
        """Not a second time with a plan that the radio did not start with."""
        if plan is not self._proven and plan is self._plan:
            self._plan = self._proven
            log.warning("the radio does not start with the new channels; going back to the last")
            self._tell(lambda: self._events.plan_failed(reason))

    def _start_anew(self, reason: str) -> None:
        """As after a failure, but none is counted and nothing is waited for."""
        self._hold_s = 0.0
        self.next_words = ""
        self._refuse_jobs(ChipError("the radio is being restarted"))
        self._tell(lambda: self._events.radio_down(reason, first=False))

    def _recover(self, reason: str) -> None:
        if self._stopping.is_set():
            return
        if self._session == 0 and not self._patient:
            # It has never run: what is wrong is for a person to mend, not for another try.
            self._stopping.set()
            self._tell(lambda: self._events.radio_down(reason, first=True))
            return
        self.beats += 1
        step = self._next_step(reason.split(":")[0])
        if step.stage is Stage.EXIT:
            self._stopping.set()
            self._refuse_jobs(ChipError("the radio is given up"))
            self._tell(lambda: self._events.radio_given_up(reason))
            return
        self._hold_s = HOLD_S[step.stage]
        self.next_words = f"{step.stage.value} in {step.pause_s:g} s"
        self._refuse_jobs(ChipError("the radio is being restarted"))
        never = self._session == 0
        self._tell(lambda: self._events.radio_down(reason, first=never))
        self._log_once("radio lost: %s; next: %s in %.1f s", reason, step.stage.value, step.pause_s)
        self._stopping.wait(step.pause_s)

    def _log_once(self, text: str, reason: str, *values: object) -> None:
        """A board that stays away is one line, not one a second."""
        level = logging.DEBUG if reason == self._told_reason else logging.WARNING
        self._told_reason = reason
        log.log(level, text, reason, *values)

    def _next_step(self, reason: str) -> Step:
        if self._present:
            return self.recovery.failed(self._clock.now_ns() / 1e9, reason)
        return self.recovery.absent(reason)

    def _refuse_jobs(self, error: HalError) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if job is not None:
                self._finish(job[1], error)

    def _poll_until_stopped(self, radio: Concentrator) -> None:
        health_ns = active_ns = self._clock.now_ns()
        pause_s = BUSY_S
        while not self._stopping.is_set():
            worked = self._next_job(radio, pause_s)
            reception = radio.receive()
            self.beats += 1
            self._note_line(reception)
            if reception.frames or reception.damage:
                self._take(reception)
                worked = True
            if worked:
                active_ns = reception.at_ns
            quiet = reception.at_ns - active_ns >= QUIET_AFTER_S * 1e9
            pause_s = QUIET_S if quiet else BUSY_S
            self._scan(radio)
            if reception.at_ns - health_ns >= HEALTH_S * 1e9:
                health_ns = reception.at_ns
                self._check_health(radio)

    def _next_job(self, radio: Concentrator, pause_s: float) -> bool:
        """Wait for `pause_s`, or until there is something to program; whether there was."""
        try:
            job = self._jobs.get(timeout=pause_s)
        except Empty:
            return False
        if job is not None:
            self._program(radio, *job)
        return True

    def _program(self, radio: Concentrator, frame: TxFrame, done: TxDone) -> None:
        try:
            receipt = radio.send(frame)
        except TxRefused as refused:
            self._finish(done, refused)
        except Exception as error:  # whatever it is: the downlink's end is told before ours
            self._finish(done, error if isinstance(error, HalError) else ChipError(str(error)))
            raise
        else:
            self._finish(done, receipt)

    def _finish(self, done: TxDone, outcome: TxOutcome) -> None:
        self._tell(lambda: done(outcome))

    def _take(self, reception: Reception) -> None:
        room = BACKLOG - len(self._backlog)
        self._dropped += max(0, len(reception.frames) - room)
        self._backlog.extend(reception.frames[:room])
        self._damaged += len(reception.damage)
        if not self._told:
            self._told = True
            self._tell(self._deliver)

    def _note_line(self, reception: Reception) -> None:
        self.edge_us = reception.pps_us
        if self._line is not None:
            by_us = self._line.note(reception.now_us, reception.at_ns)
            if by_us:
                self._tell(lambda: self._events.counter_jumped(by_us))

    def _scan(self, radio: Concentrator) -> None:
        """One step of the background scan, unless a frame waits to be programmed."""
        if self._jobs.empty() and (report := radio.scan()) is not None:
            self._tell(lambda: self._events.scanned(report))

    def _check_health(self, radio: Concentrator) -> None:
        self.temperature_c = radio.temperature_c()
        self.listening = {channel: replace(n) for channel, n in radio.lbt_counts().items()}
        faults = radio.health().faults()
        if self._wanted_plan and not faults:
            wanted, self._wanted_plan = self._wanted_plan, ""
            if self._plan is not self._proven:  # else it was started with it meanwhile
                raise NewPlan(wanted)
        if self._wanted_restart:
            faults.append(self._wanted_restart)
            self._wanted_restart = ""
        if faults:
            raise ChipError("; ".join(faults))
