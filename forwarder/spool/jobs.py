"""What a keeper asks of the disk, one at a time for each link. Values; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias

from .kept import Kept
from .kind import T


@dataclass(frozen=True, slots=True)
class Recover:
    """Which frames of earlier runs are there?"""


@dataclass(frozen=True, slots=True)
class Write(Generic[T]):
    """Put these on disk, all or none. They stay what they are meanwhile."""

    frames: tuple[Kept[T], ...]


@dataclass(frozen=True, slots=True)
class Load:
    """Give these back; they stay on disk."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forget:
    """These are settled."""

    numbers: tuple[int, ...]


Job: TypeAlias = Recover | Write[T] | Load | Forget


@dataclass(frozen=True, slots=True)
class Found:
    """One frame of an earlier run. `age_s` is how long ago it was received, as far as is known."""

    number: int
    lane: int | None
    age_s: float
    size: int


Result: TypeAlias = list[Found] | list[Kept[T]] | None
