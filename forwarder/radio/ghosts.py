"""Which received frames are ghosts: weak copies of a strong one on channels not its own. Pure.

A device within metres of the antenna overdrives the receiver, and one frame comes out of several
demodulators with a good CRC. A server that keeps copies on different frequencies apart may then
answer on one where the device does not listen. Source: Lora-net/sx1302_hal issue 48,
brocaar/chirpstack-network-server issues 159 and 557: 34 to 75 dB weaker, within 8 us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hal.frames import Crc, RxFrame

WITHIN_US = 100
WEAKER_DB = 25.0
MOST_COPIES = 16  # more demodulators than a concentrator has
MOST_PAYLOADS = 256  # more than a full FIFO holds


@dataclass(slots=True, eq=False)
class _Copy:
    frame: RxFrame
    close: bool = False  # it has ghosts, and that was counted


class Ghosts:
    """Looks at frames as they come; a ghost may come some looks at the FIFO after its frame.

    One that comes before its frame was given away by then: it is not marked, only counted for.
    """

    def __init__(self) -> None:
        self._heard: dict[bytes, list[_Copy]] = {}  # by payload, the last heard last
        self.very_close = 0  # frames that had ghosts: a device within metres of the antenna

    def marks(self, frames: Sequence[RxFrame]) -> list[bool]:
        """For each of one look's `frames`, whether it is a ghost."""
        for frame in frames:
            self._remember(frame)
        return [self._is_marked(frame) for frame in frames]

    def _remember(self, frame: RxFrame) -> None:
        before = self._heard.pop(frame.payload, ())
        near = [c for c in before if abs(c.frame.counter_us - frame.counter_us) <= WITHIN_US]
        self._heard[frame.payload] = [*near[-MOST_COPIES:], _Copy(frame)]
        if len(self._heard) > MOST_PAYLOADS:
            del self._heard[next(iter(self._heard))]

    def _is_marked(self, frame: RxFrame) -> bool:
        copies = self._heard.get(frame.payload, ())
        if len(copies) < 2:
            return False
        loudest = max(copies, key=_loudness)
        if not loudest.close and any(_is_ghost(c.frame, loudest.frame) for c in copies):
            loudest.close = True
            self.very_close += 1
        return any(_is_ghost(frame, c.frame) for c in copies)


def _loudness(copy: _Copy) -> float:
    return copy.frame.rssi_channel_dbm


def _is_ghost(frame: RxFrame, of: RxFrame) -> bool:
    return (
        of is not frame
        and of.if_chain != frame.if_chain
        and of.rssi_channel_dbm - frame.rssi_channel_dbm >= WEAKER_DB
        and abs(of.counter_us - frame.counter_us) <= WITHIN_US
        and of.crc is Crc.OK
        and of.modulation == frame.modulation
    )
