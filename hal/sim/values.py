"""What goes between a simulated board and the air above it. Values; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class ChainKind(Enum):
    MULTI = "multi"
    LORA_STD = "lora_std"
    FSK = "fsk"


@dataclass(frozen=True, slots=True)
class IfChain:
    """One of the ten receive channels, as the chip's registers describe it right now.

    `sfs` are the spreading factors it listens for (one for LORA_STD, none for FSK). `freq_hz` is
    exact (radio word plus IF word), so rarely a whole number.
    """

    chan: int
    kind: ChainKind
    enabled: bool
    radio: int
    freq_hz: float
    bw_hz: int
    sfs: tuple[int, ...] = ()
    public: bool = True
    bitrate_bps: int | None = None
    sync_word: bytes = b""


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """A frame that a demodulator finished: what the chip is to write into its FIFO.

    `end_ns` is the end of the frame on the air on the board's clock; the chip adds its own decode
    delay to the timestamp. `rssi_*_dbm` are true powers at the connector; the chip turns them into
    raw bytes with a temperature-dependent error as the real one has. `coding_rate` 0 is a header
    that made no sense (noise); `crc_present` and `crc_ok` describe the payload CRC.
    """

    payload: bytes
    end_ns: int
    chan: int
    modem: int
    sf: int | None
    bw_hz: int
    coding_rate: int
    crc_present: bool
    crc_ok: bool
    rssi_channel_dbm: float
    rssi_signal_dbm: float
    snr_db: float
    freq_offset_hz: float
    bitrate_bps: int | None = None
    header_error: bool = False
    timing_set: bool = False
    ts_metrics: bytes = b""


@dataclass(frozen=True, slots=True)
class Emission:
    """A frame that the board put, or will put, on the air; known when its trigger is written.

    `start_ns` and `end_ns` are on the board's clock. `power_dbm` is what the pwr_idx and pa bits
    give on a CoreCell board. `crc_ok` belongs to receivers; an emission is always whole.
    """

    payload: bytes
    start_ns: int
    end_ns: int
    rf_chain: int
    freq_hz: float
    sf: int | None
    bw_hz: int
    coding_rate: int
    preamble: int
    crc: bool
    implicit: bool
    invert: bool
    public: bool
    power_dbm: float
    bitrate_bps: int | None = None
    detail: dict[str, object] = field(default_factory=dict)
