"""Receivers' bytes: what modules of the field send, any split of it, and any noise around it."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.clock import ManualClock
from hal.gps import gpsd, nmea, ubx
from hal.gps.receiver import Kind, Receiver
from hal.gps.stream import Splitter
from hal.gps.ubx import UbxFrame
from hal.gps.values import GPS_EPOCH_S, Fix, GpsSecond, NoFix, NoTime, Report, Satellites, UtcSecond
from hal.sim.board import SimBoard
from hal.sim.gps import DEFAULT_GPS_S, SimGps, sentence
from tests.hal.gps_lines import LINES, TIMEGPS, time_gps

MIDNIGHT_2017 = 1_483_228_800


def told(*bodies: str) -> list[Report]:
    return [
        report for body in bodies for report in nmea.reports(nmea.parse(sentence(body)) or [""])
    ]


# NMEA.


def test_the_example_of_a_u_blox_manual_is_read() -> None:
    line = b"$GPGGA,092725.00,4717.11399,N,00833.91590,E,1,08,1.01,499.6,M,48.0,M,,*5B\r\n"
    fields = nmea.parse(line)
    assert fields is not None
    fix, used = nmea.reports(fields)
    assert isinstance(fix, Fix) and used == Satellites(8)
    assert fix.latitude_deg == pytest.approx(47.285_233_2, abs=1e-7)
    assert fix.longitude_deg == pytest.approx(8.565_265, abs=1e-7) and fix.altitude_m == 499.6


def test_south_and_west_are_negative() -> None:
    (fix, _) = told("GNGGA,092725.00,3351.000,S,15112.000,W,1,08,1.0,20.0,M,,M,,")
    assert fix == Fix(-33.85, -151.2, 20.0)


@pytest.mark.parametrize("more", ["", ",A", ",A,V", ",A,V,and,more"])
def test_rmc_is_read_with_as_many_fields_as_its_edition_has(more: str) -> None:
    assert told(f"GNRMC,000001.00,A,4807.038,N,01131.000,E,0.0,,010117,,{more}")[1:] == [
        UtcSecond(MIDNIGHT_2017 + 1)
    ]


@pytest.mark.parametrize("talker", ["GP", "GN", "GL", "GA", "BD", "GB"])
def test_every_constellation_may_speak(talker: str) -> None:
    assert told(f"{talker}ZDA,000000.00,01,01,2017,00,00") == [UtcSecond(MIDNIGHT_2017)]


@pytest.mark.parametrize("newer", [False, True])
def test_both_editions_of_the_simulated_receiver_are_read(newer: bool) -> None:
    gps = SimGps(SimBoard(ManualClock()), lambda data: None)
    gps.sky.nmea41 = newer
    found = Receiver(Kind.NMEA).feed(gps.messages(DEFAULT_GPS_S))
    assert UtcSecond(DEFAULT_GPS_S + GPS_EPOCH_S - 18) in found


def test_an_inserted_second_is_known_as_one() -> None:
    assert told("GPZDA,235960.00,31,12,2016,00,00") == [UtcSecond(MIDNIGHT_2017, inserted=True)]


def test_an_epoch_between_two_edges_tells_no_second() -> None:
    assert told("GPZDA,120000.20,01,01,2017,00,00") == []


@pytest.mark.parametrize("rmc", ["V,,,,,,,010117,,,N", "A,4807.0,N,01131.0,E,0.0,,010117,,,E"])
def test_rmc_without_satellites_takes_time_and_place_away(rmc: str) -> None:
    assert told(f"GPRMC,000001.00,{rmc}") == [NoTime("no satellites"), NoFix()]


@pytest.mark.parametrize(
    "body",
    [
        "GPGGA,092725.00,9917.11399,N,00833.91590,E,1,08,1.01,499.6,M,48.0,M,,",
        "GPGGA,092725.00,4717.11399,X,00833.91590,E,1,08,1.01,499.6,M,48.0,M,,",
        "GPGGA,092725.00,nan,N,00833.91590,E,1,08,1.01,499.6,M,48.0,M,,",
        "GPGGA,092725.00,,N,,E,1,08,,,M,,M,,",
        "GPZDA,000000.00,31,02,2017,00,00",
        "GPZDA,250000.00,01,01,2017,00,00",
        "GPZDA",
        "GPRMC,1",
        "PUBX,00",
        "",
        ",",
    ],
)  # fmt: skip
def test_a_sentence_that_makes_no_sense_says_nothing(body: str) -> None:
    assert not [one for one in told(body) if isinstance(one, Fix | UtcSecond)]


def test_a_wrong_checksum_is_no_sentence() -> None:
    assert nmea.parse(b"$GPZDA,000000.00,01,01,2017,00,00*00") is None


@given(st.text(alphabet="GPRMCAZD0123456789.,-NSEWV*$", max_size=90))
def test_any_text_with_a_right_checksum_is_read_or_passed_over(body: str) -> None:
    nmea.reports(nmea.parse(sentence(body.replace("*", ""))) or [""])


# UBX.


def test_the_request_is_the_one_that_semtechs_forwarder_sends_in_its_short_form() -> None:
    assert ubx.every_epoch(ubx.NAV_TIMEGPS) == bytes.fromhex("B562 0601 0300 012001 2C83")


def test_a_time_message_gives_its_gps_second_and_leap_seconds() -> None:
    frame = UbxFrame(ubx.NAV_TIMEGPS, time_gps(week=2100, tow_ms=5_000, tow_ns=-137))
    assert ubx.time_gps(frame) == GpsSecond(2100 * 604_800 + 5, 18)


def test_the_week_may_change_within_the_rounding() -> None:
    late = UbxFrame(ubx.NAV_TIMEGPS, time_gps(week=2100, tow_ms=604_799_999, tow_ns=999_900))
    assert ubx.time_gps(late) == GpsSecond(2101 * 604_800, 18)


@pytest.mark.parametrize("valid", [0, 1, 2, 4, 5, 6])
def test_a_time_that_is_not_valid_is_none(valid: int) -> None:
    found = ubx.time_gps(UbxFrame(ubx.NAV_TIMEGPS, time_gps(valid=valid)))
    assert isinstance(found, NoTime)


def test_leap_seconds_that_the_satellites_have_not_told_are_not_known() -> None:
    found = ubx.time_gps(UbxFrame(ubx.NAV_TIMEGPS, time_gps(valid=3, leap_s=15)))
    assert isinstance(found, GpsSecond) and found.leap_s is None


def test_the_time_of_the_modules_own_clock_is_not_believed() -> None:
    found = ubx.time_gps(UbxFrame(ubx.NAV_TIMEGPS, time_gps(accuracy_ns=40_000_000)))
    assert found == NoTime("its time is only good to 40 ms")


def test_an_epoch_of_a_faster_receiver_between_two_edges_is_passed_over() -> None:
    assert ubx.time_gps(UbxFrame(ubx.NAV_TIMEGPS, time_gps(tow_ms=5_200))) is None


@given(st.binary(max_size=40), st.sampled_from([ubx.NAV_TIMEGPS, ubx.ACK_ACK, (1, 7)]))
def test_any_payload_is_read_or_passed_over(payload: bytes, kind: tuple[int, int]) -> None:
    ubx.time_gps(UbxFrame(kind, payload))


# The stream.


def messages(splitter: Splitter, data: bytes) -> list[list[str] | UbxFrame]:
    return splitter.feed(data)


WHOLE = b"".join((*LINES, TIMEGPS, *LINES))


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_any_split_gives_the_same_messages(cuts: list[int]) -> None:
    splitter, ends = Splitter(), sorted({0, *cuts, len(WHOLE)})
    found = [one for start, end in pairwise(ends) for one in splitter.feed(WHOLE[start:end])]
    assert found == Splitter().feed(WHOLE)
    assert len(found) == 2 * len(LINES) + 1
    assert (splitter.skipped, splitter.damaged) == (0, 0)


@given(st.binary(max_size=60).filter(lambda noise: b"$" not in noise and b"\xb5" not in noise))
def test_noise_between_messages_costs_no_message(noise: bytes) -> None:
    splitter = Splitter()
    found = [one for line in LINES for one in splitter.feed(noise + line)]
    assert len(found) == len(LINES) and splitter.skipped == len(noise) * len(LINES)


@given(st.lists(st.binary(max_size=200), max_size=30))
def test_whatever_comes_the_next_whole_messages_are_found(pieces: list[bytes]) -> None:
    splitter = Splitter()
    for piece in pieces:
        splitter.feed(piece)
    # A torn start may swallow what a UBX length or a line can hold, and not more.
    found = [one for _ in range(40) for one in splitter.feed(b"".join((TIMEGPS, *LINES)))]
    assert found[-len(LINES) - 1 :] == Splitter().feed(b"".join((TIMEGPS, *LINES)))


@given(st.binary(max_size=5000))
def test_what_is_kept_is_bounded(data: bytes) -> None:
    splitter = Splitter()
    splitter.feed(data)
    assert len(splitter._buffer) <= 128


def test_the_head_of_a_long_message_holds_nothing_back() -> None:
    splitter = Splitter()
    assert splitter.feed(bytes.fromhex("b5620120ff03") + LINES[0]) == [nmea.parse(LINES[0])]


def test_after_a_silence_half_a_message_is_forgotten() -> None:
    splitter = Splitter()
    splitter.feed(TIMEGPS[:10])
    splitter.forget()
    assert splitter.feed(LINES[0]) == [nmea.parse(LINES[0])]


def test_a_line_cut_off_by_the_next_one_costs_only_itself() -> None:
    splitter = Splitter()
    found = splitter.feed(LINES[0][:20] + LINES[1])
    assert found == [nmea.parse(LINES[1])]
    assert splitter.damaged == 1


# gpsd.


def tpv(**fields: object) -> bytes:
    return json.dumps({"class": "TPV", "mode": 3} | fields).encode()


def test_a_fix_of_gpsd_is_time_and_place() -> None:
    line = tpv(time="2017-01-01T00:00:05.000Z", lat=48.1, lon=11.5, altMSL=519.3, leapseconds=18)
    assert gpsd.reports(line) == [
        UtcSecond(MIDNIGHT_2017 + 5, leap_s=18), Fix(48.1, 11.5, 519.3),
    ]  # fmt: skip


def test_older_and_newer_names_of_the_height_are_known() -> None:
    assert gpsd.reports(tpv(lat=1, lon=2, alt=3)) == [Fix(1.0, 2.0, 3.0)]
    assert gpsd.reports(tpv(lat=1, lon=2, altHAE=4)) == [Fix(1.0, 2.0, 4.0)]


def test_gpsd_without_a_fix_takes_time_and_place_away() -> None:
    assert gpsd.reports(tpv(mode=1)) == [NoTime("gpsd has no fix"), NoFix()]


@pytest.mark.parametrize(
    "sky", [{"uSat": 7}, {"satellites": [{"used": True}] * 7 + [{"used": False}, 1]}]
)
def test_satellites_in_use_are_counted_in_both_editions(sky: dict[str, object]) -> None:
    assert gpsd.reports(json.dumps({"class": "SKY"} | sky).encode()) == [Satellites(7)]


def test_an_inserted_second_of_gpsd_is_known_as_one() -> None:
    (second,) = gpsd.reports(tpv(time="2016-12-31T23:59:60.000Z"))
    assert second == UtcSecond(MIDNIGHT_2017, inserted=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
KEYS = ("mode", "time", "lat", "lon", "altMSL", "leapseconds", "uSat", "satellites")


@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.sampled_from(["TPV", "SKY", "PPS"]))
def test_any_object_of_gpsd_is_read_or_passed_over(said: dict[str, object], kind: str) -> None:
    gpsd.reports(json.dumps(said | {"class": kind}).encode())


@given(st.binary(max_size=100))
def test_any_line_of_gpsd_is_read_or_passed_over(line: bytes) -> None:
    gpsd.reports(line)


def test_a_line_without_end_is_dropped_and_counted() -> None:
    lines = gpsd.GpsdLines()
    for _ in range(40):
        assert lines.feed(b"x" * 4096) == []
    assert lines.damaged >= 1
    assert lines.feed(b"\n" + tpv(mode=1) + b"\n")[-1] == tpv(mode=1)


# One receiver.


def test_a_u_blox_is_asked_and_its_own_time_wins_over_its_nmea() -> None:
    receiver = Receiver(Kind.AUTO)
    assert receiver.hello() and receiver.wants_asking
    found = receiver.feed(TIMEGPS + b"".join(LINES))
    assert [type(one) for one in found if isinstance(one, GpsSecond | UtcSecond)] == [GpsSecond]
    assert receiver.protocol == "UBX" and not receiver.wants_asking


def test_a_u_blox_that_speaks_ubx_no_more_is_asked_again() -> None:
    receiver = Receiver(Kind.AUTO)
    receiver.feed(TIMEGPS)
    for _ in range(10):
        receiver.feed(b"".join(LINES))
    assert receiver.wants_asking and receiver.protocol == "NMEA"


def test_a_receiver_that_is_no_u_blox_is_never_written_to_if_told_so() -> None:
    receiver = Receiver(Kind.NMEA)
    assert not receiver.wants_asking and receiver.hello() == b""
    assert not [one for one in receiver.feed(TIMEGPS) if isinstance(one, GpsSecond)]


def test_a_date_without_a_fix_is_the_modules_own_clock_and_no_time() -> None:
    receiver = Receiver(Kind.NMEA)
    zda = sentence("GNZDA,000000.00,01,01,2017,00,00")
    assert receiver.feed(sentence("GNGGA,000000.00,,,,,0,00,99.9,,,,,,") + zda)[0] == NoFix()
    assert not [one for one in receiver.feed(zda) if isinstance(one, UtcSecond)]
