"""What the background scan has found: the last report of each channel, and how often it came.

Bounded by the number of channels that can be configured. Pure.
"""

from __future__ import annotations

from hal.spectrum import SpectrumReport

BUSY_DBM = -90  # a channel is called taken while it is at least this strong
MOST_CHANNELS = 255


class Spectrum:
    """Reports by frequency. `state` is what the page and programs read."""

    def __init__(self) -> None:
        self._latest: dict[int, SpectrumReport] = {}
        self._scans: dict[int, int] = {}

    def add(self, report: SpectrumReport) -> None:
        """Keep the newest of a channel."""
        freq_hz = report.freq_hz
        if freq_hz not in self._latest and len(self._latest) >= MOST_CHANNELS:
            return
        self._latest[freq_hz] = report
        self._scans[freq_hz] = self._scans.get(freq_hz, 0) + 1

    def reports(self) -> list[SpectrumReport]:
        """The newest of every channel, in the order of frequencies."""
        return [self._latest[freq_hz] for freq_hz in sorted(self._latest)]

    def state(self, now_ns: int) -> list[dict[str, object]]:
        """One object a channel; `now_ns` is on the reports' clock."""
        return [
            as_json(report)
            | {
                "age_s": round((now_ns - report.at_ns) / 1e9, 1),
                "scans": self._scans[report.freq_hz],
            }
            for report in self.reports()
        ]

    def line(self) -> str:
        """For the log: the loudest channel; "" before the first report."""
        found = [(report.median_dbm(), report) for report in self.reports()]
        known = [(median, report) for median, report in found if median is not None]
        if not known:
            return ""
        median_dbm, loudest = max(known, key=lambda pair: (pair[0], -pair[1].freq_hz))
        return (
            f"spectrum of {len(found)} channels, loudest {loudest.freq_hz / 1e6:.1f} MHz "
            f"({median_dbm} dBm, {loudest.share_above(BUSY_DBM):.0%} above {BUSY_DBM} dBm)"
        )


def as_json(report: SpectrumReport) -> dict[str, object]:
    """One report for programs; levels and counts as Semtech's scan program writes them."""
    return {
        "freq_hz": report.freq_hz,
        "bw_hz": report.bw_hz,
        "readings": report.readings,
        "median_dbm": report.median_dbm(),
        "share_above_90_dbm": round(report.share_above(BUSY_DBM), 4),
        "levels_dbm": list(report.levels_dbm),
        "counts": list(report.counts),
    }
