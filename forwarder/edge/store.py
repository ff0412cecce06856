"""Sessions and counters on disk: SQLite, many changes in one commit. The file; not the loop.

Kept is what came: wrapped envelopes, and the last counter. A key that came in clear is not kept;
its session waits after a restart for its source to tell it again. A counter is on disk before the
record of its frame goes out. With a reserve it runs ahead of what was accepted, and after a crash
everything up to it counts as seen.

Nothing here may stop the radio: what cannot be written stays in memory and is tried again.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..files.database import Database, StoreFault
from .session import GROUP, Device, Session, Stage
from .values import Envelope, KeyNews, KeyOrigin, Scheme

log = logging.getLogger(__name__)

VERSION = 1
LOST = (
    "sessions come again with the next key news or join, and until then replays of old frames "
    "cannot be told from new ones"
)
_KEYS = ("app_s", "nwk", "s_nwk_s_int", "nwk_s_enc")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS session (
    ident BLOB PRIMARY KEY, idents BLOB NOT NULL, dev_eui TEXT NOT NULL, dev_addr INTEGER,
    session_id BLOB NOT NULL, source TEXT NOT NULL, origin TEXT NOT NULL, stage INTEGER NOT NULL,
    flags INTEGER NOT NULL, last INTEGER, ends_s REAL, grace_end_s REAL, keys BLOB NOT NULL
) WITHOUT ROWID
"""
_PUT = """
INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (ident) DO UPDATE SET idents = excluded.idents, dev_addr = excluded.dev_addr,
    session_id = excluded.session_id, stage = excluded.stage, flags = excluded.flags,
    ends_s = excluded.ends_s, grace_end_s = excluded.grace_end_s, keys = excluded.keys,
    last = max(coalesce(last, excluded.last), coalesce(excluded.last, last))
"""
_COUNT = "UPDATE session SET last = ? WHERE ident = ?"

Row = tuple[object, ...]
_STAGE = 7  # its place in a row


@dataclass(slots=True)
class Batch:
    """What one commit writes. Everything is copied: the store runs in another thread."""

    rows: list[Row]
    counters: list[tuple[int | None, bytes]]
    gone: list[tuple[bytes]]

    @property
    def wipes(self) -> bool:
        """Whether keys that were stored are to disappear."""
        return bool(self.gone) or any(row[_STAGE] == Stage.GONE.value for row in self.rows)

    def __bool__(self) -> bool:
        return bool(self.rows or self.counters or self.gone)


