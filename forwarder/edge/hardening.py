"""What a process that holds keys can do against being read; called when local mode starts.

Done: no core file, and on Linux no core by a handler and no attaching by other processes of the
same user (PR_SET_DUMPABLE 0). Not done, because it cannot be promised: Python copies bytes as it
likes and cannot overwrite them, so keys may stay in freed memory until it is used again; who is
root can read any process; swap is the system's (encrypt it, or have none). Only a token keeps keys
out of this process.
"""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass

_PR_SET_DUMPABLE = 4  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Hardened:
    """What was reached."""

    no_core: bool
    not_dumpable: bool

    def __str__(self) -> str:
        if self.no_core and self.not_dumpable:
            return "core dumps and debuggers are shut out; root and swap are not"
        missing = [] if self.no_core else ["core files may still be written"]
        if not self.not_dumpable:
            missing.append("other processes of this user may still read the memory")
        return "; ".join(missing)


def harden() -> Hardened:
    """Shut out what can be; never raises. Log the result once."""
    return Hardened(_no_core(), sys.platform == "linux" and _not_dumpable())


def _no_core() -> bool:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ValueError, OSError):
        return False
    return True


def _not_dumpable() -> bool:
    import ctypes

    try:
        return int(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)) == 0
    except (OSError, AttributeError):
        return False
