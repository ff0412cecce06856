"""How many uplinks would be lost if the process were killed now, where the next one finds it.

One number for each link in a file of a runtime directory, a file system in memory: mapped, so that
a change is a few bytes in memory, no call and no wear, and survives any end of the process but not
the end of the system. At a good end the file is removed.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from .clocks import Instant
from .last_run import Unsaved

log = logging.getLogger(__name__)

MAGIC = b"edgemast-spool 1"
HEAD = struct.Struct("<16sI44s")  # magic, number of links, boot id
RECORD = struct.Struct("<104sqdd")  # name, frames at risk, since and until when (seconds of boot)
COUNTS = struct.Struct("<qdd")
NAME_BYTES = 104
NOTHING = (0, 0.0, 0.0)


class Journal:
    """One gateway's file. `open` it once."""

    def __init__(self, path: Path, now: Callable[[], Instant], boot_s: Callable[[], float]) -> None:
        self.path = path
        self._now, self._boot_s = now, boot_s
        self._map: mmap.mmap | None = None
        self._lock: int | None = None
        self._places: dict[str, int] = {}
        self._last: dict[str, tuple[int, float, float]] = {}

    def open(self, links: Sequence[str]) -> list[Unsaved] | None:
        """What the last run left unsaved; None if nobody knows. Raises OSError.

        A second process of the same gateway is refused: they would report each other's frames.
        """
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._take_lock()
        now = self._now()
        before = self._read(now)
        new = self.path.with_name(self.path.name + ".new")
        boot = now.boot.encode()[:44]
        records = b"".join(RECORD.pack(_name(link), 0, 0.0, 0.0) for link in links)
        new.write_bytes(HEAD.pack(MAGIC, len(links), boot) + records)
        new.replace(self.path)
        with self.path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        for index, link in enumerate(links):
            self._places[link] = HEAD.size + index * RECORD.size + NAME_BYTES
        for link, noted in self._last.items():  # before the file was there
            self._write(link, noted)
        return before

    def note(self, link: str, at_risk: int, age_s: float) -> None:
        """So many frames of `link` are in memory only, the oldest since `age_s`."""
        if at_risk or self._last.get(link, NOTHING)[0]:
            now_s = self._boot_s()
            self._last[link] = (at_risk, now_s - age_s, now_s)
            self._write(link, self._last[link])

    def close(self) -> None:
        """A good end: what is still at risk has been told."""
        if self._map is not None:
            self._map.close()
            self._map = None
            self.path.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _write(self, link: str, noted: tuple[int, float, float]) -> None:
        at = self._places.get(link)
        if self._map is not None and at is not None:
            COUNTS.pack_into(self._map, at, *noted)

    def _take_lock(self) -> None:
        self._lock = os.open(
            self.path.with_name(self.path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600
        )
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _read(self, now: Instant) -> list[Unsaved] | None:
        try:
            data = self.path.read_bytes()
            magic, count, boot = HEAD.unpack_from(data)
            if magic != MAGIC or boot.rstrip(b"\0") != now.boot.encode():
                return None
            records = [RECORD.unpack_from(data, HEAD.size + i * RECORD.size) for i in range(count)]
        except (OSError, struct.error):
            return None
        return [
            Unsaved(
                name.rstrip(b"\0").decode(errors="replace"),
                at_risk,
                now.before(now.boot_s - since_s),
                now.before(now.boot_s - until_s),
            )
            for name, at_risk, since_s, until_s in records
            if at_risk > 0
        ]


def _name(link: str) -> bytes:
    return link.encode()[:NAME_BYTES]
