"""Spectral scan by the SX1261: one channel at a time, in steps that yield to everything else.

A step is at most one transfer, so that whoever polls for frames is never kept longer than that. The
SX1261 scans by itself between the steps. Source: sx1302_hal: lgw_spectral_scan_start, and the
forwarder's thread_spectral_scan.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..config import ConcentratorConfig, ScanConfig
from ..radio import sx1261
from ..spectrum import LEVELS, STEP_HZ, SpectrumReport, levels_dbm
from ..transport.base import Command
from .chip import Sx1302

BW_HZ = 125_000
LOOK_NS = 10_000_000  # between two looks at whether it is done
PATIENCE_NS = 2_000_000_000  # for a scan; 65535 readings take 0.54 s
AGAIN_NS = 100_000_000  # after a scan that had to yield
MOST_CHANNELS = 255
MOST_READINGS = 65_535
BAND_HZ = (150_000_000, 960_000_000)  # SX1261 data sheet


@dataclass(slots=True)
class ScanCount:
    """How the scans ended; only ever grows."""

    completed: int = 0
    yielded: int = 0  # to a transmission
    failed: int = 0  # no result in time


class Scanner:
    """One scan: `start`, then `step` until it gives a report. Raises TransportError for the bus."""

    def __init__(self, chip: Sx1302, offset_db: int) -> None:
        self._chip = chip
        self._levels = levels_dbm(offset_db)
        self._freq_hz = 0
        self._groups: deque[list[Command]] = deque()
        self._look_ns = self._give_up_ns = 0
        self.running = False
        self.count = ScanCount()

    def start(self, freq_hz: int, readings: int, now_ns: int) -> None:
        """Begin with one channel; nothing is said to the radio yet."""
        self._freq_hz = freq_hz
        self._groups = deque(sx1261.scan(freq_hz, BW_HZ, readings))
        self._look_ns, self._give_up_ns = now_ns, now_ns + PATIENCE_NS
        self.running = True

    def step(self, now_ns: int) -> SpectrumReport | None:
        """Do what comes next, if it is time for it."""
        if not self.running:
            return None
        if self._groups:
            self._chip.transfer(self._groups.popleft())
            return None
        if now_ns < self._look_ns:
            return None
        self._look_ns = now_ns + LOOK_NS
        status, results = self._chip.transfer((sx1261.SCAN_STATUS, sx1261.SCAN_RESULTS))
        if status[-1] == sx1261.SCAN_COMPLETE:
            self.running = False
            self.count.completed += 1
            counts = sx1261.scan_counts(results, LEVELS)
            return SpectrumReport(self._freq_hz, BW_HZ, self._levels, counts, now_ns)
        if status[-1] == sx1261.SCAN_ABORTED or now_ns >= self._give_up_ns:
            self.running = False
            self.count.failed += 1
        return None

    def stop(self) -> None:
        """Give way: a transmission needs the board."""
        if self.running:
            self.running = False
            self.count.yielded += 1
            self._chip.transfer(sx1261.stop())


class Background:
    """Scans the configured channels one after the other, at their pace, while nobody sends."""

    def __init__(self, scanner: Scanner, plan: ScanConfig, quiet: Callable[[], bool]) -> None:
        """`quiet` tells whether no frame is scheduled or on the air; asked before each scan."""
        self._scanner = scanner
        self._plan = plan
        self._quiet = quiet
        self._next = 0
        self._due_ns: int | None = None

    def step(self, now_ns: int) -> SpectrumReport | None:
        """At most one transfer; a report when a channel is finished."""
        if self._due_ns is None:
            self._due_ns = now_ns + self._pace_ns
        if self._scanner.running:
            return self._finish(self._scanner.step(now_ns), now_ns)
        if now_ns >= self._due_ns:
            if not self._quiet():
                self._due_ns = now_ns + AGAIN_NS
                return None
            freq_hz = self._plan.freq_start_hz + self._next * STEP_HZ
            self._due_ns = now_ns + self._pace_ns
            self._scanner.start(freq_hz, self._plan.readings, now_ns)
        return None

    def yielded(self) -> None:
        """A scan was stopped for a transmission: its channel comes again soon."""
        if self._due_ns is not None:
            self._due_ns = min(self._due_ns, self._due_ns - self._pace_ns + AGAIN_NS)

    @property
    def _pace_ns(self) -> int:
        return max(self._plan.pace_s, 1) * 1_000_000_000

    def _finish(self, report: SpectrumReport | None, now_ns: int) -> SpectrumReport | None:
        if not self._scanner.running:
            self._next = (self._next + 1) % self._plan.channels
        return report


def faults(config: ConcentratorConfig) -> list[str]:
    """What the SX1261 cannot scan."""
    if config.sx1261 is None or config.sx1261.scan is None:
        return []
    plan = config.sx1261.scan
    found = []
    if not 1 <= plan.channels <= MOST_CHANNELS:
        found.append(f"spectral scan of {plan.channels} channels; 1 to {MOST_CHANNELS} expected")
    if not 1 <= plan.readings <= MOST_READINGS:
        found.append(f"spectral scan of {plan.readings} readings; 1 to {MOST_READINGS} expected")
    last_hz = plan.freq_start_hz + (plan.channels - 1) * STEP_HZ
    if plan.freq_start_hz < BAND_HZ[0] or last_hz > BAND_HZ[1]:
        found.append(
            f"spectral scan from {plan.freq_start_hz} to {last_hz} Hz; within {BAND_HZ[0]} to "
            f"{BAND_HZ[1]} Hz expected"
        )
    return found
