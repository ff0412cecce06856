"""One SQLite file that survives the power's failing, and its own damage. The file; not its tables.

Every method may block and belongs into a thread; one at a time.
"""

from __future__ import annotations

import logging
import sqlite3
import weakref
from pathlib import Path

log = logging.getLogger(__name__)

BUSY_S = 2.0  # another program (a backup) may have the file for so long


class StoreFault(Exception):
    """The file cannot be used now; says why in words."""


class Database:
    """`schema` makes the tables if they are missing; `version` is theirs.

    `lost` says what it means when a damaged file is set aside and a new one begun. `secret`: what
    is deleted is overwritten. `alone`: no other process may open the file meanwhile.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        *,
        version: int,
        lost: str,
        secret: bool = True,
        alone: bool = False,
    ) -> None:
        self.path = path
        self.set_aside = 0  # times that a damaged file was
        self._secret, self._alone = secret, alone
        self._schema, self._version, self._lost = schema, version, lost
        self._db: sqlite3.Connection | None = None
        self._let_go: weakref.finalize[..., Database] | None = None

    def open(self) -> sqlite3.Connection:
        """The connection, made if there is none. Raises sqlite3.Error and OSError."""
        if self._db is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._db = self._connect()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise  # locked, full, read-only, newer: the content may be good
                self._set_aside(error)
                self._db = self._connect()
            # Whoever drops this object drops the file with it.
            self._let_go = weakref.finalize(self, self._db.close)
        return self._db

    def close(self) -> None:
        self._db = None
        if self._let_go is not None:
            self._let_go()

    def remove(self) -> None:
        """The file is not needed any more. In this order: a log without its file is ignored."""
        for ending in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        self.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY_S, check_same_thread=False)
        try:
            self.path.chmod(0o600)
            if self._alone:
                db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")  # a commit survives the power's failing
            db.execute(f"PRAGMA secure_delete = {'ON' if self._secret else 'OFF'}")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > self._version:
                raise sqlite3.OperationalError(f"written by a newer Edgemast (version {version})")
            if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("its check fails")
            made = f"BEGIN; {self._schema}; PRAGMA user_version = {self._version}; COMMIT;"
            db.executescript(made)
        except BaseException:
            db.close()
            raise
        return db

    def _set_aside(self, error: sqlite3.Error) -> None:
        """A damaged file is kept for who wants to look."""
        self.set_aside += 1
        aside = self.path.with_name(self.path.name + ".damaged")
        text = "%s is damaged (%s): kept as %s, begun anew; %s"
        log.error(text, self.path, error, aside.name, self._lost)
        self.path.replace(aside)
        for ending in ("-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
