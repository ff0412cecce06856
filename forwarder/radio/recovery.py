"""What to try next when the radio has failed: stages that grow, pauses that grow. Pure.

Each failure costs one step of the ladder; a radio that ran steadily starts from its foot again.
Its last step ends the program, for whoever supervises it to start it anew: the devices are let go
of and everything begins from nothing. A board that is not there is another matter: it is looked
for as long as it takes, and one that comes back after a day is taken back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

MOST_REASONS = 64  # different ones that are counted; a bad bus words each failure anew
STEADY_S = 60.0  # a radio that ran this long has recovered
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
ABSENT_S = 1.0  # how often a board that is not there is looked for


class Stage(Enum):
    """How much is done before the start-up is tried; the value is for logs and counters."""

    REOPEN = "reopen"  # close and open the bus, reset as at every start
    LONG_RESET = "long reset"  # hold the reset lines longer
    POWER_CYCLE = "power cycle"  # power off first, until the board's supplies are empty
    EXIT = "exit"  # end the program


LADDER = (Stage.REOPEN, Stage.LONG_RESET, Stage.POWER_CYCLE)
# Of every level; from a second on (hal: POWER_OFF_S) a transport takes the power away first.
HOLD_S = {Stage.REOPEN: 0.0, Stage.LONG_RESET: 0.25, Stage.POWER_CYCLE: 1.0, Stage.EXIT: 0.0}
EXIT_AFTER = 12  # failures in a row, some three minutes


@dataclass(frozen=True, slots=True)
class Step:
    """Wait `pause_s`, then do what `stage` says."""

    stage: Stage
    pause_s: float


class Recovery:
    """Counts failures and says what comes next. `now_s` is monotonic."""

    def __init__(self, exit_after: int = EXIT_AFTER) -> None:
        """`exit_after` failures in a row the last step is taken; 0: never."""
        self._exit_after = exit_after
        self._failures = 0
        self._running_since_s: float | None = None
        self.steps: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def running(self, now_s: float) -> None:
        """The radio receives."""
        self._running_since_s = now_s

    def absent(self, reason: str) -> Step:
        """There is no board: look again soon. One that comes back needs no long reset."""
        self._running_since_s = None
        self._failures = 0
        self.steps[Stage.REOPEN.value] += 1
        self._count(reason)
        return Step(Stage.REOPEN, ABSENT_S)

    def failed(self, now_s: float, reason: str) -> Step:
        """The radio, or an attempt to start it, failed for `reason`."""
        if self._running_since_s is not None and now_s - self._running_since_s >= STEADY_S:
            self._failures = 0
        self._running_since_s = None
        stage = LADDER[min(self._failures, len(LADDER) - 1)]
        pause_s = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        self._failures += 1
        if self._exit_after and self._failures >= self._exit_after:
            stage, pause_s = Stage.EXIT, 0.0
        step = Step(stage, pause_s)
        self.steps[step.stage.value] += 1
        self._count(reason)
        return step

    def _count(self, reason: str) -> None:
        known = reason in self.reasons or len(self.reasons) < MOST_REASONS
        self.reasons[reason if known else "another"] += 1
