"""What is tried when the radio fails, and in which order."""

from __future__ import annotations

from forwarder.radio.recovery import ABSENT_S, HOLD_S, PAUSES_S, STEADY_S, Recovery, Stage
from hal.transport.base import POWER_OFF_S


def test_each_failure_goes_one_step_further() -> None:
    recovery = Recovery()
    steps = [recovery.failed(now_s, "no answer") for now_s in range(5)]
    assert [step.stage for step in steps] == [
        Stage.REOPEN,
        Stage.LONG_RESET,
        Stage.POWER_CYCLE,
        Stage.POWER_CYCLE,
        Stage.POWER_CYCLE,
    ]
    assert [step.pause_s for step in steps] == list(PAUSES_S[:5])


def test_only_the_last_step_takes_the_power_away() -> None:
    without_power = [stage for stage, hold_s in HOLD_S.items() if hold_s >= POWER_OFF_S]
    assert without_power == [Stage.POWER_CYCLE]


def test_the_last_step_ends_the_program_after_so_many_failures_in_a_row() -> None:
    recovery = Recovery(exit_after=4)
    stages = [recovery.failed(now_s, "no answer").stage for now_s in range(5)]
    assert stages[2:] == [Stage.POWER_CYCLE, Stage.EXIT, Stage.EXIT]
    assert recovery.steps["exit"] == 2


def test_a_steady_run_takes_the_last_step_far_away_again() -> None:
    recovery = Recovery(exit_after=2)
    recovery.failed(0, "a")
    recovery.running(1)
    assert recovery.failed(1 + STEADY_S, "a").stage is Stage.REOPEN


def test_without_a_last_step_the_pauses_end_at_a_ceiling_and_never_stop_coming() -> None:
    recovery = Recovery(exit_after=0)
    for now_s in range(1000):
        step = recovery.failed(now_s, "no answer")
    assert step.pause_s == PAUSES_S[-1]


def test_a_steady_run_starts_the_ladder_anew() -> None:
    recovery = Recovery()
    recovery.failed(0, "a")
    recovery.failed(1, "a")
    recovery.running(2)
    assert recovery.failed(2 + STEADY_S, "a").stage is Stage.REOPEN


def test_a_short_run_does_not() -> None:
    recovery = Recovery()
    recovery.failed(0, "a")
    recovery.running(2)
    assert recovery.failed(2 + STEADY_S - 1, "a").stage is Stage.LONG_RESET


def test_steps_and_reasons_are_counted() -> None:
    recovery = Recovery()
    recovery.failed(0, "unplugged")
    recovery.failed(1, "unplugged")
    assert recovery.reasons == {"unplugged": 2}
    assert recovery.steps == {"reopen": 1, "long reset": 1}


def test_a_board_that_is_not_there_is_looked_for_steadily_and_started_without_a_long_reset() -> (
    None
):
    recovery = Recovery()
    recovery.failed(0, "unplugged")
    steps = [recovery.absent("no device") for _ in range(100)]
    assert {(step.stage, step.pause_s) for step in steps} == {(Stage.REOPEN, ABSENT_S)}
    assert recovery.failed(200, "no answer").stage is Stage.REOPEN