class Store:
    """One file. Every method may block and belongs into a thread; one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        self._database = Database(path, _SCHEMA, version=VERSION, lost=LOST)

    def load(self, devices: dict[str, Device]) -> Iterator[Session]:
        """The sessions of enrolled devices; those of others are wiped. Nothing, if it cannot."""
        try:
            rows = self._database.open().execute("SELECT * FROM session")
            strangers = []
            for row in rows:
                device = devices.get(row[2])
                if device is None and str(row[2]).startswith(GROUP):
                    device = devices[row[2]] = Device(row[2])
                if device is None:
                    strangers.append((row[0],))
                elif (session := _session(device, row)) is not None:
                    yield session
            self.commit(Batch([], [], strangers))
        except (sqlite3.Error, OSError, StoreFault) as error:
            self._failed(error)

    def commit(self, batch: Batch) -> None:
        """Write all or nothing. Raises StoreFault; the file is opened again the next time."""
        try:
            db = self._database.open()
            with db:
                db.executemany("DELETE FROM session WHERE ident = ?", batch.gone)
                db.executemany(_PUT, batch.rows)
                db.executemany(_COUNT, batch.counters)
            if batch.wipes:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # or the log would still have them
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
            raise StoreFault(self.fault) from error
        if self.fault:
            log.info("%s: usable again", self.path)
            self.fault = ""

    def close(self) -> None:
        self._database.close()

    def _failed(self, error: Exception) -> None:
        self.close()
        fault = f"{self.path}: {error}"
        if fault != self.fault:
            log.error(
                "%s: sessions and counters are kept in memory only until that is mended; after a "
                "restart, frames since then could be replayed",
                fault,
            )
        self.fault = fault


class Writer:
    """Collects what changed between two commits. In the loop's thread; pure but for the copies.

    `reserve` is how far a counter on disk runs ahead, so that not every frame writes.
    """

    def __init__(self, *, reserve: int = 0) -> None:
        self._reserve = reserve
        self._stored: dict[bytes, int] = {}
        self._rows: dict[bytes, Row] = {}
        self._counters: dict[bytes, int | None] = {}
        self._gone: set[bytes] = set()

    def loaded(self, session: Session) -> None:
        if session.last is not None:
            self._stored[session.ident] = session.last

    def change(self, session: Session) -> None:
        """A session is new, has new keys or another stage."""
        self._gone.discard(session.ident)
        self._rows[session.ident] = _row(session)

    def count(self, session: Session) -> bool:
        """Its counter moved; whether that must be written before anybody is told."""
        last, stored = session.last, self._stored.get(session.ident)
        if last is None or (stored is not None and self._behind(last, stored)):
            return False
        self._stored[session.ident] = last + self._reserve
        self._counters[session.ident] = last + self._reserve
        return True

    def _behind(self, last: int, stored: int) -> bool:
        """Whether the disk is ahead already; a counter that began anew is further behind."""
        return stored - self._reserve <= last <= stored if self._reserve else last == stored

    def forget(self, idents: Iterable[bytes]) -> None:
        for ident in idents:
            self._rows.pop(ident, None)
            self._counters.pop(ident, None)
            self._stored.pop(ident, None)
            self._gone.add(ident)

    def settle(self, sessions: Iterable[Session]) -> None:
        """A good end: no reserve is needed."""
        for session in sessions:
            if session.last is not None and self._stored.get(session.ident) != session.last:
                self._stored[session.ident] = session.last
                self._counters[session.ident] = session.last

    def take(self) -> Batch:
        """All that is to be written, to be given back to `again` if that fails."""
        batch = Batch(
            list(self._rows.values()),
            [(last, ident) for ident, last in self._counters.items()],
            [(ident,) for ident in self._gone],
        )
        self._rows, self._counters, self._gone = {}, {}, set()
        return batch

    def again(self, batch: Batch) -> None:
        """What was not written is written with what has come since."""
        for row in batch.rows:
            ident = row[0]
            assert isinstance(ident, bytes)
            if ident not in self._gone:
                self._rows.setdefault(ident, row)
        for last, ident in batch.counters:
            if ident not in self._gone:
                self._counters.setdefault(ident, last)
        self._gone.update(ident for (ident,) in batch.gone if ident not in self._rows)


def _row(session: Session) -> Row:
    kept = {}
    for name in _KEYS:
        key: Envelope | None = getattr(session, name)
        if key is not None and key.scheme is not Scheme.CLEAR:
            kept[name] = (key.scheme.value, key.label, key.wrapped)
    return (
        session.ident,
        session.idents,
        session.device.dev_eui,
        session.dev_addr,
        session.session_id,
        session.source,
        session.origin.value,
        session.stage.value,
        session.lorawan_1_1 | session.multicast << 1,
        session.last,
        session.ends_s,
        session.grace_end_s,
        msgspec.msgpack.encode(kept),
    )


_decoder = msgspec.msgpack.Decoder(dict[str, tuple[str, str, bytes]])


def _session(device: Device, row: tuple[Any, ...]) -> Session | None:
    """The session of a row; None for one that no version of ours wrote."""
    try:
        return _read(device, *row)
    except (TypeError, ValueError, msgspec.MsgspecError):
        log.warning("a session of %s in the store is not readable; left out", device.dev_eui)
        return None


def _read(
    device: Device,
    ident: bytes,
    idents: bytes,
    dev_eui: str,
    dev_addr: int | None,
    session_id: bytes,
    source: str,
    origin: str,
    stage: int,
    flags: int,
    last: int | None,
    ends_s: float | None,
    grace_end_s: float | None,
    keys: bytes,
) -> Session:
    news = KeyNews(
        sys.intern(source),  # one for all
        KeyOrigin(origin),
        dev_eui,
        dev_addr,
        session_id=session_id,
        lorawan_1_1=bool(flags & 1),
        multicast=bool(flags & 2),
    )
    session = Session(device, news, (idents or ident,))
    for name, (scheme, label, wrapped) in _decoder.decode(keys).items():
        if name in _KEYS:
            setattr(session, name, Envelope(Scheme(scheme), wrapped, sys.intern(label)))
    session.stage = Stage(stage)
    session.last, session.ends_s, session.grace_end_s = last, ends_s, grace_end_s
    return session
