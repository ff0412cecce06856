"""What a link costs its line: counted by days, foreseen, told once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.meter import DAY_S, TCP, TLS, UDP, Meter, Now, Overhead

MIDNIGHT = 1_700_006_400.0  # 2023-11-15, 00:00 UTC
START = Now(1000.0, MIDNIGHT)


def a_meter(overhead: Overhead, *, most_a_day: int = 0) -> Meter:
    meter = Meter(overhead, most_a_day=most_a_day)
    meter.tick(START)
    return meter


def later(seconds: float, *, set_by: float = 0.0) -> Now:
    """`seconds` after START by both clocks; the wall clock set by so much besides."""
    return Now(START.mono_s + seconds, START.utc_s + seconds + set_by)


def run(
    meter: Meter, hours: int, an_hour: int, *, start_h: int = 0, set_by: float = 0.0
) -> list[str]:
    """Send `an_hour` bytes in each hour, tick after each; what was warned of."""
    said = []
    for hour in range(start_h, start_h + hours):
        meter.sent(an_hour)
        if warning := meter.tick(later((hour + 1) * 3600 - 1, set_by=set_by)):
            said.append(warning)
    return said


def test_both_directions_are_counted_bare_and_with_what_is_around_them() -> None:
    meter = a_meter(Overhead(packet=28))
    meter.sent(100)
    meter.received(4)
    assert meter.today.plain() == {
        "payload_sent": 100,
        "payload_received": 4,
        "wire_sent": 128,
        "wire_received": 32,
    }
    assert meter.total == meter.today


def test_tcp_answers_each_packet_and_a_connection_costs_its_beginning() -> None:
    meter = a_meter(TCP)
    meter.sent(100)
    assert (meter.today.wire_sent, meter.today.wire_received) == (152, 52)
    meter.connected()
    assert (meter.today.wire_sent, meter.today.wire_received) == (264, 112)
    assert TLS.packet > TCP.packet > UDP.packet and TLS.open_received > TCP.open_received


def test_a_day_ends_at_midnight_utc_and_the_total_goes_on() -> None:
    meter = a_meter(Overhead(packet=0))
    run(meter, 24, 10)
    assert (meter.today.wire, meter.yesterday) == (240, None)
    meter.sent(1)
    meter.tick(later(DAY_S + 1))
    assert meter.yesterday is not None
    assert (meter.today.wire, meter.yesterday.wire, meter.total.wire) == (0, 241, 241)


@pytest.mark.parametrize("by", [3 * 365 * DAY_S, -DAY_S, 3600.0, -90.0])
def test_a_clock_that_is_set_ends_no_day(by: float) -> None:
    meter = a_meter(UDP)
    run(meter, 2, 10)
    before = meter.today.wire
    meter.tick(later(2 * 3600, set_by=by))
    assert meter.yesterday is None and meter.today.wire == before
    meter.tick(later(2 * 3600 + 60, set_by=by))
    assert meter.yesterday is None and meter.today.wire == before


def test_a_day_ends_by_the_clock_as_it_was_set() -> None:
    meter = a_meter(UDP)
    meter.sent(10)
    meter.tick(later(60, set_by=DAY_S - 3600))  # 23:01 now
    meter.tick(later(3500, set_by=DAY_S - 3600))
    assert meter.yesterday is None
    meter.tick(later(3601, set_by=DAY_S - 3600))
    assert meter.yesterday is not None


def test_a_clock_that_is_set_back_every_day_cannot_keep_a_day_for_ever() -> None:
    meter = a_meter(UDP)
    for hour in range(1, 48):
        meter.tick(later(hour * 3600, set_by=-hour * 3600))
    assert meter.yesterday is None
    meter.tick(later(48 * 3600, set_by=-48 * 3600))
    assert meter.yesterday is not None


def test_the_month_is_thirty_days_like_the_last_ones() -> None:
    meter = a_meter(Overhead(packet=0))
    assert meter.forecast_month() is None
    run(meter, 48, 1000)
    forecast = meter.forecast_month()
    assert forecast == pytest.approx(48_000 * 15, rel=1e-4)


def test_a_day_leaves_the_forecast_after_seven_others() -> None:
    meter = a_meter(Overhead(packet=0))
    run(meter, 24, 1_000_000)
    run(meter, 7 * 24, 10, start_h=24)
    seventh = meter.forecast_month()
    run(meter, 24, 10, start_h=8 * 24)
    eighth = meter.forecast_month()
    assert seventh is not None and seventh > 80_000_000
    assert eighth is not None and eighth < 10_000


def test_too_many_bytes_are_foreseen_once_a_day_and_told_once_when_they_are_there() -> None:
    meter = a_meter(Overhead(packet=0), most_a_day=10_000)
    first = run(meter, 24, 1000)
    assert len(first) == 2
    assert first[0].endswith("by its end, which is more than bytes_per_day = 10000")
    assert first[1] == "11000 bytes today, more than bytes_per_day = 10000"
    assert len(run(meter, 24, 1000, start_h=24)) == 2


def test_a_line_that_holds_what_it_carries_is_not_warned_of() -> None:
    assert run(a_meter(Overhead(packet=0), most_a_day=25_000), 72, 1000) == []
    assert run(a_meter(Overhead(packet=0)), 72, 1000) == []


def test_the_status_has_plain_values() -> None:
    meter = a_meter(UDP, most_a_day=5)
    meter.sent(10)
    status = meter.status()
    assert (status["wire_today"], status["bytes_per_day"], status["yesterday"]) == (38, 5, None)


@given(
    st.lists(st.tuples(st.integers(0, 1500), st.floats(0, 5000), st.floats(-1e9, 1e9)), max_size=40)
)
def test_no_byte_is_lost_whatever_the_clock_does(
    steps: list[tuple[int, float, float]],
) -> None:
    meter, now, days = a_meter(UDP), START, 0
    for size, passed_s, set_by in steps:
        meter.sent(size)
        before, yesterday = meter.today, meter.yesterday
        now = Now(now.mono_s + passed_s, now.utc_s + passed_s + set_by)
        meter.tick(now)
        if meter.yesterday is not yesterday:
            days += before.wire
    assert days + meter.today.wire == meter.total.wire == sum(size + 28 for size, _, _ in steps)
