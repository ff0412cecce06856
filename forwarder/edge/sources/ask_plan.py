"""When to ask a Join Server for which key: tries, pauses, what is given up. Pure.

A refusal costs a pause for that device, a server that does not answer one for all of its devices;
pauses grow. Times are seconds on a line that only grows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from .ts002_results import Reaction

CAPACITY = 10_000  # asks remembered; more devices than that do not change session at once


@dataclass(frozen=True, slots=True)
class Pauses:
    """First and longest pause; each is twice the one before."""

    first_s: float
    most_s: float

    def after(self, failures: int, jitter: float) -> float:
        """After so many failures in a row; `jitter` from 0 to 1 spreads it from half to all."""
        whole_s = min(self.first_s * 2.0 ** min(failures - 1, 60), self.most_s)
        return whole_s * (0.5 + jitter / 2)


# A key that is late costs readings, so the first tries come soon; a wrong setting needs a person.
PAUSES = {
    Reaction.RETRY_LATER: Pauses(60, 3600),
    Reaction.CONFIG_ERROR: Pauses(300, 3600),
}
SERVER_AWAY = Pauses(2, 300)
SERVER_REFUSES = Pauses(30, 3600)  # 401, 403, 404, a certificate: a person must mend it


@dataclass(frozen=True, slots=True)
class Ask:
    """One key to ask for. `server` says which Join Server, as an index of the settings."""

    dev_eui: str
    join_eui: str
    session_id: bytes
    server: int = 0


@dataclass(slots=True)
class _Entry:
    due_s: float
    failures: int = 0
    busy: bool = False
    over: bool = False  # answered NEVER: remembered so that the next frame does not ask again


@dataclass(slots=True)
class _Server:
    open_s: float = 0.0
    failures: int = 0


@dataclass(slots=True)
class AskPlan:
    """What is to be asked. `jitter` gives numbers from 0 to 1."""

    jitter: Callable[[], float]
    capacity: int = CAPACITY
    refused: int = 0  # asks that found the plan full
    _entries: OrderedDict[Ask, _Entry] = field(default_factory=OrderedDict)
    _servers: dict[int, _Server] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many keys are still wanted."""
        return sum(not entry.over for entry in self._entries.values())

    def add(self, ask: Ask, now_s: float) -> bool:
        """Take one ask. False if it is known already, or there is no room (counted)."""
        if ask in self._entries:
            return False
        if len(self._entries) >= self.capacity and not self._make_room():
            self.refused += 1
            return False
        self._entries[ask] = _Entry(now_s)
        return True

    def forget(self, dev_eui: str) -> None:
        """Ask no more for a device, for one that is no longer enrolled."""
        for ask in [ask for ask in self._entries if ask.dev_eui == dev_eui]:
            del self._entries[ask]

    def take(self, now_s: float) -> Ask | None:
        """The next ask whose time has come; it is busy until `answered` or one of the failures."""
        for ask, entry in self._entries.items():
            if not entry.busy and not entry.over and self._due_s(ask, entry) <= now_s:
                entry.busy = True
                return ask
        return None

    def next_s(self) -> float | None:
        """When `take` is next worth calling; None when nothing waits."""
        times = [
            self._due_s(ask, entry)
            for ask, entry in self._entries.items()
            if not entry.busy and not entry.over
        ]
        return min(times, default=None)

    # What became of it.

    def answered(self, ask: Ask) -> None:
        """The key came."""
        self._entries.pop(ask, None)
        self._servers.pop(ask.server, None)

    def refuse(self, ask: Ask, reaction: Reaction, now_s: float) -> float | None:
        """The server answered, and not with a key. Gives the pause, None if it is given up."""
        self._servers.pop(ask.server, None)
        entry = self._entries.get(ask)
        if entry is None:
            return None
        entry.busy = False
        if reaction is Reaction.DROP:
            del self._entries[ask]
            return None
        if reaction is Reaction.NEVER:
            entry.over = True
            return None
        entry.failures += 1
        pauses = PAUSES.get(reaction, PAUSES[Reaction.CONFIG_ERROR])
        pause_s = pauses.after(entry.failures, self.jitter())
        entry.due_s = now_s + pause_s
        return pause_s

    def server_failed(self, ask: Ask, now_s: float, *, refuses: bool = False) -> float:
        """No answer of use came: a pause for all that this server is asked. Gives the pause."""
        server = self._servers.setdefault(ask.server, _Server())
        if now_s >= server.open_s:  # of several that failed together one counts
            server.failures += 1
            pauses = SERVER_REFUSES if refuses else SERVER_AWAY
            server.open_s = now_s + pauses.after(server.failures, self.jitter())
        if ask in self._entries:
            self._entries[ask].busy = False
            self._entries.move_to_end(ask)  # another device's turn: this one may be the reason
        return server.open_s - now_s

    def _due_s(self, ask: Ask, entry: _Entry) -> float:
        server = self._servers.get(ask.server)
        return entry.due_s if server is None else max(entry.due_s, server.open_s)

    def _make_room(self) -> bool:
        for ask, entry in self._entries.items():
            if entry.over:
                del self._entries[ask]
                return True
        return False
