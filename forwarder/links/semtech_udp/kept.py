"""Uplinks that a keeper wants acknowledged: which datagram carries which. Pure.

The protocol has no word for a frame that comes late, and its `tmst` tells servers when to answer:
that of an hour ago looks like a time that is still to come, since it wraps every 71.6 minutes. So a
late frame's is set to a moment that has passed for certain, and an answer to it is TOO_LATE.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from math import ceil

from ...packets import Uplink
from .session import LOST_AFTER

RESEND_S = 10.0  # a PUSH_ACK that has not come by then is not waited for
MOST = 4096  # tokens remembered; more can only be in flight when nobody answers
LATE_US = 60_000_000  # before now: longer than any server delays an answer


def most_tries(keepalive_s: float) -> int:
    """How often a frame is sent until it is given up: no sooner than a lost link is noticed.

    After that the link is closed, and what was not acknowledged waits.
    """
    return ceil((LOST_AFTER + 1) * keepalive_s / RESEND_S) + 1


class KeptPushes:
    """Tokens of datagrams to the keeper's numbers."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._order: deque[tuple[int, int]] = deque()

    def sent(self, token: int, number: int) -> None:
        self._numbers[token] = number
        self._order.append((token, number))
        while len(self._order) > MOST:
            oldest, its_number = self._order.popleft()
            if self._numbers.get(oldest) == its_number:  # else a later datagram has the token
                del self._numbers[oldest]

    def taken(self, token: int) -> int | None:
        """The number that a PUSH_ACK acknowledges, once."""
        return self._numbers.pop(token, None)


def outdated(uplink: Uplink, now_us: int | None) -> Uplink:
    """A late uplink with a counter that no server takes for one to answer."""
    if now_us is None:
        return uplink
    return replace(uplink, frame=replace(uplink.frame, counter_us=now_us - LATE_US))
