"""When frames of one link go to disk and come back. Pure; the disk itself is disk.py.

Nothing is written while the link works: only when an outage has lasted `disk_after_s` do frames go
to disk, in batches, at most one each `FLUSH_S` unless very many wait. From then on whatever waits
for that link goes there too, until the disk holds nothing of it any more.

A disk that fails or is slow changes nothing but what a kill or a power cut would cost: frames stay
in memory, within its bounds, and the disk is tried again. While it does not answer, nobody waits
for what it holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Generic

from ..links.settings import OutagePolicy, OutageSettings
from .jobs import Forget, Found, Job, Load, Recover, Write
from .kept import Drop, Kept, Tally
from .kind import Kind, T
from .shelf import Shelf
from .waiting import Waiting

FLUSH_S = 10.0  # between two commits: what a power cut in an outage may cost
BATCH = 1000  # frames, more do not wait for the time
LOAD = 64  # frames at once
LOW = 128  # fewer in memory or in flight: the next are fetched
SLOW_S = 5.0  # a disk that has not answered for so long is not waited for
PAUSES_S = (30.0, 60.0, 120.0, 300.0, 600.0)  # after one, two ... failures in a row
TRIM = 0.95  # of the limit is left when it was passed


class Stowing(Generic[T]):
    """`waiting` is the keeper's; it is the only queue that frames go to disk from."""

    def __init__(
        self,
        settings: OutageSettings,
        kind: Kind[T],
        waiting: Waiting[T],
        tally: Tally,
        *,
        has_disk: bool,
        now: float,
    ) -> None:
        replays = settings.policy is OutagePolicy.REPLAY
        self.enabled = has_disk and replays and settings.disk_mb > 0
        self.shelf = Shelf()
        self.rows = 0  # on disk, wherever else they are too
        self._kind, self._waiting, self._tally = kind, waiting, tally
        self._after_s, self._most_bytes = settings.disk_after_s, settings.disk_mb * 1e6
        self._max_age_s = settings.max_age_h * 3600
        self._forget: list[int] = []
        self._forgetting = 0  # of these, with the disk now
        self._recover = self.enabled
        self._job: Job[T] | None = None
        self._job_at = 0.0
        self._closed_at: float | None = now
        self._flush_at = now
        self._failures = 0
        self._try_at = now

    # What the keeper asks.

    @property
    def knows(self) -> bool:
        """Whether the disk has said what earlier runs left."""
        return not self._recover

    @property
    def loaded(self) -> int:
        """Frames that are on disk and in memory."""
        return self.rows - len(self.shelf) - len(self._forget)

    def is_away(self, now: float) -> bool:
        """Whether the disk cannot be relied on just now."""
        slow = self._job is not None and now >= self._job_at + SLOW_S
        return slow or now < self._try_at

    def has(self, lane: int | None, now: float) -> bool:
        """Whether frames of this device are on disk only, and can be waited for."""
        return lane is not None and self.shelf.has(lane) and not self.is_away(now)

    def comes_before(self, kept: Kept[T], now: float, *, lane: int | None = None) -> bool:
        """Whether the disk holds an older frame (of `lane`), that can be waited for."""
        if not len(self.shelf):
            return False
        first = self.shelf.oldest() if lane is None else self.shelf.first_of(lane)
        return first is not None and first < kept.number and not self.is_away(now)

    def back(self, kept: Kept[T]) -> None:
        """Memory is short of room; the disk has this one."""
        self.shelf.add(kept.number, kept.lane, kept.taken_s, self._kind.size(kept.item))

    def forget(self, kept: Kept[T]) -> None:
        """It is settled."""
        kept.gone = True
        if kept.stored:
            self._forget.append(kept.number)

    def opened(self) -> None:
        self._closed_at = None

    def closed(self, now: float) -> None:
        if self._closed_at is None:
            self._closed_at = now

    # What is to be done.

    def job(self, now: float, hurried: Iterable[int], *, is_open: bool) -> Job[T] | None:
        """What to ask of the disk now; its result goes to `done` or `failed`."""
        if not self.enabled or self._job is not None or now < self._try_at:
            return None
        self._trim(now)
        self._job = self._next_job(now, hurried, is_open)
        self._job_at = now
        return self._job

    def last_job(self) -> Job[T] | None:
        """At the end of the process: everything, whether it is due or not."""
        if self.enabled and self._waiting.unstored and self._job is None:
            self._job = self._write()
            return self._job
        return None

    def next_job(self, now: float, *, is_open: bool) -> float:
        """When `job` is next worth asking."""
        if not self.enabled:
            return inf
        if self._job is not None:
            slow_at = self._job_at + SLOW_S
            return slow_at if now < slow_at else inf
        due = inf
        if self._recover or (is_open and self._wants_more(now)):
            due = now
        if self._waiting.unstored:
            due = min(due, self._write_at())
        if self._forget:
            due = min(due, self._forget_at())
        if (oldest := self.shelf.oldest_taken_s()) is not None:
            due = min(due, oldest + self._max_age_s)
        return max(due, self._try_at)

    def _next_job(self, now: float, hurried: Iterable[int], is_open: bool) -> Job[T] | None:
        if self._recover:
            return Recover()
        for lane in hurried:
            kept = self._waiting.oldest_of(lane)
            behind = kept is None or self.comes_before(kept, now, lane=lane)
            if behind and (numbers := self.shelf.numbers_of(lane, LOAD)):
                return Load(numbers)
        if is_open and self._wants_more(now):
            return Load(self.shelf.oldest_numbers(LOAD))
        if self._waiting.unstored and now >= self._write_at():
            self._flush_at = now + FLUSH_S
            return self._write()
        if self._forget and now >= self._forget_at():
            self._flush_at = now + FLUSH_S
            self._forgetting = len(self._forget)
            return Forget(tuple(self._forget))
        return None

    def _write(self) -> Write[T]:
        frames = self._waiting.unstored
        return Write(tuple(frames[number] for number in sorted(frames)))

    def _wants_more(self, now: float) -> bool:
        if not len(self.shelf):
            return False
        oldest = self._waiting.oldest()
        return self.loaded < LOW or oldest is None or self.comes_before(oldest, now)

    def _write_at(self) -> float:
        """When what waits goes to disk; never while the link works and the disk is unused."""
        if self.rows:
            return -inf if len(self._waiting.unstored) >= BATCH else self._flush_at
        if self._closed_at is None:
            return inf
        return max(self._closed_at + self._after_s, self._flush_at)

    def _forget_at(self) -> float:
        every = len(self._forget) >= min(self.rows, BATCH)
        return -inf if every else self._flush_at

    def _trim(self, now: float) -> None:
        """Drop the oldest where the limits of size and age are passed."""
        shelf = self.shelf
        while (oldest := shelf.oldest_taken_s()) is not None and now >= oldest + self._max_age_s:
            self._drop(shelf.oldest_numbers(1), Drop.EXPIRED)
        if shelf.bytes > self._most_bytes:
            while shelf.bytes > self._most_bytes * TRIM:
                self._drop(shelf.oldest_numbers(1), Drop.FULL)

    def _drop(self, numbers: tuple[int, ...], reason: Drop) -> None:
        gone = [number for number in numbers if self.shelf.take((number,))]
        self._forget.extend(gone)
        if gone:
            self._tally.dropped[reason] += len(gone)

    # What the disk says.

    def recovered(self, found: list[Found], now: float) -> None:
        self._ended()
        self._recover = False
        for one in found:
            self.shelf.add(one.number, one.lane, now - one.age_s, one.size)
        self.rows += len(found)
        self._tally.recovered += len(found)

    def wrote(self, job: Write[T], *, is_open: bool) -> None:
        self._ended()
        self.rows += len(job.frames)
        for kept in job.frames:
            kept.stored = True
            if kept.gone:
                self._forget.append(kept.number)
            elif kept.number in self._waiting:
                self._waiting.unstored.pop(kept.number, None)
                if not is_open:
                    self._waiting.remove(kept.number)
                    self.back(kept)

    def read(self, job: Load, frames: list[Kept[T]]) -> None:
        """What was asked for and did not come is lost."""
        self._ended()
        came = {kept.number for kept in frames}
        for kept in frames:
            if self.shelf.take((kept.number,)):  # else it has been dropped meanwhile
                self._waiting.put(kept)
        self._drop(tuple(number for number in job.numbers if number not in came), Drop.DISK)

    def forgot(self) -> None:
        self._ended()
        self.rows -= self._forgetting
        del self._forget[: self._forgetting]
        self._forgetting = 0

    def failed(self, now: float) -> None:
        """The disk could not; everything is as before."""
        self._job = None
        self._forgetting = 0
        pause_s = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        self._failures += 1
        self._try_at = now + pause_s

    def lost(self) -> None:
        """The file was damaged and set aside: what it alone held is lost.

        A job that is still with the disk is done on the new file.
        """
        if len(self.shelf):
            self._tally.dropped[Drop.DISK] += len(self.shelf)
        self.shelf = Shelf()
        self._forget.clear()
        self._forgetting = self.rows = 0

    def gave_up(self) -> None:
        """The job was not done, because the file was lost before it."""
        self._recover = False
        self._ended()

    def _ended(self) -> None:
        self._job = None
        self._failures = 0
        self._try_at = -inf
