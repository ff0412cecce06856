"""The counter as GPS time and back: over wraps, with a crystal that drifts, and wrong pairs."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config.data import folder
from hal.counter import WRAP_TICKS, Counter
from hal.gps.leap import LeapTable, gps_start, parse
from hal.gps.reference import MAX_AGE_US, Crystal, Pair, Reference, Sync
from hal.gps.values import GPS_EPOCH_S, NS, UtcSecond

START = Pair(3_000_000_000, 1_440_000_000)
PPM = st.floats(-9, 9)


def pairs(count: int, ppm: float = 0.0, start: Pair = START) -> list[Pair]:
    rate = 1_000_000 * (1 + ppm * 1e-6)
    return [Pair(start.edge_us + int(i * rate), start.gps_s + i) for i in range(count)]


def synced(count: int, ppm: float = 0.0, start: Pair = START) -> Reference:
    reference = Reference()
    for pair in pairs(count, ppm, start):
        reference.sync(pair)
    return reference


def test_one_pair_alone_is_not_believed() -> None:
    reference = Reference()
    assert reference.sync(START) is Sync.TRIAL
    assert not reference.valid(START.edge_us)
    assert reference.sync(pairs(2)[1]) is Sync.TAKEN
    assert reference.valid(START.edge_us + 1_000_000)


def test_the_same_pair_from_another_message_changes_nothing() -> None:
    reference = synced(2)
    assert reference.sync(pairs(2)[1]) is Sync.SAME


def test_a_reference_is_none_when_it_is_older_than_its_limit() -> None:
    reference = synced(5)
    newest_us = pairs(5)[-1].edge_us
    assert reference.valid(newest_us + MAX_AGE_US)
    assert not reference.valid(newest_us + MAX_AGE_US + 1)


@given(PPM, st.integers(2, 40), st.integers(-3_000_000, 512_000_000))
def test_there_and_back_is_the_same_microsecond(ppm: float, count: int, ahead_us: int) -> None:
    reference = synced(count, ppm)
    counter_us = START.edge_us + ahead_us
    gps_ns = reference.gps_ns(counter_us)
    assert gps_ns is not None and reference.counter_us(gps_ns) == counter_us


@given(PPM)
def test_after_sixteen_seconds_a_beacon_eight_minutes_ahead_is_met_within_its_window(
    ppm: float,
) -> None:
    reference = synced(17, ppm)
    assert reference.crystal.settled
    found_us = reference.counter_us((START.gps_s + 16 + 512) * NS)
    assert found_us is not None
    assert abs(found_us - (START.edge_us + 528 * 1_000_000 * (1 + ppm * 1e-6))) < 35


@given(st.integers(0, WRAP_TICKS - 1), PPM, st.integers(-200, 200))
def test_wraps_of_the_counter_between_edges_change_nothing(
    ticks: int, ppm: float, frame_ms: int
) -> None:
    """Edges and frames as the chip's register shows them, 32 bits wide, through the wraps."""
    counter, reference = Counter(), Reference()
    rate = 32_000_000 * (1 + ppm * 1e-6)
    for second in range(150):  # the register wraps every 134 s
        edge = ticks + int(second * rate)
        counter.update((edge + 100) % WRAP_TICKS)
        reference.sync(Pair(counter.expand(edge % WRAP_TICKS), START.gps_s + second))
    frame = edge + int(frame_ms * rate / 1000)
    counter.update((edge + int(rate * 0.3)) % WRAP_TICKS)
    gps_ns = reference.gps_ns(counter.expand(frame % WRAP_TICKS))
    assert gps_ns is not None
    assert abs(gps_ns - (START.gps_s * NS + 149 * NS + frame_ms * 1_000_000)) <= 2_000


def test_a_frame_that_ended_before_the_edge_is_not_taken_for_the_next_turn() -> None:
    gps_ns = synced(3).gps_ns(START.edge_us + 2_000_000 - 1)
    assert gps_ns == (START.gps_s + 2) * NS - 1000


def test_one_and_two_wrong_seconds_are_passed_over() -> None:
    reference = synced(20)
    wrong = [Pair(pair.edge_us, pair.gps_s + 1) for pair in pairs(22)[20:]]
    assert [reference.sync(pair) for pair in wrong] == [Sync.ABERRANT, Sync.ABERRANT]
    assert reference.sync(pairs(23)[22]) is Sync.TAKEN
    assert reference.gps_ns(START.edge_us) == START.gps_s * NS


