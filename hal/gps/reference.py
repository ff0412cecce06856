"""What an instant of the counter is in GPS time, and the other way round. Pure.

The concentrator latches its counter at every PPS edge; the receiver tells the GPS second of that
edge. Such pairs, and how fast the crystal really runs, are all of it (sx1302_hal: lgw_gps_sync,
lgw_cnt2gps, lgw_gps2cnt; lora_pkt_fwd.c: thread_valid). Differences to the C code:

- integers all through: doubles lose microseconds on a GPS time in nanoseconds;
- signed differences on the unwrapped line: a frame that ended before the edge is not taken for one
  of the next turn of the counter;
- one pair alone is not believed: a second one has to agree with it;
- age by the counter's own line, so no step of the host's clock can age or renew it; and 5 s are
  its limit, where C goes on for 30;
- conversions use the filtered crystal, where C uses the last second's, which is wrong by up to a
  microsecond for every second ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .values import NS

MAX_AGE_US = 5_000_000  # a reference older than this is none
LIMIT_PPM = 10  # a crystal further off is a wrong pair
ROUNDING_US = 1  # each edge is cut to a whole microsecond
ABERRANT = 3  # pairs that agree with each other and not with the reference replace it
CONFIRMED = 2  # pairs that must agree where there is no reference
LONGEST_S = 3_600  # beyond that 10 ppm may hide a wrong second
FIRST_AVERAGE = 16  # pairs until the crystal is known; then a low pass over
FILTER = 256
NOMINAL_PS = 10**12  # counter's picoseconds in a second


@dataclass(frozen=True, slots=True)
class Pair:
    """A PPS edge on the concentrator's line, and its GPS second."""

    edge_us: int
    gps_s: int

    def fits(self, later: Pair) -> bool:
        """Whether a good crystal could have counted from here to there."""
        elapsed_s = later.gps_s - self.gps_s
        if not 0 < elapsed_s <= LONGEST_S:
            return False
        error_us = later.edge_us - self.edge_us - elapsed_s * 1_000_000
        return abs(error_us) <= elapsed_s * LIMIT_PPM + ROUNDING_US


class Sync(Enum):
    """What became of a pair."""

    TAKEN = "taken"
    SAME = "known already"
    TRIAL = "waits for another that agrees"
    ABERRANT = "does not fit the ones before"
    REPLACED = "the ones before were wrong"


class Crystal:
    """How many picoseconds the counter counts in a second: a mean first, then a low pass."""

    def __init__(self) -> None:
        self.rate_ps = NOMINAL_PS
        self._seen = 0

    @property
    def settled(self) -> bool:
        """Good enough to correct a frequency by (`xtal_correct_ok`)."""
        return self._seen >= FIRST_AVERAGE

    @property
    def ppm(self) -> float:
        """How much faster than nominal it runs."""
        return (self.rate_ps - NOMINAL_PS) / 1e6

    def note(self, earlier: Pair, later: Pair) -> None:
        elapsed_s = later.gps_s - earlier.gps_s
        sample_ps = (later.edge_us - earlier.edge_us) * 1_000_000 // elapsed_s
        if self._seen < FIRST_AVERAGE:
            self._seen += 1
            weight = self._seen
        else:
            weight = FILTER
        self.rate_ps += _nearest(sample_ps - self.rate_ps, weight)

    def corrected_hz(self, freq_hz: int) -> int:
        """What to program so that `freq_hz` comes out."""
        return _nearest(freq_hz * NOMINAL_PS, self.rate_ps)


class Reference:
    """One counter session: after a restart or a jump of the counter, make a new one.

    `now_us` and every `counter_us` are on the concentrator's unwrapped line.
    """

    def __init__(self) -> None:
        self.crystal = Crystal()
        self._pair: Pair | None = None
        self._trial: Pair | None = None
        self._trials = 0

    def age_us(self, now_us: int) -> int | None:
        """Since the edge of the newest pair; None without one."""
        return None if self._pair is None else now_us - self._pair.edge_us

    @property
    def newest_gps_s(self) -> int | None:
        """The GPS second of the newest pair."""
        return None if self._pair is None else self._pair.gps_s

    def valid(self, now_us: int) -> bool:
        """Whether conversions may be believed."""
        age_us = self.age_us(now_us)
        return age_us is not None and abs(age_us) <= MAX_AGE_US

    def sync(self, pair: Pair) -> Sync:
        """Take a pair; at most one per edge counts."""
        known = self._pair
        if pair in (known, self._trial):
            return Sync.SAME
        if known is not None and known.fits(pair):
            self._note(known, pair)
            self._trial, self._trials = None, 0
            return Sync.TAKEN
        return self._try(pair)

    def _try(self, pair: Pair) -> Sync:
        trial, known = self._trial, self._pair
        self._trials = self._trials + 1 if trial is not None and trial.fits(pair) else 1
        self._trial = pair
        if trial is not None and self._trials >= (CONFIRMED if known is None else ABERRANT):
            self._note(trial, pair)
            self._trial, self._trials = None, 0
            return Sync.TAKEN if known is None else Sync.REPLACED
        return Sync.TRIAL if known is None else Sync.ABERRANT

    def _note(self, earlier: Pair, later: Pair) -> None:
        if not self.valid(later.edge_us):
            self.crystal = Crystal()  # what it did before the gap says little: it has aged too
        self.crystal.note(earlier, later)
        self._pair = later

    def gps_ns(self, counter_us: int) -> int | None:
        """GPS nanoseconds at an instant of the line; whether it is valid is for the caller."""
        if self._pair is None:
            return None
        elapsed_us = counter_us - self._pair.edge_us
        return self._pair.gps_s * NS + _nearest(
            elapsed_us * 1000 * NOMINAL_PS, self.crystal.rate_ps
        )

    def counter_us(self, gps_ns: int) -> int | None:
        """The line at a GPS instant, the inverse of `gps_ns`."""
        if self._pair is None:
            return None
        elapsed_ns = gps_ns - self._pair.gps_s * NS
        return self._pair.edge_us + _nearest(elapsed_ns * self.crystal.rate_ps, 1000 * NOMINAL_PS)


def _nearest(dividend: int, divisor: int) -> int:
    """The quotient, rounded to the nearest whole number."""
    return (2 * dividend + divisor) // (2 * divisor)
