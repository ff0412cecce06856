"""The boards behind the golden recordings: Semtech's reference USB configurations, as values.

Frequencies, IFs and gain tables from sx1302_hal 2.1.0, packet_forwarder/global_conf.json.sx1250.*.
"""

from __future__ import annotations

from dataclasses import replace

from hal.config import (
    ConcentratorConfig,
    FineTimestamp,
    FskChannel,
    LoraStdChannel,
    MultiSfChannel,
    RadioConfig,
    RadioKind,
    TxGain,
)

# (asked power, pa_gain, pwr_idx) of a CoreCell at 868 and 915 MHz.
CORECELL = tuple(
    TxGain(power, pa_gain=pa, pwr_idx=index)
    for power, pa, index in [
        *((12, 0, 15), (13, 0, 16), (14, 0, 17), (15, 0, 19), (16, 0, 20), (17, 0, 22)),
        *((18, 1, 1), (19, 1, 2), (20, 1, 3), (21, 1, 4), (22, 1, 5), (23, 1, 6), (24, 1, 7)),
        *((25, 1, 9), (26, 1, 11), (27, 1, 14)),
    ]
)
CORECELL_490 = tuple(
    TxGain(power, pa_gain=int(power > 5), pwr_idx=power + 4) for power in range(3, 19)
)
CORECELL_923 = (TxGain(0), *CORECELL[:12], TxGain(24, pa_gain=1, pwr_idx=9))


def _multi_sf(*places: tuple[int, int]) -> tuple[MultiSfChannel, ...]:
    return tuple(MultiSfChannel(True, radio, if_hz) for radio, if_hz in places)


_TWO_TIMES_FOUR = _multi_sf(
    *((radio, if_hz) for radio in (0, 1) for if_hz in (-300_000, -100_000, 100_000, 300_000))
)

EU868 = ConcentratorConfig(
    radios=(
        RadioConfig(
            enable=True,
            freq_hz=867_500_000,
            tx_enable=True,
            tx_freq_min_hz=863_000_000,
            tx_freq_max_hz=870_000_000,
            tx_gains=CORECELL,
        ),
        RadioConfig(enable=True, freq_hz=868_500_000),
    ),
    multi_sf=_multi_sf(
        *((1, if_hz) for if_hz in (-400_000, -200_000, 0)),
        *((0, if_hz) for if_hz in (-400_000, -200_000, 0, 200_000, 400_000)),
    ),
    lora_std=LoraStdChannel(True, radio=1, if_hz=-200_000, bw_hz=250_000, sf=7),
    fsk=FskChannel(True, radio=1, if_hz=300_000, bitrate_bps=50_000),
)
EU868_FINE = replace(EU868, fine_timestamp=FineTimestamp.ALL_SF)

US915 = ConcentratorConfig(
    radios=(
        RadioConfig(
            enable=True,
            freq_hz=904_300_000,
            tx_enable=True,
            tx_freq_min_hz=923_000_000,
            tx_freq_max_hz=928_000_000,
            tx_gains=CORECELL,
        ),
        RadioConfig(enable=True, freq_hz=905_000_000),
    ),
    multi_sf=_multi_sf(
        *((0, if_hz) for if_hz in (-400_000, -200_000, 0, 200_000)),
        *((1, if_hz) for if_hz in (-300_000, -100_000, 100_000, 300_000)),
    ),
    lora_std=LoraStdChannel(True, radio=0, if_hz=300_000, bw_hz=500_000, sf=8),
)

CN490 = ConcentratorConfig(
    radios=(
        RadioConfig(
            enable=True,
            freq_hz=473_400_000,
            rssi_offset_db=-218.0,
            single_input=True,
            tx_enable=True,
            tx_freq_min_hz=500_000_000,
            tx_freq_max_hz=510_000_000,
            tx_gains=CORECELL_490,
        ),
        RadioConfig(enable=True, freq_hz=474_200_000, rssi_offset_db=-218.0, single_input=True),
    ),
    multi_sf=_TWO_TIMES_FOUR,
    lora_std=LoraStdChannel(True, radio=1, if_hz=-200_000, bw_hz=250_000, sf=7),
    fsk=FskChannel(True, radio=1, if_hz=300_000, bitrate_bps=50_000),
)

AS923 = ConcentratorConfig(
    radios=(
        RadioConfig(
            enable=True,
            freq_hz=922_300_000,
            tx_enable=True,
            tx_freq_min_hz=920_000_000,
            tx_freq_max_hz=924_000_000,
            tx_gains=CORECELL_923,
        ),
        RadioConfig(enable=True, freq_hz=923_100_000),
    ),
    multi_sf=_TWO_TIMES_FOUR,
    lora_std=LoraStdChannel(True, radio=0, if_hz=300_000, bw_hz=500_000, sf=8),
)

# (dBm, pa_gain, dac_gain, mix_gain, dig_gain) of boards with SX1257 and SX1255 radios.
SX1257_GAINS = tuple(
    TxGain(power, pa_gain=pa, dac_gain=3, mix_gain=mixer)
    for power, pa, mixer in [
        *((-6, 0, 8), (-3, 0, 10), (0, 0, 12), (3, 1, 8), (6, 1, 10), (10, 1, 12), (11, 1, 13)),
        *((12, 2, 9), (13, 1, 15), (14, 2, 10), (16, 2, 11), (20, 3, 9), (23, 3, 10)),
        *((25, 3, 11), (26, 3, 12), (27, 3, 14)),
    ]
)
SX1257_TCOMP = (-0.006, 0.789, -14.992, 1988.572, 105236.996)
SX1255_GAINS = tuple(
    TxGain(power, pa_gain=1, dac_gain=dac, mix_gain=mixer, dig_gain=digital)
    for power, dac, mixer, digital in [
        *((10, 1, 9, 0), (12, 3, 7, 0), (13, 1, 11, 1), (14, 0, 12, 0), (15, 0, 9, 0)),
        *((16, 1, 12, 2), (17, 1, 11, 0), (18, 1, 11, 1), (20, 2, 10, 0), (21, 0, 13, 0)),
    ]
)

# sx1302_hal 2.1.0, global_conf.json.sx1257.EU868 and global_conf.json.sx1255.CN490.full-duplex.
SX1257 = replace(
    EU868,
    radios=(
        replace(
            EU868.radios[0],
            kind=RadioKind.SX1257,
            rssi_offset_db=-196.0,
            rssi_tcomp=SX1257_TCOMP,
            tx_gains=SX1257_GAINS,
        ),
        replace(
            EU868.radios[1],
            kind=RadioKind.SX1257,
            rssi_offset_db=-196.0,
            rssi_tcomp=SX1257_TCOMP,
        ),
    ),
    lora_std=replace(EU868.lora_std, implicit_coding_rate=0),
)
SX1255 = replace(
    CN490,
    radios=(
        replace(
            CN490.radios[0],
            kind=RadioKind.SX1255,
            freq_hz=472_000_000,
            rssi_offset_db=-203.0,
            single_input=False,
            tx_gains=SX1255_GAINS,
        ),
        replace(
            CN490.radios[1],
            kind=RadioKind.SX1255,
            freq_hz=473_000_000,
            rssi_offset_db=-205.5,
            single_input=False,
        ),
    ),
    full_duplex=True,
)


def config_of(golden_name: str) -> ConcentratorConfig:
    """The configuration that a golden row was recorded with, by the row's name."""
    for prefix, config in (("us915", US915), ("cn490", CN490), ("as923", AS923)):
        if golden_name.startswith(prefix):
            return config
    return EU868
