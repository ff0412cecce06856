"""The small parts of the spool, each by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from forwarder.packets import Uplink
from forwarder.spool.clocks import Instant
from forwarder.spool.daily import Daily
from forwarder.spool.kept import Kept
from forwarder.spool.last_run import Unsaved, gaps
from forwarder.spool.pace import CATCH_UP_S, Pace
from forwarder.spool.shelf import Shelf
from forwarder.spool.waiting import Waiting

from . import makers

NOW = Instant("boot", 1000.0, 0)


@given(st.lists(st.tuples(st.sampled_from(["add", "take", "lane"]), st.integers(0, 30))))
def test_a_shelf_is_a_sorted_set_by_device(steps: list[tuple[str, int]]) -> None:
    shelf = Shelf()
    there: dict[int, int] = {}
    for step, number in steps:
        lane = number % 3
        if step == "add" and number not in there:
            shelf.add(number, lane, float(number), 100)
            there[number] = lane
        elif step == "take":
            assert shelf.take((number,)) == (number in there)
            there.pop(number, None)
        elif step == "lane":
            numbers = shelf.numbers_of(lane, 2)
            assert list(numbers) == sorted(n for n in there if there[n] == lane)[:2]
            shelf.take(numbers)
            for taken in numbers:
                del there[taken]
        assert len(shelf) == len(there) and shelf.bytes == 100 * len(there)
        assert shelf.oldest() == min(there, default=None)
        assert list(shelf.oldest_numbers(100)) == sorted(there)
        assert [shelf.has(lane) for lane in range(3)] == [
            lane in there.values() for lane in range(3)
        ]


def test_a_shelf_of_many_forgets_what_has_left() -> None:
    shelf = Shelf()
    for number in range(5000):
        shelf.add(number, None, 0.0, 1)
    assert shelf.take(range(4000)) == 4000
    assert shelf.oldest() == 4000 and len(shelf) == 1000 and shelf.take((4500,)) == 1


def test_a_device_that_was_sent_again_rests_until_the_later_end() -> None:
    waiting = Waiting[Uplink]()
    waiting.put(Kept(1, makers.uplink(), 0.0, lane=7))
    waiting.rest(7, 1.0)
    waiting.rest(7, 2.0)
    assert waiting.next(1.5) is None and waiting.next_at(1.5) == 2.0
    assert (kept := waiting.next(2.0)) is not None and kept.number == 1


def test_frames_of_nobody_do_not_wait_for_each_other() -> None:
    waiting = Waiting[Uplink]()
    for number in (1, 2):
        waiting.put(Kept(number, makers.uplink(makers.PROPRIETARY), 0.0))
    waiting.remove(1)
    assert (kept := waiting.next(0.0)) is not None and kept.number == 2


def test_a_late_wake_up_is_made_good_in_part() -> None:
    pace, sent = Pace(100.0), 0
    pace.sent(0.0)
    while pace.is_ready(10.0):
        pace.sent(10.0)
        sent += 1
    assert sent == round(100 * CATCH_UP_S) + 1


def test_bytes_of_a_day_ago_are_not_of_the_last_day() -> None:
    daily = Daily()
    daily.update(1000, 10.0)
    daily.update(1500, 4000.0)
    assert daily.last_day(5000.0) == 1500
    assert daily.last_day(24 * 3600 + 10.0) == 500
    assert daily.last_day(48 * 3600.0) == 0


def told(unsaved: list[Unsaved] | None, *, ran: bool, clean: bool) -> int:
    found = gaps(unsaved, ran=ran, rebooted=True, flushed=None, clean=clean, window_s=70.0)
    return len(found)


def test_what_is_known_of_the_last_run_decides_what_is_told() -> None:
    assert told([Unsaved("lns", 3, NOW, NOW)], ran=True, clean=False) == 1
    assert told([], ran=True, clean=False) == 0  # the journal knows: nothing
    assert told(None, ran=True, clean=False) == 1
    assert told(None, ran=True, clean=True) == 0
    assert told(None, ran=False, clean=False) == 0


def test_a_machine_that_does_not_name_its_boots_trusts_the_wall_clock_only() -> None:
    then, now = Instant("-", 500.0, 0), Instant("-", 1000.0, 5)
    assert then.age_s(now) == 1000.0 and then.utc_ns(now) is None
