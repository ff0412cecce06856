"""The plan of asks: nothing is asked twice at once, pauses grow, nothing grows without end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.edge.sources.ask_plan import (
    PAUSES,
    SERVER_AWAY,
    SERVER_REFUSES,
    Ask,
    AskPlan,
    Pauses,
)
from forwarder.edge.sources.ts002 import Reaction

ONE, TWO = Ask("01" * 8, "aa" * 8, b"one"), Ask("02" * 8, "aa" * 8, b"two")
ELSEWHERE = Ask("03" * 8, "bb" * 8, b"three", server=1)


def a_plan(capacity: int = 100, jitter: float = 1.0) -> AskPlan:
    return AskPlan(lambda: jitter, capacity)


def taken(plan: AskPlan, now_s: float) -> Ask:
    ask = plan.take(now_s)
    assert ask is not None
    return ask


def test_what_is_asked_twice_is_asked_once() -> None:
    plan = a_plan()
    assert plan.add(ONE, 0) and not plan.add(ONE, 0)
    assert plan.take(0) == ONE and plan.take(0) is None
    assert not plan.add(ONE, 0)
    plan.answered(ONE)
    assert plan.take(1e9) is None and len(plan) == 0 and plan.next_s() is None


def test_a_refusal_costs_that_device_a_pause_that_doubles_up_to_an_hour() -> None:
    plan = a_plan()
    plan.add(ONE, 0)
    plan.add(TWO, 0)
    now_s, pauses = 0.0, []
    for _ in range(9):
        ask = taken(plan, now_s)
        assert ask == ONE or taken(plan, now_s) == ONE
        pauses.append(plan.refuse(ONE, Reaction.RETRY_LATER, now_s))
        plan.answered(TWO)
        next_s = plan.next_s()
        assert next_s == now_s + (pauses[-1] or 0) and plan.take(next_s - 0.001) is None
        now_s = next_s
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_server_that_is_away_pauses_all_its_devices_and_nobody_elses() -> None:
    plan = a_plan()
    for ask in (ONE, TWO, ELSEWHERE):
        plan.add(ask, 0)
    assert plan.take(0) == ONE
    assert plan.server_failed(ONE, 0) == SERVER_AWAY.first_s
    assert plan.take(0) == ELSEWHERE
    assert plan.take(1.9) is None and plan.next_s() == 2.0
    assert plan.take(2.0) == TWO, "another device's turn: the first may be what it stumbles over"


def test_the_pauses_of_a_server_grow_until_it_answers() -> None:
    plan, now_s, pauses = a_plan(), 0.0, []
    plan.add(ONE, 0)
    for _ in range(10):
        taken(plan, now_s)
        pauses.append(plan.server_failed(ONE, now_s))
        now_s += pauses[-1]
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    taken(plan, now_s)
    plan.refuse(ONE, Reaction.RETRY_LATER, now_s)  # an answer, if not a welcome one
    plan.add(TWO, now_s)
    taken(plan, now_s)
    assert plan.server_failed(TWO, now_s) == 2


def test_two_requests_that_failed_together_count_as_one_failure() -> None:
    plan = a_plan()
    plan.add(ONE, 0)
    plan.add(TWO, 0)
    taken(plan, 0), taken(plan, 0)
    assert plan.server_failed(ONE, 0.0) == 2 and plan.server_failed(TWO, 0.5) == 1.5


def test_what_a_person_must_mend_is_tried_slowly() -> None:
    plan = a_plan()
    plan.add(ONE, 0)
    taken(plan, 0)
    assert plan.server_failed(ONE, 0, refuses=True) == SERVER_REFUSES.first_s == 30
    for reaction in (Reaction.CONFIG_ERROR, Reaction.TRY_OTHER_VERSION):
        other = a_plan()
        other.add(ONE, 0)
        taken(other, 0)
        assert other.refuse(ONE, reaction, 0) == 300


def test_what_is_never_granted_is_remembered_and_gives_way_when_room_is_needed() -> None:
    plan = a_plan(capacity=1)
    plan.add(ONE, 0)
    taken(plan, 0)
    assert plan.refuse(ONE, Reaction.NEVER, 0) is None
    assert not plan.add(ONE, 1) and plan.take(1e9) is None and len(plan) == 0
    assert plan.add(TWO, 1) and plan.add(ONE, 1) is False and plan.refused == 1


def test_what_is_dropped_is_forgotten_and_may_be_asked_anew() -> None:
    plan = a_plan()
    plan.add(ONE, 0)
    taken(plan, 0)
    assert plan.refuse(ONE, Reaction.DROP, 0) is None
    assert plan.add(ONE, 0)


def test_a_device_that_is_no_longer_enrolled_is_not_asked_for() -> None:
    plan = a_plan()
    plan.add(ONE, 0)
    plan.add(TWO, 0)
    taken(plan, 0)
    plan.forget(ONE.dev_eui)
    assert plan.refuse(ONE, Reaction.RETRY_LATER, 0) is None
    assert plan.take(0) == TWO and plan.take(1e9) is None


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_pause_is_between_half_and_all_of_what_it_may_be(failures: int, jitter: float) -> None:
    for pauses in (*PAUSES.values(), SERVER_AWAY, SERVER_REFUSES):
        whole_s = pauses.after(failures, 1)
        assert whole_s / 2 <= pauses.after(failures, jitter) <= whole_s <= pauses.most_s
        assert whole_s <= pauses.after(failures + 1, 1)


STEPS = st.lists(
    st.tuples(st.sampled_from([*Reaction, "failed", "refuses", "answered"]), st.floats(0, 5000)),
    max_size=40,
)


@pytest.mark.parametrize("capacity", [1, 2, 100])
@given(steps=STEPS)
def test_whatever_happens_what_is_wanted_is_asked_in_the_end(
    capacity: int, steps: list[tuple[Reaction | str, float]]
) -> None:
    plan, now_s = a_plan(capacity), 0.0
    for what, later_s in steps:
        for ask in (ONE, TWO, ELSEWHERE):
            plan.add(ask, now_s)
        now_s += later_s
        due = plan.take(now_s)
        if due is None:
            continue
        match what:
            case Reaction():
                plan.refuse(due, what, now_s)
            case "answered":
                plan.answered(due)
            case _:
                plan.server_failed(due, now_s, refuses=what == "refuses")
        assert len(plan) <= capacity
    next_s = plan.next_s()
    assert (next_s is None) == (len(plan) == 0)
    if next_s is not None:
        assert next_s <= now_s + 3600 and plan.take(max(next_s, now_s)) is not None


def test_pauses_do_not_overflow() -> None:
    assert Pauses(1, 10).after(10**9, 0.5) == 7.5
