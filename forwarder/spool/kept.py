"""One uplink while it is kept, what of it decides how, and why one was given up. Values; pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from hal.frames import Crc

from ..packets import Uplink

JOIN_REQUEST, REJOIN_REQUEST = 0, 6  # MType, bits 7 to 5 of the first byte (TS001 4.2.1)
DATA_UP = (2, 4)
SHORTEST_DATA = 12  # MHDR, DevAddr, FCtrl, FCnt, MIC
ROW_BYTES = 110  # of a row beside the payload; measured, see docs/outages.md


@dataclass(slots=True)
class Kept:
    """A frame that a server has not acknowledged yet.

    A lower `number` was received earlier. `taken_s` is on the keeper's clock, and lies before the
    process's start for a frame of an earlier one. `lane` is whose frame it is: those of one lane
    keep their order, whatever else happens. `late` and `paced` say how it was sent last. `stored`:
    it is on disk too. `gone`: settled, whoever still holds it. `dated`: `taken_s` is exact, which
    it may not be for a frame of an earlier run.
    """

    number: int
    uplink: Uplink
    taken_s: float
    lane: int | None = None
    join: bool = False
    sent_s: float = 0.0
    tries: int = 0
    late: bool = False
    paced: bool = False
    stored: bool = False
    gone: bool = False
    dated: bool = True

    @property
    def size(self) -> int:
        """What it takes on disk, about; bytes."""
        return len(self.uplink.frame.payload) + ROW_BYTES


class Drop(Enum):
    """Why a frame was given up; the value is what an operator reads."""

    EXPIRED = "expired"  # older than max_age_h
    FULL = "full"  # more than memory and disk may hold
    JOIN = "join"  # a join-request that could not go at once
    POLICY = "policy"  # this server gets nothing that waited
    DISK = "disk"  # the store was damaged or gave it back unreadable
    UNANSWERED = "unanswered"  # sent several times, never acknowledged


@dataclass(slots=True)
class Tally:
    """What has become of all frames; only ever grows."""

    taken: int = 0
    recovered: int = 0  # from earlier runs, beside those taken
    acknowledged: int = 0
    late: int = 0  # of the acknowledged: were marked late
    repeated: int = 0  # times that a frame was sent again
    dropped: Counter[Drop] = field(default_factory=Counter)


def lane(uplink: Uplink) -> int | None:
    """The DevAddr of a data frame; None where none can be relied on."""
    payload = uplink.frame.payload
    if len(payload) < SHORTEST_DATA or payload[0] >> 5 not in DATA_UP:
        return None
    if uplink.frame.crc is Crc.BAD:
        return None
    return int.from_bytes(payload[1:5], "little")


def is_join(uplink: Uplink) -> bool:
    """Whether the device waits for an answer that is of no use a few seconds later."""
    payload = uplink.frame.payload
    return bool(payload) and payload[0] >> 5 in (JOIN_REQUEST, REJOIN_REQUEST)
