"""Beacons: their bytes (vectors of the reference, computed with Semtech's code), channels, account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config.model import BeaconSettings
from forwarder.packets import Accepted, Answer, AtBeacon, Downlink, Position, Refusal, Refused
from forwarder.scheduling.beacon import (
    AHEAD,
    NO_PLACE,
    BeaconPlan,
    GpsNow,
    channel_hz,
    payload,
    request,
    second,
)

GPS_S = 1_400_000_000
MUNICH = Position(48.137, 11.575, 519)
STANDARD = BeaconSettings(period_s=128)
YES = Accepted(0, 14, adjusted=False, margin_us=1)
NO = Refused(Refusal.COLLISION_PACKET)


@pytest.mark.parametrize(
    ("sf", "frame"),
    [
        (9, "00 00 00 4E 72 53 01 02 00 25 76 44 2A 3B 08 07 1B"),
        (12, "00 00 00 00 00 00 4E 72 53 01 02 00 25 76 44 2A 3B 08 00 00 00 05 2A"),
    ],
)
def test_the_bytes_are_those_of_the_recorded_vectors(sf: int, frame: str) -> None:
    assert payload(GPS_S, sf, 0, MUNICH) == bytes.fromhex(frame)


@pytest.mark.parametrize(("sf", "size"), [(8, 19), (9, 17), (10, 19), (12, 23)])
def test_every_data_rate_has_its_length(sf: int, size: int) -> None:
    assert len(payload(GPS_S, sf, 0, MUNICH)) == size


def test_the_checksum_is_the_one_of_the_specification() -> None:
    assert payload(0xCC020000, 9, 0, NO_PLACE)[:8] == bytes.fromhex("0000 000002CC A27E")


@given(
    st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 255), st.sampled_from([8, 9, 10, 12])
)
def test_every_place_fits_and_the_poles_stay_on_their_side(
    north: float, east: float, info: int, sf: int
) -> None:
    frame = payload(GPS_S, sf, info, Position(north, east, 0))
    behind = {8: 3, 9: 0, 10: 1, 12: 3}[sf]
    place = frame[: len(frame) - 2 - behind][-6:]
    latitude = int.from_bytes(place[:3], "little", signed=True) * 90 / 2**23
    longitude = int.from_bytes(place[3:], "little", signed=True) * 180 / 2**23
    assert abs(latitude - north) < 1.2e-5 and abs(longitude - east) < 2.2e-5


def test_regions_with_eight_channels_hop_by_the_period() -> None:
    settings = BeaconSettings(128, 923_300_000, 8, 600_000, 12, 500_000)
    found = [channel_hz(settings, 128 * number) for number in range(9)]
    assert found == [923_300_000 + 600_000 * (number % 8) for number in range(9)]


def test_a_beacon_is_what_devices_listen_for() -> None:
    beacon = request(STANDARD, 128 * 10_000_000, MUNICH)
    assert beacon.when == AtBeacon(1_280_000_000)
    assert (beacon.preamble, beacon.implicit_header, beacon.crc, beacon.invert_polarity) == (
        10, True, False, False,
    )  # fmt: skip


# The plan.


def asked(plan: BeaconPlan, gps_s: int, answer: Answer = YES) -> list[int]:
    found = []
    while (beacon := plan.next(GpsNow(gps_s), 0.0, MUNICH)) is not None:
        plan.answered(beacon, answer)
        found.append(second(beacon))
    return found


def test_three_beacons_wait_at_multiples_of_the_period() -> None:
    plan = BeaconPlan(STANDARD)
    first = GPS_S // 128 * 128 + 128
    assert asked(plan, GPS_S) == [first, first + 128, first + 256]
    assert asked(plan, GPS_S) == []


def test_when_one_has_left_the_next_is_asked_for() -> None:
    plan = BeaconPlan(STANDARD)
    first, *_, last = asked(plan, GPS_S)
    plan.ended(request(STANDARD, first, MUNICH), "")
    assert asked(plan, first) == [last + 128]
    assert (plan.sent, plan.skipped.total()) == (1, 0)


def test_a_refused_beacon_is_counted_once_and_the_next_period_is_tried() -> None:
    plan = BeaconPlan(STANDARD)
    assert len(asked(plan, GPS_S, NO)) == AHEAD
    assert plan.skipped == {"COLLISION_PACKET": AHEAD}
    assert asked(plan, GPS_S, NO) == []


def test_after_a_restart_of_the_radio_the_same_beacons_are_asked_for_again() -> None:
    plan = BeaconPlan(STANDARD)
    before = asked(plan, GPS_S)
    for gps_s in before:
        plan.ended(request(STANDARD, gps_s, MUNICH), "the radio failed", again=True)
    assert asked(plan, GPS_S) == before
    assert not plan.skipped


def test_without_time_every_period_is_counted_and_the_reason_is_told() -> None:
    plan = BeaconPlan(STANDARD)
    for at_s in range(3 * 128 + 1):
        assert plan.next(GpsNow(None, "no PPS edge"), float(at_s), MUNICH) is None
    assert plan.skipped == {"GPS_UNLOCKED": 3}
    assert plan.words().endswith("none is being sent: no PPS edge")


def test_a_beacon_that_is_lost_when_it_is_due_is_counted_with_its_reason() -> None:
    plan = BeaconPlan(STANDARD)
    first, *_ = asked(plan, GPS_S)
    plan.ended(request(STANDARD, first, MUNICH), "BUSY")
    assert plan.status()["skipped"] == {"BUSY": 1}
    assert plan.status()["last_skip"] == "BUSY"


@given(
    st.lists(st.tuples(st.integers(1, 400), st.sampled_from(["yes", "no", "none"])), max_size=40)
)
def test_no_period_is_asked_for_twice_and_none_behind_now(steps: list[tuple[int, str]]) -> None:
    plan, gps_s, seen = BeaconPlan(STANDARD), GPS_S, set[int]()
    waiting: list[Downlink] = []
    for ahead, kind in steps:
        gps_s += ahead
        for beacon in [one for one in waiting if second(one) <= gps_s]:
            waiting.remove(beacon)
            plan.ended(beacon, "")
        now = GpsNow(None, "lost") if kind == "none" else GpsNow(gps_s)
        while (beacon_ := plan.next(now, float(gps_s), MUNICH)) is not None:
            assert second(beacon_) not in seen and gps_s < second(beacon_) <= gps_s + 384
            seen.add(second(beacon_))
            plan.answered(beacon_, YES if kind == "yes" else NO)
            if kind == "yes":
                waiting.append(beacon_)
    assert plan.sent + plan.skipped["COLLISION_PACKET"] + len(waiting) == len(seen)
