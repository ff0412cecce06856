"""Where the parts of a frame begin and end on the air; pure.

Written from the formula of the SX1302 and SX126x data sheets (time on air), not from the driver's
`airtime.py`: the simulator and the driver must not be wrong together.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Protocol

LONG_SYMBOL_NS = 16_380_000  # from here on the modem spreads the bits thinner (low data rate)
HEADER_SYMBOLS = 8  # sent at SF-2 and CR 4/8; for SF5 and SF6 at full SF
FSK_SYNC_BYTES = 3
FSK_OVERHEAD_BYTES = 3  # length and CRC


class Timing(NamedTuple):
    """Offsets from the first symbol, ns: end of the preamble, of sync and header, of the frame."""

    symbol_ns: int
    preamble_ns: int
    header_ns: int
    end_ns: int


class _Frame(Protocol):
    @property
    def payload(self) -> bytes: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def sf(self) -> int | None: ...
    @property
    def bw_hz(self) -> int: ...
    @property
    def coding_rate(self) -> int: ...
    @property
    def preamble(self) -> int | None: ...
    @property
    def crc(self) -> bool: ...
    @property
    def implicit(self) -> bool: ...
    @property
    def bitrate_bps(self) -> int | None: ...


def timing_of(frame: _Frame) -> Timing:
    """The offsets of a frame's parts."""
    if frame.sf is None:
        return fsk_timing(len(frame.payload), frame.bitrate_bps or 50_000, frame.preamble or 5)
    return lora_timing(
        frame.sf,
        frame.bw_hz,
        frame.coding_rate or 1,
        len(frame.payload),
        frame.preamble or default_preamble(frame.sf),
        frame.crc,
        frame.implicit,
    )


def frame_end_ns(frame: _Frame) -> int:
    return frame.start_ns + timing_of(frame).end_ns


def default_preamble(sf: int) -> int:
    """Symbols; 12 is what SX126x and SX1302 want for SF5 and SF6."""
    return 12 if sf < 7 else 8


@lru_cache(maxsize=4096)
def lora_timing(
    sf: int, bw_hz: int, coding_rate: int, size: int, preamble: int, crc: bool, implicit: bool
) -> Timing:
    symbol = 1_000_000_000 * 2**sf / bw_hz
    thin = 1 if symbol >= LONG_SYMBOL_NS else 0
    bits = 8 * size + 16 * crc - 4 * sf + (8 if sf >= 7 else 0) + (0 if implicit else 20)
    blocks = -(-max(bits, 0) // (4 * (sf - 2 * thin)))
    sync = 6.25 if sf < 7 else 4.25
    header = preamble + sync + HEADER_SYMBOLS
    end = header + blocks * (coding_rate + 4)
    return Timing(
        round(symbol), round(preamble * symbol), round(header * symbol), round(end * symbol)
    )


@lru_cache(maxsize=1024)
def fsk_timing(size: int, bitrate_bps: int, preamble: int) -> Timing:
    byte = 8_000_000_000 / bitrate_bps
    head = preamble + FSK_SYNC_BYTES
    return Timing(
        round(byte),
        round(preamble * byte),
        round((head + 1) * byte),
        round((head + FSK_OVERHEAD_BYTES + size) * byte),
    )
