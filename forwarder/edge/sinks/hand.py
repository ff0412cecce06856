"""What a sink has in hand to deliver, one after the other; all else is with its keeper (spool/).

Publisher ── publish ──▶ KeepingCourier ── send ──▶ Hand ── first, done ──▶ the sink's delivery
                              ▲      opened, closed, acknowledged │
                              └──────────────────────────────────┘

A sink that cannot be asked whether it is there is tried with the record that failed: while the hand
is closed it holds on to that one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from ...spool.spool import Spool
from ..values import Record
from .kept_records import Records, SinkOutage


class Held(NamedTuple):
    """`number` is the keeper's."""

    number: int
    record: Record


class Hand:
    """An Outlet (links.base). Closed at first. `more` is set whenever something has come.

    Without a `spool` records wait in memory only. `name` is the sink's, made to be the only one.
    """

    def __init__(self, name: str, outage: SinkOutage, spool: Spool[Record] | None) -> None:
        spool = spool or Spool("", Records(), folder=None, runtime=None)
        self._courier = spool.courier(name, outage.for_keeper())
        self._courier.attach(self)
        self.name = self._courier.name
        self.more = asyncio.Event()
        self._held: deque[Held] = deque()
        self._probe: Held | None = None  # that a closed sink is tried with
        self._delivered: int | None = None  # in a try, and not asked for by the keeper yet

    def publish(self, record: Record) -> None:
        """Keep a record until it is delivered; it is in hand when this returns, if it can be."""
        self._courier.put(record)

    def send(self, number: int, record: Record, /, *, late: bool) -> bool:
        if number == self._delivered:
            self._delivered = None
            self._courier.acknowledged(number)
        else:
            self._held.append(Held(number, record))
            self.more.set()
        return True

    # What the sink does.

    def opened(self) -> None:
        """The sink takes records."""
        self._probe = None
        self._courier.opened()

    def closed(self) -> None:
        """It does not; what is in hand goes back to the keeper, and one is held for tries."""
        if self._probe is None and self._held:
            self._probe = self._held[0]
        self._held.clear()
        self._courier.closed()

    def first(self) -> Held | None:
        """The one whose turn it is; it stays until `done`."""
        if self._probe is not None:
            return self._probe
        return self._held[0] if self._held else None

    def some(self) -> list[Held]:
        """All that may be delivered together; they stay until `done`."""
        return list(self._held) if self._probe is None else [self._probe]

    def done(self, held: Held) -> None:
        """It was delivered: the sink is there."""
        if held is self._probe:
            self._delivered = held.number
            self.opened()
            return
        if self._held and self._held[0] is held:
            self._held.popleft()
        self._courier.acknowledged(held.number)

    def status(self) -> dict[str, object]:
        outage = self._courier.status()
        return {
            "waiting": self._courier.unacknowledged,
            "delivered": outage["acknowledged"],
            "dropped": self._courier.dropped,
            "outage": outage,
        }
