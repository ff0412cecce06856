"""The keeper of one link's uplinks in the event loop: adds a clock and a timer, decides nothing.

Feed ── put ──▶ KeepingCourier ── send ──▶ the link (Outlet) ══ server
                      ▲    opened, closed, acknowledged    │
                      └────────────────────────────────────┘
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Generic, Protocol

from ..links.base import Outlet
from ..links.settings import OutagePolicy, OutageSettings
from .jobs import Job, Result
from .keeper import MOST_TRIES, Keeper
from .kept import Drop, Kept
from .kind import Kind, T
from .last_run import Gap

log = logging.getLogger(__name__)

LONGEST_SLEEP_S = 3600.0


class DamagedStore(Exception):
    """The store was set aside and begun anew."""


class Door(Protocol):
    """The way to the disk (spool.py)."""

    def ask(
        self, link: str, job: Job[Any], done: Callable[[Result[Any] | Exception], None]
    ) -> None: ...

    def lost(self) -> None: ...


class KeepingCourier(Generic[T]):
    """See `forwarder.links.base.Courier`. `attach` the link before the first `opened`.

    `wall_ns` is the host's time, None while it is not trusted.
    `note` is told how many frames memory alone has, and the age of the oldest (s).
    """

    def __init__(
        self,
        name: str,
        settings: OutageSettings,
        kind: Kind[T],
        *,
        wall_ns: Callable[[], int | None] = time.time_ns,
        resend_s: float | None = None,
        most_tries: int = MOST_TRIES,
        clock: Callable[[], float] = time.monotonic,
        door: Door | None = None,
        note: Callable[[str, int, float], None] | None = None,
    ) -> None:
        self.name = name
        self._clock = clock
        self._settings, self._kind = settings, kind
        self._wall_ns = wall_ns
        self._keeper = Keeper(
            settings,
            kind,
            resend_s=resend_s,
            most_tries=most_tries,
            has_disk=door is not None,
            now=clock(),
        )
        self._door, self._note = door, note
        self._asked: asyncio.Future[None] | None = None  # while the disk is at work
        self.gaps: list[Gap] = []  # what the last run lost
        self._outlet: Outlet[T] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sending = self._ended = False

    def attach(self, outlet: Outlet[T]) -> None:
        self._outlet = outlet

    # What the feed says.

    def put(self, item: T) -> None:
        """Take one received frame: it has left when this returns, if it can."""
        self._keeper.put(self._kind.taken(item), self._clock())
        self._tell_risk()  # before it leaves: a kill just now is to be noticed
        self._send()

    # What the link says.

    def opened(self) -> None:
        self._keeper.opened(self._clock())
        if waiting := self._keeper.waiting:
            log.info(
                "%s: open again; %d %s that waited go out", self.name, waiting, self._kind.noun
            )
        self._send()

    def closed(self) -> None:
        self._keeper.closed(self._clock())
        self.work()

    def acknowledged(self, number: int) -> None:
        self._keeper.acknowledged(number)
        self._send()

    def status(self) -> dict[str, object]:
        """What waits and what became of the rest; plain values."""
        keeper, tally = self._keeper, self._keeper.tally
        left = {"left_to_sinks": tally.dropped[Drop.SINKS]} if self._sinks_have_it else {}
        return {
            "policy": self._settings.policy.value,
            "open": keeper.is_open,
            "taken": tally.taken,
            "acknowledged": tally.acknowledged,
            "late": tally.late,
            "repeated": tally.repeated,
            "waiting": keeper.waiting,
            "in_flight": keeper.in_flight,
            "on_disk": keeper.stowing.rows,
            "recovered": tally.recovered,
            "dropped": {reason.value: count for reason, count in tally.dropped.items()},
            **left,
        }

    def metadata(self) -> Mapping[str, str]:
        """What a server may be told beside the statistics; empty where there is nothing to say."""
        told = {
            "spool_waiting": self.unacknowledged - self._keeper.in_flight,
            "spool_late": self._keeper.tally.late,
            "spool_dropped": self.dropped,
        }
        words = {name: str(count) for name, count in told.items() if count}
        if self.gaps:
            words["spool_gap"] = "; ".join(gap.words for gap in self.gaps)
        return words

    @property
    def unacknowledged(self) -> int:
        """What the receiver does not have yet, wherever it is."""
        return len(self._keeper) + len(self._keeper.stowing.shelf)

    @property
    def dropped(self) -> int:
        return self._keeper.tally.dropped.total()

    @property
    def _sinks_have_it(self) -> bool:
        return self._settings.policy is OutagePolicy.SINK_ONLY

    @property
    def is_ready(self) -> bool:
        """Whether it is known what earlier runs left."""
        return self._keeper.stowing.knows

    @property
    def next_number(self) -> int:
        """What the next frame will be called."""
        return self._keeper.next_number

    @property
    def at_risk(self) -> int:
        """Uplinks that would be lost if the process ended now."""
        return self._keeper.at_risk

    async def end(self) -> None:
        """Have all that waits written; nothing is sent any more."""
        self._ended = True
        self._stop_timer()
        self._keeper.closed(self._clock())
        await self._answers()
        if (job := self._keeper.last_job(self._clock())) is not None:
            self._ask(job)
            await self._answers()

    async def _answers(self) -> None:
        if self._asked is not None:
            await self._asked

    def disk_lost(self) -> None:
        """The store was damaged and begun anew."""
        self._keeper.disk_lost()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What time does.

    def _advance(self) -> None:
        self._timer = None
        self._keeper.tick(self._clock())
        self._send()

    def _send(self) -> None:
        if (
            self._sending or self._ended
        ):  # an outlet acknowledged, opened or closed inside its `send`
            return
        self._sending = True
        try:
            for kept in self._keeper.to_send(self._clock()):
                if not self._leave(kept):
                    self._keeper.unsent(kept.number, self._clock())
        finally:
            self._sending = False
            self.work()

    def _leave(self, kept: Kept[T]) -> bool:
        if self._outlet is None:
            return False
        item = kept.item
        if kept.late:
            item = self._kind.late(item, self._clock() - kept.taken_s, self._wall_ns())
        return self._outlet.send(kept.number, item, late=kept.late)

    # What the disk does.

    def work(self) -> None:
        """Ask the disk for what is due, and be woken for what will be."""
        if self._ended:
            return
        if (job := self._keeper.job(self._clock())) is not None:
            self._ask(job)
        self._tell_risk()
        self._set_timer()

    def _ask(self, job: Job[T]) -> None:
        if self._door is not None:
            self._asked = asyncio.get_running_loop().create_future()
            self._door.ask(self.name, job, lambda result: self._answered(job, result))

    def _answered(self, job: Job[T], result: Result[T] | Exception) -> None:
        now = self._clock()
        if isinstance(result, DamagedStore) and self._door is not None:
            self._door.lost()
            self._keeper.stowing.gave_up()
        elif isinstance(result, Exception):
            self._keeper.stowing.failed(now)
        else:
            self._keeper.done(job, result, now)
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_result(None)
        self._send()

    def _tell_risk(self) -> None:
        if self._note is not None:
            oldest = self._keeper.oldest_at_risk()
            age_s = 0.0 if oldest is None else self._clock() - oldest.taken_s
            self._note(self.name, self._keeper.at_risk, age_s)

    def _set_timer(self) -> None:
        self._stop_timer()
        due = self._keeper.next_tick(self._clock())
        if due != inf:
            delay_s = min(max(due - self._clock(), 0.0), LONGEST_SLEEP_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._advance)
