"""A recording as the uplinks that each of its gateways gave its links, ghosts marked. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from hal.frames import RxFrame
from hal.modulation import LoRa

from ..packets import Uplink
from ..radio.ghosts import Ghosts
from .recording import Reception

WRAP = 1 << 32
LOOK_US = 10_000  # frames of one gateway that end within this are taken for one look at the FIFO


def uplinks(receptions: Sequence[Reception]) -> dict[str, list[Uplink]]:
    """By gateway, in order of time where the recording has one, else in the file's."""
    by_gateway: defaultdict[str, list[Reception]] = defaultdict(list)
    for reception in receptions:
        by_gateway[reception.gateway].append(reception)
    return {gateway: list(_of_one(heard)) for gateway, heard in by_gateway.items()}


def _of_one(receptions: Sequence[Reception]) -> Iterator[Uplink]:
    ghosts = Ghosts()
    for look in _looks(_frames(receptions)):
        for frame, ghost in zip(look, ghosts.marks(look), strict=True):
            yield Uplink(frame, ghost=ghost)


def _looks(frames: Iterator[RxFrame]) -> Iterator[list[RxFrame]]:
    look: list[RxFrame] = []
    for frame in frames:
        if look and abs(frame.counter_us - look[-1].counter_us) > LOOK_US:
            yield look
            look = []
        look.append(frame)
    if look:
        yield look


def _frames(receptions: Sequence[Reception]) -> Iterator[RxFrame]:
    timed = all(one.tmst is None or one.at_us != one.tmst for one in receptions)
    ordered = sorted(receptions, key=lambda one: one.at_us) if timed else receptions
    line = Line()
    chains: dict[tuple[int, bool], int] = {}  # a channel's number, as they turn up
    for one in ordered:
        lora = isinstance(one.modulation, LoRa)
        yield RxFrame(
            payload=one.payload,
            counter_us=line.of(one),
            freq_hz=one.freq_hz,
            modulation=one.modulation,
            crc=one.crc,
            if_chain=chains.setdefault((one.freq_hz, lora), len(chains)) & 0xFF,
            rf_chain=0,
            modem=0,
            rssi_channel_dbm=one.rssi_dbm,
            rssi_signal_dbm=one.rssi_dbm if lora else None,
            snr_db=one.snr_db if lora else None,
            freq_offset_hz=0,
        )


class Line:
    """The unwrapped microseconds of one gateway: its counter, in the turn that the time says."""

    def __init__(self) -> None:
        self._offset_us: int | None = None  # wall time at the counter's 0
        self._last_us = 0

    def of(self, one: Reception) -> int:
        if one.tmst is None:
            return one.at_us
        near_us = self._last_us  # without times, the turn nearest to the frame before
        if one.at_us != one.tmst:
            if self._offset_us is None:
                self._offset_us = one.at_us - one.tmst
            near_us = one.at_us - self._offset_us
        elif self._offset_us is None:
            self._offset_us, near_us = 0, one.tmst
        turns = (near_us - one.tmst + WRAP // 2) // WRAP
        self._last_us = one.tmst + turns * WRAP
        return self._last_us
