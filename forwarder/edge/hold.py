"""Frames that wait for a key: bounded in number, by DevAddr and in time. Pure.

The first frame of a new session is heard here before its key can be (edge-keys.md 2.6). The oldest
go first, and those of one DevAddr cannot push out all others.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from .heard import Heard
from .table import Verdict
from .values import FrameMatch, RadioFacts

MOST = 512
MOST_EACH = 8
HOLD_S = 30.0


@dataclass(slots=True, eq=False)
class Held:
    """A frame and when it was heard. `verdict` is known where only the payload's key is missing.

    `told` says that a record of it went out with its payload: it waits for a report to confirm it.
    `silent` frames are not worth a record when nobody claimed them.
    """

    heard: Heard
    radio: RadioFacts
    time_ns: int
    until_s: float
    verdict: Verdict | None = None
    told: bool = False
    silent: bool = True


class Hold:
    def __init__(self, *, most: int = MOST, most_each: int = MOST_EACH) -> None:
        self.dropped = 0
        self._most, self._most_each = most, most_each
        self._held: OrderedDict[int, Held] = OrderedDict()
        self._at: dict[int, list[int]] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._held)

    def put(self, frame: Held) -> None:
        at = self._at.setdefault(frame.heard.dev_addr, [])
        if len(at) >= self._most_each:
            self._drop(at[0])
        elif len(self._held) >= self._most:
            self._drop(next(iter(self._held)))
        self._held[self._next] = frame
        self._at.setdefault(frame.heard.dev_addr, []).append(self._next)
        self._next += 1

    def at(self, dev_addr: int) -> list[tuple[int, Held]]:
        """The frames of one DevAddr as they came, with the numbers to `remove` them by."""
        return [(number, self._held[number]) for number in self._at.get(dev_addr, ())]

    def remove(self, number: int) -> None:
        frame = self._held.pop(number)
        at = self._at[frame.heard.dev_addr]
        at.remove(number)
        if not at:
            del self._at[frame.heard.dev_addr]

    def expired(self, now_s: float) -> list[Held]:
        """Take out all whose time is over."""
        over = []
        while self._held:
            number, frame = next(iter(self._held.items()))
            if frame.until_s > now_s:
                break
            over.append(frame)
            self.remove(number)
        return over

    def _drop(self, number: int) -> None:
        self.dropped += 1
        self.remove(number)


def is_reported(heard: Heard, match: FrameMatch) -> bool:
    """Whether a report is about this frame: 16 counter bits, and MIC or ciphertext."""
    if match.fcnt & 0xFFFF != heard.wire:
        return False
    if match.mic is not None:
        return match.mic == heard.mic
    return match.frm_payload is not None and match.frm_payload == heard.payload
