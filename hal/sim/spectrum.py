"""What the SX1261 of a simulated board measures: power over time, and the histogram of a scan.

Levels come from the air above the board, or are the receiver's own noise where there is none. The
spread of a reading around its mean is fixed, so equal airs give equal histograms. Pure.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# (frequency, bandwidth, from, to): stretches of that time in order, with the mean power in each.
Stretches = Iterable[tuple[int, float]]  # nanoseconds, dBm
Hear = Callable[[float, float, int, int], Stretches]

NOISE_FIGURE_DB = 8.0  # of the listening radio's path
SPREAD_DB = 2.0  # standard deviation of one reading
LEVELS = 33  # 4 dB apart, from 0 dBm down; the last is all that is weaker
STEP_DB = 4


def noise_dbm(bw_hz: float) -> float:
    """Thermal noise in a band, as the radio sees it."""
    return -174.0 + 10.0 * math.log10(bw_hz) + NOISE_FIGURE_DB


def silence(freq_hz: float, bw_hz: float, from_ns: int, to_ns: int) -> Stretches:
    """A band with nobody in it."""
    return [(to_ns - from_ns, noise_dbm(bw_hz))]


@dataclass(frozen=True, slots=True)
class Tone:
    """One signal of the band over time."""

    start_ns: int
    end_ns: int
    power_mw: float


def stretches(tones: Iterable[Tone], bw_hz: float, from_ns: int, to_ns: int) -> Stretches:
    """Cut a stretch of time where a signal begins or ends; power of all signals and the noise."""
    here = [tone for tone in tones if tone.start_ns < to_ns and tone.end_ns > from_ns]
    cuts = {from_ns, to_ns}
    for tone in here:
        cuts |= {max(tone.start_ns, from_ns), min(tone.end_ns, to_ns)}
    floor_mw = 10.0 ** (noise_dbm(bw_hz) / 10.0)
    edges = sorted(cuts)
    for start_ns, end_ns in itertools.pairwise(edges):
        power_mw = floor_mw
        for tone in here:
            if tone.start_ns <= start_ns and tone.end_ns >= end_ns:
                power_mw += tone.power_mw
        yield end_ns - start_ns, 10.0 * math.log10(power_mw)


def histogram(heard: Stretches, readings: int) -> list[int]:
    """`readings` spread over the levels, in proportion to time; they add up."""
    shares = [0.0] * LEVELS
    total_ns = 0
    for length_ns, mean_dbm in heard:
        total_ns += length_ns
        for level, share in enumerate(_spread(mean_dbm)):
            shares[level] += share * length_ns
    wanted = [share * readings / max(total_ns, 1) for share in shares]
    counts = [int(value) for value in wanted]
    # What rounding left over goes to the largest remainders.
    order = sorted(range(LEVELS), key=lambda level: counts[level] - wanted[level])
    for level in order[: readings - sum(counts)]:
        counts[level] += 1
    return counts


def _spread(mean_dbm: float) -> list[float]:
    """The share of readings in each level: level i holds -4 i dBm and what is up to 4 dB above."""
    above = [_share_above(-STEP_DB * level, mean_dbm) for level in range(LEVELS - 1)]
    return [above[0], *(b - a for a, b in itertools.pairwise(above)), 1.0 - above[-1]]


def _share_above(dbm: float, mean_dbm: float) -> float:
    return 0.5 * math.erfc((dbm - mean_dbm) / (SPREAD_DB * math.sqrt(2.0)))
