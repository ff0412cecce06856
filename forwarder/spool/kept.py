"""One uplink while it is kept, and why one was given up. Values; pure.

"Frame" is said for whatever is kept here and in the modules beside: see kind.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic

from .kind import T


@dataclass(slots=True)
class Kept(Generic[T]):
    """A frame, or another `item`, that its receiver has not acknowledged yet.

    A lower `number` was received earlier. `taken_s` is on the keeper's clock, and lies before the
    process's start for a frame of an earlier one. `lane` is whose frame it is: those of one lane
    keep their order, whatever else happens. `late` and `paced` say how it was sent last. `stored`:
    it is on disk too. `gone`: settled, whoever still holds it. `dated`: `taken_s` is exact, which
    it may not be for a frame of an earlier run.
    """

    number: int
    item: T
    taken_s: float
    lane: int | None = None
    join: bool = False
    sent_s: float = 0.0
    tries: int = 0
    late: bool = False
    paced: bool = False
    stored: bool = False
    gone: bool = False
    dated: bool = True


class Drop(Enum):
    """Why a frame was given up; the value is what an operator reads."""

    EXPIRED = "expired"  # older than max_age_h
    FULL = "full"  # more than memory and disk may hold
    JOIN = "join"  # a join-request that could not go at once
    POLICY = "policy"  # this server gets nothing that waited
    SINKS = "sinks"  # this server gets nothing that waited; local mode's sinks have the records
    DISK = "disk"  # the store was damaged or gave it back unreadable
    UNANSWERED = "unanswered"  # sent several times, never acknowledged


@dataclass(slots=True)
class Tally:
    """What has become of all frames; only ever grows."""

    taken: int = 0
    recovered: int = 0  # from earlier runs, beside those taken
    acknowledged: int = 0
    late: int = 0  # of the acknowledged: were marked late
    repeated: int = 0  # times that a frame was sent again
    dropped: Counter[Drop] = field(default_factory=Counter)
