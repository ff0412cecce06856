"""What the keepers of all links share: the disk and its thread, the journal, the last run's end.

    KeepingCourier, one a link ── Job ──▶ Spool ══ Worker: Disk (SQLite)
                               ── at risk ──▶ Journal (in memory, for the next run)

Only a link that replays costs a thread or a file; where none does, nothing here writes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from ..links.settings import OutagePolicy, OutageSettings
from . import last_run
from .clocks import Host
from .courier import KeepingCourier
from .daily import Daily
from .jobs import Forget, Job, Load, Recover, Result, Write
from .journal import Journal
from .keeper import MOST_TRIES
from .kind import Kind, T
from .last_run import Gap, Unsaved
from .stowing import FLUSH_S
from .worker import Worker

if TYPE_CHECKING:
    from .disk import Disk, Left

log = logging.getLogger(__name__)

END_S = 1.5  # for the last writes; systemd and people wait two seconds


class Spool(Generic[T]):
    """`folder` is where an outage may be written to, `runtime` a file system in memory; None:
    nowhere. Names of files begin with what is kept.
    """

    def __init__(
        self,
        eui: str,
        kind: Kind[T],
        *,
        folder: Path | None,
        runtime: Path | None,
        host: Host | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.gaps: list[Gap] = []
        self.trouble = ""
        self._eui, self._kind, self._folder = eui, kind, folder
        self._stem = f"{kind.noun}-{eui}"
        self._clock = clock
        self._host = host or Host()
        self._couriers: dict[str, KeepingCourier[T]] = {}
        self._window_s = 0.0
        self._journal: Journal | None = None
        if runtime is not None:
            path = runtime / self._stem
            self._journal = Journal(path, self._host.now, self._host.boot_s)
        self._disk: Disk[T] | None = None  # belongs to the worker
        self._worker = Worker(f"spool {kind.noun}")
        self._daily = Daily()
        self._unsaved: list[Unsaved] | None = None  # by the last run, as its journal says
        self._ready = self._ended = False
        self._alone = True  # no other process keeps the same gateway's uplinks

    # Before anything runs.

    def courier(
        self,
        name: str,
        settings: OutageSettings,
        *,
        resend_s: float | None = None,
        most_tries: int = MOST_TRIES,
    ) -> KeepingCourier[T]:
        """The keeper of one link's uplinks. A name that is taken gets a number."""
        if name in self._couriers:
            name = next(new for n in count(2) if (new := f"{name}#{n}") not in self._couriers)
        door = self if self._folder is not None and settings.disk_mb > 0 else None
        courier = KeepingCourier(
            name,
            settings,
            self._kind,
            wall_ns=self._host.wall_ns,
            resend_s=resend_s,
            most_tries=most_tries,
            clock=self._clock,
            door=door,
            note=self._journal.note if self._journal else None,
        )
        self._couriers[name] = courier
        if settings.policy is OutagePolicy.REPLAY and door is not None:
            self._window_s = max(self._window_s, settings.disk_after_s + FLUSH_S)
        return courier

    def start(self) -> None:
        """Look what the last run left, and begin this one. Links need not wait for it."""
        if self._couriers:
            self._worker.submit(self._open_journal, self._tell, in_memory=True)
            self._worker.submit(self._begin, self._begun)
        for courier in self._couriers.values():
            courier.work()

    # What a courier asks.

    def ask(
        self, link: str, job: Job[Any], done: Callable[[Result[Any] | Exception], None]
    ) -> None:
        """Have `job` done; `done` is called in this loop."""
        now_s = self._clock()

        def answered(result: Result[Any] | Exception) -> None:
            self._tell(result)
            done(result)

        self._worker.submit(lambda: self._do(link, job, now_s), answered)

    def lost(self) -> None:
        """The store was damaged, which one courier has noticed for all."""
        for courier in self._couriers.values():
            courier.disk_lost()

    def status(self) -> dict[str, object]:
        """What disk and journal did; `ready`: it is known what earlier runs left. Plain values."""
        written, now = self._worker.written, self._clock()
        if written is not None:
            self._daily.update(written, now)
        return {
            "folder": str(self._folder) if self._folder else None,
            "ready": self._ready and all(one.is_ready for one in self._couriers.values()),
            "trouble": self.trouble,
            "written_bytes": written,
            "written_bytes_last_day": self._daily.last_day(now),
            "gaps": [gap.words for gap in self.gaps],
        }

    async def end(self) -> None:
        """Write what waits and say that the run ended well; what did not go is told."""
        if self._ended or not self._couriers:
            return
        self._ended = True
        try:
            async with asyncio.timeout(END_S):
                for courier in self._couriers.values():
                    await courier.end()
                await self._worker.ask(self._finish)
        except TimeoutError:
            log.error("spool: the disk did not answer within %.1f s", END_S)
        for courier in self._couriers.values():
            if courier.at_risk:
                log.error(
                    "%s: %d %s are lost with this end",
                    courier.name,
                    courier.at_risk,
                    self._kind.noun,
                )
        if self._journal is not None:
            self._journal.close()

    # In the worker's thread.

    def _do(self, link: str, job: Job[T], now_s: float) -> Result[T]:
        if not self._alone:
            raise OSError("another process has the file")
        disk = self._open()
        match job:
            case Recover():
                return list(disk.recover(link))
            case Load(numbers):
                return list(disk.load(link, numbers, now_s))
            case Write(frames):
                disk.write(link, frames, now_s)
            case Forget(numbers):
                disk.forget(link, numbers)
        return None

    def _open(self) -> Disk[T]:
        from .disk import Disk  # SQLite is 1 MB of memory that few need

        if self._disk is None:
            assert self._folder is not None
            self._disk = Disk(self._path(), self._kind, self._host.now)
        return self._disk

    def _begin(self) -> tuple[list[Gap], Left | None]:
        left, ran, rebooted = None, False, False
        if self._folder is not None and self._window_s and self._alone:
            ran, rebooted = self._mark()
            if self._path().exists():
                left = self._open().left()
        found = last_run.gaps(
            self._unsaved,
            ran=ran,
            rebooted=rebooted,
            flushed=left.newest if left else None,
            clean=left.clean if left else False,
            window_s=self._window_s,
            noun=self._kind.noun,
            receiver=self._kind.receiver,
        )
        return found, left

    def _open_journal(self) -> None:
        if self._journal is None:
            return
        try:
            self._unsaved = self._journal.open(list(self._couriers))
        except BlockingIOError:
            self._alone = False
            log.error(
                "spool: another process runs with EUI %s; this one keeps %s in memory only",
                self._eui,
                self._kind.noun,
            )
        except OSError as error:
            log.warning(
                "spool: a kill would not be noticed: %s: %s; RuntimeDirectory=edgemast in the "
                "systemd unit gives a place for it", self._journal.path, error,
            )  # fmt: skip

    def _mark(self) -> tuple[bool, bool]:
        """Say on disk that a run is under way; whether one was, and in another boot.

        Once a boot, not once a start: a program that is restarted over and over writes nothing.
        """
        mark, boot = self._mark_path(), self._host.now().boot
        try:
            before = mark.read_text(encoding="ascii").strip() if mark.exists() else ""
            if before != boot:
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.write_text(boot + "\n", encoding="ascii")
            return bool(before), before != boot
        except (OSError, ValueError) as error:
            log.warning("spool: a power cut would not be noticed: %s: %s", mark, error)
            return False, False

    def _path(self) -> Path:
        assert self._folder is not None
        return self._folder / f"{self._stem}.db"

    def _mark_path(self) -> Path:
        assert self._folder is not None
        return self._folder / f"{self._stem}.running"

    def _finish(self) -> None:
        if self._disk is not None:
            self._disk.end()
        if self._folder is not None and self._window_s and self._alone:
            try:
                self._mark_path().unlink(missing_ok=True)
            except OSError as error:
                log.debug("spool: %s", error)

    # Back in the loop.

    def _begun(self, result: tuple[list[Gap], Left | None] | Exception) -> None:
        self._ready = True
        if isinstance(result, Exception):
            self._tell(result)
            return
        self.gaps, left = result
        for gap in self.gaps:
            log.warning("%s", gap.words)
        for courier in self._couriers.values():
            courier.gaps = [gap for gap in self.gaps if gap.link in ("", courier.name)]
        for name, rows in (left.rows if left else {}).items():
            if name not in self._couriers:
                log.warning(
                    "spool: %d %s wait for %s '%s', which is not configured any more; remove %s to "
                    "forget them", rows, self._kind.noun, self._kind.receiver, name, self._path(),
                )  # fmt: skip

    def _tell(self, result: object) -> None:
        """Each trouble once, and its end."""
        if isinstance(result, Exception):
            words = str(result)
            if words != self.trouble:
                log.error("spool: %s are kept in memory only: %s", self._kind.noun, words)
            self.trouble = words
        elif self.trouble:
            log.info("spool: the disk is usable again")
            self.trouble = ""
