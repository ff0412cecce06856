"""Which received frames are ghosts: weak copies of a strong one on channels not its own. Pure.

A device within metres of the antenna overdrives the receiver, and one frame comes out of several
demodulators with a good CRC. A server that keeps copies on different frequencies apart may then
answer on one where the device does not listen. Source: Lora-net/sx1302_hal issue 48,
brocaar/chirpstack-network-server issues 159 and 557: 34 to 75 dB weaker, within 8 us.
"""

from __future__ import annotations

from collections.abc import Sequence

from hal.frames import Crc, RxFrame

WITHIN_US = 100
WEAKER_DB = 25.0


class Ghosts:
    """Looks at frames as they come; a ghost may come one look at the FIFO after its frame."""

    def __init__(self) -> None:
        self._before: Sequence[RxFrame] = ()

    def marks(self, frames: Sequence[RxFrame]) -> list[bool]:
        """For each of one look's `frames`, whether it is a ghost."""
        strongest: dict[bytes, RxFrame] = {}
        for frame in (*self._before, *frames):
            other = strongest.setdefault(frame.payload, frame)
            if frame.rssi_channel_dbm > other.rssi_channel_dbm:
                strongest[frame.payload] = frame
        self._before = frames
        return [_is_ghost(frame, strongest[frame.payload]) for frame in frames]


def _is_ghost(frame: RxFrame, of: RxFrame) -> bool:
    return (
        of is not frame
        and of.if_chain != frame.if_chain
        and of.rssi_channel_dbm - frame.rssi_channel_dbm >= WEAKER_DB
        and abs(of.counter_us - frame.counter_us) <= WITHIN_US
        and of.crc is Crc.OK
        and of.modulation == frame.modulation
    )
