"""What a concentrator is told before it starts: radios, channels, gains. Values; pure.

`validate` holds the checks that the chip needs; regions and politeness belong to the forwarder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .modulation import BANDWIDTHS_HZ, SPREADING_FACTORS

RADIO_HALF_SPAN_HZ = 800_000  # limit of |IF| + bandwidth/2 (sx1302_hal: LGW_RF_RX_BANDWIDTH)
MULTI_SF_CHANNELS = 8
MAX_GAINS = 16  # entries of a TX gain table (sx1302_hal: TX_GAIN_LUT_SIZE_MAX)
MAX_LBT_CHANNELS = 16


class RadioKind(Enum):
    SX1250 = "SX1250"
    SX1255 = "SX1255"
    SX1257 = "SX1257"


class FineTimestamp(Enum):
    """Precision timestamps (SX1303 with PPS): off, SF5 to SF10 only, or all spreading factors."""

    OFF = "off"
    HIGH_CAPACITY = "high_capacity"
    ALL_SF = "all_sf"


@dataclass(frozen=True, slots=True, order=True)
class TxGain:
    """One line of the gain table: asked conducted power, and the chip settings that give it.

    SX1250 boards use `pa_gain` (0 or 1) and `pwr_idx` (0 to 22); SX125x boards `pa_gain` (0 to 3),
    `dac_gain`, `mix_gain` (5 to 15), and `dig_gain` (0 to 3). The offsets cancel the carrier; a
    calibration at the start finds them.
    """

    rf_power_dbm: int
    pa_gain: int = 0
    pwr_idx: int = 0
    dig_gain: int = 0
    dac_gain: int = 3
    mix_gain: int = 0
    offset_i: int = 0
    offset_q: int = 0


@dataclass(frozen=True, slots=True)
class RadioConfig:
    """One RF chain. `rssi_tcomp` are the polynomial's coefficients a to e, highest power first."""

    enable: bool = False
    kind: RadioKind = RadioKind.SX1250
    freq_hz: int = 0
    rssi_offset_db: float = -215.4
    rssi_tcomp: tuple[float, float, float, float, float] = (0.0, 0.0, 20.41, 2162.56, 0.0)
    single_input: bool = False
    tx_enable: bool = False
    tx_freq_min_hz: int = 0
    tx_freq_max_hz: int = 0
    tx_gains: tuple[TxGain, ...] = ()


@dataclass(frozen=True, slots=True)
class MultiSfChannel:
    """A 125 kHz LoRa channel that hears every enabled spreading factor; IF chains 0 to 7."""

    enable: bool = False
    radio: int = 0
    if_hz: int = 0


@dataclass(frozen=True, slots=True)
class LoraStdChannel:
    """The LoRa service channel, one spreading factor; IF chain 8."""

    enable: bool = False
    radio: int = 0
    if_hz: int = 0
    bw_hz: int = 250_000
    sf: int = 7
    implicit_header: bool = False
    implicit_length: int = 0
    implicit_crc: bool = False
    implicit_coding_rate: int = 1


@dataclass(frozen=True, slots=True)
class FskChannel:
    """The FSK channel; IF chain 9. The sync word is sent most significant byte first."""

    enable: bool = False
    radio: int = 0
    if_hz: int = 0
    bw_hz: int = 125_000
    bitrate_bps: int = 50_000
    sync_word: int = 0xC194C1
    sync_word_size: int = 3


@dataclass(frozen=True, slots=True)
class LbtChannel:
    freq_hz: int
    bw_hz: int
    scan_time_us: int
    transmit_time_ms: int


@dataclass(frozen=True, slots=True)
class ScanConfig:
    """Background spectral scan: `channels` from `freq_start_hz` on, 200 kHz apart.

    One channel every `pace_s` seconds, with so many RSSI readings of 8.2 us.
    """

    freq_start_hz: int
    channels: int
    readings: int = 2000
    pace_s: int = 10


@dataclass(frozen=True, slots=True)
class Sx1261Config:
    """The listening radio for LBT and spectral scan. `spi_path` is None on USB boards.

    `lbt_needed` says what follows when it does not work: True, nothing is sent; False, frames are
    sent without listening.
    """

    spi_path: str | None = None
    rssi_offset_db: int = 0
    lbt_enable: bool = False
    lbt_rssi_target_dbm: int = -80
    lbt_channels: tuple[LbtChannel, ...] = ()
    lbt_needed: bool = True
    scan: ScanConfig | None = None


@dataclass(frozen=True, slots=True)
class ConcentratorConfig:
    """All that `Concentrator` needs to know. `radios` has two entries, `multi_sf` eight."""

    radios: tuple[RadioConfig, RadioConfig]
    multi_sf: tuple[MultiSfChannel, ...] = (MultiSfChannel(),) * MULTI_SF_CHANNELS
    multi_sf_sfs: frozenset[int] = frozenset(SPREADING_FACTORS)
    lora_std: LoraStdChannel = field(default_factory=LoraStdChannel)
    fsk: FskChannel = field(default_factory=FskChannel)
    public: bool = True
    clock_source: int = 0
    full_duplex: bool = False
    fine_timestamp: FineTimestamp = FineTimestamp.OFF
    sx1261: Sx1261Config | None = None
    allow_lowest_gain: bool = False  # send at the table's lowest entry when less was asked

    @property
    def sx1250(self) -> bool:
        """Whether the radio that clocks the chip is an SX1250: the others then are too."""
        return self.radios[self.clock_source].kind is RadioKind.SX1250

    def validate(self) -> list[str]:
        """Every reason why no concentrator can run this; empty if it can."""
        return [*_radio_faults(self), *_channel_faults(self)]


