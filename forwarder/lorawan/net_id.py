"""NetIDs and the DevAddrs that belong to them, for all eight types. Pure.

A DevAddr begins with the type (as many ones as its number, then a zero), then some low bits of
the NetID (NwkID), then the device's own. Of types 3 to 7 several networks share one NwkID: a
DevAddr says only who it may be. Ref: LoRaWAN Backend Interfaces 1.0 (TS002-1.1.0), chapter 13.
"""

from __future__ import annotations

NET_ID_BITS = 24
DEV_ADDR_BITS = 32
TYPE_SHIFT = 21  # the type is the NetID's three top bits
ID_MASK = (1 << TYPE_SHIFT) - 1
NWK_ID_BITS = (6, 6, 9, 11, 12, 13, 15, 17)  # by type


def addresses(low: int, high: int) -> list[tuple[int, int]]:
    """The DevAddrs (first and last of each stretch) of the NetIDs from `low` to `high`."""
    stretches: list[tuple[int, int]] = []
    for kind in range(8):
        first = max(low, kind << TYPE_SHIFT)
        last = min(high, kind << TYPE_SHIFT | ID_MASK)
        if first <= last:
            stretches += _of_type(kind, first & ID_MASK, last & ID_MASK)
    return stretches


def network(dev_addr: int) -> tuple[int, int] | None:
    """Type and NwkID of a DevAddr; None for one that begins with eight ones and is of no type."""
    kind = _type(dev_addr)
    if kind is None:
        return None
    bits = NWK_ID_BITS[kind]
    return kind, dev_addr >> _address_bits(kind) & ((1 << bits) - 1)


def least_net_id(kind: int, nwk_id: int) -> int:
    """The NetID of a type and NwkID; the least of them where several share it."""
    return kind << TYPE_SHIFT | nwk_id


def _type(dev_addr: int) -> int | None:
    ones = 0
    while dev_addr & 1 << (DEV_ADDR_BITS - 1 - ones):
        ones += 1
        if ones == 8:
            return None
    return ones


def _address_bits(kind: int) -> int:
    return DEV_ADDR_BITS - (kind + 1) - NWK_ID_BITS[kind]


def _of_type(kind: int, low: int, high: int) -> list[tuple[int, int]]:
    """The stretches of one type, of which the identifiers from `low` to `high` are meant."""
    size = 1 << NWK_ID_BITS[kind]
    if high - low >= size - 1:
        return [_stretch(kind, 0, size - 1)]
    first, last = low % size, high % size
    if first <= last:
        return [_stretch(kind, first, last)]
    return [_stretch(kind, first, size - 1), _stretch(kind, 0, last)]


def _stretch(kind: int, first: int, last: int) -> tuple[int, int]:
    prefix = ((1 << kind) - 1) << 1  # as many ones as the type's number, then a zero
    bits = _address_bits(kind)
    start = prefix << NWK_ID_BITS[kind]
    return (start | first) << bits, (start | last) << bits | ((1 << bits) - 1)
