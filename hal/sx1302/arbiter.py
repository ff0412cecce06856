"""The ARB MCU's hand-shake: the arbiter hands detected frames to free modems.

Source: sx1302_hal: sx1302_arb_start.
"""

from __future__ import annotations

from ..clock import Clock
from ..config import FineTimestamp
from . import mcu
from .chip import Sx1302, Unexpected, field_ops
from .registers import ArbMcu

VERSION = 2
STATISTICS_SF = 7  # whose detections the debug counters count
DOUBLE_DETECTION_FILTER = 3

# Which spreading factors are demodulated twice, once for the fine timestamp; bit 0 is SF5.
DOUBLE_DEMODULATION = {
    FineTimestamp.OFF: 0x00,
    FineTimestamp.HIGH_CAPACITY: 0x3F,
    FineTimestamp.ALL_SF: 0xFF,
}


def start(chip: Sx1302, clock: Clock, mode: FineTimestamp) -> None:
    """From a loaded program to a running arbiter. Raises Unexpected; never waits for ever."""
    after = "after its start"
    (version,) = mcu.exchange(chip, clock, mcu.ARB, (), 0x01, ArbMcu.DEBUG_STS_0, after)
    if version != VERSION:
        raise Unexpected(
            f"ARB firmware version {VERSION}",
            str(version),
            "an image of another release is installed",
        )
    go = [
        *field_ops(ArbMcu.DEBUG_CFG_0, STATISTICS_SF),
        *field_ops(ArbMcu.DEBUG_CFG_3, DOUBLE_DEMODULATION[mode]),
        *field_ops(ArbMcu.DEBUG_CFG_2, DOUBLE_DETECTION_FILTER),
        *field_ops(ArbMcu.DEBUG_CFG_1, 1),
    ]
    mcu.exchange(chip, clock, mcu.ARB, go, 0x00, ArbMcu.DEBUG_STS_0, "after its configuration")
