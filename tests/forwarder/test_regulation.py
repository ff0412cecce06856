"""The region's limits in the scheduler's answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forwarder.config import loads
from forwarder.config.model import ETSI, Limits, TxBand
from forwarder.packets import (
    Accepted,
    Answer,
    AsSoonAsPossible,
    AtCounter,
    Downlink,
    Refusal,
    Refused,
)
from forwarder.scheduling.downlinks import Job, Scheduler
from forwarder.scheduling.jit import JitQueue
from forwarder.scheduling.regulation import Regulation
from forwarder.scheduling.shares import Shares, Standing
from hal.config import ConcentratorConfig, RadioConfig, TxGain
from hal.frames import TxReceipt
from hal.modulation import LoRa

NOW = 10_000_000_000
HOUR = 3_600_000_000
LIMITED = TxBand(868_000_000, 868_600_000, 16.15, 0.01, name="M")
STRONG = TxBand(869_400_000, 869_650_000, 29.15, 0.1, name="P")
LIMITS = Limits((LIMITED, STRONG), enforce_duty_cycle=True, enforce_eirp=True)
COUNTED = replace(LIMITS, enforce_duty_cycle=False, enforce_eirp=False)
RADIO = RadioConfig(
    enable=True,
    freq_hz=867_500_000,
    tx_enable=True,
    tx_freq_min_hz=863_000_000,
    tx_freq_max_hz=870_000_000,
    tx_gains=(TxGain(12, 0, 15), TxGain(14, 0, 17), TxGain(20, 1, 5), TxGain(27, 1, 14)),
)
CONFIG = ConcentratorConfig(radios=(RADIO, RadioConfig()))
SLOW = Downlink("lns", 1, AsSoonAsPossible(), bytes(200), 868_100_000, LoRa(12), 14)
SLOW_US = 7_545_000  # on the air; five of them are more than 36 s


def scheduler(limits: Limits = LIMITS, gain_db: float = 0.0) -> Scheduler:
    return Scheduler(CONFIG, antenna_gain_db=gain_db, limits=limits)


def accepted(answer: Answer) -> Accepted:
    assert isinstance(answer, Accepted), answer
    return answer


def refusal(answer: Answer) -> Refusal:
    assert isinstance(answer, Refused), answer
    return answer.reason


def send(made: Scheduler, downlink: Downlink, now_us: int, host_us: int | None = None) -> Answer:
    """Ask, and let the radio take what is due."""
    answer = made.schedule(downlink, now_us, host_us)
    for job, _ in made.due(now_us):
        made.emitted(job, receipt(job, now_us))
    return answer


def receipt(job: Job, start_us: int) -> TxReceipt:
    return TxReceipt(start_us=start_us, airtime_us=job.airtime_us, power_dbm=14.0)


def spend(made: Scheduler, now_us: int = NOW, host_us: int | None = None) -> int:
    """Send one after the other until the band has no more; gives how many it took."""
    for number in range(100):
        later_us = number * 10_000_000
        host = None if host_us is None else host_us + later_us
        if isinstance(send(made, SLOW, now_us + later_us, host), Refused):
            return number
    raise AssertionError("the band never ends")


def test_a_downlink_over_the_duty_cycle_is_refused_in_words_that_say_how_much_is_used() -> None:
    made = scheduler()
    assert spend(made) == 4
    answer = made.schedule(SLOW, NOW + 50_000_000)
    assert refusal(answer) is Refusal.DUTY_CYCLE
    assert isinstance(answer, Refused) and "M (868-868.6 MHz)" in answer.detail


def test_another_band_has_its_own_hour() -> None:
    made = scheduler()
    spend(made)
    accepted(made.schedule(replace(SLOW, freq_hz=869_525_000), NOW + 50_000_000))


def test_an_hour_later_the_band_is_free_again() -> None:
    made = scheduler()
    spend(made)
    accepted(made.schedule(SLOW, NOW + HOUR + 20_000_000))


def test_what_is_accepted_counts_before_it_is_sent() -> None:
    made, taken = scheduler(), 0
    for second in range(20, 200, 20):
        asked = replace(SLOW, when=AtCounter(NOW + second * 1_000_000))
        taken += isinstance(made.schedule(asked, NOW), Accepted)
    assert taken == 4


def test_what_was_accepted_and_not_sent_gives_its_budget_back() -> None:
    made = scheduler()
    for _ in range(20):
        accepted(made.schedule(SLOW, NOW))
        ((job, _),) = made.due(NOW)
        made.lost(job, "BUSY")


def test_what_a_restart_of_the_radio_drops_gives_its_budget_back() -> None:
    made = scheduler()
    for _ in range(20):
        accepted(made.schedule(replace(SLOW, when=AtCounter(NOW + 1_000_000)), NOW))
        made.new_session("the radio was restarted")


def test_a_jump_of_the_counter_makes_no_budget() -> None:
    """The line goes on 18 minutes ahead at each restart of the radio; the hour does not."""
    made, host_us = scheduler(), 77_000_000_000
    spend(made, NOW, host_us)
    for restart in range(1, 8):
        made.new_session("the radio was restarted")
        line_us, host = NOW + restart * 1_100_000_000, host_us + restart * 60_000_000
        assert refusal(made.schedule(SLOW, line_us, host)) is Refusal.DUTY_CYCLE


def test_without_enforcement_everything_is_counted_and_nothing_refused() -> None:
    made = scheduler(COUNTED)
    for number in range(10):
        accepted(send(made, SLOW, NOW + number * 10_000_000))
    limited, other = made.loads(NOW + 100_000_000)
    assert limited.load_tracked_us > limited.load_max_us == 36_000_000
    assert (other.load_tracked_us, limited.enforced) == (0, False)


@pytest.mark.parametrize(
    "limits",
    [
        replace(COUNTED, enforce_duty_cycle=True),
        replace(COUNTED, enforce_dwell_time=True),
        replace(COUNTED, enforce_eirp=True),
    ],
    ids=["duty cycle", "dwell time", "EIRP"],
)
def test_where_limits_are_on_nothing_leaves_outside_the_bands(limits: Limits) -> None:
    gap = replace(SLOW, freq_hz=868_650_000)
    assert refusal(scheduler(limits).schedule(gap, NOW)) is Refusal.TX_FREQ
    accepted(scheduler(COUNTED).schedule(gap, NOW))


@pytest.mark.parametrize(
    ("gain_db", "conducted", "given_dbm"),
    [(0, False, 14), (2, False, 14), (3, False, 12), (3, True, 12), (-5, False, 20)],
)
def test_more_than_the_band_allows_is_clamped_and_said(
    gain_db: float, conducted: bool, given_dbm: float
) -> None:
    asked = replace(SLOW, power_dbm=27, conducted=conducted)
    answer = accepted(scheduler(gain_db=gain_db).schedule(asked, NOW))
    assert (answer.power_dbm, answer.adjusted) == (given_dbm, True)


def test_a_board_that_cannot_send_so_little_refuses() -> None:
    config = replace(CONFIG, allow_lowest_gain=True)
    made = Scheduler(config, antenna_gain_db=10.0, limits=LIMITS)
    assert refusal(made.schedule(replace(SLOW, power_dbm=5), NOW)) is Refusal.TX_POWER


def test_what_is_longer_on_the_air_than_the_region_allows_is_refused() -> None:
    band = replace(LIMITED, duty_cycle=1.0, dwell_ms=400)
    made = scheduler(Limits((band,), enforce_dwell_time=True))
    assert refusal(made.schedule(SLOW, NOW)) is Refusal.DUTY_CYCLE
    accepted(made.schedule(replace(SLOW, modulation=LoRa(7)), NOW))
    accepted(scheduler(Limits((band,))).schedule(SLOW, NOW))


def test_a_greedy_server_leaves_places_in_the_queue() -> None:
    made = Scheduler(CONFIG, jit=JitQueue(capacity=8))
    made.introduce("greedy", Standing())
    made.introduce("meek", Standing())
    answers = [ask(made, "greedy", second) for second in range(2, 20)]
    assert sum(isinstance(one, Accepted) for one in answers) == 6
    assert refusal(answers[-1]) is Refusal.FULL
    assert all(isinstance(ask(made, "meek", second), Accepted) for second in (30, 31))
    assert refusal(ask(made, "meek", 32)) is Refusal.FULL


def ask(made: Scheduler, link: str, second: int) -> Answer:
    fast = replace(SLOW, link=link, modulation=LoRa(7), payload=bytes(8))
    return made.schedule(replace(fast, when=AtCounter(NOW + second * 1_000_000)), NOW)


def test_each_link_has_its_own_account() -> None:
    made = scheduler()
    send(made, SLOW, NOW)
    made.schedule(replace(SLOW, link="other", freq_hz=1), NOW)
    mine, other = made.links["lns"], made.links["other"]
    assert (mine.requested, mine.accepted, mine.emitted) == (1, 1, 1)
    assert mine.airtime_us == {"M (868-868.6 MHz)": made.counters.airtime_us}
    assert other.refused == {Refusal.TX_FREQ: 1}
    assert made.status(NOW)["links"] == {"lns": mine.status(), "other": other.status()}


def test_a_duty_cycle_that_is_not_enforced_refuses_nothing_where_another_limit_is() -> None:
    made = scheduler(replace(LIMITS, enforce_duty_cycle=False))
    for number in range(8):
        accepted(send(made, SLOW, NOW + number * 10_000_000))


def test_a_band_without_a_duty_cycle_is_not_taken_for_used_when_nothing_is_known() -> None:
    free = replace(STRONG, duty_cycle=1.0)
    regulation = Regulation(replace(LIMITS, bands=(LIMITED, free)), Shares())
    counted = regulation.remember_nothing(NOW)
    assert [one.freq_hz for one in counted] == [LIMITED.min_hz]
    assert [load.load_tracked_us for load in regulation.loads(NOW)] == [36_000_000, 0]
    assert regulation.counts
    assert not Regulation(replace(LIMITS, bands=(free,)), Shares()).counts


@pytest.mark.parametrize(("region", "standard"), [("EU868", ETSI), ("RU864", "")])
def test_the_standard_behind_the_limits_is_told_with_what_was_used(
    region: str, standard: str
) -> None:
    text = f'board = "sim"\nregion = "{region}"\n[[server]]\naddress = "127.0.0.1"\n'
    found = Regulation(loads(text, "gateway.toml").limits, Shares()).loads(0)
    assert found and {load.standard for load in found} == {standard}
