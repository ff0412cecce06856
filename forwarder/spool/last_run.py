"""What an earlier run of this gateway may have lost, in words: no gap stays unreported. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .clocks import Instant


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Frames of an earlier process that were neither acknowledged nor on disk when it ended."""

    link: str
    count: int
    since: Instant
    until: Instant


@dataclass(frozen=True, slots=True)
class Gap:
    """`link` is empty where it may be any. `count` is None where nobody can say."""

    link: str
    count: int | None
    words: str


def gaps(
    unsaved: Sequence[Unsaved] | None,
    *,
    ran: bool,
    rebooted: bool,
    flushed: Instant | None,
    clean: bool,
    window_s: float,
    noun: str = "uplinks",
    receiver: str = "server",
) -> list[Gap]:
    """What is to be reported at a start.

    `unsaved` is the journal's, None if there was none. `ran`: a mark says that a run has not ended;
    `rebooted`: it was before this start of the system. `flushed` is when the newest frame on disk
    was received, `clean` whether all was written then. `window_s` is how long a frame may be in
    memory only, while nobody acknowledges it.
    """
    if unsaved is not None:
        return [_killed(one, noun) for one in unsaved]
    if not ran or clean:
        return []
    how = "the power failed" if rebooted else "the last run was ended by force"
    if flushed is None:
        return [
            Gap(
                "",
                None,
                f"{how}: {noun} of the {window_s:.0f} s before that which no {receiver} had "
                "acknowledged are lost, if there were any",
            )
        ]
    return [
        Gap(
            "",
            None,
            f"{how} in an outage: the newest of the {noun} on disk is of {flushed.words()}; what "
            f"was received after it, until then, is lost ({window_s:.0f} s at most)",
        )
    ]


def _killed(one: Unsaved, noun: str) -> Gap:
    return Gap(
        one.link,
        one.count,
        f"{one.link}: the last run was ended by force: {one.count} {noun} received from "
        f"{one.since.words()} to {one.until.words()} were neither acknowledged nor stored",
    )
