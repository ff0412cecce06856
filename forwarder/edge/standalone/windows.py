"""Receive windows of a class A device, and the plan of channels it was given. Pure.

Ref: TS001-1.0.4 sections 3.3 and 6.2.6; regional parameters are lorawan/region.py's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hal.modulation import Fsk, LoRa, Modulation

from ...lorawan.region import (
    FSK_BITRATE_BPS,
    Channel,
    DataRate,
    Region,
    cf_list_freqs,
    cf_list_masks,
)
from ..values import RadioFacts

JOIN_DELAY_S = 5
NEAR_HZ = 10_000  # a frame is heard a little beside its channel
FSK_DEVIATION_HZ = 25_000
NO_FSK_SNR_DB = 20.0
SNR_NEEDED_DB = {5: -2.5, 6: -5.0, 7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}
_LORA = re.compile(r"SF(\d+)BW(\d+)")


@dataclass(frozen=True, slots=True)
class Window:
    number: int
    delay_us: int
    freq_hz: int
    dr: int


def heard_rate(radio: RadioFacts) -> DataRate | None:
    """The data rate of a frame; None for FSK of another speed than LoRaWAN's."""
    found = _LORA.fullmatch(radio.datarate)
    if found is not None:
        return DataRate(int(found[1]), int(found[2]) * 1000)
    return DataRate(None) if radio.datarate == str(FSK_BITRATE_BPS) else None


def uplink_dr(region: Region, radio: RadioFacts) -> int | None:
    rate = heard_rate(radio)
    return None if rate is None else region.dr_of(rate.sf, rate.bw_hz)


def modulation(rate: DataRate) -> Modulation:
    return LoRa(rate.sf, rate.bw_hz) if rate.sf else Fsk(FSK_BITRATE_BPS, FSK_DEVIATION_HZ)


def margin_db(radio: RadioFacts) -> float:
    """How much stronger than necessary a frame came."""
    rate = heard_rate(radio)
    if radio.snr_db is None or rate is None or rate.sf is None:
        return NO_FSK_SNR_DB
    return radio.snr_db - SNR_NEEDED_DB.get(rate.sf, 0.0)


def windows(
    region: Region,
    radio: RadioFacts,
    *,
    delay_s: int,
    offset: int = 0,
    rx2_dr: int | None = None,
) -> list[Window]:
    """RX1, where the uplink's data rate has one, and RX2 a second later."""
    rx2_rate = region.rx2_dr if rx2_dr is None else rx2_dr
    rx2 = Window(2, (delay_s + 1) * 1_000_000, region.rx2_freq_hz, rx2_rate)
    up_dr = uplink_dr(region, radio)
    if up_dr is None:
        return [rx2]
    freq_hz = _rx1_freq_hz(region, radio)
    return [Window(1, delay_s * 1_000_000, freq_hz, region.rx1_dr(up_dr, offset)), rx2]


def _rx1_freq_hz(region: Region, radio: RadioFacts) -> int:
    for channel in region.channels:
        if abs(channel.freq_hz - radio.freq_hz) < NEAR_HZ:
            return channel.downlink_freq_hz
    return radio.freq_hz


def channels(region: Region, cf_list: bytes) -> dict[int, Channel]:
    """What a device may use after its join, by index."""
    plan = dict(enumerate(region.channels))
    freqs, masks = cf_list_freqs(cf_list), cf_list_masks(cf_list)
    if masks is not None and region.fixed_channels:
        return {i: one for i, one in plan.items() if i // 16 < 6 and masks[i // 16] >> i % 16 & 1}
    if freqs is not None and not region.fixed_channels:
        first = len(plan)
        plan |= {first + i: Channel(freq, 0, 5) for i, freq in enumerate(freqs) if freq}
    return plan


def channel_index(plan: dict[int, Channel], freq_hz: int) -> int | None:
    """Which channel of the device this was: 1.1's MIC has it in."""
    for index, channel in plan.items():
        if abs(channel.freq_hz - freq_hz) < NEAR_HZ:
            return index
    return None
