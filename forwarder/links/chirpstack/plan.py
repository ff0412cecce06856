"""A channel plan that a server pushes: made ours, or told why it cannot be. Pure.

Source: mqtt-backends.md 1.3 and 5.5. More than one spreading factor is a channel of the eight that
hear all of them, exactly one is the LoRa modem of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hal.modulation import BANDWIDTHS_HZ, SPREADING_FACTORS

from ..mqtt.dialect import ChannelPlanPushed
from .fields import BIT_RATES_BPS

MOST_MULTI_SF = 8
MULTI_SF_BW_HZ = 125_000
INTERVALS_S = (5.0, 86_400.0)  # of reports; what lies outside is not taken over


@dataclass(frozen=True, slots=True)
class Channel:
    """One entry; `bit_rate_bps` is of FSK and `spreading_factors` of LoRa."""

    freq_hz: int
    bw_hz: int
    board: int
    spreading_factors: tuple[int, ...] = ()
    bit_rate_bps: int | None = None


def channel_plan(version: str, interval_s: float, channels: Sequence[Channel]) -> ChannelPlanPushed:
    """The plan; where it cannot be one, its `fault` says why and the channels are left out."""
    fsk = [one for one in channels if one.bit_rate_bps is not None]
    lora = [one for one in channels if one.bit_rate_bps is None]
    single = [one for one in lora if len(one.spreading_factors) == 1]
    multi = [one for one in lora if len(one.spreading_factors) != 1]
    least_s, most_s = INTERVALS_S
    stat_interval_s = interval_s if least_s <= interval_s <= most_s else None
    fault = _fault(channels) or _count_fault(len(multi), len(single), len(fsk))
    if fault:
        return ChannelPlanPushed(version, stat_interval_s, (), fault=fault)
    return ChannelPlanPushed(
        version,
        stat_interval_s,
        multi_sf_hz=tuple(one.freq_hz for one in multi),
        lora_std=next(((c.freq_hz, c.bw_hz, c.spreading_factors[0]) for c in single), None),
        fsk=next(((c.freq_hz, c.bw_hz, c.bit_rate_bps or 0) for c in fsk), None),
    )


def _count_fault(multi: int, single: int, fsk: int) -> str:
    if multi > MOST_MULTI_SF or single > 1 or fsk > 1:
        came = f"{multi}, {single} and {fsk} came"
        return f"at most 8 multi-SF, 1 LoRa and 1 FSK channel expected, {came}"
    return "" if multi + single + fsk else "no channel came"


def _fault(channels: Sequence[Channel]) -> str:
    for channel in channels:
        fault = _channel_fault(channel)
        if fault:
            return f"channel at {channel.freq_hz} Hz: {fault}"
    return ""


def _channel_fault(channel: Channel) -> str:
    factors = channel.spreading_factors
    if channel.board:
        return f"board 0 expected, {channel.board} came"
    if not channel.freq_hz:
        return "no frequency came"
    if channel.bit_rate_bps is not None:
        known = channel.bit_rate_bps in BIT_RATES_BPS
        return "" if known else f"500 to 250000 bit/s expected, {channel.bit_rate_bps} came"
    if channel.bw_hz not in BANDWIDTHS_HZ or (len(factors) > 1 and channel.bw_hz != MULTI_SF_BW_HZ):
        return f"125 kHz expected (250 or 500 too with one SF), {channel.bw_hz} Hz came"
    if not factors or not set(factors) <= set(SPREADING_FACTORS):
        return f"spreading factors of 5 to 12 expected, {list(factors[:16])} came"
    return ""
