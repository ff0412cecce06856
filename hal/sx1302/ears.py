"""What the SX1261 does for the concentrator: it listens before frames leave, and scans the band.

It can do one thing at a time: a frame that is to be sent ends a scan.
"""

from __future__ import annotations

from collections.abc import Callable

from ..clock import Clock
from ..config import ConcentratorConfig
from ..errors import ChipError, TxRefusal, TxRefused
from ..spectrum import SpectrumReport
from . import lbt
from .chip import Sx1302
from .lbt import LbtCount, Listener
from .scan import Background, ScanCount, Scanner

STEP_S = 0.001  # between two steps of a scan that somebody waits for


class Ears:
    """Methods raise TransportError for the bus. `fault` says why it does not work, if so."""

    def __init__(
        self, chip: Sx1302, clock: Clock, config: ConcentratorConfig, quiet: Callable[[], bool]
    ) -> None:
        """`quiet` tells whether no frame is scheduled or on the air."""
        self._clock = clock
        self._config = config.sx1261
        self.fault = ""
        wanted = self._config if lbt.wanted(config) else None
        self._listener = Listener(chip, clock, wanted) if wanted else None
        self._scanner: Scanner | None = None
        self._background: Background | None = None
        if self._config is not None:
            self._scanner = Scanner(chip, self._config.rssi_offset_db)
            if self._config.scan is not None:
                self._background = Background(self._scanner, self._config.scan, quiet)

    @property
    def listener(self) -> Listener | None:
        """Who listens before a frame leaves; None where nobody has to, or can."""
        return None if self.fault else self._listener

    def make_way(self) -> None:
        """A frame is to be sent: a scan ends. Raises TxRefused where nobody can listen first."""
        if self._listener and self.fault and self._config and self._config.lbt_needed:
            raise TxRefused(TxRefusal.LBT, f"the SX1261 does not work: {self.fault}")
        if self._scanner and self._scanner.running:
            self._scanner.stop()
            if self._background:
                self._background.yielded()

    def scan(self) -> SpectrumReport | None:
        """One step of the background scan; a report when a channel is finished."""
        if self._background is None or self.fault:
            return None
        return self._background.step(self._clock.now_ns())

    def spectrum(self, freq_hz: int, readings: int) -> SpectrumReport | None:
        """Scan one channel and wait for it. Raises ChipError where there is no SX1261."""
        if self._scanner is None or self.fault:
            raise ChipError(f"no spectral scan: {self.fault or 'no SX1261 is configured'}")
        self._scanner.start(freq_hz, readings, self._clock.now_ns())
        report = None
        while self._scanner.running:
            report = self._scanner.step(self._clock.now_ns())
            self._clock.sleep(STEP_S)
        return report

    def scan_counts(self) -> ScanCount:
        return self._scanner.count if self._scanner else ScanCount()

    def lbt_counts(self) -> dict[tuple[int, int], LbtCount]:
        return self._listener.counts if self._listener else {}
