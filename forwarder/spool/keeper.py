"""Uplinks of one link from their reception until its server has them. Pure; no clock, no I/O.

So are the records of one sink (kind.py): what is said here of frames is true for them.

The rules, in the order in which they matter:

1. A frame leaves only by an acknowledgement, or by a drop that is counted with its reason.
2. A live frame is sent in the call that brings it. It waits for nothing but older frames of its own
   device: a network server takes the counter of a device in ascending order only, and drops what
   comes behind. So these go first, before all else that waits, and then the live one. Frames of
   other devices never hold it.
3. Between two frames of one device of which the first had waited lies `Kind.gap_s`: servers work on
   what comes at once in parallel, and would see them in any order.
4. What waited for an outage goes out oldest first, paced, beside what is live, and is marked late.
   What has waited for less than `BLIP_S` is not paced: its device may still be listening.
5. A join-request is sent at once or never: its device has asked again by then.
6. When the link closes, what was sent and not acknowledged goes first again: at least once.

With the policy `drop` a frame waits for `BLIP_S` at most: a reconnect costs nothing, an outage all
that it lasted. So with `sink-only`, where it is said that local mode's sinks have it instead: their
records are kept as frames are here.

A long outage goes to disk: see stowing.py, which is asked here what is older than what waits.

Times are seconds on any one monotonic clock. Nothing here knows how frames are sent: `to_send`
gives what is to go now, and `unsent` takes back what could not.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Generic

from ..links.settings import OutagePolicy, OutageSettings
from .jobs import Forget, Found, Job, Load, Recover, Result, Write
from .kept import Drop, Kept, Tally
from .kind import Kind, T
from .pace import Pace
from .stowing import Stowing
from .waiting import Waiting

FIRST_NUMBER = 1 << 40  # below it is room for frames of earlier runs
BLIP_S = 5.0  # an outage as short as that loses no frame, whatever the policy
LATE_S = 1.0  # the first receive window opens so long after a frame (TS001 3.3)
MOST_TRIES = 3  # of a frame that nobody acknowledges while the link is open
GIVEN_UP = {
    OutagePolicy.REPLAY: Drop.EXPIRED,
    OutagePolicy.DROP: Drop.POLICY,
    OutagePolicy.SINK_ONLY: Drop.SINKS,
}
RETRY_S = 0.25  # until an outlet that would not take a frame is asked again


class Keeper(Generic[T]):
    """`resend_s`: where an acknowledgement may get lost (UDP), after how long a frame is sent again
    while the link is open, `most_tries` times in all. None: a closed link alone does that. `now` is
    when it begins, with the link away.
    """

    def __init__(
        self,
        settings: OutageSettings,
        kind: Kind[T],
        *,
        resend_s: float | None = None,
        most_tries: int = MOST_TRIES,
        has_disk: bool = False,
        now: float = 0.0,
    ) -> None:
        self._kind = kind
        self.tally = Tally()
        self.is_open = False
        self._given_up = GIVEN_UP[settings.policy]  # why, of what has waited too long
        replays = settings.policy is OutagePolicy.REPLAY
        self._wait_s = settings.max_age_h * 3600 if replays else BLIP_S
        self._most = settings.memory_frames
        self._resend_s, self._most_tries = resend_s, most_tries
        self.next_number = FIRST_NUMBER
        self._waiting = Waiting[T]()  # for an outage to end
        self._live = Waiting[T]()  # for an outlet that is busy just now
        self._in_flight: dict[int, Kept[T]] = {}  # in the order of sending
        self._paced_in_flight = 0
        self._hurried: dict[int, None] = {}  # lanes with a live frame behind what waits
        self._pace = Pace(settings.replay_per_s)
        self._retry_at = 0.0
        self.stowing = Stowing(
            settings, kind, self._waiting, self.tally, has_disk=has_disk, now=now
        )

    def __len__(self) -> int:
        """Frames in memory."""
        return len(self._waiting) + len(self._live) + len(self._in_flight)

    @property
    def waiting(self) -> int:
        return len(self._waiting) + len(self._live)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def at_risk(self) -> int:
        """Frames that would be lost if the process ended now."""
        return len(self) - self.stowing.loaded

    def oldest_at_risk(self) -> Kept[T] | None:
        """The first of them that was received, or one of the first."""
        flying = (kept for kept in self._in_flight.values() if not kept.stored)
        waiting = iter(self._waiting.unstored.values())
        found = (next(flying, None), next(waiting, None), self._live.oldest())
        return min((kept for kept in found if kept), key=lambda kept: kept.number, default=None)

    # What the radio says.

    def put(self, item: T, now: float) -> None:
        """Take one received frame; `to_send` has it if it can go."""
        kept = Kept(self.next_number, item, now, self._kind.lane(item), self._kind.is_join(item))
        self.next_number += 1
        self.tally.taken += 1
        if not self.is_open or (kept.join and not self._may_send(now)):
            self._keep(kept)
        elif kept.lane is not None and self._is_behind(kept.lane, now):
            self._waiting.put(kept)
            self._hurried[kept.lane] = None
        else:
            self._live.put(kept)
        while len(self) > self._most:
            self._make_room()

    # What the link says.

    def opened(self, now: float) -> None:
        """What waits may go."""
        if self.is_open:
            self.closed(now)  # another connection: what was in flight on the last one is not
        self.is_open = True
        self.stowing.opened()
        self._retry_at = now

    def closed(self, now: float) -> None:
        """What was not acknowledged goes again."""
        self.is_open = False
        self.stowing.closed(now)
        returned = [*self._in_flight.values(), *self._live]
        self._in_flight.clear()
        self._live = Waiting[T]()
        self._hurried.clear()
        self._paced_in_flight = 0
        for kept in returned:
            self._keep(kept)
        self.tick(now)

    def acknowledged(self, number: int) -> bool:
        """The server has it; whether it was waited for."""
        kept = self._landed(number)
        if kept is None:
            return False
        self.tally.acknowledged += 1
        self.tally.late += kept.late
        self.stowing.forget(kept)
        return True

    def unsent(self, number: int, now: float) -> None:
        """What `to_send` gave has not left: the outlet is busy."""
        self._retry_at = now + RETRY_S
        kept = self._landed(number)
        if kept is None:
            return
        self.tally.repeated -= kept.tries > 1
        kept.tries -= 1
        if kept.join or kept.paced or kept.lane in self._hurried:
            self._keep(kept)
        else:
            self._live.put(kept)

    # What time does.

    def tick(self, now: float) -> None:
        """Do what is due at `now`; call it whenever `next_tick` has passed."""
        self._expire(now)
        self._resend(now)

    def next_tick(self, now: float) -> float:
        """When `tick`, `to_send` and `job` are next worth calling; never, if nothing waits."""
        due = [self._send_at(now), self.stowing.next_job(now, is_open=self.is_open)]
        for queue in (self._waiting, self._live):
            if (oldest := queue.oldest()) is not None:
                due.append(oldest.taken_s + self._wait_s)
        if self._resend_s is not None and self._in_flight:
            due.append(next(iter(self._in_flight.values())).sent_s + self._resend_s)
        return min(due)

    # What to do about it.

    def to_send(self, now: float) -> Iterator[Kept[T]]:
        """Frames to hand to the outlet, each at once when it is given: live ones first."""
        while (kept := self._next(now)) is not None:
            kept.sent_s = now
            kept.tries += 1
            kept.late = kept.late or now - kept.taken_s >= LATE_S
            self.tally.repeated += kept.tries > 1
            self._paced_in_flight += kept.paced
            self._in_flight[kept.number] = kept
            yield kept

    def _let_go(self, kept: Kept[T], now: float) -> Kept[T] | None:
        """Out of the frames that wait."""
        if kept.lane is not None:
            self._waiting.rest(kept.lane, now + self._kind.gap_s)
        return self._waiting.remove(kept.number)

    def _next(self, now: float) -> Kept[T] | None:
        """Taken out of its queue; None if nothing may go now."""
        if not self._may_send(now):
            return None
        if (kept := self._live.oldest()) is not None:
            kept.paced = False
            return self._live.remove(kept.number)
        for hurried in list(self._hurried):
            kept = self._waiting.oldest_of(hurried)
            if kept is None:
                if not self.stowing.has(hurried, now):
                    del self._hurried[hurried]
            elif not (
                self._waiting.rests(hurried, now)
                or self.stowing.comes_before(kept, now, lane=hurried)
            ):
                kept.paced = False
                return self._let_go(kept, now)
        kept = self._waiting.next(now)
        if kept is None or self._paced_in_flight >= self._kind.replay_window:
            return None
        if self.stowing.comes_before(kept, now):
            return None
        kept.paced = now - kept.taken_s >= BLIP_S
        if kept.paced:
            if not self._pace.is_ready(now):
                return None
            self._pace.sent(now)
        return self._let_go(kept, now)

    def _send_at(self, now: float) -> float:
        if not self.is_open or len(self._in_flight) >= self._kind.window:
            return inf
        if len(self._live):
            return self._retry_at
        due = inf
        for hurried in self._hurried:
            kept = self._waiting.oldest_of(hurried)
            if kept is not None and not self.stowing.comes_before(kept, now, lane=hurried):
                due = min(due, self._waiting.wakes_at(hurried))
        kept = self._waiting.next(now)
        if self._paced_in_flight < self._kind.replay_window and (
            kept is None or not self.stowing.comes_before(kept, now)
        ):
            due = min(due, max(self._waiting.next_at(now), self._pace.ready_at))
        return max(self._retry_at, due)

    def _is_behind(self, lane: int, now: float) -> bool:
        return (
            self._waiting.has(lane) or self._waiting.rests(lane, now) or self.stowing.has(lane, now)
        )

    def _may_send(self, now: float) -> bool:
        room = len(self._in_flight) < self._kind.window
        return self.is_open and now >= self._retry_at and room

    # What is given up.

    def _keep(self, kept: Kept[T]) -> None:
        """For the end of an outage."""
        if kept.join:
            self._drop(kept, Drop.JOIN)
        else:
            self._waiting.put(kept)

    def _expire(self, now: float) -> None:
        for queue in (self._waiting, self._live):
            while (kept := queue.oldest()) is not None and now >= kept.taken_s + self._wait_s:
                queue.remove(kept.number)
                self._drop(kept, self._given_up)

    def _resend(self, now: float) -> None:
        if self._resend_s is None:
            return
        for kept in list(self._in_flight.values()):
            if now < kept.sent_s + self._resend_s:
                return
            self._landed(kept.number)
            if kept.join or kept.tries < self._most_tries:
                self._keep(kept)
            else:
                self._drop(kept, Drop.UNANSWERED)

    def _make_room(self) -> None:
        """One frame less in memory: one that disk has, or else the oldest is dropped."""
        for queue in (self._waiting, self._live):
            if (kept := queue.oldest()) is not None:
                queue.remove(kept.number)
                break
        else:
            kept = self._landed(next(iter(self._in_flight)))
        assert kept is not None
        if kept.stored:
            self.stowing.back(kept)
        else:
            self._drop(kept, Drop.FULL)

    def _drop(self, kept: Kept[T], reason: Drop) -> None:
        self.tally.dropped[reason] += 1
        self.stowing.forget(kept)

    def _landed(self, number: int) -> Kept[T] | None:
        kept = self._in_flight.pop(number, None)
        if kept is not None:
            self._paced_in_flight -= kept.paced
        return kept

    # The disk.

    def job(self, now: float) -> Job[T] | None:
        """What is to be asked of the disk now, one at a time."""
        return self.stowing.job(now, self._hurried, is_open=self.is_open)

    def last_job(self, now: float) -> Job[T] | None:
        """At the end: what waits goes to disk, due or not."""
        self.closed(now)
        return self.stowing.last_job()

    def done(self, job: Job[T], result: Result[T], now: float) -> None:
        """The disk has done it."""
        match job:
            case Recover():
                self.stowing.recovered([one for one in result or () if isinstance(one, Found)], now)
            case Load():
                frames = [one for one in result or () if isinstance(one, Kept)]
                self.stowing.read(job, frames)
            case Write():
                self.stowing.wrote(job, is_open=self.is_open)
            case Forget():
                self.stowing.forgot()

    def disk_lost(self) -> None:
        """The store was damaged and begun anew: what it alone had is lost, and counted."""
        self.stowing.lost()
        for kept in (*self._waiting, *self._live, *self._in_flight.values()):
            kept.stored = False
        self._waiting.restock()
