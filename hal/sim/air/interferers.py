"""The bursts of an interferer, one after the other; pure."""

from __future__ import annotations

from .interference import Signal
from .propagation import milliwatts
from .values import Interferer

NOISE_NUMBER = 0  # no transmission has it


def next_burst(interferer: Interferer, after_ns: int) -> tuple[int, int] | None:
    """Start and end of the first burst that starts at or after `after_ns`; None: no more.

    An interferer that is always on has bursts as long as its period, without a gap.
    """
    on_ns = round(interferer.duty * interferer.period_ns)
    if on_ns <= 0 or interferer.period_ns <= 0:
        return None
    periods = -(-(after_ns - interferer.from_ns) // interferer.period_ns)
    start_ns = interferer.from_ns + max(periods, 0) * interferer.period_ns
    if start_ns >= interferer.to_ns:
        return None
    return start_ns, min(start_ns + on_ns, interferer.to_ns)


def noise_signal(interferer: Interferer, start_ns: int, end_ns: int, gain_db: float) -> Signal:
    power_dbm = interferer.power_dbm + gain_db
    title = f"interferer at {interferer.freq_hz / 1e6:.3f} MHz"
    return Signal(
        NOISE_NUMBER, title, start_ns, start_ns, start_ns, end_ns, start_ns, 0,
        interferer.freq_hz, interferer.bw_hz, None, False, 0, power_dbm, milliwatts(power_dbm),
    )  # fmt: skip
