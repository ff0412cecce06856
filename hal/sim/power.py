"""Nominal output power of a CoreCell board with SX1250 radios, by its two settings.

The points are the gain table that Semtech's EU868 and AS923 configurations give for that board
(sx1302_hal: global_conf.json.sx1250.EU868.USB); between them the line is straight.
"""

from __future__ import annotations

from itertools import pairwise

_PA_OFF = ((0, 0.0), (15, 12.0), (16, 13.0), (17, 14.0), (19, 15.0), (20, 16.0), (22, 17.0))
_PA_ON = (
    *((0, 17.0), (1, 18.0), (2, 19.0), (3, 20.0), (4, 21.0), (5, 22.0)),
    *((6, 23.0), (7, 24.0), (9, 25.0), (11, 26.0), (14, 27.0)),
)


def power_dbm(pa_on: bool, index: int) -> float:
    """Conducted power; the highest of the table for any setting above it."""
    points = _PA_ON if pa_on else _PA_OFF
    for (low, low_dbm), (high, high_dbm) in pairwise(points):
        if index <= high:
            return low_dbm + (high_dbm - low_dbm) * (index - low) / (high - low)
    return points[-1][1]
