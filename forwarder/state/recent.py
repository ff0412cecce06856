"""What has just happened: the latest frames, and the latest changes of state. Pure.

Feeds the state (`status.snapshot`), and with it the page, `edgemast monitor` and reports. Bounded:
the oldest makes room for the newest. Times are milliseconds since 1970 by the host's clock, for
people; nothing is decided by them. Frames are explained when somebody looks, not when they come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ..packets import Answer, Downlink, Refused, Uplink

FRAMES = 100
CHANGES = 60
TEXT = 300  # characters of a reason: what comes from a server may be long


@dataclass(slots=True)
class Frame:
    """One frame, received or asked to be sent. `number` grows; a downlink's later fate keeps it.

    `fate` of a downlink: waiting, refused, sent or lost; `why` for the two that are bad. `shown`
    is what whoever looked first made of it (frame_words.py): the state is looked at all the time.
    """

    number: int
    at_ms: int
    of: Uplink | Downlink
    fate: str = ""
    why: str = ""
    margin_us: int | None = None
    power_dbm: float | None = None
    shown: dict[str, object] | None = None


@dataclass(slots=True)
class Change:
    """One change of state, in words. `count` and `last_ms`: the same again, and nothing else."""

    number: int
    at_ms: int
    what: str  # radio, link, gps or hearing
    name: str  # which link; "" where there is only one
    state: str
    text: str
    count: int = 1
    last_ms: int = 0

    def plain(self) -> dict[str, object]:
        return {
            "n": self.number,
            "at_ms": self.at_ms,
            "what": self.what,
            "name": self.name,
            "state": self.state,
            "text": self.text,
            "count": self.count,
            "last_ms": self.last_ms or self.at_ms,
        }


@dataclass(slots=True)
class _Seen:
    """How a part was when it was last looked at."""

    state: str
    connections: int | None


@dataclass(slots=True)
class Recent:
    """Lives in the event loop. `on_frame` is told of each new frame, and of a downlink's fate."""

    frames: deque[Frame] = field(default_factory=lambda: deque(maxlen=FRAMES))
    changes: deque[Change] = field(default_factory=lambda: deque(maxlen=CHANGES))
    on_frame: Callable[[Frame], None] | None = None
    _number: int = 0
    _seen: dict[tuple[str, str], _Seen] = field(default_factory=dict)

    # Frames.

    def received(self, uplink: Uplink, at_ms: int) -> None:
        self._add(Frame(self._next(), at_ms, uplink))

    def answered(self, downlink: Downlink, answer: Answer, at_ms: int) -> None:
        """What a server asked for, and what it was told."""
        frame = Frame(self._next(), at_ms, downlink, margin_us=answer.margin_us)
        if isinstance(answer, Refused):
            frame.fate, frame.why = "refused", f"{answer.reason.name}: {answer.detail}"[:TEXT]
            if not answer.detail:
                frame.why = f"{answer.reason.name}: {answer.reason.value}"
        else:
            frame.fate, frame.power_dbm = "waiting", answer.power_dbm
        self._add(frame)

    def ended(self, downlink: Downlink, why: str = "") -> None:
        """An accepted downlink left the antenna, or did not because of `why`."""
        for frame in reversed(self.frames):
            if frame.of is downlink:
                frame.fate, frame.why = ("lost", why[:TEXT]) if why else ("sent", "")
                frame.shown = None
                self._tell(frame)
                return

    def _add(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._tell(frame)

    def _tell(self, frame: Frame) -> None:
        if self.on_frame is not None:
            self.on_frame(frame)

    # Changes of state.

    def changed(self, what: str, name: str, state: str, text: str, at_ms: int) -> None:
        """Keep one more change; a repetition of the last one of that part is counted there."""
        text = text[:TEXT]
        last = next((one for one in reversed(self.changes) if (one.what, one.name) == (what, name)),
                    None)  # fmt: skip
        if last is not None and (last.state, last.text) == (state, text):
            last.count += 1
            last.last_ms = at_ms
        else:
            self.changes.append(Change(self._next(), at_ms, what, name, state, text))

    def look(self, parts: Iterable[Mapping[str, object]], at_ms: int) -> None:
        """Compare each part's `what`, `name`, `state`, `text` and `connections` with the last look.

        What changed twice in between shows by its `connections`, where it counts them.
        """
        for part in parts:
            what, name, state = (str(part.get(key) or "") for key in ("what", "name", "state"))
            made = part.get("connections")
            connections = made if isinstance(made, int) else None
            seen = self._seen.get((what, name))
            self._seen[what, name] = _Seen(state, connections)
            text = str(part.get("text") or "")
            if seen is None and part.get("quiet_start"):
                continue
            if seen is None or seen.state != state:
                self.changed(what, name, state, text, at_ms)
            elif state == "up" and connections and (seen.connections or 0) < connections:
                self.changed(what, name, state, text or "connected anew", at_ms)

    def _next(self) -> int:
        self._number += 1
        return self._number


def changes(recent: Recent) -> list[dict[str, object]]:
    """The changes as plain values, newest first."""
    return [change.plain() for change in reversed(recent.changes)]
