"""One frame on its way through one receive channel of one board."""

from __future__ import annotations

from dataclasses import dataclass

from ..values import IfChain
from .interference import Breach, Signal
from .values import Pinned, Transmission
from .verdict import Outcome, Verdict


@dataclass(slots=True, eq=False, kw_only=True)
class Reception(Signal):
    """`outcome` is None until it is decided; `chain` is None where no channel hears it.

    `luck` decides on loss by noise, `jitter_ns` shifts its timestamp. `modems` are held from the
    preamble's end on.
    """

    frame: Transmission
    index: int
    chain: IfChain | None
    snr_db: float
    floor_db: float
    noise_mw: float
    luck: float
    jitter_ns: int
    pinned: Pinned | None = None
    ghost: bool = False
    modems: tuple[int, ...] = ()
    outcome: Outcome | None = None
    breach: Breach | None = None
    busy: tuple[str, ...] = ()

    @property
    def offset_hz(self) -> float:
        """How far the frame is from the middle of its channel."""
        return self.freq_hz - self.chain.freq_hz if self.chain and not self.ghost else 0.0

    def lose(self, outcome: Outcome, breach: Breach | None = None) -> None:
        """Decide; the first decision stands."""
        if self.outcome is None:
            self.outcome = outcome
            self.breach = breach

    def verdict(self, board: str) -> Verdict:
        return Verdict(
            board,
            self.outcome or Outcome.BELOW_SENSITIVITY,
            self.power_dbm,
            self.snr_db,
            self.floor_db,
            self.chain.chan if self.chain else None,
            self.modems[0] if self.modems else None,
            self.breach,
            self.busy,
            self.ghost,
        )
