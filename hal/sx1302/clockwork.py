"""The chip's counters as the driver reads them: checked, unwrapped, with the PPS edges in them.

The eight bytes at 0x6101 are the counter at the last PPS edge and the running one, and are not
latched: they are read twice, and a third time when a most significant byte changed in between
(sx1302_hal: timestamp_counter_get).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..counter import WRAP_US, Counter
from ..transport.base import Op, Read, Transport
from .fine_time import PpsHistory
from .registers import Timestamp

SECOND_US = 1_000_000
PPS_LOST_US = 2_000_000  # without an edge for so long there are no fine timestamps any more
BOTH = Read(Timestamp.TIMESTAMP_PPS.address, 8)
COUNTER_OPS: tuple[Op, ...] = (BOTH, BOTH)


class Clockwork:
    """One counter session; see `Counter` for `line_start_us`."""

    def __init__(self, transport: Transport, line_start_us: int | None = None) -> None:
        self._transport = transport
        self.counter = Counter(line_start_us)
        self.history = PpsHistory()
        self.ticks = 0
        self.pps_us: int | None = None  # the line at the newest PPS edge; None before the first
        self._pps_ticks = 0  # what the register shows before the first edge

    def update(self, answers: Sequence[bytes]) -> int:
        """Take the two answers to COUNTER_OPS; gives the line now.

        Raises TransportError only when a third reading is needed and fails.
        """
        first, second = answers
        if first[0] != second[0] or first[4] != second[4]:
            (second,) = self._transport.transfer((BOTH,))
        self.ticks = int.from_bytes(second[4:], "big")
        now_us = self.counter.update(self.ticks)
        pps_ticks = int.from_bytes(second[:4], "big")
        if pps_ticks != self._pps_ticks:
            self._pps_ticks = pps_ticks
            self.pps_us = self.counter.expand(pps_ticks)
            self.history.capture(pps_ticks)
        elif self.pps_us is not None and now_us - self.pps_us > PPS_LOST_US:
            self.history.clear()
        return now_us

    def next_pps_us(self) -> int:
        """When the next PPS edge should come; a second from now if none was ever seen."""
        now_us = self.counter.now_us
        last_us = self.pps_us
        if last_us is None or now_us - last_us > WRAP_US:
            return now_us + SECOND_US
        return last_us + (now_us - last_us) // SECOND_US * SECOND_US + SECOND_US
