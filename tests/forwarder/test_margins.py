"""How early downlinks come, and what a longer RX1 delay would have saved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.scheduling.margins import BOUNDS_MS, ENOUGH, Margins, RecentUplinks, Window
from hal.frames import Crc, RxFrame
from hal.modulation import LoRa

END = 5_000_000_000
HZ = 868_100_000
JOIN, DATA = b"\x00join", b"\x40data"


def heard(payload: bytes = DATA, end_us: int = END) -> RecentUplinks:
    uplinks = RecentUplinks()
    uplinks.heard([RxFrame(payload, end_us, HZ, LoRa(7), Crc.OK, 0, 0, 0, -80.0, -80.0, 9.0, 0)])
    return uplinks


@pytest.mark.parametrize(
    ("after_us", "freq_hz", "window"),
    [
        (1_000_000, HZ, Window(1, join=False)),
        (5_000_000, HZ, Window(5, join=False)),
        (6_000_000, 869_525_000, Window(5, join=False)),
        (15_000_000, HZ, Window(15, join=False)),
        (17_000_000, HZ, None),
        (1_000_500, HZ, None),
        (999_999, HZ, Window(1, join=False)),
    ],
    ids=["RX1", "RX1 of 5 s", "RX2", "longest", "beyond", "no whole second", "rounded"],
)
def test_the_window_is_found_by_whole_seconds_after_an_uplink(
    after_us: int, freq_hz: int, window: Window | None
) -> None:
    assert heard().window(END + after_us, freq_hz) == window


def test_a_join_accept_is_known_by_its_uplink() -> None:
    assert heard(JOIN).window(END + 5_000_000, HZ) == Window(5, join=True)


@given(st.lists(st.integers(-60_000_000, 60_000_000)))
def test_every_downlink_is_in_one_column(margins_us: list[int]) -> None:
    margins = Margins()
    for margin_us in margins_us:
        margins.record(margin_us)
    assert margins.total == len(margins_us)
    late = sum(margins.columns[: BOUNDS_MS.index(0) + 1])
    assert late == sum(margin_us <= 0 for margin_us in margins_us)


@pytest.mark.parametrize(("late_us", "needed_s"), [(1, 2), (999_999, 2), (1_000_000, 3)])
def test_a_late_one_needs_as_many_seconds_more(late_us: int, needed_s: int) -> None:
    margins = Margins()
    margins.record_late(-late_us, Window(1, join=False))
    assert margins.needed_s == {needed_s: 1}


def test_the_table_says_what_each_delay_would_have_saved() -> None:
    margins = Margins()
    for late_us in (100_000, 200_000, 1_500_000):
        margins.record_late(-late_us, Window(1, join=False))
    margins.record_late(-100_000, Window(5, join=True))
    saved = margins.saved()
    assert (saved[2], saved[3], saved[15]) == (0.5, 0.75, 0.75)
    assert margins.status()["too_late_joins"] == 1


def test_what_no_delay_can_save_is_in_no_line() -> None:
    margins = Margins()
    margins.record_late(-20_000_000, Window(1, join=False))
    assert margins.saved() == {}


def test_scarce_room_is_said_once_with_what_to_do() -> None:
    margins = Margins()
    for _ in range(ENOUGH):
        assert margins.warning("lns") is None
        margins.record(300_000)
    assert margins.warning("lns") is None
    for _ in range(5):
        margins.record(-100_000)
        margins.record_late(-100_000, Window(1, join=False))
    warning = margins.warning("lns")
    assert warning is not None and "RX1 delay of 2 s would have saved 100%" in warning
    assert margins.warning("lns") is None
