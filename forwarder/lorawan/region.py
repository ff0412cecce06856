"""What a device must know about a region: data rates, channels, receive windows. Data; pure.

Ref: LoRaWAN Regional Parameters RP002-1.0.4 and RP001-1.0.3. What a gateway may do there (plans,
power, duty cycle) is in `config/regions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FSK_BITRATE_BPS = 50_000


@dataclass(frozen=True, slots=True)
class DataRate:
    """LoRa with `sf`, or FSK at 50 kbit/s where `sf` is None."""

    sf: int | None
    bw_hz: int = 125_000

    def __str__(self) -> str:
        return f"SF{self.sf}BW{self.bw_hz // 1000}" if self.sf else "FSK50"


@dataclass(frozen=True, slots=True)
class Channel:
    """One uplink channel; `rx1_freq_hz` is where its RX1 listens (its own frequency if None)."""

    freq_hz: int
    min_dr: int
    max_dr: int
    rx1_freq_hz: int | None = None

    @property
    def downlink_freq_hz(self) -> int:
        return self.freq_hz if self.rx1_freq_hz is None else self.rx1_freq_hz


class Rx1Rule(Enum):
    """How RX1's data rate follows from the uplink's and RX1DROffset."""

    SUBTRACT = "up - offset, not under DR0"
    SIGNED = "offsets 6 and 7 count as -1 and -2, DR5 is the fastest"
    US915 = "DR10 + up - offset, within DR8 to DR13"
    AU915 = "DR8 + up - offset, within DR8 to DR13"


@dataclass(frozen=True, slots=True)
class Region:
    """`payloads` is the most FRMPayload bytes a data rate carries, without FOpts, no repeater."""

    name: str
    data_rates: dict[int, DataRate]
    channels: tuple[Channel, ...]
    rx2_freq_hz: int
    rx2_dr: int
    payloads: dict[int, int]
    rx1_rule: Rx1Rule = Rx1Rule.SUBTRACT
    max_eirp_dbm: int = 16
    max_power_index: int = 7
    max_offset: int = 5
    tx_param_setup: bool = False  # whether devices know TxParamSetupReq
    fixed_channels: bool = False  # the plan is given; CFList and LinkADRReq switch channels by mask

    def rx1_dr(self, up_dr: int, offset: int) -> int:
        """Data rate of RX1 after an uplink at `up_dr`."""
        match self.rx1_rule:
            case Rx1Rule.SUBTRACT:
                return max(0, up_dr - offset)
            case Rx1Rule.SIGNED:
                return min(5, max(0, up_dr - (offset if offset <= 5 else 5 - offset)))
            case Rx1Rule.US915:
                return min(13, max(8, up_dr + 10 - offset))
            case Rx1Rule.AU915:
                return min(13, max(8, up_dr + 8 - offset))

    def uplink_rates(self, channels: tuple[Channel, ...] | None = None) -> range:
        """Data rates that some of `channels` (the default plan) allow for 125 kHz uplinks."""
        plan = self.channels if channels is None else channels
        narrow = [ch for ch in plan if self.data_rates[ch.min_dr].bw_hz == 125_000]
        return range(min(ch.min_dr for ch in narrow), max(ch.max_dr for ch in narrow) + 1)

    def dr_of(self, sf: int | None, bw_hz: int) -> int | None:
        """Index of an uplink data rate; None if the region has no such."""
        for index, rate in self.data_rates.items():
            if (rate.sf, rate.bw_hz) == (sf, bw_hz):
                return index
        return None


def _rates(*sfs: int, start: int = 0, bw_hz: int = 125_000) -> dict[int, DataRate]:
    return {start + i: DataRate(sf, bw_hz) for i, sf in enumerate(sfs)}


_SIX = _rates(12, 11, 10, 9, 8, 7)
_EIGHT = {**_SIX, 6: DataRate(7, 250_000), 7: DataRate(None)}
_LONG = dict(zip(range(8), (51, 51, 51, 115, 242, 242, 242, 242), strict=True))
_WIDE_DOWN = _rates(12, 11, 10, 9, 8, 7, start=8, bw_hz=500_000)
_WIDE_PAYLOADS = dict(zip(range(8, 14), (53, 129, 242, 242, 242, 242), strict=True))


def _plan(*freqs_hz: int) -> tuple[Channel, ...]:
    return tuple(Channel(freq, 0, 5) for freq in freqs_hz)


def _us_like(first_hz: int, wide_hz: int, max_dr: int, wide_dr: int) -> tuple[Channel, ...]:
    def rx1(index: int) -> int:
        return 923_300_000 + 600_000 * (index % 8)

    narrow = [Channel(first_hz + 200_000 * i, 0, max_dr, rx1(i)) for i in range(64)]
    wide = [Channel(wide_hz + 1_600_000 * i, wide_dr, wide_dr, rx1(i)) for i in range(8)]
    return (*narrow, *wide)


def _as923(name: str, shift_hz: int) -> Region:
    return Region(
        name,
        _EIGHT,
        _plan(923_200_000 + shift_hz, 923_400_000 + shift_hz),
        rx2_freq_hz=923_200_000 + shift_hz,
        rx2_dr=2,
        payloads=_LONG,
        rx1_rule=Rx1Rule.SIGNED,
        max_offset=7,
        tx_param_setup=True,
    )


REGIONS = {
    region.name: region
    for region in (
        Region(
            "EU868", _EIGHT, _plan(868_100_000, 868_300_000, 868_500_000), 869_525_000, 0, _LONG
        ),
        Region(
            "US915",
            {**_rates(10, 9, 8, 7), 4: DataRate(8, 500_000), **_WIDE_DOWN},
            _us_like(902_300_000, 903_000_000, 3, 4),
            923_300_000,
            8,
            {0: 11, 1: 53, 2: 125, 3: 242, 4: 242, **_WIDE_PAYLOADS},
            Rx1Rule.US915,
            max_eirp_dbm=30,
            max_power_index=14,
            max_offset=3,
            fixed_channels=True,
        ),
        Region(
            "AU915",
            {**_SIX, 6: DataRate(8, 500_000), **_WIDE_DOWN},
            _us_like(915_200_000, 915_900_000, 5, 6),
            923_300_000,
            8,
            {**{dr: size for dr, size in _LONG.items() if dr < 7}, **_WIDE_PAYLOADS},
            Rx1Rule.AU915,
            max_eirp_dbm=30,
            max_power_index=14,
            tx_param_setup=True,
            fixed_channels=True,
        ),
        _as923("AS923-1", 0),
        _as923("AS923-2", -1_800_000),
        _as923("AS923-3", -6_600_000),
        _as923("AS923-4", -5_900_000),
        Region(
            "IN865",
            {**_SIX, 7: DataRate(None)},
            _plan(865_062_500, 865_402_500, 865_985_000),
            866_550_000,
            2,
            _LONG,
            Rx1Rule.SIGNED,
            max_eirp_dbm=30,
            max_power_index=10,
            max_offset=7,
        ),
        Region(
            "KR920",
            _SIX,
            _plan(922_100_000, 922_300_000, 922_500_000),
            921_900_000,
            0,
            _LONG,
            max_eirp_dbm=14,
        ),
        Region(
            "CN470",
            _SIX,
            tuple(
                Channel(470_300_000 + 200_000 * i, 0, 5, 500_300_000 + 200_000 * (i % 48))
                for i in range(96)
            ),
            505_300_000,
            0,
            _LONG,
            max_eirp_dbm=19,
            fixed_channels=True,
        ),
        Region("RU864", _EIGHT, _plan(868_900_000, 869_100_000), 869_100_000, 0, _LONG),
        Region(
            "EU433",
            _EIGHT,
            _plan(433_175_000, 433_375_000, 433_575_000),
            434_665_000,
            0,
            _LONG,
            max_eirp_dbm=12,
            max_power_index=5,
        ),
    )
}


# The CFList of a join-accept: 16 bytes, the last is its type.

CFLIST_FREQS, CFLIST_MASKS = 0, 1


def cf_list_freqs(cf_list: bytes) -> list[int] | None:
    """Frequencies of channels 3 to 7 in hertz, 0 for none; None if it is no list of that type."""
    if len(cf_list) != 16 or cf_list[15] != CFLIST_FREQS:
        return None
    return [int.from_bytes(cf_list[at : at + 3], "little") * 100 for at in range(0, 15, 3)]


def cf_list_masks(cf_list: bytes) -> list[int] | None:
    """Channel masks of 16 channels each, channel 0 first; None if it is no list of that type."""
    if len(cf_list) != 16 or cf_list[15] != CFLIST_MASKS:
        return None
    return [int.from_bytes(cf_list[at : at + 2], "little") for at in range(0, 12, 2)]


def make_cf_list_freqs(freqs_hz: list[int]) -> bytes:
    """Up to five frequencies, multiples of 100 Hz."""
    if len(freqs_hz) > 5:
        raise ValueError(f"a CFList holds 5 frequencies, not {len(freqs_hz)}")
    body = b"".join((freq // 100).to_bytes(3, "little") for freq in freqs_hz)
    return body.ljust(15, b"\0") + bytes([CFLIST_FREQS])


def make_cf_list_masks(masks: list[int]) -> bytes:
    """Masks of 16 channels each."""
    body = b"".join(mask.to_bytes(2, "little") for mask in masks)
    return body.ljust(15, b"\0") + bytes([CFLIST_MASKS])


def net_id_of(dev_addr: int) -> tuple[int, int]:
    """NetID type and NwkID that a DevAddr's prefix names (Backend Interfaces, "DevAddr")."""
    nwk_bits = (6, 6, 9, 11, 12, 13, 15, 17)
    kind = 0
    while kind < 7 and dev_addr >> (31 - kind) & 1:
        kind += 1
    # Type t has t ones and a zero in front; type 7's prefix is seven ones and a zero.
    shift = 32 - (kind + 1) - nwk_bits[kind]
    return kind, dev_addr >> shift & ((1 << nwk_bits[kind]) - 1)


def net_id_text(dev_addr: int) -> str:
    """The NetID for a person, as six hexadecimal digits (its class-local bits only)."""
    kind, nwk_id = net_id_of(dev_addr)
    return f"{kind << 21 | nwk_id:06x}"
