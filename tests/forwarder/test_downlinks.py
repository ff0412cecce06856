"""What a server is answered, and what reaches the radio."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.packets import (
    Accepted,
    AsSoonAsPossible,
    AtCounter,
    AtGps,
    AtTmst,
    Downlink,
    Refusal,
    Refused,
)
from forwarder.scheduling.downlinks import AGAIN_US, Scheduler, nearest_us
from hal.config import ConcentratorConfig, LbtChannel, RadioConfig, Sx1261Config, TxGain
from hal.errors import TxRefusal
from hal.frames import AtCounter as StartAt
from hal.frames import Immediate
from hal.modulation import LoRa

NOW = (7 << 32) + 5_000_000
RADIO_0 = RadioConfig(
    enable=True,
    freq_hz=867_500_000,
    tx_enable=True,
    tx_freq_min_hz=863_000_000,
    tx_freq_max_hz=870_000_000,
    tx_gains=(TxGain(27, 1, 14), TxGain(12, 0, 15), TxGain(14, 0, 17)),
)
RADIO_1 = RadioConfig(enable=True, freq_hz=868_500_000)
CONFIG = ConcentratorConfig(radios=(RADIO_0, RADIO_1))
RX1 = Downlink(
    link="lns",
    token=7,
    when=AtTmst((NOW + 1_000_000) & 0xFFFFFFFF),
    payload=bytes(17),
    freq_hz=868_100_000,
    modulation=LoRa(7),
    power_dbm=14,
    invert_polarity=True,
)


def answer(downlink: Downlink) -> Accepted | Refused:
    return Scheduler(CONFIG).schedule(downlink, NOW)


def accepted(result: Accepted | Refused) -> Accepted:
    assert isinstance(result, Accepted), result
    return result


def test_a_class_a_downlink_starts_at_its_microsecond() -> None:
    scheduler = Scheduler(CONFIG)
    placed = accepted(scheduler.schedule(RX1, NOW))
    assert placed.start_us == NOW + 1_000_000
    ((_, frame),) = scheduler.due(NOW + 1_000_000)
    assert frame.start == StartAt(NOW + 1_000_000)
    assert frame.invert_polarity and frame.payload == RX1.payload


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"rf_chain": 1}, Refusal.DISABLED, id="a chain that does not transmit"),
        pytest.param({"rf_chain": 2}, Refusal.DISABLED, id="a chain that does not exist"),
        pytest.param({"freq_hz": 862_999_999}, Refusal.TX_FREQ, id="a hertz too low"),
        pytest.param({"freq_hz": 870_000_001}, Refusal.TX_FREQ, id="a hertz too high"),
        pytest.param({"power_dbm": 11.9}, Refusal.TX_POWER, id="below the lowest entry"),
        pytest.param({"power_dbm": None}, Refusal.TX_POWER, id="no power means 0 dBm"),
        pytest.param({"when": AtGps(1)}, Refusal.GPS_UNLOCKED, id="GPS time without GPS"),
        pytest.param({"when": AtTmst((NOW - 1) & 0xFFFFFFFF)}, Refusal.TOO_LATE, id="already past"),
        pytest.param(
            {"when": AtTmst((NOW + 600_000_000) & 0xFFFFFFFF)},
            Refusal.TOO_EARLY,
            id="ten minutes ahead",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_by_its_name(
    change: dict[str, Any], reason: Refusal
) -> None:
    scheduler = Scheduler(CONFIG)
    result = scheduler.schedule(replace(RX1, **change), NOW)
    assert isinstance(result, Refused) and result.reason is reason
    assert scheduler.counters.refused == {reason: 1}
    assert scheduler.next_us() is None


def test_the_edges_of_the_frequency_range_are_inside() -> None:
    for freq_hz in (863_000_000, 870_000_000):
        accepted(answer(replace(RX1, freq_hz=freq_hz)))


@pytest.mark.parametrize(("asked", "given_dbm"), [(14, 14), (13.5, 12), (26.9, 14), (30, 27)])
def test_power_is_never_more_than_asked(asked: float, given_dbm: float) -> None:
    result = accepted(answer(replace(RX1, power_dbm=asked)))
    assert result.power_dbm == given_dbm
    assert result.adjusted is (asked != given_dbm)


def test_the_antenna_gain_is_taken_off_what_the_server_asks() -> None:
    scheduler = Scheduler(CONFIG, antenna_gain_db=2)
    assert accepted(scheduler.schedule(replace(RX1, power_dbm=16), NOW)).power_dbm == 14


def test_conducted_power_is_what_leaves_the_board() -> None:
    scheduler = Scheduler(CONFIG, antenna_gain_db=2)
    asked = replace(RX1, power_dbm=14, conducted=True)
    assert accepted(scheduler.schedule(asked, NOW)).power_dbm == 14


def test_an_exact_instant_starts_there() -> None:
    at_us = NOW + 1_000_000
    assert accepted(answer(replace(RX1, when=AtCounter(at_us)))).start_us == at_us


def test_an_exact_instant_of_another_wrap_is_late_and_never_this_one() -> None:
    result = answer(replace(RX1, when=AtCounter(NOW + 1_000_000 - (1 << 32))))
    assert isinstance(result, Refused) and result.reason is Refusal.TOO_LATE


def test_a_setting_allows_the_lowest_entry_for_less() -> None:
    scheduler = Scheduler(replace(CONFIG, allow_lowest_gain=True))
    result = accepted(scheduler.schedule(replace(RX1, power_dbm=0), NOW))
    assert (result.power_dbm, result.adjusted) == (12, True)


def test_as_soon_as_possible_is_immediate_on_a_free_air() -> None:
    scheduler = Scheduler(CONFIG)
    accepted(scheduler.schedule(replace(RX1, when=AsSoonAsPossible()), NOW))
    ((_, frame),) = scheduler.due(NOW)
    assert frame.start == Immediate()


def test_a_lost_frame_frees_its_place_and_is_counted_by_reason() -> None:
    scheduler = Scheduler(CONFIG)
    scheduler.schedule(RX1, NOW)
    ((job, _),) = scheduler.due(NOW + 960_000)
    scheduler.lost(job, TxRefusal.BUSY.name)
    late = replace(RX1, when=AtTmst((NOW + 1_005_000) & 0xFFFFFFFF))
    accepted(scheduler.schedule(late, NOW + 960_000))
    assert scheduler.counters.lost == {"BUSY": 1}


def test_what_has_no_fixed_time_is_tried_again_while_somebody_may_wait() -> None:
    scheduler = Scheduler(CONFIG)
    scheduler.schedule(replace(RX1, when=AsSoonAsPossible()), NOW)
    ((job, _),) = scheduler.due(NOW)
    assert scheduler.again(job, NOW + 1_000)
    ((same, frame),) = scheduler.due(NOW + 1_000)
    assert same is job and frame.start == Immediate()
    assert not scheduler.again(job, NOW + AGAIN_US + 1)


def test_what_has_a_fixed_time_has_no_second_chance() -> None:
    scheduler = Scheduler(CONFIG)
    scheduler.schedule(RX1, NOW)
    ((job, _),) = scheduler.due(NOW + 960_000)
    assert not scheduler.again(job, NOW + 960_000)


def test_a_new_session_leaves_no_stale_downlink() -> None:
    scheduler = Scheduler(CONFIG)
    scheduler.schedule(RX1, NOW)
    (dropped,) = scheduler.new_session("the radio was restarted")
    assert dropped.downlink == RX1
    assert scheduler.next_us() is None
    assert scheduler.counters.lost == {"the radio was restarted": 1}


def test_the_margin_is_how_much_later_it_might_have_come() -> None:
    margin_us = accepted(answer(RX1)).margin_us
    assert margin_us is not None
    assert isinstance(Scheduler(CONFIG).schedule(RX1, NOW + margin_us), Refused)
    assert accepted(Scheduler(CONFIG).schedule(RX1, NOW + margin_us - 1)).margin_us == 1


def test_what_leaves_at_once_has_no_margin() -> None:
    assert accepted(answer(replace(RX1, when=AsSoonAsPossible()))).margin_us is None


LISTENING = Sx1261Config(
    lbt_enable=True, lbt_channels=(LbtChannel(868_100_000, 125_000, 128, 100),)
)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"freq_hz": 868_110_000}, True),
        ({"freq_hz": 868_110_001}, False),
        ({"modulation": LoRa(7, 250_000)}, False),
        ({"modulation": LoRa(12)}, False),
    ],
    ids=["its channel", "10 kHz beside", "further beside", "other bandwidth", "too long"],
)
def test_listen_before_talk_refuses_at_once_what_it_can_never_let_out(
    change: dict[str, Any], fits: bool
) -> None:
    scheduler = Scheduler(replace(CONFIG, sx1261=LISTENING))
    result = scheduler.schedule(replace(RX1, **change), NOW)
    assert isinstance(result, Accepted) is fits
    if isinstance(result, Refused):
        assert result.reason is Refusal.LBT


@given(st.integers(0, 1 << 60), st.integers(-(1 << 31), (1 << 31) - 1))
def test_the_low_32_bits_find_the_nearest_instant_either_way(now_us: int, ahead_us: int) -> None:
    start_us = now_us + ahead_us
    assert nearest_us(start_us & 0xFFFFFFFF, now_us) == start_us
