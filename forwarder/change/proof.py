"""What has to be true before a changed configuration stays. Pure: states in, words out.

A state is what a gateway says of itself (forwarder.state.status). The radio must run in a new
process, and these servers must answer: those that answered before, and those that are new or
changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

State = Mapping[str, object]

HOLD_S = 4.0  # it must stay so for two writings of the state file


class Named(Protocol):
    """A server's settings; equal settings are the same server."""

    @property
    def name(self) -> str: ...


def answering(state: State | None) -> frozenset[str]:
    """The servers that answer, by name."""
    links = state.get("links") if state else None
    rows = links if isinstance(links, Sequence) else ()
    return frozenset(
        str(row.get("name"))
        for row in rows
        if isinstance(row, Mapping) and row.get("state") == "up"
    )


def wanted(
    before: State | None, old: Iterable[Named], new: Iterable[Named], *, trust_new: bool = False
) -> frozenset[str]:
    """The servers that must answer. `trust_new`: those that are new or changed need not."""
    known, up = list(old), answering(before)
    return frozenset(
        server.name for server in new if server.name in up or not (trust_new or server in known)
    )


class Proof:
    """Asked again and again: `lacking` says in words what is missing, "" when it stands."""

    def __init__(self, before: State | None, servers: frozenset[str]) -> None:
        self._old_pid = before.get("pid") if before else None
        self._servers = servers
        self._good_since: tuple[object, float] | None = None

    def lacking(self, state: State | None, now_s: float) -> str:
        """Of the newest state, read at `now_s` (monotonic)."""
        lack = self._lack(state)
        pid = state.get("pid") if state else None
        if lack:
            self._good_since = None
            return lack
        if self._good_since is None or self._good_since[0] != pid:
            self._good_since = (pid, now_s)
        held_s = now_s - self._good_since[1]
        return "" if held_s >= HOLD_S else "it has not been well for long enough"

    def _lack(self, state: State | None) -> str:
        if state is None:
            return "no gateway runs"
        if state.get("pid") == self._old_pid:
            return "the gateway was not restarted"
        radio = state.get("radio")
        found = radio.get("state") if isinstance(radio, Mapping) else None
        if found != "up":
            return f"the radio is {found or 'not there'}"
        silent = sorted(self._servers - answering(state))
        return f"no answer from {', '.join(silent)}" if silent else ""
