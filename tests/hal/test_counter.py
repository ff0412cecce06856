"""The unwrapped line of the chip's counter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hal.counter import Counter

WRAP_TICKS = 2**32
WRAP_US = 2**27

# Steps between two readings of the counter; a whole period or more could not be told apart.
STEPS = st.lists(st.integers(0, WRAP_TICKS - 32), max_size=60)


@given(start=st.integers(0, WRAP_TICKS - 1), steps=STEPS)
def test_any_readings_within_134_s_of_each_other_follow_true_time(
    start: int, steps: list[int]
) -> None:
    counter, true_ticks = Counter(), start
    assert counter.update(start) == start // 32
    for step in steps:
        true_ticks += step
        assert counter.update(true_ticks % WRAP_TICKS) == true_ticks // 32
        assert counter.now_us == true_ticks // 32


@given(
    start=st.integers(0, WRAP_TICKS - 1),
    steps=STEPS,
    age=st.integers(0, WRAP_TICKS - 32),
)
def test_a_packet_up_to_134_s_old_gets_its_own_instant(
    start: int, steps: list[int], age: int
) -> None:
    counter, now = Counter(), start
    counter.update(now)
    for step in steps:
        now += step
        counter.update(now % WRAP_TICKS)
    taken = now - age
    assert counter.expand(taken % WRAP_TICKS) == taken // 32


@given(
    start=st.integers(0, WRAP_TICKS - 1),
    steps=STEPS,
    ahead_us=st.integers(0, WRAP_US - 1),
    line_start_us=st.none() | st.integers(0, 2**40),
)
def test_ticks_of_a_future_instant_lead_back_to_it(
    start: int, steps: list[int], ahead_us: int, line_start_us: int | None
) -> None:
    counter, now = Counter(line_start_us), start
    counter.update(now)
    for step in steps:
        now += step
        counter.update(now % WRAP_TICKS)
    wanted_us = counter.now_us + ahead_us
    assert counter.update(counter.to_ticks(wanted_us)) == wanted_us


def test_the_line_goes_past_27_and_32_bits_of_microseconds() -> None:
    counter = Counter()
    for minute in range(100):
        assert counter.update(minute * 60_000_000 * 32 % WRAP_TICKS) == minute * 60_000_000
    assert counter.now_us > 2**32


def test_a_packet_from_before_the_wrap_keeps_its_period() -> None:
    counter = Counter()
    counter.update(4_114_049_856)
    counter.update(8_788_000)
    assert counter.expand(8_786_429) == WRAP_US + 8_786_429 // 32
    assert counter.expand(4_112_215_145) == 4_112_215_145 // 32


def test_a_packet_from_before_the_first_period_lies_below_zero() -> None:
    counter = Counter()
    counter.update(0)
    assert counter.expand(WRAP_TICKS - 32) == -1


def test_a_new_session_starts_where_it_is_told_and_takes_everything_along() -> None:
    counter = Counter(line_start_us=5_000_000_000)
    assert counter.now_us == 5_000_000_000
    assert counter.update(3_200) == 5_000_000_000
    assert counter.update(6_400) == 5_000_000_100
    assert counter.expand(4_800) == 5_000_000_050
    assert counter.to_ticks(5_000_000_200) == 9_600


def test_before_the_first_reading_the_line_stands_at_its_start() -> None:
    assert Counter().now_us == 0
    assert Counter(line_start_us=0).now_us == 0


def test_a_line_may_start_at_zero_whatever_the_chip_shows() -> None:
    counter = Counter(line_start_us=0)
    assert counter.update(3_200_000) == 0


def test_readings_within_one_microsecond_are_no_wrap() -> None:
    counter = Counter()
    counter.update(63)
    assert counter.update(33) == 1
