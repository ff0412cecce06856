"""The pcap file format: a head, then records with a time each. Bytes and values; pure.

Source: draft-ietf-opsawg-pcap, sections 4 and 5. Files of either byte order are read, with
micro- or nanoseconds; written are microseconds in little-endian order, which everything reads.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MICROSECONDS, NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
SNAP_LENGTH = 65_535
MOST_RECORD = 1 << 20  # what no radio frame comes near; a longer one is damage

_HEAD = "IHHiIII"
_RECORD = "IIII"


@dataclass(frozen=True, slots=True)
class Record:
    """One packet as the file holds it; `at_ns` is nanoseconds since 1970."""

    at_ns: int
    data: bytes


def head(link_type: int) -> bytes:
    """How a file begins."""
    return struct.pack("<" + _HEAD, MICROSECONDS, 2, 4, 0, 0, SNAP_LENGTH, link_type)


def record(at_ns: int, data: bytes) -> bytes:
    """One packet; times before 1970 are written as 1970."""
    seconds, rest_ns = divmod(max(at_ns, 0), 1_000_000_000)
    size = len(data)
    return struct.pack("<" + _RECORD, seconds & 0xFFFFFFFF, rest_ns // 1000, size, size) + data


def is_pcap(data: bytes) -> bool:
    """Whether a file that begins with `data` is one of these."""
    return len(data) >= 4 and _order(data) is not None


def read(data: bytes) -> tuple[int, Iterator[Record]]:
    """The link type and the records of a file.

    Raises ValueError for what is no pcap file, and while iterating for one that is damaged; the
    records before the damage have been given by then.
    """
    order = _order(data)
    if order is None or len(data) < struct.calcsize("<" + _HEAD):
        raise ValueError("no pcap file: another number at its beginning")
    magic, _, _, _, _, _, link_type = struct.unpack_from(order + _HEAD, data)
    unit_ns = 1 if magic == NANOSECONDS else 1000
    return link_type & 0x0FFFFFFF, _records(data, order, unit_ns)


def _records(data: bytes, order: str, unit_ns: int) -> Iterator[Record]:
    size = struct.calcsize("<" + _RECORD)
    place = struct.calcsize("<" + _HEAD)
    while place < len(data):
        if place + size > len(data):
            raise ValueError(f"ends within the head of a record, at byte {place}")
        seconds, fraction, length, _ = struct.unpack_from(order + _RECORD, data, place)
        place += size
        if length > MOST_RECORD or place + length > len(data):
            raise ValueError(f"a record of {length} bytes at byte {place}: the file ends before")
        yield Record(seconds * 1_000_000_000 + fraction * unit_ns, data[place : place + length])
        place += length


def _order(data: bytes) -> str | None:
    for order in "<>":
        if struct.unpack_from(order + "I", data)[0] in (MICROSECONDS, NANOSECONDS):
            return order
    return None
