"""What became of every frame: on the air, at the radio, at each server. Pure bookkeeping.

An entry lives from its end on the air until every server has it; what is left over must be
explained by something that happened to the gateway meanwhile, or it is a finding.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

S = 1_000_000_000
READ_NS = 2 * S  # a frame that ended so shortly before the radio was lost was still in its FIFO
PATIENCE_NS = 1200 * S  # so long after an outage a server may be given what waited
UNANSWERED_NS, NOTICED_NS = 60 * S, 60 * S  # a link may go down so long before and after its server


def is_join(payload: bytes) -> bool:
    """Whether it is a join-request (TS001: MHDR)."""
    return payload[:1] == b"\x00"


@dataclass(slots=True)
class Entry:
    """A frame that the simulated chip stored, with a good CRC."""

    payload: bytes
    end_ns: int
    received: bool = False
    missing: set[str] = field(default_factory=set)  # servers that have not got it


@dataclass(frozen=True, slots=True)
class Trouble:
    """A time in which something was broken; `to_ns` None while it is."""

    what: str
    from_ns: int
    to_ns: int | None = None


class Account:
    """`servers` must all be given each frame; what `lossy` ones miss while away is counted."""

    def __init__(self, servers: tuple[str, ...], lossy: tuple[str, ...] = ()) -> None:
        self._servers, self._lossy = servers, lossy
        self._open: deque[Entry] = deque()
        self._radio: dict[bytes, deque[Entry]] = defaultdict(deque)  # not read by the driver
        self._wanted: dict[tuple[str, bytes], deque[Entry]] = defaultdict(deque)
        self._recent: dict[tuple[str, bytes], int] = {}  # delivered; to tell repeats from strays
        self.troubles: list[Trouble] = []
        self.on_air = 0
        self.lost_on_air: Counter[str] = Counter()
        self.stored = self.received = 0
        self.delivered: Counter[str] = Counter()
        self.repeats: Counter[str] = Counter()
        self.explained: Counter[str] = Counter()
        self.unexplained: list[str] = []
        self.strays: Counter[str] = Counter()

    # What happens.

    def sent(self, payload: bytes, end_ns: int, outcome: str, *, stored: bool) -> None:
        """A frame has ended on the air."""
        self.on_air += 1
        if not stored:
            self.lost_on_air[outcome] += 1
            return
        self.stored += 1
        entry = Entry(payload, end_ns, missing=set(self._servers + self._lossy))
        self._open.append(entry)
        self._radio[payload].append(entry)

    def read(self, payload: bytes) -> int | None:
        """The driver gave a frame; the end of it on the air, None if nobody sent it."""
        waiting = self._radio.get(payload)
        if not waiting:
            self.strays["radio"] += 1
            return None
        entry = waiting.pop()  # of a device's repetitions the last: frames are read within seconds
        if not waiting:
            del self._radio[payload]
        entry.received = True
        self.received += 1
        for server in self._servers + self._lossy:
            self._wanted[server, payload].append(entry)
        return entry.end_ns

    def came(self, server: str, payload: bytes, now_ns: int) -> None:
        """A server was given a frame."""
        waiting = self._wanted.get((server, payload))
        if waiting:
            waiting.pop().missing.discard(server)
            if not waiting:
                del self._wanted[server, payload]
            self.delivered[server] += 1
        elif (server, payload) in self._recent:
            self.repeats[server] += 1
        else:
            self.strays[server] += 1
        self._recent[server, payload] = now_ns

    def began(self, what: str, now_ns: int) -> None:
        self.troubles.append(Trouble(what, now_ns))

    def ended(self, what: str, now_ns: int) -> None:
        for index in range(len(self.troubles) - 1, -1, -1):
            one = self.troubles[index]
            if one.what == what and one.to_ns is None:
                self.troubles[index] = Trouble(what, one.from_ns, now_ns)
                return

    def is_now(self, what: str) -> bool:
        return any(one.what == what and one.to_ns is None for one in self.troubles)

    # What is made of it.

    def settle(self, now_ns: int, *, all_of_it: bool = False) -> None:
        """Close what is complete or can be explained; the rest waits, or is a finding."""
        limit_ns = now_ns if all_of_it else now_ns - 2 * PATIENCE_NS - self._longest_ns(now_ns)
        kept: deque[Entry] = deque()
        for entry in self._open:
            if entry.received and not entry.missing:
                continue
            if entry.end_ns > limit_ns:
                kept.append(entry)
                continue
            self._close(entry)
        self._open = kept
        oldest_ns = min((entry.end_ns for entry in kept), default=now_ns) - 60 * S
        self.troubles = [
            one for one in self.troubles if one.to_ns is None or one.to_ns >= oldest_ns
        ]
        for key, at_ns in list(self._recent.items()):
            if at_ns < now_ns - 3 * PATIENCE_NS:
                del self._recent[key]

    @property
    def waiting(self) -> int:
        return sum(not (one.received and not one.missing) for one in self._open)

    def _longest_ns(self, now_ns: int) -> int:
        return max((now_ns - one.from_ns for one in self.troubles if one.to_ns is None), default=0)

    def _close(self, entry: Entry) -> None:
        if not entry.received:
            self._forget(self._radio, entry.payload, entry)
            why = next(self._during("radio", entry.end_ns, READ_NS, S), None)
            self._explain(entry, "radio", why)
            return
        for server in sorted(entry.missing):
            self._forget(self._wanted, (server, entry.payload), entry)
            why = next(self._during(server, entry.end_ns, UNANSWERED_NS, NOTICED_NS), None)
            if why is not None and server not in self._lossy:
                # What waits for an outage to end; but a device that joins has asked again by then.
                why = f"{why}, a join-request" if is_join(entry.payload) else None
            self._explain(entry, server, why)

    def _explain(self, entry: Entry, where: str, why: str | None) -> None:
        if why is None:
            self.unexplained.append(
                f"at {entry.end_ns / S:.3f} s, not at {where}: {entry.payload.hex()}"
            )
        else:
            self.explained[f"{where}: {why}"] += 1

    def _during(self, where: str, at_ns: int, before_ns: int, after_ns: int) -> Iterator[str]:
        for one in self.troubles:
            to_ns = at_ns if one.to_ns is None else one.to_ns
            if one.what.startswith(where) and one.from_ns - before_ns <= at_ns <= to_ns + after_ns:
                yield one.what.partition(" ")[2]

    @staticmethod
    def _forget(index: dict[Any, deque[Entry]], key: object, entry: Entry) -> None:
        waiting = index.get(key)
        if waiting is not None:
            waiting.remove(entry)
            if not waiting:
                del index[key]
