"""Uplinks as the spool keeps them for servers. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hal.frames import Crc

from ..packets import Uplink
from . import rows

JOIN_REQUEST, REJOIN_REQUEST = 0, 6  # MType, bits 7 to 5 of the first byte (TS001 4.2.1)
DATA_UP = (2, 4)
SHORTEST_DATA = 12  # MHDR, DevAddr, FCtrl, FCnt, MIC
ROW_BYTES = 110  # of a row beside the payload; measured, see docs/outages.md


class Uplinks:
    """`session` is that of the radio now: a counter means nothing without it."""

    noun, receiver = "uplinks", "server"
    window, replay_window = 1024, 64
    gap_s = 0.1  # a server has dealt with a frame by then; it drops those that it overtakes

    def __init__(self, session: Callable[[], bytes] = bytes) -> None:
        self._session = session

    def lane(self, item: Uplink) -> int | None:
        """The DevAddr of a data frame; None where none can be relied on."""
        payload = item.frame.payload
        if len(payload) < SHORTEST_DATA or payload[0] >> 5 not in DATA_UP:
            return None
        if item.frame.crc is Crc.BAD:
            return None
        return int.from_bytes(payload[1:5], "little")

    def is_join(self, item: Uplink) -> bool:
        """Whether the device waits for an answer, and asks again without one."""
        payload = item.frame.payload
        return bool(payload) and payload[0] >> 5 in (JOIN_REQUEST, REJOIN_REQUEST)

    def size(self, item: Uplink) -> int:
        return len(item.frame.payload) + ROW_BYTES

    def encode(self, item: Uplink) -> bytes:
        return rows.encode(item)

    def decode(self, data: bytes, received_ns: int | None) -> Uplink:
        return rows.decode(data, received_ns=received_ns)

    def taken(self, item: Uplink) -> Uplink:
        return replace(item, session=self._session())

    def late(self, item: Uplink, ago_s: float, now_ns: int | None) -> Uplink:
        """With the time of its reception, if it can be known."""
        return item if now_ns is None else replace(item, received_ns=now_ns - round(ago_s * 1e9))
