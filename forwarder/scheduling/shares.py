"""Who may have how much of what all links share: a band's hour of air, the queue's places. Pure.

The rules, in the words of docs/many-servers.md: an accepted downlink is never taken back, so it is
decided at the time of asking. Half of everything is guaranteed: it is kept for each link by its
`share`, asked for or not. The other half is for whoever comes first; of a band's budget a part of
it is left alone by frames without a fixed time (class B and C), more of it by links of low
priority, so that answers which a device waits for still find air.

What is kept is a promise: whatever the others asked before, a link that stays within its
guaranteed share is not refused for want of it. `fits` holds it by refusing whoever would leave
less than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..links.settings import LinkPriority

GUARANTEED = 0.5  # of a budget, divided between the links by their shares


# What frames of class B and C leave to others, as a fraction of a band's budget.
LEFT = {LinkPriority.HIGH: 0.0, LinkPriority.NORMAL: 0.1, LinkPriority.LOW: 0.25}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the configuration gives one link. A `share` of 0 has no guarantee."""

    priority: LinkPriority = LinkPriority.NORMAL
    share: float = 1.0


class Shares:
    """The links that send, and what is kept for each."""

    def __init__(self) -> None:
        self._standings: dict[str, Standing] = {}
        self._guaranteed: dict[int, dict[str, int]] = {}  # by capacity

    def __len__(self) -> int:
        return len(self._standings)

    def introduce(self, link: str, standing: Standing) -> None:
        """From now on something is kept for `link`."""
        self._standings[link] = standing
        self._guaranteed.clear()

    def left(self, link: str) -> float:
        """Which fraction of a budget `link` leaves alone with frames that no device waits for."""
        return LEFT[self._standings.get(link, Standing()).priority]

    def guaranteed(self, capacity: int) -> Mapping[str, int]:
        """What of `capacity` is kept for each link, in whole units."""
        found = self._guaranteed.get(capacity)
        if found is None:
            whole = sum(one.share for one in self._standings.values())
            found = {
                link: int(capacity * GUARANTEED * one.share / whole)
                for link, one in self._standings.items()
                if one.share > 0
            }
            self._guaranteed[capacity] = found
        return found

    def fits(
        self, link: str, amount: int, used: Mapping[str, int], capacity: int, *, left: float = 0.0
    ) -> bool:
        """Whether `link` may have `amount` more where each link has `used` so much of `capacity`.

        `left` is the fraction of the capacity that this frame has to leave alone.
        """
        total = sum(used.values()) + amount
        if total > capacity:
            return False
        guaranteed = self.guaranteed(capacity)
        if used.get(link, 0) + amount <= guaranteed.get(link, 0):
            return True
        kept = sum(
            max(0, mine - used.get(other, 0))
            for other, mine in guaranteed.items()
            if other != link
        )  # fmt: skip
        return total + kept <= capacity * (1 - left)
