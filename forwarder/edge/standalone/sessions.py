"""All sessions that were made here: by ident, DevAddr and device; what of it to write. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from .queue import DeviceQueue, Tell
from .session import NetSession

Key = TypeVar("Key", int, str)


class Sessions:
    """`dirty` are those to be written again, `gone` the idents to be wiped on disk."""

    def __init__(self, *, queue_most: int, tries: int, tell: Tell) -> None:
        self.dirty: dict[bytes, NetSession] = {}
        self.gone: list[bytes] = []
        self._by_ident: dict[bytes, NetSession] = {}
        self._at: dict[int, list[NetSession]] = {}
        self._of: dict[str, list[NetSession]] = {}
        self._queues: dict[str, DeviceQueue] = {}
        self._queue_most, self._tries, self._tell = queue_most, tries, tell

    def __iter__(self) -> Iterator[NetSession]:
        return iter(list(self._by_ident.values()))

    def __len__(self) -> int:
        return len(self._by_ident)

    def get(self, ident: bytes) -> NetSession | None:
        return self._by_ident.get(ident)

    def at(self, dev_addr: int) -> list[NetSession]:
        return self._at.get(dev_addr, [])

    def of(self, dev_eui: str) -> list[NetSession]:
        return list(self._of.get(dev_eui, ()))

    def queue(self, dev_eui: str) -> DeviceQueue:
        """A device's own, whichever session it has."""
        if dev_eui not in self._queues:
            self._queues[dev_eui] = DeviceQueue(self._queue_most, self._tries, self._tell)
        return self._queues[dev_eui]

    def changed(self, session: NetSession) -> None:
        self.dirty[session.ident] = session

    def add(self, session: NetSession) -> None:
        self._by_ident[session.ident] = session
        self._at.setdefault(session.dev_addr, []).append(session)
        self._of.setdefault(session.device.dev_eui, []).append(session)

    def end(self, session: NetSession) -> None:
        """Wipe it, here and on disk."""
        dev_eui = session.device.dev_eui
        del self._by_ident[session.ident]
        self.dirty.pop(session.ident, None)
        self.gone.append(session.ident)
        _remove(self._at, session.dev_addr, session)
        _remove(self._of, dev_eui, session)
        if dev_eui not in self._of:
            session.queue.clear("the session is over")
            self._queues.pop(dev_eui, None)
        session.wipe()

    def take_gone(self) -> list[bytes]:
        taken, self.gone = self.gone, []
        return taken

    def take_dirty(self) -> list[NetSession]:
        """Those to write, with those whose reserved counters run short."""
        for session in self._by_ident.values():
            if session.short():
                self.changed(session)
        taken, self.dirty = list(self.dirty.values()), {}
        return taken


def _remove(table: dict[Key, list[NetSession]], key: Key, session: NetSession) -> None:
    table[key].remove(session)
    if not table[key]:
        del table[key]
