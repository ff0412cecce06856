"""Raw signal readings to dBm, dB and Hz. Pure (sx1302_hal: sx1302_parse, lgw_receive)."""

from __future__ import annotations

import struct

# The FSK demodulator's reading is not linear; a0 + a1 x + a2 x^2 + a3 x^3 makes it so.
FSK_POLYNOMIAL = (90.636423, 0.420835, 0.007129, -0.000026)
FREQ_STEP_HZ = 15_625 / (1 << 17)  # of the frequency error at 125 kHz; doubles with the bandwidth
IF_STEP_HZ = 15_625 / 32  # what one unit of an IF register is; words truncate towards zero
_FLOAT = struct.Struct("f")


def temperature_offset_db(
    coefficients: tuple[float, float, float, float, float], temperature_c: float
) -> float:
    """What a board's RSSI is off at a temperature; coefficients a to e, highest power first."""
    a, b, c, d, e = coefficients
    t = temperature_c
    return ((((a * t + b) * t + c) * t + d) * t + e) / 65_536


def fsk_linear(raw: int) -> float:
    """An FSK reading on the scale of the LoRa ones; a board's offset still has to be added."""
    a0, a1, a2, a3 = FSK_POLYNOMIAL
    return a0 + raw * (a1 + raw * (a2 + raw * a3))


def freq_error_hz(raw: int, bw_hz: int) -> int:
    """A record's frequency error in Hz, truncated towards zero."""
    # C multiplies in single precision, which near a whole number decides where it truncates.
    return int(single(raw * FREQ_STEP_HZ * (bw_hz // 125_000)))


def if_error_hz(if_hz: int) -> int:
    """What the channel's IF word lacks of the IF that was asked for."""
    word = _towards_zero(if_hz * 32, 15_625)
    return if_hz - _towards_zero(word * 15_625, 32)


def single(value: float) -> float:
    """`value` as a C float would hold it."""
    rounded: float = _FLOAT.unpack(_FLOAT.pack(value))[0]
    return rounded


def _towards_zero(dividend: int, divisor: int) -> int:
    quotient = abs(dividend) // divisor
    return quotient if dividend >= 0 else -quotient
