"""What other signals do to one frame at one receiver; pure.

A frame survives while its power is enough over the sum of each spreading factor that overlaps it,
by the matrix of the rules, and over everything that is no preamble to this receiver (inverted
chirps, other bandwidths, FSK, bare noise), which adds to the noise. `Method` in `rules.py` says
over what stretch that is asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from .rules import Method, Rules
from .tables import MATRICES, Matrix

_TOLERANCE = 1.0 + 1e-9  # a ratio of exactly what is needed is enough


@dataclass(slots=True, eq=False)
class Signal:
    """One frame, or noise, as one receiver gets it. `sf` None: nothing with a chirp.

    `lock_ns` is the end of the preamble, `header_ns` of the header; `critical_ns` is the latest
    that another frame may end without hiding the preamble (pairwise rule). `others` are the signals
    that overlap this one in time and frequency. `number` is the transmission's: a frame does not
    disturb its own copies.
    """

    number: int
    title: str
    start_ns: int
    lock_ns: int
    header_ns: int
    end_ns: int
    critical_ns: int
    symbol_ns: int
    freq_hz: float
    bw_hz: int
    sf: int | None
    invert: bool
    coding_rate: int
    power_dbm: float
    power_mw: float
    others: list[Signal] = field(default_factory=list)


class Breach(NamedTuple):
    """Why a stretch of a frame is lost: the strongest culprit, by how much. `sf` None: noise."""

    culprit: str
    sf: int | None
    ratio_db: float
    needed_db: float


class Dirty(NamedTuple):
    """A stretch in which the frame cannot be followed."""

    start_ns: int
    end_ns: int
    breach: Breach | None  # None: the receiver was not listening


def in_band(victim: Signal, other: Signal) -> float:
    """How much of the other signal's power falls into the victim's band, 0 to 1."""
    reach_hz = (victim.bw_hz + other.bw_hz) / 2
    overlap_hz = reach_hz - abs(victim.freq_hz - other.freq_hz)
    return max(0.0, min(overlap_hz, other.bw_hz, victim.bw_hz) / other.bw_hz)


def _kind(victim: Signal, other: Signal) -> int | None:
    """The matrix column under which `other` counts, or None for noise."""
    alike = other.bw_hz == victim.bw_hz and other.invert == victim.invert
    return other.sf if alike and victim.sf is not None else None


class Judge:
    """Applies one set of rules. `noise_mw` and `floor_db` are the receiver's at the frame."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._needs_db: Matrix = MATRICES[rules.matrix]
        self._needs = [[_ratio(db) for db in row] for row in self._needs_db]

    def dirty(
        self, frame: Signal, from_ns: int, to_ns: int, noise_mw: float, floor_db: float
    ) -> list[Dirty]:
        """The stretches of `from_ns` to `to_ns` in which interference is too strong."""
        others = [o for o in frame.others if o.start_ns < to_ns and o.end_ns > from_ns]
        if not others:
            return []
        edges = {from_ns, to_ns}
        edges.update(o.start_ns for o in others if o.start_ns > from_ns)
        edges.update(o.end_ns for o in others if o.end_ns < to_ns)
        times = sorted(edges)
        stretches = []
        for start, end in pairwise(times):
            now = [(o, 1.0) for o in others if o.start_ns <= start and o.end_ns >= end]
            breach = self._breach(frame, now, noise_mw, floor_db) if now else None
            if breach is not None:
                stretches.append(Dirty(start, end, breach))
        return stretches

    def whole(self, frame: Signal, noise_mw: float, floor_db: float) -> Breach | None:
        """The verdict of the rules that ask once a frame: ENERGY and PAIRWISE."""
        if self._rules.method is Method.PAIRWISE:
            for other in frame.others:
                if _collide(frame, other):
                    breach = self._breach(frame, [(other, 1.0)], noise_mw, floor_db)
                    if breach is not None:
                        return breach
            return None
        length = frame.end_ns - frame.start_ns
        shares = [(o, (min(o.end_ns, frame.end_ns) - max(o.start_ns, frame.start_ns)) / length)
                  for o in frame.others]  # fmt: skip
        return self._breach(frame, [s for s in shares if s[1] > 0], noise_mw, floor_db)

    def _breach(
        self, frame: Signal, others: list[tuple[Signal, float]], noise_mw: float, floor_db: float
    ) -> Breach | None:
        """The worst rule broken by `others`, each present for a share of the time."""
        sums: dict[int | None, float] = {}
        for other, share in others:
            kind = _kind(frame, other)
            power = other.power_mw * share * in_band(frame, other)
            sums[kind] = sums.get(kind, 0.0) + power
        for kind, power in sums.items():
            if power <= 0.0:
                continue
            if kind is None:
                power, needed, needed_db = power + noise_mw, _ratio(floor_db), floor_db
            else:
                assert frame.sf is not None
                needed = self._needs[frame.sf - 5][kind - 5]
                needed_db = self._needs_db[frame.sf - 5][kind - 5]
            if frame.power_mw * _TOLERANCE < needed * power:
                culprits = [o for o, _ in others if _kind(frame, o) == kind]
                worst = max(culprits, key=lambda o: o.power_mw)
                ratio_db = frame.power_dbm - 10.0 * math.log10(power)
                return Breach(worst.title, kind, ratio_db, needed_db)
        return None


def longest_clean_ns(from_ns: int, to_ns: int, dirty: list[Dirty]) -> int:
    """The longest stretch of `from_ns` to `to_ns` that no dirty one touches."""
    longest, at = 0, from_ns
    for stretch in sorted(dirty):
        longest = max(longest, stretch.start_ns - at)
        at = max(at, stretch.end_ns)
    return max(longest, to_ns - at)


def _collide(a: Signal, b: Signal) -> bool:
    earlier, later = (a, b) if a.start_ns <= b.start_ns else (b, a)
    return earlier.end_ns > later.critical_ns


def _ratio(db: float) -> float:
    return math.inf if db == math.inf else float(10.0 ** (db / 10.0))
