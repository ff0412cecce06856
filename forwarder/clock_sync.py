"""Whether somebody keeps this machine's clock right."""

from __future__ import annotations

import ctypes
import sys

_TIME_ERROR = 5  # adjtimex: the clock is not synchronised


def kernel_synchronised() -> bool:
    """Whether the kernel says that somebody (NTP, PTP, GPS) keeps its clock right."""
    if sys.platform != "linux":
        return False
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return False
    return 0 <= int(state) < _TIME_ERROR
