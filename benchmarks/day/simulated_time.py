"""Time that jumps from one event to the next, for a whole process: loop, radio thread, clocks.

Nobody waits: where the event loop and the radio thread both have nothing to do, the clock moves on
to whichever wants to go on first. The two never run at once, so a run does not depend on how busy
the machine is. What other threads do (files, connecting) takes no simulated time.

`install` must come before the modules that keep `time.monotonic` as a default are imported.
"""

from __future__ import annotations

import asyncio
import os
import random
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any

NS = 1_000_000_000
START_NS = 1000 * NS
LONGEST_LOOK_NS = NS  # the chip is looked at once a second at least
OTHERS_S = 0.001  # real time, between two looks whether other threads have ended


class Machine:
    """The clock of everything; a `hal.clock.Clock`. One a process."""

    def __init__(self) -> None:
        self._now_ns = START_NS
        self._wall_ns = time.time_ns() - START_NS
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._radio: threading.Thread | None = None
        self._parked = False
        self._wake_ns: int | None = None
        self._for_jobs = False
        self.others = 0  # jobs in other threads that the loop will hear of
        # When the radio has something to look at.
        self.next_event_ns: Callable[[], int | None] = lambda: None

    # As a clock.

    def now_ns(self) -> int:
        return self._now_ns

    def sleep(self, seconds: float) -> None:
        until_ns = self._now_ns + round(seconds * NS)
        if threading.current_thread() is self._radio:
            self._park(until_ns)
        else:
            self._now_ns = max(self._now_ns, until_ns)

    def install(self) -> None:
        """Have the process go by this clock, and chance be the same in every run."""
        os.urandom = random.Random(7).randbytes
        time.monotonic = lambda: self._now_ns / NS
        time.monotonic_ns = self.now_ns
        time.time = lambda: (self._wall_ns + self._now_ns) / NS
        time.time_ns = lambda: self._wall_ns + self._now_ns
        real = time.clock_gettime
        ours = {time.CLOCK_MONOTONIC, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)}
        time.clock_gettime = lambda which: self._now_ns / NS if which in ours else real(which)

    def other_ended(self) -> None:
        self.others -= 1

    # The radio thread's side.

    def adopt(self, radio: Any) -> None:
        """Have a RadioThread that has not started wait by this clock."""
        self._radio = radio._thread
        radio._jobs = Jobs(self)
        radio._stopping = Stopping(self)

    def look_later(self, pause_s: float) -> None:
        """In the radio thread: until there is a job, or something to look at after `pause_s`."""
        soonest_ns = self._now_ns + round(pause_s * NS)
        event_ns = self.next_event_ns()
        latest_ns = self._now_ns + LONGEST_LOOK_NS
        until_ns = latest_ns if event_ns is None else min(latest_ns, event_ns)
        self._for_jobs = True
        self._park(max(soonest_ns, until_ns))
        self._for_jobs = False

    def _park(self, until_ns: int) -> None:
        self._wake_ns = until_ns
        self._back.release()
        self._go.acquire()

    def job_came(self) -> None:
        if self._for_jobs:
            self._wake_ns = self._now_ns

    def wake_radio(self) -> None:
        if self._wake_ns is not None:
            self._wake_ns = self._now_ns

    # The loop's side.

    def settle(self) -> bool:
        """Wait until the radio thread waits; whether it did anything meanwhile."""
        radio = self._radio
        if radio is None or self._parked or radio.ident is None:
            return False
        while not self._back.acquire(timeout=0.05):
            if not radio.is_alive():
                self._radio, self._wake_ns = None, None
                return True
        self._parked = True
        return True

    def pass_time(self, timeout_s: float | None) -> None:
        """Move on to the loop's next timer, or let the radio thread go on before that."""
        until_ns = None if timeout_s is None else self._now_ns + round(timeout_s * NS) + 1
        wake_ns = self._wake_ns if self._parked else None
        if self.others and (wake_ns is None or wake_ns > self._now_ns):
            return
        if wake_ns is not None and (until_ns is None or wake_ns <= until_ns):
            self._now_ns = max(self._now_ns, wake_ns)
            self._parked, self._wake_ns = False, None
            self._go.release()
            self.settle()
        elif until_ns is not None:
            self._now_ns = max(self._now_ns, until_ns)


class Jobs:
    """The radio thread's queue, as `queue.SimpleQueue`, waiting by the machine's clock."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:
        self._items.append(item)
        self._machine.job_came()

    def get(self, timeout: float) -> Any:
        if not self._items:
            self._machine.look_later(timeout)
        return self.get_nowait()

    def get_nowait(self) -> Any:
        try:
            return self._items.popleft()
        except IndexError:
            raise Empty from None

    def empty(self) -> bool:
        return not self._items


class Stopping:
    """The radio thread's event, as `threading.Event`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._machine.wake_radio()

    def wait(self, timeout: float) -> bool:
        if not self._set:
            self._machine._park(self._machine.now_ns() + round(timeout * NS))
        return self._set


class _Selector:
    """The loop's selector: where nothing is ready, time passes."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._real = selectors.DefaultSelector()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def select(self, timeout: float | None = None) -> Any:
        machine = self._machine
        machine.settle()
        events = self._real.select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        machine.pass_time(timeout)
        return self._real.select(OTHERS_S if machine.others else 0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop that goes by the machine's clock."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(_Selector(machine))  # type: ignore[arg-type]
        self._machine = machine

    def time(self) -> float:
        return self._machine.now_ns() / NS

    def run_in_executor(  # type: ignore[override]  # of any function, and so of any future
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        self._machine.others += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: object) -> None:
        self._machine.others -= 1
