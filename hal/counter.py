"""The chip's 32-bit counter unwrapped to a line of microseconds that never wraps.

The counter runs at 32 MHz, so it wraps every 134.2 s; 27 of its bits are whole microseconds.
Nothing in the chip counts the wraps: whoever reads it at least once per wrap can, and that is all
that happens here (sx1302_hal: timestamp_counter_update, timestamp_pkt_expand).
"""

from __future__ import annotations

TICKS_PER_US = 32
WRAP_TICKS = 1 << 32
WRAP_US = WRAP_TICKS // TICKS_PER_US  # 134.217728 s


class Counter:
    """One counter session: from a start of the chip to its next reset.

    The low 32 bits of the line are what Semtech's C HAL reports, unless `line_start_us` is given:
    then the first update is at that instant, so that a line can go on after the chip was reset.
    """

    def __init__(self, line_start_us: int | None = None) -> None:
        self._line_start_us = line_start_us
        self._base_us = 0  # of the line, where the present period of the counter began
        self._last_us = 0  # within the period
        self._first = True

    @property
    def now_us(self) -> int:
        """The line at the last update; before the first one, where the line starts."""
        if self._first:
            return self._line_start_us or 0
        return self._base_us + self._last_us

    def update(self, ticks: int) -> int:
        """Take a reading of the free-running counter; gives `now_us`.

        A reading below the last one means one wrap, so at most 134 s may pass between two.
        """
        us = ticks // TICKS_PER_US
        if self._first and self._line_start_us is not None:
            self._base_us = self._line_start_us - us
        elif us < self._last_us:
            self._base_us += WRAP_US
        self._first = False
        self._last_us = us
        return self._base_us + us

    def expand(self, ticks: int) -> int:
        """The line at a timestamp that the chip took at or before the last update.

        One that is greater than the last reading belongs to the period before.
        """
        us = ticks // TICKS_PER_US
        if us > self._last_us:
            us -= WRAP_US
        return self._base_us + us

    def to_ticks(self, line_us: int) -> int:
        """What the counter will show at an instant of the line, the inverse of `update`."""
        return (line_us - self._base_us) * TICKS_PER_US % WRAP_TICKS