def test_three_that_agree_replace_the_reference() -> None:
    reference = synced(20)
    moved = [Pair(pair.edge_us, pair.gps_s + 2) for pair in pairs(23)[20:]]
    assert [reference.sync(pair) for pair in moved][-1] is Sync.REPLACED
    assert reference.gps_ns(START.edge_us) == (START.gps_s + 2) * NS


def test_three_that_agree_with_nobody_replace_nothing() -> None:
    reference = synced(20)
    wild = [Pair(p.edge_us, p.gps_s + n * 7) for n, p in enumerate(pairs(24)[20:], 1)]
    assert {reference.sync(pair) for pair in wild} == {Sync.ABERRANT}


@given(st.integers(11, 900), st.sampled_from([-1, 1]))
def test_a_crystal_beyond_ten_ppm_is_a_wrong_pair(off_us: int, sign: int) -> None:
    reference = synced(20)
    late = Pair(pairs(21)[20].edge_us + sign * (off_us + 1), START.gps_s + 20)
    assert reference.sync(late) is Sync.ABERRANT


def test_after_a_long_gap_the_crystal_is_measured_anew() -> None:
    reference = synced(20, 5)
    later = Pair(START.edge_us + 100 * 1_000_000, START.gps_s + 100)
    reference.sync(later)
    assert not reference.crystal.settled


@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 31)), max_size=40))
def test_no_pairs_do_more_than_make_no_reference(told: list[tuple[int, int]]) -> None:
    reference = Reference()
    for edge_us, gps_s in told:
        reference.sync(Pair(edge_us, gps_s))
    gps_ns = reference.gps_ns(1 << 39)
    assert gps_ns is None or isinstance(reference.counter_us(gps_ns), int)


@given(PPM)
def test_a_frequency_is_corrected_by_what_the_crystal_is_off(ppm: float) -> None:
    crystal, told = Crystal(), pairs(300, ppm)
    for earlier, later in pairwise(told):
        crystal.note(earlier, later)
    assert crystal.ppm == pytest.approx(ppm, abs=0.07)
    assert crystal.corrected_hz(869_525_000) == pytest.approx(
        869_525_000 / (1 + ppm * 1e-6), abs=61
    )


# Leap seconds.

CHANGE_S = int(datetime(2017, 1, 1, tzinfo=UTC).timestamp())


@pytest.fixture(scope="module")
def table() -> LeapTable:
    return parse((folder() / "leap-seconds.list").read_text())


def test_the_table_that_ships_says_eighteen_seconds_and_when_it_ends(table: LeapTable) -> None:
    assert table.of_utc(UtcSecond(CHANGE_S)) == 18
    assert table.of_gps(2_000_000_000) == 18
    assert datetime.fromtimestamp(table.expires_s, UTC).date().isoformat() == "2027-06-28"


def test_gps_goes_on_through_an_inserted_second(table: LeapTable) -> None:
    told = [UtcSecond(CHANGE_S - 1), UtcSecond(CHANGE_S, inserted=True), UtcSecond(CHANGE_S)]
    gps = [gps_start(second.utc_s, table.of_utc(second)) for second in told]
    assert gps == [gps[0], gps[0] + 1, gps[0] + 2]


def test_utc_repeats_midnight_as_posix_does(table: LeapTable) -> None:
    first = gps_start(CHANGE_S - 1, 17)
    utc = [first + n + GPS_EPOCH_S - table.of_gps(first + n) for n in range(4)]
    assert utc == [CHANGE_S - 1, CHANGE_S, CHANGE_S, CHANGE_S + 1]


def test_gps_began_without_a_difference(table: LeapTable) -> None:
    assert table.of_gps(0) == 0


@given(st.integers(0, 2_000_000_000))
def test_seconds_of_utc_and_gps_find_each_other(gps_s: int) -> None:
    table = parse((folder() / "leap-seconds.list").read_text())
    leap_s = table.of_gps(gps_s)
    utc_s = gps_s + GPS_EPOCH_S - leap_s
    inserted = table.of_gps(gps_s + 1) > leap_s
    assert gps_start(utc_s, table.of_utc(UtcSecond(utc_s, inserted))) == gps_s


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected"),
        ("#@ 4023129600\n", "expected"),
        ("3692217600 37\n", "expected"),
        ("#@ soon\n3692217600 37\n", "line 1"),
        ("#@ 4023129600\n3692217600\n", "line 2"),
        ("#@ 4023129600\n3692217600 37\n2272060800 10\n", "do not grow"),
    ],
)
def test_a_table_that_is_none_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(text)
