"""The queue's promises, as an operator would hear them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.packets import Priority, Refusal
from forwarder.scheduling.jit import (
    BEACON_GUARD_US,
    EARLY_US,
    HORIZON_US,
    IMMEDIATE_US,
    LOAD_US,
    MARGIN_US,
    START_US,
    JitQueue,
    Slot,
)

NOW = 10_000_000_000
LEAD = START_US + LOAD_US + MARGIN_US


def slot(
    start_us: int,
    airtime_us: int = 50_000,
    item: str = "",
    priority: Priority = Priority.CLASS_A,
) -> Slot[str]:
    return Slot(start_us, airtime_us, priority, item or f"at {start_us}")


def placed(result: Slot[str] | Refusal) -> Slot[str]:
    assert isinstance(result, Slot), result
    return result


@pytest.mark.parametrize(
    ("ahead_us", "answer"),
    [
        pytest.param(-1, Refusal.TOO_LATE, id="already past"),
        pytest.param(-60_000_000, Refusal.TOO_LATE, id="a minute past is late, not early"),
        pytest.param(LEAD, Refusal.TOO_LATE, id="exactly the lead"),
        pytest.param(HORIZON_US + 1, Refusal.TOO_EARLY, id="beyond the horizon"),
    ],
)
def test_a_start_outside_the_window_is_refused_by_its_name(ahead_us: int, answer: Refusal) -> None:
    assert JitQueue[str]().push(slot(NOW + ahead_us), NOW) is answer


@pytest.mark.parametrize("ahead_us", [LEAD + 1, HORIZON_US])
def test_the_edges_of_the_window_are_in_time(ahead_us: int) -> None:
    assert placed(JitQueue[str]().push(slot(NOW + ahead_us), NOW)).start_us == NOW + ahead_us


def test_a_beacon_may_be_further_ahead_than_the_horizon() -> None:
    beacon = slot(NOW + HORIZON_US + 1, priority=Priority.BEACON)
    assert placed(JitQueue[str]().push(beacon, NOW)) == beacon


def test_a_full_queue_says_so() -> None:
    queue = JitQueue[str](capacity=1)
    queue.push(slot(NOW + 1_000_000), NOW)
    assert queue.push(slot(NOW + 9_000_000), NOW) is Refusal.FULL
    assert queue.push_soon(slot(0), NOW) is Refusal.FULL


def test_the_second_frame_of_the_same_instant_collides() -> None:
    queue = JitQueue[str]()
    queue.push(slot(NOW + 1_000_000), NOW)
    assert queue.push(slot(NOW + 1_000_000), NOW) is Refusal.COLLISION_PACKET


def test_back_to_back_frames_need_the_time_to_program_the_second() -> None:
    first = slot(NOW + 1_000_000, 50_000)
    behind = first.end_us + MARGIN_US + START_US + LOAD_US
    for start_us, fits in ((behind, False), (behind + 1, True)):
        queue = JitQueue[str]()
        queue.push(first, NOW)
        assert isinstance(queue.push(slot(start_us), NOW), Slot) is fits


def test_a_frame_is_handed_over_early_and_not_before() -> None:
    queue = JitQueue[str]()
    first = placed(queue.push(slot(NOW + 1_000_000), NOW))
    due_us = first.start_us - START_US - LOAD_US - EARLY_US
    assert queue.next_us() == due_us
    assert queue.pop(due_us - 1) is None
    assert queue.pop(due_us) == first
    assert queue.next_us() is None


def test_a_frame_behind_another_is_handed_over_when_the_chip_is_free() -> None:
    queue = JitQueue[str]()
    first = placed(queue.push(slot(NOW + 200_000, 100_000), NOW))
    second = placed(queue.push(slot(first.end_us + LEAD + 10_000), NOW))
    assert queue.pop(first.start_us - LOAD_US) == first
    assert queue.next_us() == first.end_us + MARGIN_US
    assert queue.pop(first.end_us + MARGIN_US) == second


def test_the_chip_takes_nothing_in_between_once_it_has_a_frame() -> None:
    queue = JitQueue[str]()
    first = placed(queue.push(slot(NOW + 1_000_000), NOW))
    early_us = first.start_us - START_US - LOAD_US - EARLY_US
    assert queue.pop(early_us) == first
    soon = placed(queue.push_soon(slot(0, 1_000), early_us))
    assert soon.start_us > first.end_us


def test_nothing_is_programmed_over_a_frame_that_is_on_the_air() -> None:
    queue = JitQueue[str]()
    first = placed(queue.push(slot(NOW + 100_000, 400_000), NOW))
    assert queue.pop(NOW + 100_000 - START_US - LOAD_US)
    during = first.start_us + 1
    assert queue.push(slot(first.end_us), during) is Refusal.COLLISION_PACKET
    assert placed(queue.push_soon(slot(0), during)).start_us > first.end_us + MARGIN_US


def test_as_soon_as_possible_is_now_when_the_air_is_free() -> None:
    queue = JitQueue[str]()
    soon = placed(queue.push_soon(slot(0, item="c", priority=Priority.CLASS_C), NOW))
    assert soon.immediate and soon.start_us == NOW + IMMEDIATE_US
    assert queue.pop(NOW) == soon


def test_as_soon_as_possible_takes_the_gap_that_is_long_enough() -> None:
    queue = JitQueue[str]()
    first = placed(queue.push(slot(NOW + 50_000, 50_000), NOW))
    queue.push(slot(NOW + 300_000, 50_000), NOW)
    soon = placed(queue.push_soon(slot(0, 50_000), NOW))
    assert first.end_us < soon.start_us < NOW + 300_000
    long = placed(queue.push_soon(slot(0, 900_000), NOW))
    assert long.start_us > NOW + 350_000


def test_a_frame_without_a_fixed_time_steps_aside_for_one_that_has_it() -> None:
    queue = JitQueue[str]()
    queue.push(slot(NOW + 50_000, 50_000), NOW)
    soon = placed(queue.push_soon(slot(0, 50_000, "class c", Priority.CLASS_C), NOW))
    fixed = placed(queue.push(slot(soon.start_us, 50_000, "class a"), NOW))
    moved = next(waiting for waiting in queue if waiting.item == "class c")
    assert fixed.start_us == soon.start_us
    assert moved.start_us > fixed.end_us


def test_class_a_may_use_the_guard_before_a_beacon_and_class_b_may_not() -> None:
    beacon = slot(NOW + 10_000_000, priority=Priority.BEACON)
    within_guard = beacon.start_us - BEACON_GUARD_US + 500_000
    queue = JitQueue[str]()
    queue.push(beacon, NOW)
    in_b = slot(within_guard, priority=Priority.CLASS_B)
    assert queue.push(in_b, NOW) is Refusal.COLLISION_BEACON
    assert placed(queue.push(slot(within_guard), NOW)).start_us == within_guard
    assert queue.push(slot(beacon.start_us), NOW) is Refusal.COLLISION_BEACON


def test_a_frame_that_the_radio_did_not_take_frees_its_place() -> None:
    queue = JitQueue[str]()
    first = placed(queue.push(slot(NOW + 100_000, 400_000, "lost"), NOW))
    assert queue.pop(NOW + 60_000)
    queue.release(first.item)
    assert isinstance(queue.push(slot(NOW + 200_000), NOW + 60_000), Slot)


def test_a_frame_that_left_sooner_frees_the_air_sooner() -> None:
    queue = JitQueue[str]()
    soon = placed(queue.push_soon(slot(0, 400_000, "first"), NOW))
    assert queue.pop(NOW)
    queue.settle(soon.item, NOW + 1_500)
    after_us = NOW + 1_500 + 400_000 + MARGIN_US
    assert placed(queue.push_soon(slot(0), after_us)).immediate


@pytest.mark.parametrize(
    ("late_us", "handed_over_us"),
    [
        pytest.param(6_000, 6_000 + MARGIN_US, id="when the chip is free"),
        pytest.param(90_000, LEAD + 100 - IMMEDIATE_US, id="or while its start can still be met"),
    ],
)
def test_a_frame_behind_one_that_left_late_waits_for_the_chip(
    late_us: int, handed_over_us: int
) -> None:
    queue = JitQueue[str]()
    soon = placed(queue.push_soon(slot(0, 400_000, "soon"), NOW))
    assert queue.pop(NOW)
    fixed = placed(queue.push(slot(soon.end_us + LEAD + 100), NOW))
    queue.settle(soon.item, soon.start_us + late_us)
    due_us = soon.end_us + handed_over_us
    assert queue.next_us() == due_us
    assert queue.pop(due_us - 1) is None
    assert queue.pop(due_us) == fixed


def test_a_new_session_drops_what_was_waiting_and_says_what() -> None:
    queue = JitQueue[str]()
    queue.push(slot(NOW + 100_000, item="stale"), NOW)
    assert [dropped.item for dropped in queue.clear()] == ["stale"]
    assert queue.next_us() is None


requests = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(0, 5_000_000),
        st.integers(1_000, 2_000_000),
        st.integers(0, 300_000),
    ),
    max_size=60,
)


@given(requests)
def test_frames_never_meet_at_the_chip_nor_on_the_air(
    asks: list[tuple[bool, int, int, int]],
) -> None:
    queue, now_us, popped = JitQueue[str](capacity=1000), NOW, list[Slot[str]]()
    handed_over: dict[str, int] = {}

    def pop_until(when_us: int) -> None:
        while (due_us := queue.next_us()) is not None and due_us <= when_us:
            item = queue.pop(max(due_us, now_us))
            assert item is not None
            popped.append(item)
            handed_over[item.item] = max(due_us, now_us)

    accepted = 0
    for number, (soon, ahead_us, airtime_us, pause_us) in enumerate(asks):
        pop_until(now_us)
        ask = slot(now_us + ahead_us, airtime_us, str(number))
        answer = queue.push_soon(ask, now_us) if soon else queue.push(ask, now_us)
        accepted += isinstance(answer, Slot)
        now_us += pause_us
    pop_until(now_us + HORIZON_US)
    assert len(popped) == accepted
    assert popped == sorted(popped, key=lambda slot: slot.start_us)
    for a, b in pairwise(popped):
        assert a.end_us + MARGIN_US < queue.load_at_us(b)
        assert a.end_us + MARGIN_US <= handed_over[b.item]
