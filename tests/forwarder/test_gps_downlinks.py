"""Downlinks at a GPS time and beacons, through the scheduler: where they are placed, and refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forwarder.config.model import BeaconSettings
from forwarder.packets import Accepted, AtGps, AtTmst, Downlink, Position, Refusal, Refused
from forwarder.scheduling.beacon import NO_PLACE, request
from forwarder.scheduling.downlinks import Scheduler
from forwarder.scheduling.jit import HORIZON_US
from forwarder.timing.time_reference import GpsState
from hal.frames import AtCounter as StartAt
from hal.frames import OnPps, TxReceipt
from tests.forwarder import test_downlinks
from tests.forwarder.test_downlinks import CONFIG, NOW

RX1 = replace(test_downlinks.RX1, power_dbm=17)
GPS_S = 1_440_000_000  # at NOW
PERIOD_S = 128
BEACONS = BeaconSettings(period_s=PERIOD_S)


class Reference:
    """A perfect one, until it is switched off."""

    def __init__(self) -> None:
        self.on = True

    @property
    def state(self) -> GpsState:
        return GpsState(valid=self.on, reason="" if self.on else "no PPS edge")

    def valid(self, now_us: int) -> bool:
        return self.on

    def utc_ns(self, counter_us: int, now_us: int) -> int | None:
        return None

    def gps_ms(self, counter_us: int, now_us: int) -> int | None:
        return GPS_S * 1000 + (counter_us - NOW) // 1000 if self.on else None

    def counter_us(self, gps_ms: int, now_us: int) -> int | None:
        return NOW + (gps_ms - GPS_S * 1000) * 1000 if self.on else None

    def corrected_hz(self, freq_hz: int) -> int:
        return freq_hz - 1_000

    def position(self) -> Position | None:
        return None


def a_scheduler() -> tuple[Scheduler, Reference]:
    reference = Reference()
    return Scheduler(CONFIG, time_reference=reference, antenna_gain_db=3), reference


def class_b(ahead_ms: int) -> Downlink:
    return replace(RX1, when=AtGps(GPS_S * 1000 + ahead_ms))


def beacon(periods: int = 1) -> Downlink:
    second = (GPS_S // PERIOD_S + periods) * PERIOD_S
    return request(BEACONS, second, NO_PLACE)


def beacon_us(periods: int = 1) -> int:
    return NOW + ((GPS_S // PERIOD_S + periods) * PERIOD_S - GPS_S) * 1_000_000


def refusal(scheduler: Scheduler, downlink: Downlink) -> Refusal:
    answer = scheduler.schedule(downlink, NOW)
    assert isinstance(answer, Refused)
    return answer.reason


def test_a_gps_time_is_met_by_the_counter() -> None:
    scheduler, _ = a_scheduler()
    answer = scheduler.schedule(class_b(5_000), NOW)
    assert isinstance(answer, Accepted) and answer.start_us == NOW + 5_000_000
    ((_, frame),) = scheduler.due(NOW + 5_000_000)
    assert frame.start == StartAt(NOW + 5_000_000)


def test_without_a_reference_the_reason_is_told() -> None:
    scheduler, reference = a_scheduler()
    reference.on = False
    answer = scheduler.schedule(class_b(5_000), NOW)
    assert answer == Refused(Refusal.GPS_UNLOCKED, "there is no GPS time reference: no PPS edge")


@pytest.mark.parametrize(
    ("ahead_ms", "reason"),
    [
        (-1, Refusal.TOO_LATE),
        (-(10**15), Refusal.TOO_LATE),
        (HORIZON_US // 1000 + 1, Refusal.TOO_EARLY),
        (2**62, Refusal.TOO_EARLY),
    ],
)
def test_a_gps_time_that_cannot_be_met_is_called_what_it_is(ahead_ms: int, reason: Refusal) -> None:
    assert refusal(a_scheduler()[0], class_b(ahead_ms)) is reason


def test_a_beacon_waits_for_its_edge_with_its_frequency_corrected_and_its_power_conducted() -> None:
    scheduler, _ = a_scheduler()
    answer = scheduler.schedule(beacon(), NOW)
    assert isinstance(answer, Accepted) and answer.start_us == beacon_us()
    ((_, frame),) = scheduler.due(beacon_us() - 50_000)
    assert frame.start == OnPps(beacon_us())
    assert (frame.freq_hz, frame.power_dbm) == (869_524_000, 14)


def test_class_b_keeps_away_from_a_beacon_and_class_a_may_come_near() -> None:
    scheduler, _ = a_scheduler()
    scheduler.schedule(beacon(), NOW)
    ahead_ms = (beacon_us() - NOW) // 1000 - 2_000
    assert refusal(scheduler, class_b(ahead_ms)) is Refusal.COLLISION_BEACON
    near = AtTmst((NOW + ahead_ms * 1000) & 0xFFFFFFFF)
    assert isinstance(scheduler.schedule(replace(RX1, when=near), NOW), Accepted)


@pytest.mark.parametrize("after_ms", [0, 300, 2_000])
def test_nothing_is_sent_over_a_beacon_nor_where_devices_listen_to_another(after_ms: int) -> None:
    scheduler, _ = a_scheduler()
    scheduler.schedule(beacon(), NOW)
    at = AtTmst((beacon_us() + after_ms * 1000) & 0xFFFFFFFF)
    assert refusal(scheduler, replace(RX1, when=at)) is Refusal.COLLISION_BEACON


def test_class_a_never_ends_so_late_that_the_beacon_cannot_be_carried_to_the_chip() -> None:
    for ahead_us in range(30_000, 140_000, 2_500):
        scheduler, _ = a_scheduler()
        scheduler.schedule(beacon(), NOW)
        start_us = beacon_us() - ahead_us
        answer = scheduler.schedule(replace(RX1, when=AtTmst(start_us & 0xFFFFFFFF)), NOW)
        for job, _ in scheduler.due(beacon_us() - 120_000):
            assert isinstance(answer, Accepted)
            scheduler.emitted(job, TxReceipt(14, start_us, job.airtime_us))
            assert start_us + job.airtime_us <= beacon_us() - 41_500


def test_a_beacon_whose_reference_is_lost_when_it_is_due_is_not_sent() -> None:
    scheduler, reference = a_scheduler()
    ended: list[tuple[str, bool]] = []
    scheduler.beacon_ended = lambda downlink, why, again: ended.append((why, again))
    scheduler.schedule(beacon(), NOW)
    reference.on = False
    assert scheduler.due(beacon_us()) == []
    assert ended == [("GPS_UNLOCKED", False)]


def test_a_restart_of_the_radio_tells_that_the_beacons_may_be_asked_for_again() -> None:
    scheduler, _ = a_scheduler()
    ended: list[tuple[str, bool]] = []
    scheduler.beacon_ended = lambda downlink, why, again: ended.append((why, again))
    for periods in (1, 2, 3):
        scheduler.schedule(beacon(periods), NOW)
    scheduler.new_session("the radio failed")
    assert ended == [("the radio failed", True)] * 3


def test_a_beacon_that_was_sent_is_told() -> None:
    scheduler, _ = a_scheduler()
    ended: list[tuple[str, bool]] = []
    scheduler.beacon_ended = lambda downlink, why, again: ended.append((why, again))
    scheduler.schedule(beacon(), NOW)
    ((job, _),) = scheduler.due(beacon_us() - 50_000)
    scheduler.emitted(job, TxReceipt(14, beacon_us() + 1_481, 152_576))
    assert ended == [("", False)]
