"""Settings of the demodulators: 16 multi-SF, the LoRa service modem, FSK. Pure.

Source: sx1302_hal: sx1302_lora_modem_configure, sx1302_lora_service_correlator_configure,
sx1302_lora_service_modem_configure, sx1302_fsk_configure, sx1302_lora_syncword,
sx1302_modem_enable, timestamp_counter_mode.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..config import ConcentratorConfig, FineTimestamp, FskChannel, LoraStdChannel
from ..modulation import LoRa
from .chip import Setting
from .registers import ArbMcu, Common, Fsk, LoraService, Otp, RxTop

BW_CODE = {125_000: 4, 250_000: 5, 500_000: 6}
PUBLIC_PEAKS = (6, 8)  # sync word 0x34
PRIVATE_PEAKS = (2, 4)  # sync word 0x12
PPM_OFFSET_SF11_SF12 = 0x0050
AUTO_FOR_ALL = 0xFFFF  # frequency tracking, two bits a spreading factor
OFF_FOR_ALL = 0x0000
MAX_TS_METRICS = 32


def freq_to_time_drift(freq_hz: int, bw_hz: int) -> tuple[int, int]:
    """Mantissa and exponent of bandwidth over frequency, which turns an offset into a drift.

    The mantissa is floor(bandwidth * 2^20 / frequency), doubled until it has twelve bits.
    """
    mantissa, exponent = bw_hz * 2**20 // freq_hz, 0
    while mantissa < 2048:
        mantissa, exponent = mantissa << 1, exponent + 1
    return mantissa, exponent


def timestamps(mode: FineTimestamp) -> Iterator[Setting]:
    """Where the counter is latched: at the end of the packet, or of the header with metrics."""
    if mode is FineTimestamp.OFF:
        yield RxTop.RX_BUFFER_LEGACY_TIMESTAMP, 1
        return
    yield RxTop.RX_BUFFER_LEGACY_TIMESTAMP, 0
    yield RxTop.MAX_TS_METRICS, MAX_TS_METRICS
    yield RxTop.TIMESTAMP_ENABLE, 1
    yield RxTop.TIMESTAMP_NB_SYMB, 0


def multi_sf(radio_a_freq_hz: int) -> Iterator[Setting]:
    """The eight full and eight limited modems.

    The drift is worked out from radio A's frequency for all channels, as Semtech does.
    """
    yield RxTop.DC_NOTCH_CFG1_ENABLE, 0
    yield RxTop.FORCE_DEFAULT_FIR, 1
    yield RxTop.DAGC_GAIN_DROP_COMP, 1
    yield RxTop.DAGC_TARGET_LVL, 1
    yield Otp.MODEM_EN_0, 0xFF
    yield Otp.MODEM_EN_1, 0xFF
    yield RxTop.MODEM_SYNC_DELTA, 126
    yield from _channel_offsets()
    yield RxTop.MODEM_PPM_OFFSET, PPM_OFFSET_SF11_SF12
    yield RxTop.FINE_TIMING_A_GAIN_P_AUTO, 3  # helps SF5 and SF6
    yield RxTop.FINE_TIMING_A_GAIN_P_PAYLOAD, 3
    yield RxTop.FINE_TIMING_A_GAIN_I_EN_SF11, 1
    yield RxTop.FINE_TIMING_A_GAIN_I_EN_SF12, 1
    yield RxTop.FREQ_SYNCH_THR, 15
    yield RxTop.FREQ_TRACK_A, AUTO_FOR_ALL  # A demodulates, B times
    yield from _timing_demodulators()
    yield RxTop.PREAMBLE_SYMB_NB, 10
    mantissa, exponent = freq_to_time_drift(radio_a_freq_hz, 125_000)
    yield RxTop.FREQ_TO_TIME_DRIFT_MANT, mantissa
    yield RxTop.FREQ_TO_TIME_DRIFT_EXP, exponent
    yield RxTop.FREQ_TO_TIME_INVERT_TIME_SYMB, 1
    yield RxTop.DFT_PEAK_EN, 3


def _channel_offsets() -> Iterator[Setting]:
    yield ArbMcu.CHANNEL_0_OFFSET, 1
    yield ArbMcu.CHANNEL_1_OFFSET, 5
    yield ArbMcu.CHANNEL_2_OFFSET, 9
    yield ArbMcu.CHANNEL_3_OFFSET, 13
    yield ArbMcu.CHANNEL_4_OFFSET, 1
    yield ArbMcu.CHANNEL_5_OFFSET, 5
    yield ArbMcu.CHANNEL_6_OFFSET, 9
    yield ArbMcu.CHANNEL_7_OFFSET, 13


def _timing_demodulators() -> Iterator[Setting]:
    yield RxTop.FREQ_TRACK_B, OFF_FOR_ALL
    yield RxTop.FINE_TIMING_B_GAIN_I_EN_SF11, 0
    yield RxTop.FINE_TIMING_B_GAIN_I_EN_SF12, 0
    yield RxTop.FINE_TIMING_B_ROUNDING, 1
    yield RxTop.FINE_TIMING_B_MODE, 2  # linear
    yield RxTop.FINE_TIMING_B_GAIN_P_AUTO, 0
    yield RxTop.FINE_TIMING_B_GAIN_P_PREAMB, 6
    yield RxTop.FINE_TIMING_B_GAIN_P_PAYLOAD, 2
    yield RxTop.FINE_TIMING_B_GAIN_I_AUTO, 0
    yield RxTop.FINE_TIMING_B_GAIN_I_PREAMB, 1
    yield RxTop.FINE_TIMING_B_GAIN_I_PAYLOAD, 0


def service(channel: LoraStdChannel, radio_a_freq_hz: int) -> Iterator[Setting]:
    """The modem of one spreading factor at 125, 250 or 500 kHz. Needs an enabled channel."""
    sf, short = channel.sf, channel.sf <= 6
    yield LoraService.MSP_PEAK_NB, 7
    yield LoraService.MSP2_PEAK_NB, 5
    yield LoraService.USE_GAIN_SYMB, 1
    yield LoraService.ACC_PNR, 52
    yield LoraService.FINE_SYNCH_EN, int(short)
    yield LoraService.DC_NOTCH_CFG1_ENABLE, 0
    yield LoraService.FORCE_DEFAULT_FIR, 1
    yield LoraService.DAGC_GAIN_DROP_COMP, 1
    yield LoraService.DAGC_TARGET_LVL, 1
    yield LoraService.FINE_TIMING_GAIN_P_AUTO, 3
    yield LoraService.FINE_TIMING_GAIN_P_PREAMB, 4 if short else 6 if sf <= 10 else 7
    yield LoraService.FINE_TIMING_GAIN_I_PAYLOAD, 3
    yield LoraService.FINE_TIMING_GAIN_I_EN, BW_CODE[channel.bw_hz] - 3 if sf >= 11 else 0
    yield LoraService.IMPLICIT_HEADER, int(channel.implicit_header)
    yield LoraService.CRC_EN, int(channel.implicit_crc)
    yield LoraService.CODING_RATE, channel.implicit_coding_rate if channel.implicit_header else 0
    yield LoraService.PAYLOAD_LENGTH, channel.implicit_length
    yield LoraService.MODEM_SF, sf
    yield LoraService.MODEM_BW, BW_CODE[channel.bw_hz]
    yield LoraService.PPM_OFFSET, int(LoRa(sf, channel.bw_hz).low_data_rate)
    yield LoraService.PREAMBLE_SYMB_NB, 12 if short else 8
    mantissa, exponent = freq_to_time_drift(radio_a_freq_hz, channel.bw_hz)
    yield LoraService.FREQ_TO_TIME_DRIFT_MANT, mantissa
    yield LoraService.FREQ_TO_TIME_DRIFT_EXP, exponent
    yield LoraService.FREQ_TO_TIME_INVERT_TIME_SYMB, 1
    yield LoraService.DAGC_IN_COMP, 1
    yield LoraService.MODEM_EN, 1
    yield LoraService.CADRXTX, 1
    yield LoraService.DFT_PEAK_EN, 3
    yield LoraService.MODEM_START, 1


def fsk(channel: FskChannel) -> Iterator[Setting]:
    """The FSK modem: variable length, whitening, CCITT CRC. Needs an enabled channel."""
    size = channel.sync_word_size
    yield Fsk.PSIZE, size - 1
    yield Fsk.REF_PATTERN, channel.sync_word << 8 * (8 - size)
    yield Fsk.BIT_RATE, 32_000_000 // channel.bitrate_bps
    yield Fsk.CH_BW_EXPO, 3  # 125 kHz, whatever the configuration says
    yield Fsk.RX_INVERT, 0
    yield Fsk.MODEM_INVERT_IQ, 0
    yield Fsk.RSSI_LENGTH, 4
    yield Fsk.PKT_MODE, 1
    yield Fsk.CRC_EN, 1
    yield Fsk.DCFREE_ENC, 2
    yield Fsk.CRC_IBM, 0
    yield Fsk.ERROR_OSR_TOL, 10
    yield Fsk.PKT_LENGTH, 255
    yield Fsk.NODE_ADRS, 0
    yield Fsk.BROADCAST, 0
    yield Fsk.AUTO_AFC, 1
    yield Fsk.TIMEOUT, 128


def sync_words(config: ConcentratorConfig) -> Iterator[Setting]:
    """Where the two symbols of the sync word stand; SF5 and SF6 know only the private one."""
    yield RxTop.PEAK1_POS_SF5, PRIVATE_PEAKS[0]
    yield RxTop.PEAK2_POS_SF5, PRIVATE_PEAKS[1]
    yield RxTop.PEAK1_POS_SF6, PRIVATE_PEAKS[0]
    yield RxTop.PEAK2_POS_SF6, PRIVATE_PEAKS[1]
    first, second = PUBLIC_PEAKS if config.public else PRIVATE_PEAKS
    yield RxTop.PEAK1_POS_SF7TO12, first
    yield RxTop.PEAK2_POS_SF7TO12, second
    std = config.lora_std
    if std.enable and std.sf <= 6:
        first, second = PRIVATE_PEAKS
    yield LoraService.PEAK1_POS, first
    yield LoraService.PEAK2_POS, second


def enables() -> Iterator[Setting]:
    """All demodulators, even those without a channel; before the MCUs start."""
    yield Common.CONCENTRATOR_MODEM_ENABLE, 1
    yield Common.MBWSSF_MODEM_ENABLE, 1
    yield Common.FSK_MODEM_ENABLE, 1
    yield Common.GLOBAL_EN, 1
