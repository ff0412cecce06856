"""The frames of a long outage on disk: one SQLite file for all links (or all sinks) of a gateway.

It is made when the first batch goes to disk and removed when the last frame has been acknowledged:
in normal running there is no file, and nothing is written. One commit for each batch, safe against
the power's failing (WAL, synchronous FULL).

Every method may block and belongs into one thread. A number of this run is the row's id and
`offset`, so that rows of earlier runs have lower numbers than all of this one.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from ..files.database import Database, StoreFault
from .clocks import Instant
from .courier import DamagedStore
from .jobs import Found
from .keeper import FIRST_NUMBER
from .kept import Kept
from .kind import Kind, T, Unreadable
from .shelf import NO_LANE

log = logging.getLogger(__name__)

VERSION = 1
SMALL = 4096  # rows: so many may be counted one by one
_SCHEMA = """
CREATE TABLE IF NOT EXISTS link (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS boot (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS state (clean INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS frame (
    link INTEGER NOT NULL, id INTEGER NOT NULL, lane INTEGER NOT NULL, boot INTEGER NOT NULL,
    boot_s REAL NOT NULL, wall_ns INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (link, id)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Left:
    """What the last run left: rows of each link, whether it ended well, and the newest row."""

    rows: dict[str, int]
    clean: bool
    newest: Instant | None


class Disk(Generic[T]):
    """Raises StoreFault for what may pass, DamagedStore once for a file that was damaged."""

    def __init__(self, path: Path, kind: Kind[T], now: Callable[[], Instant]) -> None:
        self.path = path
        self._kind, self._now = kind, now
        lost = f"{kind.noun} that waited there for a {kind.receiver} are lost, and counted as such"
        self._database = Database(
            path, _SCHEMA, version=VERSION, lost=lost, secret=False, alone=True
        )
        self._offset: int | None = None
        self._dirty = False  # whether the file says that this run has not ended
        self._set_aside = 0

    def left(self) -> Left | None:
        """What an earlier run left; None if there is no file. To be asked first."""
        if not self.path.exists():
            return None
        with self._open() as db:
            rows = dict(
                db.execute(
                    "SELECT name, count(*) FROM frame JOIN link ON link.id = link GROUP BY name"
                )
            )
            clean = db.execute("SELECT clean FROM state").fetchone()
            newest = db.execute(
                "SELECT boot.name, boot_s, wall_ns FROM frame JOIN boot ON boot.id = boot "
                "ORDER BY frame.id DESC LIMIT 1"
            ).fetchone()
            return Left(rows, clean == (1,), Instant(*newest) if newest else None)

    def recover(self, link: str) -> list[Found]:
        """The frames of a link that earlier runs left, oldest first."""
        if not self.path.exists():
            return []
        now = self._now()
        with self._open() as db:
            return [
                Found(
                    id_ + self._base(),
                    None if lane == NO_LANE else lane,
                    Instant(boot, boot_s, wall_ns).age_s(now),
                    size,
                )
                for id_, lane, boot, boot_s, wall_ns, size in db.execute(
                    "SELECT frame.id, lane, boot.name, boot_s, wall_ns, length(body) "
                    "FROM frame JOIN boot ON boot.id = boot "
                    "WHERE link = (SELECT id FROM link WHERE name = ?) ORDER BY frame.id",
                    (link,),
                )
            ]

    def write(self, link: str, frames: Iterable[Kept[T]], now_s: float) -> None:
        """All or none. `now_s` is the keeper's clock now."""
        now = self._now()
        with self._open() as db:
            link_id, boot = _id(db, "link", link), _id(db, "boot", now.boot)
            if not self._dirty:
                db.execute("DELETE FROM state")
                db.execute("INSERT INTO state VALUES (0)")
            db.executemany(
                "INSERT OR REPLACE INTO frame VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    self._row(link_id, boot, kept, now.before(now_s - kept.taken_s))
                    for kept in frames
                ),
            )
        self._dirty = True

    def load(self, link: str, numbers: Iterable[int], now_s: float) -> list[Kept[T]]:
        """Those of `numbers` that can be read, in that order."""
        return list(self._load(link, numbers, now_s)) if self.path.exists() else []

    def forget(self, link: str, numbers: Iterable[int]) -> None:
        """These rows go; the file with the last of them."""
        if not self.path.exists():
            return
        with self._open() as db:
            link_id = _id(db, "link", link)
            ids = {number - self._base() for number in numbers}
            if self._is_all(db, link_id, ids):
                self._database.remove()
                self._dirty = False
                return
            db.executemany(
                "DELETE FROM frame WHERE link = ? AND id = ?", ((link_id, id_) for id_ in ids)
            )

    def end(self) -> None:
        """The run ends well: all that should be on disk is."""
        if self._dirty:
            with self._open() as db:
                db.execute("UPDATE state SET clean = 1")
            self._dirty = False
        self._database.close()

    # The file.

    def _open(self) -> _Transaction:
        return _Transaction(self)

    def begin(self) -> sqlite3.Connection:
        """The connection. Raises as sqlite3 does, and DamagedStore."""
        db = self._database.open()
        if self._database.set_aside != self._set_aside:
            self._set_aside = self._database.set_aside
            self._dirty = False
            raise DamagedStore(str(self.path))
        if self._offset is None:
            (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM frame").fetchone()
            self._offset = FIRST_NUMBER - 1 - newest
        return db

    def fault(self, error: Exception) -> StoreFault:
        """Closed, to be opened and checked again the next time."""
        self._database.close()
        return StoreFault(f"{self.path}: {error}")

    def _base(self) -> int:
        assert self._offset is not None  # since `begin`
        return self._offset

    def _row(self, link: int, boot: int, kept: Kept[T], at: Instant) -> tuple[object, ...]:
        lane = NO_LANE if kept.lane is None else kept.lane
        id_ = kept.number - self._base()
        return (link, id_, lane, boot, at.boot_s, at.wall_ns, self._kind.encode(kept.item))

    def _load(self, link: str, numbers: Iterable[int], now_s: float) -> Iterator[Kept[T]]:
        now = self._now()
        with self._open() as db:
            link_id = _id(db, "link", link)
            for number in numbers:
                row = db.execute(
                    "SELECT lane, boot.name, boot_s, wall_ns, body FROM frame "
                    "JOIN boot ON boot.id = boot WHERE link = ? AND frame.id = ?",
                    (link_id, number - self._base()),
                ).fetchone()
                if row is None:
                    continue
                try:
                    yield self._kept(number, row, now, now_s)
                except Unreadable as error:
                    log.warning("%s: one of %s is not readable: %s", self.path, link, error)

    def _kept(
        self, number: int, row: tuple[int, str, float, int, bytes], now: Instant, now_s: float
    ) -> Kept[T]:
        lane, boot, boot_s, wall_ns, body = row
        at = Instant(boot, boot_s, wall_ns)
        exact = boot == now.boot
        return Kept(
            number,
            self._kind.decode(body, None if exact else at.utc_ns(now)),
            now_s - at.age_s(now),
            None if lane == NO_LANE else lane,
            stored=True,
            dated=exact,
            late=True,
        )

    @staticmethod
    def _is_all(db: sqlite3.Connection, link: int, ids: set[int]) -> bool:
        """Whether no other row is there."""
        if len(ids) > SMALL:
            return False
        rows = db.execute("SELECT link, id FROM frame LIMIT ?", (len(ids) + 1,))
        return all(owner == link and id_ in ids for owner, id_ in rows)


class _Transaction:
    """`with`: a commit at its end, or nothing; what goes wrong has one name."""

    def __init__(self, disk: Disk[Any]) -> None:
        self._disk = disk

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._db = self._disk.begin()
        except (sqlite3.Error, OSError) as error:
            raise self._disk.fault(error) from error
        self._db.__enter__()
        return self._db

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self._db.__exit__(kind, error, trace)  # type: ignore[arg-type]
        except sqlite3.ProgrammingError:
            pass  # closed inside: the file was removed
        except (sqlite3.Error, OSError) as failure:
            raise self._disk.fault(failure) from failure
        if isinstance(error, (sqlite3.Error, OSError)):
            raise self._disk.fault(error) from error


def _id(db: sqlite3.Connection, table: str, name: str) -> int:
    """The number of a name, given if it has none. `table` is one of ours."""
    select = f"SELECT id FROM {table} WHERE name = ?"
    row = db.execute(select, (name,)).fetchone()
    if row is None:
        db.execute(f"INSERT INTO {table} (name) VALUES (?)", (name,))
        row = db.execute(select, (name,)).fetchone()
    return int(row[0])
