"""What the spool has to know of the things that it keeps, whichever they are. Pure.

Uplinks wait for servers (uplinks.py), local mode's records for sinks (edge/sinks/kept_records.py).
"""

from __future__ import annotations

from typing import Protocol, TypeVar

T = TypeVar("T")


class Unreadable(ValueError):
    """These bytes are nothing that this version wrote."""


class Kind(Protocol[T]):
    """One kind of things.

    `noun` is what many of them are called, in words and in the names of files; `receiver` what they
    are for. `window`: so many are in flight at once, `replay_window` of them of what waited.
    `gap_s` is how long a lane rests after a thing of it was sent, while others of it wait.
    """

    @property
    def noun(self) -> str: ...

    @property
    def receiver(self) -> str: ...

    @property
    def window(self) -> int: ...

    @property
    def replay_window(self) -> int: ...

    @property
    def gap_s(self) -> float: ...

    def lane(self, item: T) -> int | None:
        """Whose it is, 0 to 2^63 - 1: those of one lane keep their order. None: nobody's."""
        ...

    def is_join(self, item: T) -> bool:
        """Whether it is of no use a few seconds later."""
        ...

    def size(self, item: T) -> int:
        """What it takes on disk, about; bytes."""
        ...

    def encode(self, item: T) -> bytes: ...

    def decode(self, data: bytes, received_ns: int | None) -> T:
        """`received_ns` is what is known of when it came, beyond `data`. Raises Unreadable."""
        ...

    def taken(self, item: T) -> T:
        """As it is kept, when it comes."""
        ...

    def late(self, item: T, ago_s: float, now_ns: int | None) -> T:
        """As it leaves when it came `ago_s` ago. `now_ns` is wall time, where it is trusted."""
        ...
