"""Fine timestamps of the SX1303: nanoseconds from a PPS edge to the end of a preamble. Pure.

The chip gives a coarse counter value at the end of the header and, for each symbol, how far the
symbol's edge was from where it was expected; the PPS edges in the same counter give the second and
the true frequency of the crystal (sx1302_hal: precise_timestamp_calculate).
"""

from __future__ import annotations

from collections import deque

from ..counter import WRAP_TICKS
from .rssi import single

HISTORY = 16  # PPS edges that must have been seen before a fine timestamp is trusted
SECOND_TICKS = 32_000_000
GROUP_DELAY_TICKS = 2138  # of decimation and filters
NS_PER_TICK = 31.25
CRYSTAL_LIMITS = (0.8, 1.2)  # a factor beyond these is a missed edge, not a crystal
MOST_PAIRS = {12: 4, 11: 8, 10: 16}  # slow symbols drift: only the first ones are used; else 32
DC_NOTCH_HALF_WIDTH_KHZ = 75  # channels nearer to the radio's centre pass the notch filter


class PpsHistory:
    """The counter at the last sixteen PPS edges, as the PPS register showed them."""

    def __init__(self) -> None:
        self._edges: deque[int] = deque(maxlen=HISTORY)

    def capture(self, ticks: int) -> None:
        """Take a reading of the PPS register; the same value again is the same edge."""
        if not self._edges or self._edges[-1] != ticks:
            self._edges.append(ticks)

    def clear(self) -> None:
        """Edges have stopped coming: what was known of them says nothing about later frames."""
        self._edges.clear()

    def reference(self, ticks: int) -> tuple[int, float] | None:
        """The edge that began the second of `ticks`, and the crystal's factor in that second.

        None while the history is too short, if no edge fits, or if an edge next to it is missing.
        """
        edges = self._edges
        if len(edges) < HISTORY:
            return None
        ages = range(len(edges) - 1, -1, -1)  # the newest first
        index = next((i for i in ages if _since(edges[i], ticks) <= SECOND_TICKS), None)
        if index is None:
            return None
        # The newest edge has no successor yet; the second before it is the best that is known.
        first = min(index, len(edges) - 2)
        factor = SECOND_TICKS / _since(edges[first], edges[first + 1])
        low, high = CRYSTAL_LIMITS
        return (edges[index], factor) if low <= factor <= high else None


def fine_time_ns(
    ticks: int, sf: int, metrics: bytes, freq_error: float, if_hz: int, pps: PpsHistory
) -> int | None:
    """Nanoseconds since the last PPS edge, or None if they cannot be known.

    `ticks` and `metrics` are the record's; `freq_error` is relative (1e-6 for one ppm).
    """
    if len(metrics) < 2:
        return None
    preamble_end = (ticks - _header_ticks(sf, freq_error) + GROUP_DELAY_TICKS) % WRAP_TICKS
    reference = pps.reference(preamble_end)
    if reference is None:
        return None
    edge, factor = reference
    elapsed = _since(edge, preamble_end) + _mean_shift(sf, metrics) + dc_notch_delay(if_hz)
    ns = int(elapsed * NS_PER_TICK * factor)
    return ns if 0 <= ns <= 1_000_000_000 else None


def dc_notch_delay(if_hz: int) -> float:
    """Ticks by which the notch filter delays a channel (sx1302_hal: sx1302_dc_notch_delay)."""
    k = if_hz / 1e3
    if abs(k) > DC_NOTCH_HALF_WIDTH_KHZ:
        return 0.0
    return 1.7e-6 * k**4 + 2.4e-6 * k**3 - 0.0101 * k**2 - 0.01275 * k + 10.2922


def _since(edge: int, ticks: int) -> int:
    return (ticks - edge) % WRAP_TICKS


def _header_ticks(sf: int, freq_error: float) -> int:
    """From the end of the preamble to the end of the header, for a transmitter that far off."""
    symbol = 256 << sf
    nominal = symbol * (14 if sf < 7 else 12) + 256 * ((1 << sf) // 4 - 1)
    return int(nominal + (nominal * freq_error + 0.5))


def _mean_shift(sf: int, metrics: bytes) -> float:
    """The mean distance of the symbols' edges from the coarse timestamp, in ticks."""
    used = metrics[: 2 * MOST_PAIRS.get(sf, 32)]
    shift = total = 0
    for byte in used:
        shift += byte - 256 if byte > 127 else byte
        total += shift
    return single(total / len(used))
