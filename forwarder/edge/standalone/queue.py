"""What waits to be sent to one device: bounded, in order, and each told what became of it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..values import LocalDownlink
from .values import DownlinkState, State

LONGEST = 242
Tell = Callable[[DownlinkState], None]


@dataclass(slots=True, eq=False)
class Item:
    downlink: LocalDownlink
    payload: bytes
    tries: int = 0
    sent_s: float = 0.0


def fault(downlink: LocalDownlink) -> str:
    """Why it can never be sent; empty if it may be."""
    if downlink.payload is None:
        return "no bytes: an object needs a codec that encodes it"
    if not 1 <= downlink.fport <= 223:
        return f"FPort 1 to 223 expected, not {downlink.fport}"
    if len(downlink.payload) > LONGEST:
        return f"{len(downlink.payload)} bytes; {LONGEST} are the most in any region"
    return ""


class DeviceQueue:
    """`awaiting` is a confirmed downlink that was sent and not acknowledged yet."""

    __slots__ = ("_most", "_tell", "_tries", "_waiting", "awaiting")

    def __init__(self, most: int, tries: int, tell: Tell) -> None:
        self._most, self._tries, self._tell = most, tries, tell
        self._waiting: deque[Item] = deque()
        self.awaiting: Item | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, downlink: LocalDownlink) -> None:
        why = fault(downlink)
        if not why and len(self._waiting) >= self._most:
            why = f"{self._most} downlinks wait already"
        if why or downlink.payload is None:
            self._tell(DownlinkState(downlink, State.FAILED, why))
            return
        self._waiting.append(Item(downlink, downlink.payload))
        self._tell(DownlinkState(downlink, State.QUEUED))

    def head(self) -> Item | None:
        """The next to send; none while a confirmed one is on its way."""
        return self._waiting[0] if self._waiting and self.awaiting is None else None

    def sent(self, item: Item, now_s: float) -> None:
        assert self._waiting[0] is item
        self._waiting.popleft()
        item.tries += 1
        item.sent_s = now_s
        if item.tries == 1:
            self._tell(DownlinkState(item.downlink, State.SENT))
        if item.downlink.confirmed:
            self.awaiting = item

    def drop(self, item: Item, why: str) -> None:
        self._waiting.remove(item)
        self._tell(DownlinkState(item.downlink, State.FAILED, why))

    def answered(self, *, ack: bool) -> None:
        """The device has spoken since: with its acknowledgement, or without, and it is repeated."""
        item, self.awaiting = self.awaiting, None
        if item is None:
            return
        if ack:
            self._tell(DownlinkState(item.downlink, State.ACKNOWLEDGED))
        elif item.tries >= self._tries:
            why = f"not acknowledged in {item.tries} tries"
            self._tell(DownlinkState(item.downlink, State.FAILED, why))
        else:
            self._waiting.appendleft(item)

    def clear(self, why: str) -> None:
        if self.awaiting is not None:
            self._waiting.appendleft(self.awaiting)
            self.awaiting = None
        while self._waiting:
            self.drop(self._waiting[0], why)
