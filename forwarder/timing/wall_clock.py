"""Whether this computer's wall clock can be believed. Many gateways have no clock that runs on.

Two questions: whether it is wrong for certain (earlier than something that has already happened),
and whether something keeps it right (NTP, as the kernel or systemd tells).
"""

from __future__ import annotations

import time
from pathlib import Path

from .clock_sync import kernel_synchronised

RELEASED_S = 1_785_542_400.0  # 2026-08-01: no copy of this program has run before
SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
LAST_KNOWN = Path("/var/lib/systemd/timesync/clock")


def is_behind(now_s: float | None = None) -> bool:
    """Whether the clock is earlier than what has happened for certain."""
    floor_s = RELEASED_S
    for path in (LAST_KNOWN, Path(__file__)):
        try:
            stamp_s = path.stat().st_mtime
        except OSError:
            continue
        # What was written while a clock ran ahead says nothing about today.
        if stamp_s < RELEASED_S + 20 * 365 * 86_400:
            floor_s = max(floor_s, stamp_s)
    return (time.time() if now_s is None else now_s) < floor_s - 86_400


def is_synchronized() -> bool:
    """Whether the kernel or systemd-timesyncd says that the clock is kept right."""
    return SYNCHRONIZED.exists() or kernel_synchronised()


def is_trusted() -> bool:
    """Whether what it shows may be sent to others as the time."""
    return not is_behind() and is_synchronized()
