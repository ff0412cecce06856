"""Which received frames a server is given, and why not the others. Pure.

The rules, in this order: the CRC policy; what the protocol can carry; ghosts; then, where any is
set, those about addresses (address_rules.py, which a gateway without them never loads).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from hal.frames import RxFrame

from ..packets import Uplink
from .settings import FeedSettings, FilterSettings

if TYPE_CHECKING:
    from ..lorawan.head import Head
    from .address_rules import AddressRules


class Reason(Enum):
    """Why a server is not given a frame."""

    PROTOCOL = "this server's protocol cannot carry it"
    CRC = "the state of its payload CRC is not wanted"
    GHOST = "a weak copy of a frame that was heard on another channel"
    NOT_LORAWAN = "no LoRaWAN frame, or a proprietary one"
    DOWNLINK = "another gateway's downlink"
    DENIED_DEV_ADDR = "its DevAddr is denied"
    DENIED_NET_ID = "its NetID is denied"
    DENIED_JOIN_EUI = "its JoinEUI is denied"
    DENIED_DEV_EUI = "its DevEUI is denied"
    OTHER_NETWORK = "neither dev_addr nor net_id names its network"
    OTHER_JOIN = "neither join_eui nor dev_eui names it"
    JOIN_RATE = "its device asks to join too often"


NOISE = (Reason.PROTOCOL, Reason.CRC, Reason.GHOST)  # dropped whoever it is from


class Heads:
    """The parsed head of the frame that is on its way to all links: read once, however many ask."""

    def __init__(self) -> None:
        self._uplink: Uplink | None = None
        self._head: Head | None = None
        self._read = self._load

    def of(self, uplink: Uplink) -> Head:
        if self._head is None or uplink is not self._uplink:
            self._uplink, self._head = uplink, self._read(uplink.frame.payload)
        return self._head

    def _load(self, payload: bytes) -> Head:
        from ..lorawan.head import Head  # once, and only where somebody asks

        self._read = Head.of
        return Head.of(payload)


def everything(frame: RxFrame) -> bool:
    return True


class Filter:
    """One server's. Raises ValueError for an entry of a list that means nothing.

    `heads` is shared by all filters of a gateway; `carries` says what the protocol has words for.
    """

    def __init__(
        self,
        settings: FeedSettings,
        heads: Heads,
        carries: Callable[[RxFrame], bool] = everything,
    ) -> None:
        self._crcs = settings.crcs
        self._ghosts = settings.ghosts
        self._heads = heads
        self._carries = carries
        self._rules = _rules(settings.filter)

    def refuses(self, uplink: Uplink) -> Reason | None:
        """Why this server is not given a frame; None when it is. Asked once for each frame."""
        if uplink.frame.crc not in self._crcs:
            return Reason.CRC
        if not self._carries(uplink.frame):
            return Reason.PROTOCOL
        if uplink.ghost and not self._ghosts:
            return Reason.GHOST
        if self._rules is None:
            return None
        return self._rules.refuse(self._heads.of(uplink), uplink.frame.counter_us)


def _rules(settings: FilterSettings) -> AddressRules | None:
    if settings == FilterSettings():
        return None
    from .address_rules import AddressRules

    return AddressRules(settings)
