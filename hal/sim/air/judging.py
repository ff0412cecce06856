"""The two decisions about a reception: is its preamble found, and is the rest of it whole; pure."""

from __future__ import annotations

from ...frames import Crc
from .interference import Dirty, Judge, longest_clean_ns
from .propagation import loss_rate, undetected_rate
from .reception import Reception
from .rules import Method, Rules
from .verdict import Outcome, collision

SLACK_NS = 1_000  # symbols are not whole nanoseconds
FSK_PREAMBLE_NEEDED = 3  # bytes


class Judgement:
    """One set of rules applied to the receptions of a board."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._judge = Judge(rules)

    def detects(self, rx: Reception, silent: list[Dirty]) -> bool:
        """At the preamble's end; `silent` is when the board itself was on the air."""
        if silent and (silent[-1].end_ns >= rx.lock_ns or not self._clean(rx, silent)):
            rx.lose(Outcome.TRANSMITTING)
        elif rx.pinned is None:
            if rx.luck < undetected_rate(self._rules, rx.snr_db, rx.floor_db):
                rx.lose(Outcome.BELOW_SENSITIVITY)
            elif self._rules.method is Method.SEGMENTS and rx.others:
                self._preamble(rx, silent)
        return rx.outcome is None

    def _preamble(self, rx: Reception, silent: list[Dirty]) -> None:
        dirty = self._dirty(rx, rx.start_ns, rx.lock_ns)
        breach = next((stretch.breach for stretch in dirty), None)
        if breach is not None and not self._clean(rx, dirty + silent):
            whole = self._rules.preamble_needed is None
            rx.lose(collision(breach, rx.sf) if whole else Outcome.NO_PREAMBLE, breach)

    def follows(self, rx: Reception) -> bool:
        """At the header's end."""
        if rx.outcome is None and rx.others and self._rules.method is Method.SEGMENTS:
            dirty = self._dirty(rx, rx.lock_ns, rx.header_ns)
            if dirty and dirty[0].breach is not None:
                rx.lose(collision(dirty[0].breach, rx.sf), dirty[0].breach)
        return rx.outcome is None

    def decide(self, rx: Reception) -> None:
        """At the frame's end; the outcome is set when this returns."""
        if rx.pinned is not None:
            bad = rx.pinned.crc is Crc.BAD
            return rx.lose(Outcome.CRC_BAD if bad else Outcome.RECEIVED)
        if rx.others:
            self._interference(rx)
        if rx.luck < loss_rate(self._rules, rx.snr_db, rx.floor_db):
            return rx.lose(Outcome.CRC_BAD)
        return rx.lose(Outcome.GHOST if rx.ghost else Outcome.RECEIVED)

    def _interference(self, rx: Reception) -> None:
        if self._rules.method is not Method.SEGMENTS:
            breach = self._judge.whole(rx, rx.noise_mw, self._noise_floor_db(rx))
            if breach is not None:
                rx.lose(collision(breach, rx.sf), breach)
            return
        dirty = self._dirty(rx, rx.header_ns, rx.end_ns)
        grace_ns = rx.symbol_ns if rx.coding_rate >= 3 else 0
        if sum(stretch.end_ns - stretch.start_ns for stretch in dirty) > grace_ns:
            rx.lose(Outcome.CRC_BAD, dirty[0].breach)

    def _clean(self, rx: Reception, dirty: list[Dirty]) -> bool:
        needed = self._rules.preamble_needed
        if needed is None:
            return not dirty
        if rx.sf is None:
            needed = min(needed, FSK_PREAMBLE_NEEDED)
        clean_ns = longest_clean_ns(rx.start_ns, rx.lock_ns, dirty)
        return clean_ns >= needed * rx.symbol_ns - SLACK_NS

    def _dirty(self, rx: Reception, from_ns: int, to_ns: int) -> list[Dirty]:
        return self._judge.dirty(rx, from_ns, to_ns, rx.noise_mw, self._noise_floor_db(rx))

    def _noise_floor_db(self, rx: Reception) -> float:
        """Where half of the frames are lost; what adds to the noise is judged there."""
        return rx.floor_db - (0.0 if self._rules.per_step else self._rules.per_slope_db)
