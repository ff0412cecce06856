"""A burst, and then a steady rate."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hal.allowance import Allowance

SECOND = 1_000_000_000


def test_a_burst_is_allowed_and_the_next_one_waits() -> None:
    allowance = Allowance(burst=3, per_s=2)
    assert [allowance.take(0) for _ in range(4)] == [True, True, True, False]
    assert not allowance.take(SECOND // 2 - 1)
    assert allowance.take(SECOND // 2)


def test_a_long_pause_fills_it_to_the_burst_and_no_further() -> None:
    allowance = Allowance(burst=2, per_s=10)
    allowance.take(0)
    assert [allowance.take(1000 * SECOND) for _ in range(3)] == [True, True, False]


@given(st.lists(st.integers(0, SECOND), max_size=200))
def test_never_more_than_burst_and_rate_together(steps: list[int]) -> None:
    allowance, now_ns, taken = Allowance(burst=5, per_s=10), 0, 0
    for step in steps:
        now_ns += step
        taken += allowance.take(now_ns)
    assert taken <= 5 + 10 * now_ns / SECOND + 1e-6
