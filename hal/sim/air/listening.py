"""What simulated devices hear: the emissions of boards, through receive windows."""

from __future__ import annotations

from dataclasses import dataclass

from .chance import Chance, normal
from .interference import Judge, Signal, longest_clean_ns
from .onair import OnAir, signal_of
from .propagation import (
    SNR_CEILING_DB,
    link_loss_db,
    loss_rate,
    milliwatts,
    path_loss_db,
    undetected_rate,
)
from .rules import Rules
from .tables import DEVICE_NOISE_FIGURE_DB, device_sensitivity_dbm, nominal_snr_db
from .timing import default_preamble, lora_timing
from .values import Downlink, Listen, Position

OFFSET_TOLERANCE = 0.25  # of the bandwidth
PREAMBLE_NEEDED = 5  # symbols, where the rules name none
SLACK_NS = 1_000


@dataclass(slots=True, eq=False)
class _Open:
    window: Listen
    caught: OnAir | None = None


class Windows:
    """The receive windows that are open, or will be.

    Devices do not disturb each other's reception by name: the loss between two devices is the mean
    path loss, without shadowing, so that ten thousand of them need no table of links.
    """

    def __init__(self, rules: Rules, chance: Chance) -> None:
        self._rules = rules
        self._chance = chance
        self._judge = Judge(rules)
        self._open: list[_Open] = []

    def __len__(self) -> int:
        return len(self._open)

    def add(self, window: Listen) -> tuple[int, _Open]:
        """When to call `close` with what."""
        entry = _Open(window)
        self._open.append(entry)
        return window.to_ns + _grace_ns(window), entry

    def close(self, entry: _Open) -> None:
        """The window has been over for a preamble's length."""
        if entry.caught is None and entry in self._open:
            self._open.remove(entry)
            entry.window.on_result(None)

    def lock(self, on: OnAir, gain_db: float, at: Position) -> None:
        """An emission's preamble is over: who found it?"""
        for entry in self._open:
            if entry.caught is None and _tuned(entry.window, on):
                signal = self._arrives(entry.window, on, gain_db, at)
                if self._finds(entry.window, on, signal):
                    entry.caught = on

    def finish(self, on: OnAir, gain_db: float, at: Position) -> None:
        """An emission is over: hand it to those who followed it."""
        for entry in [entry for entry in self._open if entry.caught is on]:
            self._open.remove(entry)
            whole = on.cut_ns is None
            entry.window.on_result(self._heard(entry.window, on, gain_db, at) if whole else None)

    def _heard(self, window: Listen, on: OnAir, gain_db: float, at: Position) -> Downlink | None:
        signal = self._arrives(window, on, gain_db, at)
        snr_db, floor_db = self._snr_db(window, signal), nominal_snr_db(window.sf)
        noise_mw = milliwatts(signal.power_dbm - snr_db)
        if self._judge.dirty(signal, signal.lock_ns, signal.header_ns, noise_mw, floor_db):
            return None
        spoiled = self._judge.dirty(signal, signal.header_ns, signal.end_ns, noise_mw, floor_db)
        lost = self._luck(window, on)[2] < loss_rate(self._rules, snr_db, floor_db)
        frame = on.frame
        return Downlink(
            frame.payload, frame.who, on.start_ns, on.end_ns, frame.freq_hz, frame.sf,
            frame.bw_hz, frame.coding_rate, not (spoiled or lost), signal.power_dbm,
            min(snr_db, SNR_CEILING_DB),
        )  # fmt: skip

    def _arrives(self, window: Listen, on: OnAir, gain_db: float, at: Position) -> Signal:
        """The emission at the device, with all that overlaps it there."""
        loss_db = link_loss_db(self._rules, self._chance, window.who, window.at, on.frame.who, at)
        draws = self._luck(window, on)
        fading_db = self._rules.fading_sigma_db * normal(draws[0], draws[1])
        signal = signal_of(on, self._rules, on.frame.power_dbm + gain_db - loss_db + fading_db)
        for other in on.overlaps:
            if other.frame.who != window.who:
                mean_db = path_loss_db(self._rules, window.at, other.frame.at)
                power_dbm = other.frame.power_dbm - mean_db
                signal.others.append(signal_of(other, self._rules, power_dbm))
        return signal

    def _finds(self, window: Listen, on: OnAir, signal: Signal) -> bool:
        snr_db, floor_db = self._snr_db(window, signal), nominal_snr_db(window.sf)
        if self._luck(window, on)[2] < undetected_rate(self._rules, snr_db, floor_db):
            return False
        from_ns = max(window.from_ns, signal.start_ns)
        to_ns = min(window.to_ns, signal.lock_ns)
        noise_mw = milliwatts(signal.power_dbm - snr_db)
        dirty = (
            self._judge.dirty(signal, from_ns, to_ns, noise_mw, floor_db) if to_ns > from_ns else []
        )
        needed = self._rules.preamble_needed or PREAMBLE_NEEDED
        if window.sf is None:
            needed = min(needed, 3)
        return longest_clean_ns(from_ns, to_ns, dirty) >= needed * signal.symbol_ns - SLACK_NS

    def _luck(self, window: Listen, on: OnAir) -> tuple[float, float, float, float]:
        return self._chance.draws("downlink", window.who, on.frame.who, on.index)

    def _snr_db(self, window: Listen, signal: Signal) -> float:
        above = signal.power_dbm - device_sensitivity_dbm(window.sf, window.bw_hz)
        return nominal_snr_db(window.sf) + above - (window.noise_figure_db - DEVICE_NOISE_FIGURE_DB)


def _tuned(window: Listen, on: OnAir) -> bool:
    frame = on.frame
    return (
        frame.sf == window.sf
        and frame.bw_hz == window.bw_hz
        and frame.invert == window.invert
        and frame.public == window.public
        and abs(frame.freq_hz - window.freq_hz) <= OFFSET_TOLERANCE * window.bw_hz
    )


def _grace_ns(window: Listen) -> int:
    """How long after the window the end of a preamble may be that began in it."""
    if window.sf is None:
        return 10_000_000
    preamble = default_preamble(window.sf)
    return lora_timing(window.sf, window.bw_hz, 1, 0, preamble, True, False).preamble_ns
