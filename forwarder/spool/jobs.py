"""What a keeper asks of the disk, one at a time for each link. Values; pure."""

from __future__ import annotations

from dataclasses import dataclass

from .kept import Kept


@dataclass(frozen=True, slots=True)
class Recover:
    """Which frames of earlier runs are there?"""


@dataclass(frozen=True, slots=True)
class Write:
    """Put these on disk, all or none. They stay what they are meanwhile."""

    frames: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """Give these back; they stay on disk."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forget:
    """These are settled."""

    numbers: tuple[int, ...]


Job = Recover | Write | Load | Forget


@dataclass(frozen=True, slots=True)
class Found:
    """One frame of an earlier run. `age_s` is how long ago it was received, as far as is known."""

    number: int
    lane: int | None
    age_s: float
    size: int


Result = list[Found] | list[Kept] | None