def _radio_faults(config: ConcentratorConfig) -> list[str]:
    faults = []
    if not any(radio.enable for radio in config.radios):
        faults.append("no radio is enabled: enable radio_0, radio_1 or both")
    if config.clock_source not in (0, 1) or not config.radios[config.clock_source].enable:
        faults.append(f"clksrc {config.clock_source} is not an enabled radio: it clocks the chip")
    kinds = {radio.kind is RadioKind.SX1250 for radio in config.radios if radio.enable}
    if len(kinds) > 1:
        names = " and ".join(radio.kind.value for radio in config.radios)
        faults.append(f"radio_1.type: the radios are {names}; SX1250 go with SX1250 only")
    for index, radio in enumerate(config.radios):
        if not radio.enable:
            continue
        if not 100_000_000 <= radio.freq_hz <= 1_000_000_000:
            faults.append(f"radio_{index}.freq is {radio.freq_hz} Hz; 100 MHz to 1 GHz expected")
        if radio.tx_enable and not 1 <= len(radio.tx_gains) <= MAX_GAINS:
            count = len(radio.tx_gains)
            faults.append(
                f"radio_{index}.tx_gain_lut has {count} entries; 1 to {MAX_GAINS} expected"
            )
        faults += [fault for gain in radio.tx_gains for fault in _gain_faults(index, radio, gain)]
    return faults


def _gain_faults(index: int, radio: RadioConfig, gain: TxGain) -> list[str]:
    sx1250 = radio.kind is RadioKind.SX1250
    limits = {
        "pa_gain": (gain.pa_gain, 0, 1 if sx1250 else 3),
        "dig_gain": (gain.dig_gain, 0, 3),
        "pwr_idx": (gain.pwr_idx, 0, 22),
    }
    if not sx1250:
        limits |= {"dac_gain": (gain.dac_gain, 0, 3), "mix_gain": (gain.mix_gain, 5, 15)}
    return [
        f"radio_{index}.tx_gain_lut, {gain.rf_power_dbm} dBm: {name} is {value}; "
        f"{low} to {high} expected"
        for name, (value, low, high) in limits.items()
        if not low <= value <= high
    ]


def _channel_faults(config: ConcentratorConfig) -> list[str]:
    faults = []
    if len(config.multi_sf) != MULTI_SF_CHANNELS:
        faults.append(
            f"multi_sf has {len(config.multi_sf)} entries; {MULTI_SF_CHANNELS} expected: "
            "MultiSfChannel() for those that are not used"
        )
    if not config.multi_sf_sfs <= set(SPREADING_FACTORS):
        faults.append("chan_multiSF_All: spreading factors 5 to 12 expected")
    spans = [
        (f"chan_multiSF_{i}", ch.enable, ch.radio, ch.if_hz, 125_000)
        for i, ch in enumerate(config.multi_sf)
    ]
    std, fsk = config.lora_std, config.fsk
    spans.append(("chan_Lora_std", std.enable, std.radio, std.if_hz, std.bw_hz))
    spans.append(("chan_FSK", fsk.enable, fsk.radio, fsk.if_hz, fsk.bw_hz))
    for name, enable, radio, if_hz, bw_hz in spans:
        if not enable:
            continue
        if radio not in (0, 1) or not config.radios[radio].enable:
            faults.append(f"{name}.radio is {radio}, which is not an enabled radio")
        if abs(if_hz) + bw_hz // 2 > RADIO_HALF_SPAN_HZ:
            most = RADIO_HALF_SPAN_HZ - bw_hz // 2
            faults.append(f"{name}.if is {if_hz} Hz; -{most} to {most} fits in the radio's span")
    if std.enable and (std.bw_hz not in BANDWIDTHS_HZ or std.sf not in SPREADING_FACTORS):
        faults.append(
            f"chan_Lora_std: SF{std.sf} at {std.bw_hz} Hz; SF5-12 at 125/250/500 kHz expected"
        )
    if fsk.enable and not 500 <= fsk.bitrate_bps <= 250_000:
        faults.append(f"chan_FSK.datarate is {fsk.bitrate_bps}; 500 to 250000 bit/s expected")
    return [*faults, *_register_faults(std, fsk)]


def _register_faults(std: LoraStdChannel, fsk: FskChannel) -> list[str]:
    """What has no room in the modems' registers."""
    faults = []
    if std.enable and not 0 <= std.implicit_coding_rate <= 7:
        rate = std.implicit_coding_rate
        faults.append(f"chan_Lora_std.implicit_coderate is {rate}; 1 to 4 expected")
    if std.enable and not 0 <= std.implicit_length <= 255:
        length = std.implicit_length
        faults.append(f"chan_Lora_std.implicit_payload_length is {length}; 0 to 255 expected")
    size = fsk.sync_word_size
    # Transmissions use it too, so it must be right even where nothing is received.
    if not (1 <= size <= 8 and 0 <= fsk.sync_word < 1 << 8 * size):
        faults.append(f"FSK sync word {fsk.sync_word:#x} of {size} bytes; 1 to 8 bytes expected")
    return faults
