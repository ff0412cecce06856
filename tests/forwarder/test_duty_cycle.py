"""A band's hour: never more in any window, and everything that was not sent is given back."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.scheduling.duty_cycle import (
    GRAIN_US,
    SLACK_US,
    WINDOW_US,
    Account,
    Emission,
    budget_us,
)

HZ = 868_100_000
Ask = tuple[int, int, int, str]


def asks(seed: int, count: int = 150) -> Iterator[Ask]:
    """Enough to use up several hours, with gaps: lists that are drawn are too thin for that."""
    chance = Random(seed)
    for _ in range(count):
        yield (
            chance.randrange(60_000_000 if chance.random() < 0.9 else 3_000_000_000),  # a pause
            chance.choice([1_000_000, chance.randrange(512_000_000)]),  # how far ahead
            chance.randrange(10_000, 3_000_000),  # how long
            chance.choice(["sent", "sent", "late", "lost"]),
        )


def emission(start_us: int, airtime_us: int = 1_000_000, link: str = "a") -> Emission:
    return Emission(start_us, airtime_us, HZ, link)


def fits(account: Account, one: Emission, budget: int) -> bool:
    return all(
        sum(account.used_us(at_us).values()) + one.airtime_us <= budget
        for at_us in account.hours(one.start_us)
    )


def worst_window_us(sent: list[Emission]) -> int:
    """The most that any hour holds, counted exactly: the worst begins or ends with an emission."""
    starts = [one.start_us for one in sent]
    starts += [one.start_us + one.airtime_us - WINDOW_US for one in sent]

    def held(begin_us: int) -> int:
        end_us = begin_us + WINDOW_US
        return sum(
            max(0, min(one.start_us + one.airtime_us, end_us) - max(one.start_us, begin_us))
            for one in sent
        )

    return max((held(begin_us) for begin_us in starts), default=0)


@settings(max_examples=60)
@given(st.integers(0, 1 << 32), st.sampled_from([budget_us(0.001), budget_us(0.01)]))
def test_no_hour_ever_holds_more_than_the_budget(seed: int, budget: int) -> None:
    account, now_us = Account(), 0
    sent: list[Emission] = []
    waiting: list[tuple[int, Emission, str]] = []
    for key, (pause_us, ahead_us, airtime_us, end) in enumerate(asks(seed)):
        now_us += pause_us
        for item in [one for one in waiting if one[1].start_us <= now_us]:
            waiting.remove(item)
            settle(account, item, sent)
        one = emission(now_us + ahead_us, airtime_us)
        if fits(account, one, budget):
            account.reserve(key, one)
            waiting.append((key, one, end))
    for item in sorted(waiting, key=lambda one: one[1].start_us):
        settle(account, item, sent)
    assert worst_window_us(sent) <= budget


def settle(account: Account, item: tuple[int, Emission, str], sent: list[Emission]) -> None:
    key, one, end = item
    if end == "lost":
        account.release(key)
        return
    found = account.settle(key, one.start_us + (5_000_000 if end == "late" else 0), one.airtime_us)
    assert found is not None
    sent.append(found)


def test_what_was_sent_counts_for_an_hour_and_is_forgotten_soon_after() -> None:
    account = Account()
    account.sent(emission(0))
    assert account.used_us(WINDOW_US)["a"] == 1_000_000
    assert account.used_us(WINDOW_US + SLACK_US + 1_000_000 - 1)["a"] == 1_000_000
    assert account.used_us(WINDOW_US + SLACK_US + 1_000_000)["a"] == 0


def test_what_is_not_sent_gives_its_time_back() -> None:
    account = Account()
    account.reserve("key", emission(0))
    account.release("key")
    assert account.used_us(0) == {}
    assert account.settle("key", 0, 1_000_000) is None


def test_a_promise_for_later_is_looked_at_by_what_starts_before_it() -> None:
    account = Account()
    account.reserve("later", emission(100_000_000, 3_000_000))
    assert account.used_us(0) == {}
    assert not fits(account, emission(0), budget_us(0.001))


def test_a_busy_day_is_remembered_in_few_entries() -> None:
    account = Account()
    for number in range(100_000):
        account.sent(emission(number * 864_000, 10_000))
    assert len(account._sent) <= (WINDOW_US + SLACK_US) // GRAIN_US + 2


def test_what_left_an_hour_and_half_the_slack_ago_still_counts_when_more_is_sent() -> None:
    account = Account()
    account.sent(emission(0))
    later_us = 1_000_000 + WINDOW_US + SLACK_US // 2
    account.sent(emission(later_us))
    assert sum(account.used_us(later_us).values()) == 2_000_000
