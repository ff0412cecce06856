"""What is kept for each link, whatever the others ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.config.model import Limits, TxBand
from forwarder.links.settings import LinkPriority
from forwarder.packets import Accepted, AsSoonAsPossible, AtCounter, Downlink, Priority
from forwarder.scheduling.downlinks import Scheduler
from forwarder.scheduling.duty_cycle import GRAIN_US, SLACK_US, WINDOW_US, Emission, budget_us
from forwarder.scheduling.regulation import Regulation
from forwarder.scheduling.shares import Shares, Standing
from hal.frames import TxReceipt
from hal.modulation import LoRa

from .test_downlinks import CONFIG

BAND = TxBand(868_000_000, 868_600_000, 16.15, 0.01, name="M")
BUDGET = budget_us(BAND.duty_cycle)
LIMITS = Limits((BAND,), enforce_duty_cycle=True)
HZ = 868_100_000


def shares(**standings: Standing) -> Shares:
    made = Shares()
    for name, standing in standings.items():
        made.introduce(name, standing)
    return made


def test_half_is_guaranteed_by_weight() -> None:
    made = shares(a=Standing(share=3), b=Standing(share=1), c=Standing(share=0))
    assert made.guaranteed(80) == {"a": 30, "b": 10}


def test_a_link_alone_may_have_everything() -> None:
    assert shares(a=Standing()).fits("a", 100, {}, 100)


def test_what_is_kept_for_another_is_not_given_away() -> None:
    made = shares(a=Standing(), b=Standing())
    assert made.fits("a", 75, {}, 100)
    assert not made.fits("a", 76, {}, 100)
    assert made.fits("b", 25, {"a": 75}, 100)


def test_what_another_has_used_of_its_share_is_not_kept_twice() -> None:
    made = shares(a=Standing(), b=Standing())
    assert made.fits("a", 75, {"b": 20}, 100)
    assert not made.fits("a", 76, {"b": 20}, 100)
    assert made.fits("a", 70, {"b": 30}, 100)


def test_a_link_without_an_introduction_gets_of_the_common_half() -> None:
    made = shares(a=Standing(), b=Standing())
    assert made.fits("other", 50, {}, 100)
    assert not made.fits("other", 51, {}, 100)
    assert not made.fits("other", 1, {"third": 50}, 100)


def test_the_whole_of_what_is_guaranteed_fits_whatever_a_frame_has_to_leave() -> None:
    made = shares(a=Standing(), b=Standing())
    assert made.fits("b", 25, {"a": 75}, 100, left=0.25)
    assert not made.fits("b", 26, {"a": 74}, 100, left=0.25)


def test_more_than_there_is_fits_nobody() -> None:
    assert not shares(a=Standing()).fits("a", 11, {"": 90}, 100)


def may(link: str, priority: LinkPriority, kind: Priority, used_us: int) -> bool:
    regulation = Regulation(LIMITS, shares(**{link: Standing(priority)}))
    regulation.remember(Emission(0, used_us, HZ, link))
    one = Emission(used_us, 1_000_000, HZ, link)
    return regulation.time_fault(one, kind) is None


def test_the_last_of_a_budget_is_for_answers_and_links_of_high_priority() -> None:
    nearly = BUDGET - 2_000_000
    for priority in LinkPriority:
        assert may("a", priority, Priority.CLASS_A, nearly)
        assert may("a", priority, Priority.CLASS_C, nearly) is (priority is LinkPriority.HIGH)
    assert may("a", LinkPriority.NORMAL, Priority.CLASS_C, BUDGET * 8 // 10)
    assert not may("a", LinkPriority.LOW, Priority.CLASS_B, BUDGET * 8 // 10)


Ask = tuple[int, int, int, str, Priority, bool]


def traffic(seed: int, count: int = 250) -> Iterator[Ask]:
    """Dense enough that the greedy one always stands at its limit; examples of lists are not."""
    chance = Random(seed)
    for _ in range(count):
        greedy = chance.random() < 0.8
        yield (
            chance.randrange(20_000_000 if chance.random() < 0.9 else 900_000_000),  # a pause
            chance.choice([1_000_000, 2_000_000, chance.randrange(500_000_000)]),  # how far ahead
            chance.randrange(50_000, 3_000_000),  # how long
            "greedy" if greedy else "meek",
            chance.choice([Priority.CLASS_A, Priority.CLASS_B, Priority.CLASS_C]),
            chance.random() < 0.8,  # whether it is sent after all
        )


@settings(max_examples=40)
@given(st.integers(0, 1 << 32), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from(LinkPriority))
def test_a_greedy_link_never_pushes_another_below_its_share(
    seed: int, share: float, priority: LinkPriority
) -> None:
    """Whatever a meek one asks within its share it is given, after any demand of the other."""
    made = shares(greedy=Standing(LinkPriority.HIGH), meek=Standing(priority, share))
    mine_us = made.guaranteed(BUDGET)["meek"]
    regulation = Regulation(LIMITS, made)
    waiting: list[Emission] = []
    meek: list[Emission] = []
    now_us = 0
    for pause_us, ahead_us, airtime_us, link, kind, is_sent in traffic(seed):
        now_us += pause_us
        for one in sorted((e for e in waiting if e.start_us <= now_us), key=lambda e: e.start_us):
            waiting.remove(one)
            regulation.settle(one, HZ, one.start_us, one.airtime_us)
        asked = Emission(now_us + ahead_us, airtime_us, HZ, link)
        fault = regulation.time_fault(asked, kind)
        if link == "meek" and within(meek, asked, mine_us):
            assert fault is None, fault
        if fault is not None:
            continue
        if is_sent:
            regulation.reserve(asked, asked)
            waiting.append(asked)
            meek += [asked] if link == "meek" else []
        else:
            regulation.reserve(asked, asked)
            regulation.release(asked, HZ)


def within(sent: list[Emission], asked: Emission, mine_us: int) -> bool:
    """Whether `asked` keeps its link within its share in every hour, counted with care."""
    span_us = WINDOW_US + SLACK_US + GRAIN_US + 3_000_000
    together = [*sent, asked]
    return all(
        sum(e.airtime_us for e in together if 0 <= one.start_us - e.start_us <= span_us) <= mine_us
        for one in together
        if one.start_us >= asked.start_us
    )


@settings(max_examples=20)
@given(st.integers(0, 1 << 32))
def test_no_flood_of_class_c_keeps_class_a_of_another_from_the_air(seed: int) -> None:
    """Whatever waits moves; only what the radio has already is in the way, and that ends."""
    made = Scheduler(CONFIG)
    made.introduce("greedy", Standing(LinkPriority.HIGH))
    made.introduce("meek", Standing(LinkPriority.LOW))
    now_us, meek_us = 10_000_000_000, 0
    chance = Random(seed)
    for _ in range(100):
        now_us += chance.randrange(1_000_000)
        link = "greedy" if chance.random() < 0.8 else "meek"
        modulation = chance.choice([LoRa(7), LoRa(9), LoRa(12)])
        for job, _ in made.due(now_us):
            made.emitted(job, TxReceipt(now_us, job.airtime_us, 14))
        one = Downlink(link, 1, AsSoonAsPossible(), bytes(20), HZ, modulation, 14)
        if link == "greedy":
            made.schedule(one, now_us)
            continue
        meek_us = max(meek_us + 3_000_000, now_us + 6_000_000)
        answer = made.schedule(replace(one, when=AtCounter(meek_us)), now_us)
        few = meek_us - now_us < 20_000_000  # of its own that wait: it has eight places
        assert isinstance(answer, Accepted) or not few, answer


@given(st.lists(st.sampled_from(["greedy", "meek"]), max_size=200))
def test_the_queue_keeps_places_for_each_link(asking: list[str]) -> None:
    made, waiting = shares(greedy=Standing(), meek=Standing()), Counter[str]()
    for link in asking:
        fits = made.fits(link, 1, waiting, 32)
        if link == "meek" and waiting["meek"] < 8:
            assert fits
        waiting[link] += fits
    assert sum(waiting.values()) <= 32
