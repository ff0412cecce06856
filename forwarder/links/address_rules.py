"""Which frames a server is given by the addresses that they carry in clear. Pure.

The rules, in this order: `lorawan_only`; what a deny list names stays out; where there is an allow
list for addresses that the frame carries, one of them must name it; then how often a device may
ask to join. An allow list says nothing about frames without such an address: with only `dev_addr`
set, join-requests pass, and what is no LoRaWAN frame passes everything but `lorawan_only`.
"""

from __future__ import annotations

from ..lorawan.frame import MType
from ..lorawan.head import Head
from ..lorawan.net_id import DEV_ADDR_BITS, NET_ID_BITS, addresses
from .filters import Reason
from .join_rate import JoinRate
from .patterns import Intervals, stretches
from .settings import FilterSettings

EUI_BITS = 64
BITS = {  # of the entries of each list, and of its deny list
    "dev_addr": DEV_ADDR_BITS,
    "net_id": NET_ID_BITS,
    "join_eui": EUI_BITS,
    "dev_eui": EUI_BITS,
}


class AddressRules:
    """One server's. Raises ValueError for an entry that means nothing."""

    def __init__(self, settings: FilterSettings) -> None:
        self._lorawan_only = settings.lorawan_only
        self._denied = Lists(settings, "_deny")
        self._allowed = Lists(settings, "")
        per_minute = settings.joins_per_minute
        self._rate = JoinRate(per_minute) if per_minute else None

    def refuse(self, head: Head, at_us: int) -> Reason | None:
        """Why not, or None. `at_us` is when the frame ended, on the concentrator's line."""
        return (
            (_kind(head) if self._lorawan_only else None)
            or self._denied.named(head)
            or self._allowed.missing(head)
            or self._too_often(head, at_us)
        )

    def _too_often(self, head: Head, at_us: int) -> Reason | None:
        if self._rate is None or head.dev_eui is None or self._rate.passes(head.dev_eui, at_us):
            return None
        return Reason.JOIN_RATE


class Lists:
    """The four lists that allow, or the four that deny. Raises ValueError, naming the list."""

    def __init__(self, settings: FilterSettings, suffix: str) -> None:
        read = {name: _read(settings, name + suffix) for name in BITS}
        networks = [part for low, high in read["net_id"] for part in addresses(low, high)]
        self._dev_addr = Intervals(read["dev_addr"])
        self._network = Intervals(networks)
        self._net_id = Intervals(read["net_id"])
        self._join_eui = Intervals(read["join_eui"])
        self._dev_eui = Intervals(read["dev_eui"])
        self._address = Intervals([*read["dev_addr"], *networks])

    def named(self, head: Head) -> Reason | None:
        """The list that has an address of this frame, as the reason to deny it."""
        if _has(self._dev_addr, head.dev_addr):
            return Reason.DENIED_DEV_ADDR
        if _has(self._network, head.dev_addr) or _has(self._net_id, head.net_id):
            return Reason.DENIED_NET_ID
        if _has(self._join_eui, head.join_eui):
            return Reason.DENIED_JOIN_EUI
        return Reason.DENIED_DEV_EUI if _has(self._dev_eui, head.dev_eui) else None

    def missing(self, head: Head) -> Reason | None:
        """The reason not to allow it: there are lists for its addresses, and none has them."""
        if head.dev_addr is not None:
            stranger = bool(self._address) and head.dev_addr not in self._address
            return Reason.OTHER_NETWORK if stranger else None
        asked = [
            (addresses, value)
            for addresses, value in (
                (self._net_id, head.net_id),
                (self._join_eui, head.join_eui),
                (self._dev_eui, head.dev_eui),
            )
            if addresses and value is not None
        ]
        if not asked or any(value in addresses for addresses, value in asked):
            return None
        return Reason.OTHER_JOIN


def check(settings: FilterSettings) -> tuple[str, str] | None:
    """The first list with an entry that means nothing, and what was expected; None if all do."""
    for name in (name + suffix for name in BITS for suffix in ("", "_deny")):
        try:
            _read(settings, name)
        except ValueError as error:
            return name, str(error)
    return None


def _read(settings: FilterSettings, name: str) -> list[tuple[int, int]]:
    texts: tuple[str, ...] = getattr(settings, name)
    return stretches(texts, BITS[name.removesuffix("_deny")])


def _has(addresses: Intervals, value: int | None) -> bool:
    return value is not None and value in addresses


def _kind(head: Head) -> Reason | None:
    if head.mtype is None or head.mtype is MType.PROPRIETARY:
        return Reason.NOT_LORAWAN
    return None if head.mtype.uplink else Reason.DOWNLINK
