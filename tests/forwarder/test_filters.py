"""Which frames a server is given, and the reason why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config import loads
from forwarder.errors import ConfigError
from forwarder.links.filters import Filter, Heads, Reason
from forwarder.links.join_rate import MINUTE_US, JoinRate
from forwarder.links.patterns import Intervals, stretch
from forwarder.links.settings import FeedSettings, FilterSettings
from forwarder.lorawan.frame import (
    DataFrame,
    FrameError,
    Header,
    JoinRequest,
    MType,
    RejoinRequest,
    parse,
)
from forwarder.lorawan.head import Head
from forwarder.packets import Uplink
from hal.frames import Crc

from .semtech_makers import uplink

TTN = 0x26011F42
DATA = DataFrame(Header(MType.UNCONFIRMED_UP), TTN, 7, fport=1, payload=b"x").encode()
DOWN = DataFrame(Header(MType.UNCONFIRMED_DOWN), TTN, 7).encode()
JOIN = JoinRequest(Header(MType.JOIN_REQUEST), 0x70B3D57ED0000001, 0xA81758FFFE04B1C1, 1).encode()
REJOIN_0 = RejoinRequest(
    Header(MType.REJOIN_REQUEST), 0, 0xA81758FFFE04B1C1, 1, net_id=0x13
).encode()
REJOIN_1 = RejoinRequest(
    Header(MType.REJOIN_REQUEST), 1, 0xA81758FFFE04B1C1, 1, join_eui=0x70B3D57ED0000001
).encode()
OPAQUE = b"\xe0anything"
NOISE = b"\x41"
ALL = {
    "data": DATA,
    "down": DOWN,
    "join": JOIN,
    "rejoin 0": REJOIN_0,
    "rejoin 1": REJOIN_1,
    "opaque": OPAQUE,
    "noise": NOISE,
}


def a_filter(
    *, crcs: frozenset[Crc] = frozenset({Crc.OK}), ghosts: bool = True, **lists: Any
) -> Filter:
    return Filter(FeedSettings(FilterSettings(**lists), crcs=crcs, ghosts=ghosts), Heads())


def refused(**lists: Any) -> dict[str, Reason]:
    """What a filter keeps of one frame of every kind."""
    sieve = a_filter(**lists)
    found = {name: sieve.refuses(uplink(payload)) for name, payload in ALL.items()}
    return {name: reason for name, reason in found.items() if reason is not None}


def test_without_lists_all_kinds_of_frame_pass() -> None:
    assert refused() == {}


@pytest.mark.parametrize(
    ("lists", "kept"),
    [
        ({"dev_addr": ("26011f00/24",)}, {}),
        ({"dev_addr": ("26011e00/24",)}, dict.fromkeys(["data", "down"], Reason.OTHER_NETWORK)),
        ({"net_id": ("000013",)}, {}),
        (
            {"net_id": ("000012",)},
            dict.fromkeys(["data", "down"], Reason.OTHER_NETWORK) | {"rejoin 0": Reason.OTHER_JOIN},
        ),
        ({"join_eui": ("70b3d57ed0000000/40",)}, {}),
        (
            {"join_eui": ("70b3d57ed0000002",)},
            dict.fromkeys(["join", "rejoin 1"], Reason.OTHER_JOIN),
        ),
        (
            {"dev_eui": ("0000000000000000",)},
            dict.fromkeys(["join", "rejoin 0", "rejoin 1"], Reason.OTHER_JOIN),
        ),
    ],
    ids=str,
)
def test_an_allow_list_judges_only_frames_that_carry_its_address(
    lists: dict[str, tuple[str, ...]], kept: dict[str, Reason]
) -> None:
    assert refused(**lists) == kept


@pytest.mark.parametrize(
    ("lists", "kept"),
    [
        (
            {"dev_addr_deny": ("26011f42",)},
            dict.fromkeys(["data", "down"], Reason.DENIED_DEV_ADDR),
        ),
        (
            {"net_id_deny": ("000010-00001f",)},
            dict.fromkeys(["data", "down", "rejoin 0"], Reason.DENIED_NET_ID),
        ),
        (
            {"join_eui_deny": ("70b3d50000000000/24",)},
            dict.fromkeys(["join", "rejoin 1"], Reason.DENIED_JOIN_EUI),
        ),
        (
            {"dev_eui_deny": ("a81758fffe04b1c1",)},
            dict.fromkeys(["join", "rejoin 0", "rejoin 1"], Reason.DENIED_DEV_EUI),
        ),
    ],
    ids=str,
)
def test_a_deny_list_wins_over_every_allow_list(
    lists: dict[str, tuple[str, ...]], kept: dict[str, Reason]
) -> None:
    allow = {
        "dev_addr": ("00000000/0",),
        "net_id": ("000000/0",),
        "join_eui": ("0000000000000000/0",),
        "dev_eui": ("0000000000000000/0",),
    }
    assert refused(**allow, **lists) == kept


def test_one_of_two_lists_for_an_address_is_enough() -> None:
    assert refused(dev_addr=("00000000",), net_id=("000013",)) == {}
    assert refused(dev_addr=("26011f42",), net_id=("000001",)) == {"rejoin 0": Reason.OTHER_JOIN}
    eui = "a81758fffe04b1c1"
    assert refused(join_eui=("0000000000000000",), dev_eui=(eui,)) == {}


def test_lorawan_only_drops_what_no_device_says_to_a_network() -> None:
    assert refused(lorawan_only=True) == {
        "down": Reason.DOWNLINK,
        "opaque": Reason.NOT_LORAWAN,
        "noise": Reason.NOT_LORAWAN,
    }


def test_crc_and_ghosts_are_judged_before_the_addresses() -> None:
    sieve = a_filter(crcs=frozenset({Crc.BAD}), ghosts=False, dev_addr=("00000000",))
    assert sieve.refuses(uplink(DATA)) is Reason.CRC
    assert sieve.refuses(replace(uplink(DATA, crc=Crc.BAD), ghost=True)) is Reason.GHOST
    assert sieve.refuses(uplink(DATA, crc=Crc.BAD)) is Reason.OTHER_NETWORK


@given(st.binary(max_size=40), st.sampled_from(Crc), st.booleans())
def test_whatever_comes_is_judged(payload: bytes, crc: Crc, only: bool) -> None:
    sieve = a_filter(
        crcs=frozenset(Crc), lorawan_only=only, net_id=("000013",), joins_per_minute=1.0
    )
    reason = sieve.refuses(uplink(payload, crc=crc))
    parsed = Head.of(payload)
    if parsed.mtype is None:
        assert reason is (Reason.NOT_LORAWAN if only else None)


@pytest.mark.parametrize(
    ("text", "dev_addr"),
    [
        ("40421f0126020100aabb00cc11223344", None),  # options beside port 0
        ("40421f0126020100aabb01cc11223344", 0x26011F42),
        ("40421f0126020100aabb11223344", 0x26011F42),
        ("40421f0126020100aa11223344", None),  # options past the end
        ("41421f012600010001cc11223344", None),  # another major version
    ],
)
def test_only_what_can_be_a_data_frame_has_an_address(text: str, dev_addr: int | None) -> None:
    assert Head.of(bytes.fromhex(text)).dev_addr == dev_addr


MHDRS = st.sampled_from([0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0, 0xE0, 0x41])


@given(MHDRS, st.binary(max_size=40))
def test_a_head_is_what_the_whole_frame_says(mhdr: int, rest: bytes) -> None:
    data = bytes([mhdr]) + rest
    head = Head.of(data)
    try:
        whole = parse(data)
    except FrameError:
        assert head == Head()
        return
    assert head.mtype is whole.header.mtype
    for name in ("dev_addr", "net_id", "join_eui", "dev_eui"):
        assert getattr(head, name) == getattr(whole, name, None)


def test_a_frame_is_parsed_once_for_all_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    of = Head.of

    def counting(payload: bytes) -> Head:
        parsed.append(payload)
        return of(payload)

    monkeypatch.setattr(Head, "of", counting)
    heads = Heads()
    sieves = [
        Filter(FeedSettings(FilterSettings(net_id=(net_id,))), heads)
        for net_id in ("000012", "000013")
    ]
    for one in (uplink(DATA), uplink(DATA)):
        assert [sieve.refuses(one) for sieve in sieves] == [Reason.OTHER_NETWORK, None]
    assert len(parsed) == 2


# How often a device may ask to join.


def join_at(at_us: int, dev_nonce: int = 1) -> Uplink:
    return uplink(
        JoinRequest(Header(MType.JOIN_REQUEST), 1, 2, dev_nonce).encode(), counter_us=at_us
    )


def test_a_device_that_asks_every_second_is_heard_once_a_minute() -> None:
    sieve = a_filter(joins_per_minute=1.0)
    heard = [second for second in range(180) if not sieve.refuses(join_at(second * 1_000_000))]
    assert heard == [0, 60, 120]


def test_a_fraction_of_a_join_a_minute_lets_the_first_one_pass() -> None:
    rate = JoinRate(0.5)
    assert [rate.passes(1, minute * MINUTE_US) for minute in range(4)] == [True, False, True, False]


def test_copies_of_one_join_on_other_channels_share_its_fate() -> None:
    sieve = a_filter(joins_per_minute=1.0)
    assert [sieve.refuses(join_at(at)) for at in (0, 6)] == [None, None]
    assert [sieve.refuses(join_at(1_000_000 + at)) for at in (6, 0)] == [Reason.JOIN_RATE] * 2


def test_what_another_list_drops_costs_a_device_nothing() -> None:
    sieve = a_filter(joins_per_minute=1.0, join_eui=("0000000000000001",))
    stranger = uplink(JoinRequest(Header(MType.JOIN_REQUEST), 9, 2, 1).encode(), counter_us=0)
    assert sieve.refuses(stranger) is Reason.OTHER_JOIN
    assert sieve.refuses(join_at(1_000_000)) is None


def test_the_table_of_devices_is_bounded_and_forgets_the_longest_silent() -> None:
    rate = JoinRate(1.0, most=2)
    assert [rate.passes(device, at) for at, device in enumerate([1, 2, 3])] == [True] * 3
    assert len(rate) == 2
    assert not rate.passes(3, 10_000) and rate.passes(1, 20_000)


@given(
    st.floats(0.1, 30),
    st.lists(st.tuples(st.integers(0, 3), st.integers(2_000, 90_000_000)), max_size=60),
)
def test_no_device_passes_more_often_than_a_full_bucket_and_what_flows_in(
    per_minute: float, asks: list[tuple[int, int]]
) -> None:
    rate, at_us, passed = JoinRate(per_minute), 0, [0, 0, 0, 0]
    for device, after_us in asks:
        at_us += after_us
        passed[device] += rate.passes(device, at_us)
    assert max(passed) <= max(per_minute, 1.0) + at_us * per_minute / MINUTE_US + 1e-6


# What a list may hold.


@pytest.mark.parametrize(
    ("text", "bits", "first", "last"),
    [
        ("26011f00", 32, 0x26011F00, 0x26011F00),
        ("0x26011F00", 32, 0x26011F00, 0x26011F00),
        ("26011f00/24", 32, 0x26011F00, 0x26011FFF),
        ("26011f42/24", 32, 0x26011F00, 0x26011FFF),
        ("00000000/0", 32, 0, 0xFFFFFFFF),
        ("000010 - 00001f", 24, 0x10, 0x1F),
    ],
)
def test_a_value_a_prefix_and_a_range_mean_a_stretch(
    text: str, bits: int, first: int, last: int
) -> None:
    assert stretch(text, bits) == (first, last)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("26011f", "8 hex digits"),
        ("26011g00", "8 hex digits"),
        ("", "8 hex digits"),
        ("26011f00/33", "prefix length from 0 to 32"),
        ("26011f00/", "prefix length"),
        ("26011f00/²", "prefix length"),
        ("26011fff-26011f00", "from the lower to the higher"),
        ("26011f00-26011fff/8", "8 hex digits"),
    ],
)
def test_an_entry_that_means_nothing_is_refused_with_what_to_write(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        stretch(text, 32)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=8), st.integers(-1, 80))
def test_a_set_of_stretches_has_what_one_of_them_has(
    parts: list[tuple[int, int]], value: int
) -> None:
    ends = [(low, low + more) for low, more in parts]
    assert (value in Intervals(ends)) == any(low <= value <= high for low, high in ends)


def test_a_bad_entry_is_an_error_of_the_file_with_its_place() -> None:
    text = (
        'board = "sim"\nregion = "EU868"\n[[server]]\naddress = "a"\n'
        '[server.filter]\njoin_eui_deny = ["70b3d57ed0000001", "70b3d5"]\n'
    )
    with pytest.raises(ConfigError) as error:
        loads(text, "gateway.toml")
    assert str(error.value).startswith(
        "gateway.toml:6: server[0].filter.join_eui_deny has '70b3d5': expected 16 hex digits"
    )
