"""What a spectral scan found on one frequency. Values; pure.

The SX1261 takes a number of RSSI readings, 8.2 us apart, and counts them by level: 33 levels, 4 dB
apart, of which the last stands for all that is weaker. Source: sx1302_hal: loragw_sx1261.
"""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = 33
STEP_DB = 4
STEP_HZ = 200_000  # from one scanned channel to the next, as in Semtech's programs


def levels_dbm(offset_db: int) -> tuple[int, ...]:
    """The levels, strongest first; the last two are equal: at it, and below it."""
    steps = [-STEP_DB * i + offset_db for i in range(LEVELS - 1)]
    return (*steps, steps[-1])


@dataclass(frozen=True, slots=True)
class SpectrumReport:
    """One scanned channel. `counts` belong to `levels_dbm`; `at_ns` is the clock at its end."""

    freq_hz: int
    bw_hz: int
    levels_dbm: tuple[int, ...]
    counts: tuple[int, ...]
    at_ns: int

    @property
    def readings(self) -> int:
        return sum(self.counts)

    def median_dbm(self) -> int | None:
        """The level that half of the readings reach; None without readings."""
        return self.reached_by(0.5)

    def reached_by(self, share: float) -> int | None:
        """The highest level that at least `share` (0 to 1) of the readings reach."""
        total, reached = self.readings, 0
        for level_dbm, count in zip(self.levels_dbm, self.counts, strict=True):
            reached += count
            if total and reached >= share * total:
                return level_dbm
        return None

    def share_above(self, dbm: float) -> float:
        """Share of the readings at or above a level: how long the channel was taken; 0 to 1."""
        strong = sum(
            count
            for level_dbm, count in zip(self.levels_dbm[:-1], self.counts[:-1], strict=True)
            if level_dbm >= dbm
        )
        return strong / self.readings if self.readings else 0.0
