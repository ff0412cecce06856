"""A transmission while it is on the air, and its signal as a receiver at some place gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .interference import Signal
from .propagation import milliwatts
from .rules import Rules
from .timing import Timing
from .values import Transmission
from .verdict import Report, title


@dataclass(slots=True, eq=False)
class OnAir:
    """One transmission. `index` counts the sender's frames; `board` is set for a board's emission.

    `cut_ns` is when an emission was called off. `overlaps` is kept for emissions only: what else
    was on the air meanwhile, for the devices.
    """

    number: int
    index: int
    frame: Transmission
    timing: Timing
    report: Report
    on_done: Callable[[Report], None] | None = None
    board: str | None = None
    cut_ns: int | None = None
    overlaps: list[OnAir] = field(default_factory=list)

    @property
    def start_ns(self) -> int:
        return self.frame.start_ns

    @property
    def end_ns(self) -> int:
        """Of the whole frame, even if it was cut short."""
        return self.frame.start_ns + self.timing.end_ns

    @property
    def title(self) -> str:
        return title(self.number, self.frame)


def critical_ns(rules: Rules, timing: Timing) -> int:
    """Offset up to which another frame may still be on the air without hiding the preamble."""
    if rules.preamble_needed is None:
        return 0
    return max(timing.preamble_ns - rules.preamble_needed * timing.symbol_ns, 0)


def signal_of(on: OnAir, rules: Rules, power_dbm: float) -> Signal:
    """The transmission as it arrives with `power_dbm`."""
    frame, timing, start = on.frame, on.timing, on.frame.start_ns
    end_ns = on.end_ns if on.cut_ns is None else min(on.end_ns, on.cut_ns)
    return Signal(
        on.number,
        on.title,
        start,
        start + timing.preamble_ns,
        start + timing.header_ns,
        end_ns,
        start + critical_ns(rules, timing),
        timing.symbol_ns,
        frame.freq_hz * (1.0 + frame.crystal_ppm * 1e-6),
        frame.bw_hz,
        frame.sf,
        frame.invert,
        frame.coding_rate,
        power_dbm,
        milliwatts(power_dbm),
    )
