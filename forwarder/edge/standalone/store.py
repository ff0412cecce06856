"""Sessions, reserved counters and used DevNonces on disk: SQLite. The file; nothing is decided.

One commit is all or nothing and on the medium when it returns, so that what core.py does
afterwards survives the power's failing. Kept are envelopes as they came, never a key.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from ...files.database import Database, StoreFault
from ..values import Envelope, Scheme
from .values import Batch, Nonce, Stored

VERSION = 1
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


class StandaloneStore:
    """One file. Every method may block and belongs into a thread; one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lost = "its devices must join again"  # a session cannot go on without its counters
        self._database = Database(path, _SCHEMA, version=VERSION, lost=lost)

    def load(self) -> tuple[list[Stored], list[Nonce]]:
        """Everything that is kept. Raises StoreFault."""
        try:
            db = self._database.open()
            rows = [_stored(*row) for row in db.execute("SELECT * FROM session")]
            nonces = [Nonce(*row) for row in db.execute("SELECT * FROM nonce")]
        except (sqlite3.Error, OSError, ValueError, TypeError, msgspec.MsgspecError) as error:
            raise self._fault(error) from error
        return rows, nonces

    def commit(self, batch: Batch) -> None:
        """Write all of `batch` or nothing. Raises StoreFault; the next one opens the file again."""
        try:
            db = self._database.open()
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
        self._database.close()

    def _fault(self, error: Exception) -> StoreFault:
        self.close()
        return StoreFault(f"{self.path}: {error}")


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
