"""What the calibration of SX1255 and SX1257 radios measures, and which results are good. Pure.

Limits as sx1302_hal: cal_rx_result_assert, cal_tx_result_assert.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_SPREAD = 4  # between attempts
LEAST_REJECTION_DB, LEAST_SNR_DB = 50, 50
LEAST_CARRIER_REJECTION_DB = 10


@dataclass(frozen=True, slots=True)
class Image:
    """One measurement of a receiver: the correction, and what it is good for."""

    amplitude: int
    phase: int
    rejection_db: int
    snr_db: int


@dataclass(frozen=True, slots=True)
class Carrier:
    """One measurement of a sender: the offsets that cancel its carrier."""

    offset_i: int
    offset_q: int
    rejection_db: int


def best_image(found: Sequence[Image]) -> Image | None:
    """The best of several measurements, None where they are too poor or do not repeat."""
    good = (
        _spread([image.amplitude for image in found]) <= MOST_SPREAD
        and _spread([image.phase for image in found]) <= MOST_SPREAD
        and min(image.rejection_db for image in found) >= LEAST_REJECTION_DB
        and min(image.snr_db for image in found) >= LEAST_SNR_DB
    )
    return max(found, key=lambda image: image.rejection_db) if good else None


def best_carrier(found: Sequence[Carrier]) -> Carrier | None:
    good = (
        _spread([carrier.offset_i for carrier in found]) <= MOST_SPREAD
        and _spread([carrier.offset_q for carrier in found]) <= MOST_SPREAD
        and min(carrier.rejection_db for carrier in found) >= LEAST_CARRIER_REJECTION_DB
    )
    return max(found, key=lambda carrier: carrier.rejection_db) if good else None


def ratio_db(signal: int, rest: int) -> int:
    """Whole decibels from one level to another, no less than 0."""
    if signal <= 0:
        return 0
    return max(int(20.0 * math.log10(signal / max(rest, 1))), 0)


def _spread(values: Sequence[int]) -> int:
    return max(values) - min(values)
