"""Weak copies of a strong frame: which they are, and which servers are spared them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.semtech_udp.link import State
from forwarder.packets import RadioCounters, Uplink
from forwarder.radio.ghosts import MOST_PAYLOADS, Ghosts
from forwarder.uplinks import Uplinks
from hal.frames import Crc, RxFrame
from hal.modulation import LoRa

from .semtech_makers import frame

STRONG = frame(rssi_channel_dbm=-30.0, if_chain=2)


def ghost(**changes: Any) -> RxFrame:
    """As one is: another channel, 40 dB weaker, within microseconds."""
    weak: dict[str, Any] = {
        "rssi_channel_dbm": -70.0,
        "if_chain": 5,
        "freq_hz": 867_500_000,
        "counter_us": STRONG.counter_us + 6,
    }
    return frame(**weak | changes)


@pytest.mark.parametrize("order", [lambda f: f, lambda f: f[::-1]], ids=["first", "last"])
def test_the_strongest_copy_stays_wherever_it_stands(
    order: Callable[[list[RxFrame]], list[RxFrame]],
) -> None:
    frames = order([STRONG, ghost(), ghost(if_chain=6, rssi_channel_dbm=-95.0)])
    assert Ghosts().marks(frames) == [one is not STRONG for one in frames]


def test_a_ghost_is_known_some_looks_later() -> None:
    ghosts = Ghosts()
    assert ghosts.marks([STRONG]) == [False]
    for number in range(MOST_PAYLOADS - 1):
        ghosts.marks([frame(b"%d" % number)])
    assert ghosts.marks([ghost()]) == [True]


def test_what_was_heard_long_ago_is_forgotten() -> None:
    ghosts = Ghosts()
    ghosts.marks([STRONG])
    for number in range(MOST_PAYLOADS):
        ghosts.marks([frame(b"%d" % number)])
    assert ghosts.marks([ghost()]) == [False]


def test_a_device_that_says_the_same_again_is_no_ghost_of_itself() -> None:
    ghosts = Ghosts()
    ghosts.marks([STRONG])
    again = ghost(counter_us=STRONG.counter_us + 2_000_000)
    assert ghosts.marks([again]) == [False]


@pytest.mark.parametrize(
    "looks",
    [
        [[STRONG, ghost(), ghost(if_chain=6)]],
        [[STRONG], [ghost()], [ghost(if_chain=6)]],
        [[ghost()], [STRONG], [ghost(if_chain=6)]],
    ],
    ids=["together", "after it", "before it"],
)
def test_a_very_close_device_is_counted_once_a_frame(looks: list[list[RxFrame]]) -> None:
    ghosts = Ghosts()
    for frames in looks:
        ghosts.marks(frames)
    assert ghosts.very_close == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": b"other"},
        {"rssi_channel_dbm": -50.0},
        {"counter_us": STRONG.counter_us + 50_000},
        {"if_chain": STRONG.if_chain},
        {"modulation": LoRa(8)},
    ],
    ids=["payload", "almost as strong", "later", "same channel", "data rate"],
)
def test_what_differs_from_a_ghost_in_one_way_is_none(changes: dict[str, Any]) -> None:
    assert Ghosts().marks([STRONG, ghost(**changes)]) == [False, False]


def test_a_damaged_frame_makes_no_ghosts() -> None:
    damaged = frame(rssi_channel_dbm=-30.0, crc=Crc.BAD)
    assert Ghosts().marks([damaged, ghost()]) == [False, False]


@given(
    st.lists(
        st.builds(
            frame,
            st.sampled_from([b"a", b"b"]),
            if_chain=st.integers(0, 9),
            counter_us=st.integers(0, 300),
            rssi_channel_dbm=st.floats(-130, -20),
        ),
        max_size=12,
    )
)
def test_some_copy_of_every_payload_is_left(frames: list[RxFrame]) -> None:
    marks = Ghosts().marks(frames)
    left = {one.payload for one, is_ghost in zip(frames, marks, strict=True) if not is_ghost}
    assert left == {one.payload for one in frames}


class Everything:
    """A link that takes what comes."""

    name, state = "all", State.WAITING

    def __init__(self) -> None:
        self.taken: list[Uplink] = []

    async def run(self) -> None:
        pass

    def uplink(self, uplink: Uplink) -> None:
        self.taken.append(uplink)

    def status(self) -> dict[str, object]:
        return {}


def test_links_get_every_frame_and_are_told_which_are_ghosts() -> None:
    counters, link = RadioCounters(), Everything()
    Uplinks(counters, [link]).received([ghost(), STRONG])
    assert [(one.frame.if_chain, one.ghost) for one in link.taken] == [(5, True), (2, False)]
    assert (counters.rx_total, counters.rx_ghosts, counters.rx_very_close) == (2, 1, 1)
