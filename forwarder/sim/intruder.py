"""Somebody with a radio near the demo's gateway: forged, replayed and foreign frames. Pure.

No key is needed for any of them: what was heard on the air is enough.
"""

from __future__ import annotations

import random
from dataclasses import replace
from enum import Enum

from hal.sim.air import Transmission

from ..lorawan.frame import DataFrame, FrameError, Header, MType, parse
from .device import Send

PLACE = (180.0, -120.0, 1.5)
START_NS = 1_000_000  # after now
MAX_DEVICES = 1000


class Trick(Enum):
    FORGED = "forged frame"
    REPLAY = "replay"
    UNKNOWN = "unknown device"


class Tape:
    """What went over the air: each device's first and last data frame that was received."""

    def __init__(self) -> None:
        self._frames: dict[str, tuple[Send, Send]] = {}

    def hear(self, name: str, send: Send) -> None:
        if _data(send.payload) is None:
            return
        first, _ = self._frames.get(name, (send, send))
        if name in self._frames or len(self._frames) < MAX_DEVICES:
            self._frames[name] = first, send

    def victim(self) -> tuple[str, Send, Send] | None:
        """The first device that was heard with two different frames; its first and last."""
        for name, (first, last) in self._frames.items():
            if first.payload != last.payload:
                return name, first, last
        return None


def play(
    trick: Trick, tape: Tape, rng: random.Random, now_ns: int
) -> tuple[Transmission, str] | None:
    """A frame for the air and what to tell about it; None as long as too little was heard."""
    heard = tape.victim()
    if heard is None:
        return None
    name, first, last = heard
    match trick:
        case Trick.FORGED:
            payload, words = _forged(last, rng), f"as {name}, its next counter, its MIC invented"
        case Trick.REPLAY:
            payload, words = first.payload, f"a frame of {name} once more, as it was recorded"
        case Trick.UNKNOWN:
            payload, words = _unknown(rng), "with a DevAddr that nobody here has"
    frame = Transmission(
        who="intruder",
        payload=payload,
        start_ns=now_ns + START_NS,
        freq_hz=last.freq_hz,
        sf=last.sf,
        bw_hz=last.bw_hz,
        at=PLACE,
        label=trick.value,
    )
    return frame, words


def _forged(last: Send, rng: random.Random) -> bytes:
    frame = _data(last.payload)
    assert frame is not None
    payload = rng.randbytes(len(frame.payload)) if frame.fport else frame.payload
    return replace(frame, fcnt=frame.fcnt + 1 & 0xFFFF, payload=payload).body() + rng.randbytes(4)


def _unknown(rng: random.Random) -> bytes:
    address = 0x01000000 | rng.getrandbits(20)
    frame = DataFrame(
        Header(MType.UNCONFIRMED_UP), address, rng.randrange(200), fport=2, payload=rng.randbytes(6)
    )
    return frame.body() + rng.randbytes(4)


def _data(payload: bytes) -> DataFrame | None:
    try:
        frame = parse(payload)
    except FrameError:
        return None
    return frame if isinstance(frame, DataFrame) and frame.header.mtype.uplink else None
