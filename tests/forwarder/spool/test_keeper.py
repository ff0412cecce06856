"""The keeper of one link's uplinks: what goes when, what waits, what is given up."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.packets import Uplink
from forwarder.spool.keeper import (
    BLIP_S,
    FIRST_NUMBER,
    RETRY_S,
    Keeper,
)
from forwarder.spool.kept import Drop
from forwarder.spool.uplinks import Uplinks
from hal.frames import Crc

from . import makers

GAP_S, LIVE_WINDOW, REPLAY_WINDOW = Uplinks.gap_s, Uplinks.window, Uplinks.replay_window
A, B, C = 0x26011F01, 0x26011F02, 0x26011F03


def a_keeper(
    policy: str = "replay", *, resend_s: float | None = None, **other: float
) -> Keeper[Uplink]:
    return Keeper(makers.settings(policy, **other), Uplinks(), resend_s=resend_s)


def sent(keeper: Keeper[Uplink], now: float) -> list[tuple[int, bool]]:
    """Which frames go now, counted from 0, and whether each is late."""
    return [(kept.number - FIRST_NUMBER, kept.late) for kept in keeper.to_send(now)]


def put(keeper: Keeper[Uplink], now: float, *addresses: int) -> None:
    for address in addresses:
        keeper.put(makers.uplink(makers.data(address)), now)


def drain(keeper: Keeper[Uplink], now: float, until: float) -> list[tuple[float, int]]:
    """All that goes from one wake-up to the next, acknowledged at once, with its time."""
    gone = []
    while now <= until:
        keeper.tick(now)
        for kept in keeper.to_send(now):
            gone.append((now, kept.number - FIRST_NUMBER))
        for _, number in gone:
            keeper.acknowledged(FIRST_NUMBER + number)
        now = max(keeper.next_tick(now), now + 1e-6)
    return gone


def test_a_live_frame_goes_at_once_and_is_not_late() -> None:
    keeper = a_keeper()
    keeper.opened(0.0)
    put(keeper, 1.0, A)
    assert sent(keeper, 1.0) == [(0, False)]


def test_a_frame_is_kept_until_it_is_acknowledged() -> None:
    keeper = a_keeper()
    keeper.opened(0.0)
    put(keeper, 1.0, A)
    sent(keeper, 1.0)
    assert len(keeper) == 1
    assert keeper.acknowledged(FIRST_NUMBER)
    assert len(keeper) == 0
    assert not keeper.acknowledged(FIRST_NUMBER)


def test_what_was_not_acknowledged_goes_first_after_a_reconnect() -> None:
    keeper = a_keeper()
    keeper.opened(0.0)
    put(keeper, 1.0, A, B)
    sent(keeper, 1.0)
    keeper.closed(1.1)
    put(keeper, 1.2, C)
    keeper.opened(1.3)
    assert sent(keeper, 1.3) == [(0, False), (1, False), (2, False)]
    assert keeper.tally.repeated == 2


def test_an_outage_is_replayed_oldest_first_at_the_pace_and_late() -> None:
    keeper = a_keeper(replay_per_s=10.0)
    put(keeper, 0.0, *(A + i for i in range(30)))
    keeper.opened(100.0)
    gone = drain(keeper, 100.0, until=110.0)
    assert [number for _, number in gone] == list(range(30))
    assert gone[-1][0] == pytest.approx(100.0 + 29 / 10, abs=0.1)
    assert keeper.tally.late == 30


def test_a_live_frame_overtakes_the_backlog_of_other_devices() -> None:
    keeper = a_keeper(replay_per_s=1.0)
    put(keeper, 0.0, *[A] * 10)
    keeper.opened(100.0)
    sent(keeper, 100.0)
    put(keeper, 100.1, B)
    assert sent(keeper, 100.1) == [(10, False)]


def test_a_live_frame_brings_the_backlog_of_its_own_device_before_it() -> None:
    keeper = a_keeper(replay_per_s=1.0)
    put(keeper, 0.0, B, A, B, A, A)
    keeper.opened(100.0)
    assert sent(keeper, 100.0) == [(0, True)]
    put(keeper, 100.05, A)
    gone = drain(keeper, 100.05, until=100.5)
    assert [number for _, number in gone] == [1, 3, 4, 5]
    assert all(later - earlier > GAP_S - 1e-6 for (earlier, _), (later, _) in pairwise(gone))
    assert keeper.tally.late == 3


def test_two_frames_of_one_device_that_waited_never_go_at_once() -> None:
    keeper = a_keeper(replay_per_s=1000.0)
    put(keeper, 0.0, A, A, B)
    keeper.opened(100.0)
    assert sent(keeper, 100.0) == [(0, True), (2, True)]
    assert keeper.next_tick(100.02) == 100.0 + GAP_S
    put(keeper, 100.05, B)
    assert sent(keeper, 100.05) == []
    assert sent(keeper, 100.0 + GAP_S) == [(3, False), (1, True)]


def test_two_live_frames_of_one_device_go_at_once() -> None:
    keeper = a_keeper()
    keeper.opened(0.0)
    put(keeper, 1.0, A, A)
    assert sent(keeper, 1.0) == [(0, False), (1, False)]


def test_a_blip_is_not_paced() -> None:
    keeper = a_keeper(replay_per_s=1.0)
    put(keeper, 0.0, A, B, C)
    keeper.opened(0.5)
    assert sent(keeper, 0.5) == [(0, False), (1, False), (2, False)]


@pytest.mark.parametrize("policy", ["drop", "sink-only"])
def test_without_replay_a_blip_loses_nothing_and_an_outage_all(policy: str) -> None:
    keeper = a_keeper(policy)
    put(keeper, 0.0, A)
    put(keeper, 3.0, B)
    keeper.tick(BLIP_S)
    keeper.opened(BLIP_S)
    assert sent(keeper, BLIP_S) == [(1, True)]
    why = {"drop": Drop.POLICY, "sink-only": Drop.SINKS}[policy]
    assert keeper.tally.dropped == {why: 1}


@pytest.mark.parametrize("first_byte", [0x00, 0xC0], ids=["join", "rejoin"])
def test_a_join_request_never_waits(first_byte: int) -> None:
    keeper = a_keeper()
    keeper.put(makers.uplink(bytes([first_byte]) + makers.JOIN[1:]), 0.0)
    keeper.opened(0.1)
    assert sent(keeper, 0.1) == []
    assert keeper.tally.dropped == {Drop.JOIN: 1}


def test_a_join_request_is_sent_while_the_link_is_open_and_not_again() -> None:
    keeper = a_keeper()
    keeper.opened(0.0)
    keeper.put(makers.uplink(makers.JOIN), 0.0)
    assert sent(keeper, 0.0) == [(0, False)]
    keeper.closed(0.1)
    assert keeper.tally.dropped == {Drop.JOIN: 1}


def test_frames_older_than_the_limit_are_dropped_and_counted() -> None:
    keeper = a_keeper(max_age_h=1.0)
    put(keeper, 0.0, A)
    put(keeper, 10.0, A)
    assert keeper.next_tick(10.0) == 3600.0
    keeper.tick(3600.0)
    assert len(keeper) == 1 and keeper.tally.dropped == {Drop.EXPIRED: 1}


def test_the_oldest_is_dropped_when_memory_is_full() -> None:
    keeper = a_keeper(memory_frames=16)
    put(keeper, 0.0, *range(A, A + 20))
    keeper.opened(0.1)
    assert [number for number, _ in sent(keeper, 0.1)] == list(range(4, 20))
    assert keeper.tally.dropped == {Drop.FULL: 4}


def test_the_replay_window_is_bounded_and_live_frames_pass_it() -> None:
    keeper = a_keeper(replay_per_s=1000.0, memory_frames=4096)
    put(keeper, 0.0, *range(C + 1, C + 201))
    keeper.opened(100.0)
    number = sum(len(sent(keeper, 100.0 + i)) for i in range(10))
    assert number == REPLAY_WINDOW and keeper.next_tick(110.0) > 1000.0
    put(keeper, 200.0, B)
    assert sent(keeper, 200.0) == [(200, False)]


def test_live_frames_wait_for_room_in_flight_in_their_order() -> None:
    keeper = a_keeper()
    keeper.opened(0.0)
    put(keeper, 0.0, *[A] * (LIVE_WINDOW + 2))
    assert len(sent(keeper, 0.0)) == LIVE_WINDOW
    keeper.acknowledged(FIRST_NUMBER)
    assert sent(keeper, 0.0) == [(LIVE_WINDOW, False)]


def test_a_busy_outlet_is_asked_again_with_the_same_frame() -> None:
    keeper = a_keeper()
    keeper.opened(0.0)
    put(keeper, 0.0, A, A)
    for kept in keeper.to_send(0.0):
        keeper.unsent(kept.number, 0.0)
    assert keeper.next_tick(0.0) == RETRY_S
    assert sent(keeper, RETRY_S) == [(0, False), (1, False)]
    assert keeper.tally.repeated == 0


def test_what_nobody_acknowledges_is_sent_again_and_then_given_up() -> None:
    keeper = a_keeper(resend_s=10.0)
    keeper.opened(0.0)
    put(keeper, 0.0, A)
    now, times = 0.0, 0
    while len(keeper):
        keeper.tick(now)
        times += len(sent(keeper, now))
        now = keeper.next_tick(now)
    assert times == 3 and keeper.tally.dropped == {Drop.UNANSWERED: 1}


def test_a_frame_with_a_bad_crc_belongs_to_no_device() -> None:
    keeper = a_keeper(replay_per_s=1.0)
    put(keeper, 0.0, B, A)
    keeper.opened(100.0)
    sent(keeper, 100.0)
    keeper.put(makers.uplink(makers.data(A), crc=Crc.BAD), 100.1)
    assert sent(keeper, 100.1) == [(2, False)]


def test_without_frames_there_is_nothing_to_wake_up_for() -> None:
    keeper = a_keeper()
    keeper.opened(0.0)
    assert keeper.next_tick(0.0) == inf


def test_another_connection_without_a_word_of_the_last_ones_end_sends_again() -> None:
    keeper = a_keeper()
    keeper.opened(0.0)
    put(keeper, 0.0, A)
    sent(keeper, 0.0)
    keeper.opened(0.5)
    assert sent(keeper, 0.5) == [(0, False)]


def test_a_replay_that_broke_off_has_its_whole_window_again() -> None:
    keeper = a_keeper(replay_per_s=1000.0)
    put(keeper, 0.0, *range(C + 1, C + 201))
    keeper.opened(100.0)
    for second in range(10):
        sent(keeper, 100.0 + second)
    keeper.closed(110.0)
    keeper.opened(120.0)
    assert sum(len(sent(keeper, 120.0 + second)) for second in range(10)) == REPLAY_WINDOW


def test_a_repeat_that_could_not_leave_is_not_counted() -> None:
    keeper = a_keeper()
    keeper.opened(0.0)
    put(keeper, 0.0, A)
    sent(keeper, 0.0)
    keeper.opened(1.0)
    for kept in keeper.to_send(1.0):
        keeper.unsent(kept.number, 1.0)
    assert keeper.tally.repeated == 0


STEP = st.one_of(
    st.tuples(st.just("put"), st.sampled_from([A, B, C, 0, 1])),
    st.tuples(st.just("open"), st.just(0)),
    st.tuples(st.just("close"), st.just(0)),
    st.tuples(st.just("send"), st.integers(0, 5)),
    st.tuples(st.just("acknowledge"), st.integers(0, 5)),
    st.tuples(st.just("time"), st.sampled_from([0.01, 0.3, 2.0, 10.0, 4000.0])),
)


def payload(what: int) -> bytes:
    return {0: makers.JOIN, 1: makers.PROPRIETARY}.get(what) or makers.data(what)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(STEP, max_size=60),
    st.sampled_from(["drop", "replay"]),
    st.sampled_from([None, 3.0]),
    st.integers(2, 20),
)
def test_whatever_happens_no_frame_is_lost_uncounted_and_each_device_keeps_its_order(
    steps: list[tuple[str, int]], policy: str, resend_s: float | None, most: int
) -> None:
    keeper = a_keeper(policy, resend_s=resend_s, memory_frames=most, max_age_h=1.0)
    now = 0.0
    flying: list[int] = []
    first_sent: list[tuple[int | None, int, int]] = []
    rests: dict[int | None, float] = {}  # until when nothing of a device may go
    for step, value in steps:
        match step:
            case "put":
                keeper.put(makers.uplink(payload(value)), now)
            case "open":
                keeper.opened(now)
                flying = []
            case "close":
                keeper.closed(now)
                flying = []
            case "acknowledge" if flying:
                keeper.acknowledged(flying.pop(value % len(flying)))
            case "send":
                for index, kept in enumerate(keeper.to_send(now)):
                    if index == value:
                        keeper.unsent(kept.number, now)
                        break
                    flying.append(kept.number)
                    assert kept.lane is None or now > rests.get(kept.lane, -1.0) - 1e-6
                    if kept.late:
                        rests[kept.lane] = now + GAP_S
                    first_sent.append((kept.lane, kept.number, kept.tries))
            case "time":
                now += value
                keeper.tick(now)
        tally = keeper.tally
        settled = tally.acknowledged + sum(tally.dropped.values())
        assert tally.taken == settled + len(keeper)
        assert len(keeper) <= most
        assert keeper.in_flight >= 0 and keeper.next_tick(now) >= 0
    for device in (A, B, C):
        firsts = [number for lane, number, tries in first_sent if lane == device and tries == 1]
        assert firsts == sorted(firsts)
