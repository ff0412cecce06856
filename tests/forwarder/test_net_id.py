"""Which DevAddrs a NetID has, for all eight types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.lorawan.net_id import addresses, least_net_id, network

# DevAddr and NetID pairs of TheThingsNetwork/lorawan-stack: pkg/types/devaddr_test.go, and the
# published prefixes of The Things Network (26000000/7) and Helium (78000000/7, FC014C00/22).
PAIRS = [
    (0x3EFFFF42, 0x00001F),
    (0x9FFFFF42, 0x20001F),
    (0xCFFFFF42, 0x4000FF),
    (0xE3FCFF42, 0x6001FE),
    (0xF0FFFF42, 0x8001FF),
    (0xF81FFF42, 0xA000FF),
    (0xFC03FF42, 0xC000FF),
    (0xFEFFFFC2, 0xE1FFFF),
]
STRETCHES = [
    (0x000013, 0x26000000, 0x27FFFFFF),
    (0x00003C, 0x78000000, 0x79FFFFFF),
    (0xC00053, 0xFC014C00, 0xFC014FFF),
]


def inside(dev_addr: int, stretches: list[tuple[int, int]]) -> bool:
    return any(low <= dev_addr <= high for low, high in stretches)


@pytest.mark.parametrize(("dev_addr", "net_id"), PAIRS)
def test_a_device_address_is_of_its_network_and_of_no_neighbour(dev_addr: int, net_id: int) -> None:
    assert inside(dev_addr, addresses(net_id, net_id))
    assert not inside(dev_addr, addresses(net_id - 1, net_id - 1))


@pytest.mark.parametrize(("net_id", "low", "high"), STRETCHES)
def test_a_network_has_the_prefix_that_its_operator_publishes(
    net_id: int, low: int, high: int
) -> None:
    assert addresses(net_id, net_id) == [(low, high)]


@given(st.integers(0, 0xFFFFFFFF))
def test_every_device_address_is_of_the_network_that_it_names(dev_addr: int) -> None:
    named = network(dev_addr)
    if named is None:
        assert dev_addr >> 24 == 0xFF
        return
    net_id = least_net_id(*named)
    assert inside(dev_addr, addresses(net_id, net_id))
    assert not inside(dev_addr, addresses(net_id ^ 1, net_id ^ 1))


@given(st.integers(0, 0xFFFFFF), st.integers(0, 600), st.integers(0, 0xFFFFFFFF))
def test_a_range_has_the_addresses_of_each_of_its_networks(
    low: int, more: int, dev_addr: int
) -> None:
    high = min(low + more, 0xFFFFFF)
    one_by_one = [part for net_id in range(low, high + 1) for part in addresses(net_id, net_id)]
    assert inside(dev_addr, addresses(low, high)) == inside(dev_addr, one_by_one)


def test_all_networks_have_all_addresses_but_those_of_no_type() -> None:
    stretches = addresses(0, 0xFFFFFF)
    assert sum(high - low + 1 for low, high in stretches) == 2**32 - 2**24
