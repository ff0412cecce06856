"""From the instant that the chip timestamps to the end of the frame on the air. Pure.

In legacy mode the chip takes the timestamp when a demodulator has finished, some hundred
microseconds after the frame; in precision mode at the end of the header, long before it. The
corrections are sums of the demodulator's processing delays, in picoseconds (sx1302_hal:
legacy_timestamp_correction and precision_timestamp_correction, DFT peak mode "auto").
"""

from __future__ import annotations

from functools import lru_cache

from ..airtime import payload_symbols
from ..modulation import LoRa

FILTER_PS = 2_031_250  # decimation from 32 to 4 MHz; another 16 us at 125 kHz, less above
HALF_US_PS = 500_000  # rounds the sum to the nearest microsecond


# Sixteen modulations at most are heard at once, each with a dozen lengths or so: a small table.
@lru_cache(maxsize=2048)
def correction_us(modulation: LoRa, size: int, crc: bool, precision: bool) -> int:
    """Microseconds to add to the chip's timestamp of a LoRa frame of `size` bytes.

    `crc` is the record's CRC-present bit. A coding rate that makes no sense gives 0, as in C.
    """
    if not 1 <= modulation.coding_rate <= 4:
        return 0
    return _precision_us(modulation, size, crc) if precision else _legacy_us(modulation, size, crc)


def fsk_correction_us(bitrate_bps: int) -> int:
    """Microseconds to add to the timestamp of an FSK frame."""
    return 680_000 // bitrate_bps - 20


def _precision_us(modulation: LoRa, size: int, crc: bool) -> int:
    # C counts the symbols with its time-on-air helper, whose low data rate rule is not the modem's;
    # at SF11/250, SF11/500 and SF12/500 its result is late by whole symbols, and ours is not.
    symbol_us = (8 << modulation.sf) * 125_000 // modulation.bw_hz
    remainder_us = payload_symbols(modulation, size, crc=crc) * symbol_us
    delay_us = (_filter_ps(modulation.bw_hz) + HALF_US_PS) / 1e6
    return int(remainder_us - delay_us)  # truncated towards zero


def _legacy_us(modulation: LoRa, size: int, crc: bool) -> int:
    sf, clock_ps = modulation.sf, 250_000 * 125_000 // modulation.bw_hz
    total_ps = _filter_ps(modulation.bw_hz) + _fft_input_ps(sf, clock_ps)
    if _fits_in_header(sf, size, crc):
        total_ps += _header_only_ps(sf, clock_ps)
    else:
        total_ps += _payload_ps(modulation, size, crc, clock_ps)
    return -((total_ps + HALF_US_PS) // 1_000_000)


def _filter_ps(bw_hz: int) -> int:
    return 16_000_000 * 125_000 // bw_hz + FILTER_PS


def _fft_input_ps(sf: int, clock_ps: int) -> int:
    iterations = (sf + 1) // 2
    bins = 1 << sf
    return clock_ps * (bins - 6 + 2 * (bins * (iterations - 1) + 6)) + 4 * clock_ps


def _fits_in_header(sf: int, size: int, crc: bool) -> bool:
    """Whether the header block has room for the whole payload: then no other is waited for."""
    return 2 * (size + 2 * crc) - (sf - 7) <= 0 or (size == 0 and not crc)


def _header_only_ps(sf: int, clock_ps: int) -> int:
    bins = 1 << sf
    last_nibbles = sf - 2 if sf > 6 else sf
    fft = bins * 2 * clock_ps + 3 * clock_ps
    demap = clock_ps + bins * clock_ps * 3 // 4 + 3 * clock_ps + (sf - 2) * clock_ps
    return fft + demap + _decode_ps(clock_ps, 4, last_nibbles)  # a header is always 4/8


def _payload_ps(modulation: LoRa, size: int, crc: bool, clock_ps: int) -> int:
    sf, bins = modulation.sf, 1 << modulation.sf
    ppm = int(modulation.low_data_rate)
    width = sf - 2 * ppm
    nibbles = 2 * (size + 2 * crc) + 5 - (sf - 2 if sf > 6 else sf)
    last_nibbles = nibbles % width or width
    fft = (5 - 2 * ppm) * (bins * clock_ps + 7 * clock_ps) + 2 * clock_ps
    demap = clock_ps + bins * clock_ps + 3 * clock_ps + width * clock_ps
    return fft + demap + _decode_ps(clock_ps, modulation.coding_rate, last_nibbles)


def _decode_ps(clock_ps: int, coding_rate: int, nibbles: int) -> int:
    return 5 * clock_ps + (9 + coding_rate) * clock_ps * nibbles + 3 * clock_ps
