"""Nominal output power of the vendor's boards, by the byte that the AGC hands to the radio.

The points are the gain tables of Semtech's configurations for CoreCell boards with SX1250 radios
(sx1302_hal: global_conf.json.sx1250.EU868.USB) and with SX1257 radios (sx1257.EU868); between them
the line is straight.
"""

from __future__ import annotations

from itertools import pairwise

_PA_OFF = ((0, 0.0), (15, 12.0), (16, 13.0), (17, 14.0), (19, 15.0), (20, 16.0), (22, 17.0))
_PA_ON = (
    *((0, 17.0), (1, 18.0), (2, 19.0), (3, 20.0), (4, 21.0), (5, 22.0)),
    *((6, 23.0), (7, 24.0), (9, 25.0), (11, 26.0), (14, 27.0)),
)

# SX125x: mixer gain to dBm, by the two bits of the PA, at full DAC gain.
_BY_PA = (
    ((8, -6.0), (10, -3.0), (12, 0.0), (15, 4.0)),
    ((8, 3.0), (10, 6.0), (12, 10.0), (13, 11.0), (15, 13.0)),
    ((9, 12.0), (10, 14.0), (11, 16.0), (15, 20.0)),
    ((9, 20.0), (10, 23.0), (11, 25.0), (12, 26.0), (14, 27.0)),
)
_DAC_STEP_DB = 3.0  # and 0 dB at 3


def power_dbm(pa_on: bool, index: int) -> float:
    """Conducted power with an SX1250; the highest of the table for any setting above it."""
    return _interpolated(_PA_ON if pa_on else _PA_OFF, index)


def sx125x_power_dbm(byte: int) -> float:
    """Conducted power with an SX1255 or SX1257: PA, DAC and mixer gain in one byte."""
    pa, dac, mixer = byte >> 6, byte >> 4 & 3, byte & 0xF
    return _interpolated(_BY_PA[pa], mixer) - _DAC_STEP_DB * (3 - dac)


def _interpolated(points: tuple[tuple[int, float], ...], index: int) -> float:
    for (low, low_dbm), (high, high_dbm) in pairwise(points):
        if index <= high:
            return low_dbm + (high_dbm - low_dbm) * (index - low) / (high - low)
    return points[-1][1]
