"""When something was, told so that a later run can say how long ago. `Host` asks; the rest is pure.

A gateway has no clock of its own at boot: wall time may be wrong for minutes, and only the kernel
knows whether it has been set. The time since boot is always right, but means nothing after the
next boot. So both are kept, with what says whether they can be believed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..scheduling.emission_log import boot_id
from ..timing.wall_clock import is_trusted

BOOT = getattr(
    time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC
)  # goes on in suspend, where there is one


TRUST_S = 5.0  # between two looks at whether the wall clock is kept right; they cost files


@dataclass(frozen=True, slots=True)
class Instant:
    """`boot_s` is seconds since the boot `boot`; `wall_ns` is 0 where it was not to be trusted."""

    boot: str
    boot_s: float
    wall_ns: int

    def before(self, ago_s: float) -> Instant:
        """The instant `ago_s` earlier, in the same boot."""
        wall_ns = self.wall_ns - round(ago_s * 1e9) if self.wall_ns else 0
        return Instant(self.boot, self.boot_s - ago_s, wall_ns)

    def age_s(self, now: Instant) -> float:
        """How long ago it was; if nothing tells, at least as long as this boot lasts."""
        if self.boot == now.boot and self.boot != "-":
            return max(now.boot_s - self.boot_s, 0.0)
        if self.wall_ns and now.wall_ns:
            return max((now.wall_ns - self.wall_ns) / 1e9, 0.0)
        return now.boot_s

    def utc_ns(self, now: Instant) -> int | None:
        """Nanoseconds since 1970, by whatever is known now; None where nothing is."""
        if self.wall_ns:
            return self.wall_ns
        if self.boot == now.boot and self.boot != "-" and now.wall_ns:
            return now.wall_ns - round((now.boot_s - self.boot_s) * 1e9)
        return None

    def words(self) -> str:
        """For a person, in UTC."""
        if not self.wall_ns:
            return f"{self.boot_s:.0f} s after boot"
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.wall_ns / 1e9))


class Host:
    """This machine's clocks."""

    def __init__(self) -> None:
        self._boot = boot_id()
        self._trusted = False
        self._look_at = 0.0  # again whether the wall clock is to be trusted

    def now(self) -> Instant:
        return Instant(self._boot, self.boot_s(), self.wall_ns() or 0)

    def boot_s(self) -> float:
        """Seconds since this boot."""
        return time.clock_gettime(BOOT)

    def wall_ns(self) -> int | None:
        """None while nobody keeps the clock right."""
        if (now_s := time.monotonic()) >= self._look_at:
            self._look_at = now_s + TRUST_S
            self._trusted = is_trusted()
        return time.time_ns() if self._trusted else None
