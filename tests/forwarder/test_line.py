"""The line between two readings, on a busy host and over jumps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forwarder.radio.line import DRIFT_PPM, JUMP_US, Line

MS = 1_000_000


def test_between_two_readings_the_line_goes_by_the_hosts_clock() -> None:
    line = Line(5_000, 0)
    assert line.at(3 * MS) == 8_000


def test_a_reading_that_was_held_up_does_not_set_the_line_back() -> None:
    line = Line(0, 0)
    assert line.note(4_000, 34 * MS) == 0, "read at 4 ms, and the answer seen at 34"
    assert 33_990 <= line.at(34 * MS) <= 34_000


def test_a_reading_that_is_ahead_counts_at_once() -> None:
    line = Line(0, 30 * MS)  # held up itself
    line.note(40_000, 40 * MS)
    assert line.at(40 * MS) == 40_000


def test_a_slow_crystal_is_followed() -> None:
    line, rate = Line(0, 0), 1 - 50e-6
    for second in range(1, 100):
        line.note(round(second * 1_000_000 * rate), second * 1000 * MS)
    assert abs(line.at(99_000 * MS) - round(99_000_000 * rate)) < 100


def test_a_jump_is_told_and_taken_either_way() -> None:
    line = Line(10_000_000, 0)
    assert line.note(20_000_000, 0) == 10_000_000
    assert line.note(0, 0) == -20_000_000
    assert line.at(0) == 0


@given(st.lists(st.tuples(st.integers(1, 8_000), st.integers(0, 50_000)), max_size=200))
def test_however_busy_the_host_the_line_never_lags_more_than_the_first_delay(
    steps: list[tuple[int, int]],
) -> None:
    now_us, line = 0, Line(0, 0)
    for step_us, delay_us in steps:
        now_us += step_us
        seen_us = now_us + delay_us
        assert abs(now_us - line.at(seen_us * 1000)) < JUMP_US
        line.note(now_us, seen_us * 1000)
        behind_us = seen_us - line.at(seen_us * 1000)
        assert -1 <= behind_us <= seen_us * DRIFT_PPM / 1e6 + 2 * len(steps)
        now_us = seen_us
