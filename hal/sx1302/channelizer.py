"""Which radio and which intermediate frequency each of the ten IF chains listens to. Pure.

Everything here gives settings; `chip.settings_ops` makes them one transfer. Source: sx1302_hal:
sx1302_channelizer_configure, sx1302_lora_correlator_configure, sx1302_radio_fe_configure.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..config import ConcentratorConfig
from .chip import Setting
from .registers import CORRELATORS, IF_FREQ, RADIO_FE, AgcMcu, Fsk, LoraService, RxTop


def if_word(if_hz: int) -> int:
    """Units of 15625/32 Hz, truncated towards zero as Semtech's integer division does."""
    word = abs(if_hz) * 32 // 15_625
    return word if if_hz >= 0 else -word


def pa_lna_lut(config: ConcentratorConfig) -> Iterator[Setting]:
    """When the board's amplifiers are on: PA with PA_EN; LNA with LNA_EN and not PA_EN.

    A full duplex board keeps radio A's LNA on while it sends.
    """
    yield AgcMcu.PA_LUT_A, 0x0C if config.full_duplex else 0x04
    yield AgcMcu.LNA_LUT_A, 0x0F if config.full_duplex else 0x02
    yield AgcMcu.PA_LUT_B, 0x04
    yield AgcMcu.LNA_LUT_B, 0x02


def front_end() -> Iterator[Setting]:
    """RSSI filters and their start values, DC notch, filter gain; both radios alike."""
    for fe in RADIO_FE:
        yield fe.RSSI_BB_FILTER_ALPHA, 3
        yield fe.RSSI_DEC_FILTER_ALPHA, 7
        yield fe.RSSI_DB_DEFAULT_VALUE, 23
        yield fe.RSSI_DEC_DEFAULT_VALUE, 66
        yield fe.DC_NOTCH_EN, 1
        yield fe.HOST_FILTER_GAIN, 0x0B


def channelizer(config: ConcentratorConfig) -> Iterator[Setting]:
    """Radio and IF of every chain; a disabled one is parked at IF 0 of radio A."""
    on_b = [channel.enable and channel.radio == 1 for channel in config.multi_sf]
    std, fsk = config.lora_std, config.fsk
    yield RxTop.RADIO_SELECT, sum(1 << i for i, b in enumerate(on_b) if b)
    yield LoraService.RADIO_SELECT, std.radio if std.enable else 0
    yield Fsk.RADIO_SELECT, fsk.radio if fsk.enable else 0
    for field, channel in zip(IF_FREQ, config.multi_sf, strict=True):
        yield field, if_word(channel.if_hz) if channel.enable else 0
    yield LoraService.IF_FREQ, if_word(std.if_hz) if std.enable else 0
    yield Fsk.IF_FREQ, if_word(fsk.if_hz) if fsk.enable else 0


def channel_gain() -> Iterator[Setting]:
    """Channel RSSI filter and start value; gain of the channels under AGC control."""
    yield RxTop.RSSI_FILTER_ALPHA, 5
    yield RxTop.CHAN_RSSI_DEF_VALUE, 85
    yield RxTop.CHAN_DAGC_MODE, 1
    yield RxTop.CHAN_DAGC_THRESHOLD_HIGH, 255
    yield RxTop.CHAN_DAGC_THRESHOLD_LOW, 0
    yield RxTop.CHAN_DAGC_MAX_ATTEN, 15
    yield RxTop.CHAN_DAGC_MIN_ATTEN, 0


def correlators(config: ConcentratorConfig) -> Iterator[Setting]:
    """Detection thresholds; which spreading factors and which channels are searched."""
    for correlator in CORRELATORS:
        yield correlator.ACC_PNR, 52
        yield correlator.MSP_PNR, 24
        yield correlator.MSP_PEAK_NB, 7
        yield correlator.MSP2_PEAK_NB, 5
    channels = sum(1 << i for i, channel in enumerate(config.multi_sf) if channel.enable)
    yield RxTop.ENABLE_ONLY_FIRST_DET_EDGE, 0xFF
    yield RxTop.ENABLE_CORR_ACC_CLEAR, 0xFF
    yield RxTop.CORR_SF_EN, sum(1 << (sf - 5) for sf in config.multi_sf_sfs)
    yield RxTop.CORR_CLK_EN, channels
    yield RxTop.CORR_EN, channels
