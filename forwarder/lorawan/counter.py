"""The 16 counter bits on the air made 32 again. Pure.

A candidate is a guess until a MIC confirms it: change state only after that.
Ref: TS001-1.0.4, section 4.3.1.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

LAST = 0xFFFFFFFF


class Step(Enum):
    NEW = "new"
    REPEAT = "repeat"
    EXHAUSTED = "exhausted"  # the counter is at its end; it must not wrap


@dataclass(frozen=True, slots=True)
class Candidate:
    """`full` is None when exhausted; `gap` is None when no frame came before."""

    full: int | None
    step: Step
    gap: int | None


def reconstruct(last: int | None, wire: int) -> Candidate:
    """The only counter that ends in `wire` and is less than 65 536 ahead of `last`."""
    if last is None:
        return Candidate(wire, Step.NEW, None)
    gap = (wire - last) % 0x10000
    if gap == 0:
        return Candidate(last, Step.REPEAT, 0)
    if last + gap > LAST:
        return Candidate(None, Step.EXHAUSTED, gap)
    return Candidate(last + gap, Step.NEW, gap)
