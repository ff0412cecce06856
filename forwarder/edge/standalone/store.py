"""Sessions, reserved counters and used DevNonces on disk: SQLite. The file; nothing is decided.

One commit is all or nothing and on the medium when it returns, so that what core.py does
afterwards survives the power's failing. Kept are envelopes as they came, never a key.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import msgspec

from ..values import Envelope, Scheme
from .values import Batch, Nonce, Stored

log = logging.getLogger(__name__)

VERSION = 1
BUSY_S = 2.0  # another program (a backup) may have the file for so long
_SCHEMA = """
CREATE TABLE IF NOT EXISTS session (
    ident BLOB PRIMARY KEY, dev_eui TEXT NOT NULL, join_eui TEXT NOT NULL,
    dev_addr INTEGER NOT NULL, source TEXT NOT NULL, session_id BLOB NOT NULL,
    lorawan_1_1 INTEGER NOT NULL, proven INTEGER NOT NULL, dl_settings INTEGER NOT NULL,
    rx_delay_s INTEGER NOT NULL, cf_list BLOB NOT NULL, ends_s REAL, up INTEGER,
    network_limit INTEGER NOT NULL, application_limit INTEGER NOT NULL,
    conf_down INTEGER NOT NULL, keys BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nonce (
    dev_eui TEXT, join_eui TEXT, value INTEGER, PRIMARY KEY (dev_eui, join_eui, value)
) WITHOUT ROWID;
"""
# A counter on disk never goes back, whatever order commits come in.
_PUT = """
INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (ident) DO UPDATE SET proven = max(proven, excluded.proven), ends_s = excluded.ends_s,
    up = max(coalesce(up, excluded.up), coalesce(excluded.up, up)),
    network_limit = max(network_limit, excluded.network_limit),
    application_limit = max(application_limit, excluded.application_limit),
    conf_down = excluded.conf_down, keys = excluded.keys
"""
Row = tuple[object, ...]


class StoreFault(Exception):
    """The file cannot be used now; says why in words."""


class StandaloneStore:
    """One file. Every method may block and belongs into a thread; one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None

    def load(self) -> tuple[list[Stored], list[Nonce]]:
        """Everything that is kept. Raises StoreFault."""
        try:
            db = self._open()
            rows = [_stored(*row) for row in db.execute("SELECT * FROM session")]
            nonces = [Nonce(*row) for row in db.execute("SELECT * FROM nonce")]
        except (sqlite3.Error, OSError, ValueError, TypeError, msgspec.MsgspecError) as error:
            raise self._fault(error) from error
        return rows, nonces

    def commit(self, batch: Batch) -> None:
        """Write all of `batch` or nothing. Raises StoreFault; the next one opens the file again."""
        try:
            db = self._open()
            with db:
                db.executemany(_PUT, [_row(one) for one in batch.rows])
                db.executemany(
                    "INSERT OR IGNORE INTO nonce VALUES (?, ?, ?)",
                    [(one.dev_eui, one.join_eui, one.value) for one in batch.nonces],
                )
                db.executemany("DELETE FROM session WHERE ident = ?", [(i,) for i in batch.gone])
            if batch.gone:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # or the log would still have them
        except (sqlite3.Error, OSError) as error:
            raise self._fault(error) from error

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._db = _connect(self.path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise  # locked, full, read-only: the content may be good
                self._set_aside(error)
                self._db = _connect(self.path)
        return self._db

    def _set_aside(self, error: sqlite3.Error) -> None:
        """Without its counters a session cannot go on; its devices join again."""
        aside = self.path.with_name(self.path.name + ".damaged")
        log.error(
            "%s is damaged (%s): kept as %s, begun anew; its devices must join again",
            self.path,
            error,
            aside.name,
        )
        self.path.replace(aside)
        for ending in ("-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def _fault(self, error: Exception) -> StoreFault:
        self.close()
        return StoreFault(f"{self.path}: {error}")


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
    try:
        path.chmod(0o600)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # a commit survives the power's failing
        db.execute("PRAGMA secure_delete = ON")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise sqlite3.OperationalError(f"written by a newer Edgemast (version {version})")
        if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("its check fails")
        db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    except BaseException:
        db.close()
        raise
    return db


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, tuple[str, str, bytes]])


def _row(one: Stored) -> Row:
    keys = {name: (key.scheme.value, key.label, key.wrapped) for name, key in one.keys.items()}
    return (
        one.ident,
        one.dev_eui,
        one.join_eui,
        one.dev_addr,
        one.source,
        one.session_id,
        one.lorawan_1_1,
        one.proven,
        one.dl_settings,
        one.rx_delay_s,
        one.cf_list,
        one.ends_s,
        one.up,
        one.network_limit,
        one.application_limit,
        one.conf_down,
        _encoder.encode(keys),
    )


def _stored(
    ident: bytes,
    dev_eui: str,
    join_eui: str,
    dev_addr: int,
    source: str,
    session_id: bytes,
    lorawan_1_1: int,
    proven: int,
    dl_settings: int,
    rx_delay_s: int,
    cf_list: bytes,
    ends_s: float | None,
    up: int | None,
    network_limit: int,
    application_limit: int,
    conf_down: int,
    keys: bytes,
) -> Stored:
    found = {
        name: Envelope(Scheme(scheme), wrapped, label)
        for name, (scheme, label, wrapped) in _decoder.decode(keys).items()
    }
    return Stored(
        ident,
        dev_eui,
        join_eui,
        dev_addr,
        source,
        session_id,
        bool(lorawan_1_1),
        bool(proven),
        dl_settings,
        rx_delay_s,
        cf_list,
        ends_s,
        up,
        network_limit,
        application_limit,
        conf_down,
        found,
    )
