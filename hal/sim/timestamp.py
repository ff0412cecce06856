"""When the chip stamps a frame: the delays it adds, so that the host's correction undoes them.

Source: sx1302-chip.md section 10.4. Legacy stamps are taken when decoding ends, precision stamps
at the end of the header. All delays are whole microseconds, as the host corrects by whole ones.
"""

from __future__ import annotations

_HALF_US_PS = 500_000
_FILTER_BASE_PS = 2_031_250


def legacy_delay_us(sf: int, bw_hz: int, coding_rate: int, size: int, crc: bool) -> int:
    """End of the frame on the air to its legacy stamp. 0 where the coding rate is unknown."""
    if not 1 <= coding_rate <= 4:
        return 0
    width = bw_hz // 125_000
    clock = 250_000 // width  # ps
    chips = 1 << sf
    reduced = 1 if _low_data_rate(sf, bw_hz) else 0
    payload_bytes = size + 2 * crc
    in_header = sf if sf < 7 else sf - 2
    word = sf - 2 * reduced
    if 2 * payload_bytes - (sf - 7) <= 0 or payload_bytes == 0:  # all of it fits in the header
        last, rate, peak = in_header, 4, False
        demap = clock * (1 + 3 + sf - 2) + chips * clock * 3 // 4
    else:
        last = (2 * payload_bytes + 5 - in_header) % word or word
        rate, peak = coding_rate, True
        demap = clock * (1 + 3 + word) + chips * clock
    rounds = (sf + 1) // 2
    fft_detect = clock * ((chips - 6) + 2 * (chips * (rounds - 1) + 6)) + 4 * clock
    if peak:
        fft = (5 - 2 * reduced) * (chips * clock + 7 * clock) + 2 * clock
    else:
        fft = 2 * chips * clock + 3 * clock
    decode = 5 * clock + (9 * clock + clock * rate) * last + 3 * clock
    total = _filter_ps(width) + fft_detect + fft + demap + decode
    return (total + _HALF_US_PS) // 1_000_000


def header_lead_us(sf: int, bw_hz: int, coding_rate: int, size: int, crc: bool) -> int:
    """Precision stamp to the end of the frame on the air. 0 where the coding rate is unknown.

    What follows the header is what the modem sends. Semtech's host counts a low data rate for SF11
    and SF12 at any bandwidth here, and is late by whole symbols where the modem uses none.
    """
    if not 1 <= coding_rate <= 4:
        return 0
    symbol_us = (1 << sf) * 1_000_000 / bw_hz
    reduced = _low_data_rate(sf, bw_hz)
    symbols = payload_symbols(sf, coding_rate, size, crc=crc, implicit=False, reduced=reduced)
    return int(symbols * symbol_us - (_filter_ps(bw_hz // 125_000) + _HALF_US_PS) / 1e6)


def fsk_delay_us(bitrate_bps: int) -> int:
    """End of an FSK frame on the air to its stamp."""
    return 20 - 680_000 // max(bitrate_bps, 1)


def payload_symbols(
    sf: int, coding_rate: int, size: int, *, crc: bool, implicit: bool, reduced: bool
) -> int:
    """Symbols after the eight of the header block (section 12)."""
    bits = 8 * size + 16 * crc - 4 * sf + (8 if sf >= 7 else 0) + (0 if implicit else 20)
    per_block = 4 * (sf - 2 * reduced)
    return -(-max(bits, 0) // per_block) * (coding_rate + 4)


def _filter_ps(width: int) -> int:
    return 16_000_000 // width + _FILTER_BASE_PS


def _low_data_rate(sf: int, bw_hz: int) -> bool:
    return (sf, bw_hz) in ((11, 125_000), (12, 125_000), (12, 250_000))
