"""Position, time and PPS, each by itself; what is told of them, and what they make together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.timing.keeper import EARLIEST_GPS_S, PPS_AGE_US, SILENCE_S, Now, TimeKeeper
from hal.gps.leap import LeapTable
from hal.gps.values import (
    GPS_EPOCH_S,
    NS,
    Fix,
    GpsSecond,
    NoFix,
    NoTime,
    Report,
    Satellites,
    UtcSecond,
)

GPS_S = 1_440_000_000
EDGE_US = 5_000_000_000
NEVER = 1 << 40
LEAPS = LeapTable(((0, 18),), NEVER)
MUNICH = Fix(48.137, 11.575, 519.4)


def at(second: int, after_us: int = 100_000, *, edges: bool = True) -> Now:
    """So long after the edge of a second; `edges`: the concentrator saw it."""
    us = EDGE_US + second * 1_000_000 + after_us
    edge_us = EDGE_US + (second if edges else 0) * 1_000_000
    return Now(100.0 + second + after_us / 1e6, us, edge_us)


def a_keeper(seconds: int = 3, leaps: LeapTable = LEAPS) -> TimeKeeper:
    keeper = TimeKeeper(leaps, "/dev/ttyS0")
    keeper.connected, keeper.protocol = True, "UBX"
    for second in range(seconds):
        keeper.report(MUNICH, at(second))
        keeper.report(GpsSecond(GPS_S + second, 18), at(second))
    return keeper


def test_the_counter_is_gps_time_and_utc() -> None:
    keeper, now = a_keeper(), at(2)
    assert keeper.gps_ns(EDGE_US + 2_500_000, now) == GPS_S * NS + 2_500_000_000
    assert keeper.utc_ns(EDGE_US, now) == (GPS_S + GPS_EPOCH_S - 18) * NS
    assert keeper.counter_us((GPS_S + 9) * NS, now) == EDGE_US + 9_000_000


def test_a_receiver_that_tells_only_utc_gives_the_same_times() -> None:
    keeper = TimeKeeper(LEAPS)
    for second in range(3):
        keeper.report(UtcSecond(GPS_S + GPS_EPOCH_S - 18 + second), at(second))
    assert keeper.gps_ns(EDGE_US, at(2)) == GPS_S * NS


def test_silence_of_the_receiver_ends_the_reference() -> None:
    keeper = a_keeper()
    assert keeper.valid(at(2 + 4))
    late = at(2 + 6)
    assert not keeper.valid(late)
    assert keeper.gps_ns(EDGE_US, late) is None and keeper.counter_us(GPS_S * NS, late) is None


def test_without_edges_there_is_no_reference_though_the_time_is_known() -> None:
    keeper = a_keeper(1)
    for second in range(1, 6):
        keeper.report(GpsSecond(GPS_S + second), at(second, edges=False))
    state = keeper.state(at(5, edges=False))
    assert (state.time_fix, state.pps, state.valid) == (True, False, False)
    assert "PPS line" in state.reason


def test_without_the_radio_there_is_no_reference_and_no_failure() -> None:
    keeper = TimeKeeper(LEAPS)
    keeper.connected = True
    keeper.report(GpsSecond(GPS_S), Now(1.0))
    assert keeper.state(Now(1.0)).reason == "the radio is not up"


def test_a_new_session_of_the_radio_needs_two_new_pairs() -> None:
    keeper = a_keeper()
    keeper.new_session()
    assert not keeper.valid(at(2))
    keeper.report(GpsSecond(GPS_S + 3), at(3))
    assert not keeper.valid(at(3))
    keeper.report(GpsSecond(GPS_S + 4), at(4))
    assert keeper.valid(at(4))


def test_an_edge_of_the_session_before_is_no_edge() -> None:
    keeper = a_keeper()
    after = Now(at(3).s, EDGE_US - 1_000_000_000, EDGE_US + 3_000_000)
    assert not after.pps and not keeper.valid(after)


def test_a_message_that_is_here_before_its_edge_waits_for_it() -> None:
    keeper = TimeKeeper(LEAPS)
    for second in range(1, 4):
        early = Now(100.0 + second, at(second).us, at(second - 1).edge_us)
        keeper.report(GpsSecond(GPS_S + second), early)
        assert not keeper.settle(early)
        assert keeper.settle(at(second))
    assert keeper.gps_ns(EDGE_US + 3_000_000, at(3)) == (GPS_S + 3) * NS


def test_a_message_whose_edge_never_came_is_not_given_to_the_next_one() -> None:
    keeper = TimeKeeper(LEAPS)
    early = Now(101.0, at(1).us, at(0).edge_us)
    keeper.report(GpsSecond(GPS_S + 1), early)
    assert keeper.settle(at(2))
    assert keeper.state(at(2)).leap_s is None


def test_position_is_known_for_as_long_as_the_receiver_says_so() -> None:
    keeper = a_keeper()
    position = keeper.position(at(2))
    assert position is not None and (position.latitude_deg, position.altitude_m) == (48.137, 519)
    assert keeper.position(at(2 + int(SILENCE_S) + 1)) is None
    keeper.report(NoFix(), at(3))
    assert keeper.position(at(3)) is None


def test_a_message_without_a_height_keeps_the_last_one() -> None:
    keeper = a_keeper()
    keeper.report(Fix(48.2, 11.5), at(3))
    position = keeper.position(at(3))
    assert position is not None and position.altitude_m == 519


def test_a_receiver_that_lost_its_satellites_says_why_there_is_no_time() -> None:
    keeper = a_keeper()
    keeper.report(NoTime("its time is only good to 40 ms"), at(3))
    assert not keeper.state(at(3)).time_fix
    assert keeper.state(at(9)).reason == "its time is only good to 40 ms"


def test_a_date_years_behind_is_the_week_rollover_and_no_time() -> None:
    keeper = TimeKeeper(LEAPS)
    keeper.connected = True
    for second in range(3):
        keeper.report(GpsSecond(EARLIEST_GPS_S - 1024 * 604_800 + second), at(second))
    assert not keeper.valid(at(2)) and "rollover" in keeper.state(at(2)).reason


def test_the_receivers_leap_seconds_win_and_it_is_told_once() -> None:
    keeper = TimeKeeper(LEAPS)
    for second in range(4):
        keeper.report(GpsSecond(GPS_S + second, 19), at(second))
    assert keeper.utc_ns(EDGE_US, at(3)) == (GPS_S + GPS_EPOCH_S - 19) * NS
    assert sum("leap seconds says 18" in line for line in keeper.changes(at(3))) == 1


@pytest.mark.parametrize("told", [True, False])
def test_through_a_leap_second_gps_goes_on_and_utc_repeats_midnight(told: bool) -> None:
    change_utc_s = GPS_S + GPS_EPOCH_S - 18 + 3
    leaps = LeapTable(((0, 18), (change_utc_s, 19)), NEVER)
    keeper = TimeKeeper(leaps)
    utc = [change_utc_s - 3 + n for n in range(4)] + [change_utc_s, change_utc_s + 1]
    for second, utc_s in enumerate(utc):
        report: Report = UtcSecond(utc_s, inserted=second == 3)
        if told:
            report = GpsSecond(GPS_S + second, 18 + (second > 3))
        keeper.report(report, at(second))
    assert keeper.gps_ns(EDGE_US + 5_000_000, at(5)) == (GPS_S + 5) * NS
    seen = [keeper.utc_ns(EDGE_US + n * 1_000_000, at(5)) for n in range(6)]
    assert seen == [utc_s * NS for utc_s in utc]


def test_every_change_of_a_state_is_one_line() -> None:
    keeper = a_keeper()
    first = keeper.changes(at(2))
    assert "GPS position: known" in first and "time reference: valid" in first
    assert keeper.changes(at(2, 200_000)) == []
    lost = keeper.changes(Now(at(2).s + 3, EDGE_US + 5_100_000, EDGE_US + 2_000_000))
    assert [line.split(":")[0] for line in lost] == ["PPS", "time reference"]


def test_satellites_are_shown() -> None:
    keeper = a_keeper()
    keeper.report(Satellites(7), at(2))
    assert keeper.state(at(2)).satellites == 7


REPORTS = st.one_of(
    st.builds(GpsSecond, st.integers(-(1 << 40), 1 << 40), st.none() | st.integers(-128, 127)),
    st.builds(UtcSecond, st.integers(0, 1 << 40), st.booleans(), st.none() | st.integers(0, 127)),
    st.builds(Fix, st.floats(-90, 90), st.floats(-180, 180), st.none() | st.floats(-1e4, 1e4)),
    st.sampled_from([NoFix(), NoTime("why"), Satellites(3)]),
)


@given(
    st.lists(
        st.tuples(
            REPORTS,
            st.floats(0, 1e6),
            st.none() | st.integers(0, 1 << 45),
            st.none() | st.integers(0, 1 << 45),
        ),
        max_size=20,
    )
)
def test_whatever_is_told_a_time_is_only_given_with_fresh_edges(
    told: list[tuple[Report, float, int | None, int | None]],
) -> None:
    keeper = TimeKeeper(LEAPS)
    for report, s, us, edge_us in told:
        now = Now(s, us, edge_us)
        keeper.report(report, now)
        keeper.changes(now)
        keeper.state(now)
        if us is not None and keeper.utc_ns(us, now) is not None:
            assert edge_us is not None and abs(us - edge_us) <= PPS_AGE_US


def test_before_the_receiver_was_ever_opened_it_is_said_that_it_cannot_be_read() -> None:
    state = TimeKeeper(LEAPS, "/dev/ttyS0").state(at(0))
    assert not state.connected and state.reason == "the receiver at /dev/ttyS0 cannot be read"
