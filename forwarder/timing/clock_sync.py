"""Whether somebody (NTP, PTP, GPS) keeps this machine's clock right, as the kernel says."""

from __future__ import annotations

import ctypes
import sys

STA_UNSYNC = 0x0040  # adjtimex(2)
STATUS_OFFSET = 5 * ctypes.sizeof(ctypes.c_long)  # modes, offset, freq, maxerror, esterror, status
TIMEX_SIZE = 512  # more than any kernel's struct


def asked_kernel() -> bool | None:
    """Whether the kernel's clock is synchronised; None where it cannot be asked."""
    if sys.platform != "linux":
        return None
    buffer = ctypes.create_string_buffer(TIMEX_SIZE)  # modes 0: change nothing
    try:
        state = ctypes.CDLL(None).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    if int(state) < 0:
        return None
    return not ctypes.c_int.from_buffer(buffer, STATUS_OFFSET).value & STA_UNSYNC


def kernel_synchronised() -> bool:
    """Whether the kernel says so; False where nobody tells."""
    return asked_kernel() is True
