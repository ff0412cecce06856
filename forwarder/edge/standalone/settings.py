"""What can be set about standalone mode: `[edge.standalone]`. Pure.

[edge]
mode = "standalone"          # or "fallback"
[edge.standalone]
net_id = "000000"
class_c = ["70b3d57ed0001234"]
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

from ...lorawan.region import REGIONS, Region, make_cf_list_freqs, make_cf_list_masks

_NET_ID = re.compile(r"[0-9a-fA-F]{6}")
_EUI = re.compile(r"[0-9a-fA-F]{16}")
_RANGE = re.compile(r"([0-9a-fA-F]{8})/([0-9]{1,2})")
_NWK_ID_BITS = (6, 6, 9, 11, 12, 13, 15, 17)  # of a DevAddr, by NetID type
FEWEST_ADDRESSES_BITS = 4


class Adr(Enum):
    OFF = "off"  # devices keep their data rate; only asked for a sign of life they get one
    SIMPLE = "simple"  # faster, then weaker, by the best SNR of the last 20 frames


class TimeOf(Enum):
    """Whose time a device is told."""

    OFF = "off"
    GPS = "gps"
    SYSTEM = "system"  # the machine's, if the kernel says that it is synchronised; else GPS


class StandaloneSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The network that this gateway is by itself.

    `region` empty is the gateway's own. `dev_addrs` is a DevAddr and how many of its bits are fixed
    ("00100000/12"); empty, all addresses of `net_id`. `channels_hz` (dynamic regions) are up to
    five channels beside the region's; `sub_band` (1 to 8; US915, AU915, CN470 to 12) leaves eight
    channels. `power_dbm` is EIRP. `class_c` names DevEUIs that always listen.
    `fallback_after_s`: no server must have answered for so long before joins are answered here.
    """

    region: str = ""
    net_id: str = "000000"
    dev_addrs: str = ""
    rx_delay_s: int = 1
    rx1_dr_offset: int = 0
    rx2_dr: int | None = None
    channels_hz: tuple[int, ...] = ()
    sub_band: int = 0
    power_dbm: float | None = None
    class_c: tuple[str, ...] = ()
    adr: Adr = Adr.OFF
    adr_margin_db: float = 10.0
    confirmed_tries: int = 3
    queue_most: int = 16
    time: TimeOf = TimeOf.SYSTEM
    leap_seconds: int = 18
    dev_status_every_s: float = 0.0
    fallback_after_s: float = 120.0
    store: str = ""

    def __post_init__(self) -> None:
        if not _NET_ID.fullmatch(self.net_id):
            raise ValueError('net_id: 6 hexadecimal digits expected, such as "000000"')
        self.addresses()
        if self.region:
            self._check_region(self.region)
        limits: tuple[tuple[str, float, float, float], ...] = (
            ("rx_delay_s", self.rx_delay_s, 1, 15),
            ("rx1_dr_offset", self.rx1_dr_offset, 0, 7),
            ("sub_band", self.sub_band, 0, 12),
            ("confirmed_tries", self.confirmed_tries, 1, 15),
            ("queue_most", self.queue_most, 1, 1000),
            ("leap_seconds", self.leap_seconds, 0, 255),
            ("fallback_after_s", self.fallback_after_s, 10, 86_400),
            ("adr_margin_db", self.adr_margin_db, 0, 30),
        )
        for name, value, low, high in limits:
            if not low <= value <= high:
                raise ValueError(f"{name} is {value:g}; {low:g} to {high:g} expected")
        if len(self.channels_hz) > 5:
            raise ValueError(f"channels_hz: up to 5 expected, not {len(self.channels_hz)}")
        for freq in self.channels_hz:
            if not 100_000_000 <= freq <= 1_677_721_500 or freq % 100:
                raise ValueError(f"channels_hz: multiples of 100 Hz expected, not {freq}")
        for eui in self.class_c:
            if not _EUI.fullmatch(eui):
                raise ValueError(f"class_c: DevEUIs of 16 hexadecimal digits expected, not {eui!r}")

    def _check_region(self, name: str) -> None:
        if name not in REGIONS:
            raise ValueError(f"region: one of {', '.join(REGIONS)} expected, not {name!r}")

    def region_of(self, gateway: str) -> Region:
        """The region's facts; `gateway` is what the gateway itself is set to. Raises ValueError."""
        name = self.region or gateway
        self._check_region(name)
        region = REGIONS[name]
        if self.rx1_dr_offset > region.max_offset:
            raise ValueError(f"rx1_dr_offset: {name} knows 0 to {region.max_offset}")
        if self.rx2_dr is not None and self.rx2_dr not in region.payloads:
            raise ValueError(f"rx2_dr: {name} has no data rate {self.rx2_dr} for downlinks")
        if region.fixed_channels and self.channels_hz:
            raise ValueError(f"channels_hz: {name} has a fixed plan; choose with sub_band")
        if self.sub_band and (not region.fixed_channels or 8 * self.sub_band > _narrow(region)):
            raise ValueError(f"sub_band: {name} has no sub-band {self.sub_band}")
        return region

    def cf_list(self, region: Region) -> bytes:
        """What a join-accept says about channels; empty where there is nothing to say."""
        if self.channels_hz:
            return make_cf_list_freqs(list(self.channels_hz))
        if not self.sub_band:
            return b""
        enabled = {8 * (self.sub_band - 1) + i for i in range(8)}
        if _narrow(region) == 64:
            enabled.add(64 + self.sub_band - 1)  # the wide channel beside them
        masks = [sum(1 << i % 16 for i in enabled if i // 16 == block) for block in range(6)]
        return make_cf_list_masks(masks)

    def addresses(self) -> tuple[int, int]:
        """The first DevAddr, and how many low bits are free. Raises ValueError."""
        net = int(self.net_id, 16)
        kind = net >> 21
        nwk_bits = _NWK_ID_BITS[kind]
        free = 32 - (kind + 1) - nwk_bits
        prefix = ((1 << kind) - 1) << 1
        nwk_id = net & ((1 << nwk_bits) - 1)
        first = (prefix << nwk_bits | nwk_id) << free
        if not self.dev_addrs:
            return first, free
        found = _RANGE.fullmatch(self.dev_addrs)
        if found is None or int(found[2]) > 32 - FEWEST_ADDRESSES_BITS:
            raise ValueError(
                'dev_addrs: a DevAddr and its fixed bits expected, such as "00100000/12", up to '
                f"{32 - FEWEST_ADDRESSES_BITS} bits"
            )
        value, left = int(found[1], 16), 32 - int(found[2])
        if left > free or value >> free != first >> free:
            raise ValueError(
                f"dev_addrs: outside NetID {self.net_id}, whose range is {first:08x}/{32 - free}"
            )
        return value >> left << left, left


def _narrow(region: Region) -> int:
    """How many 125 kHz channels a fixed plan has."""
    return len(region.channels) // 16 * 16
