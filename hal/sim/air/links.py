"""The mean loss of every link, worked out once where somebody is placed."""

from __future__ import annotations

from .chance import Chance
from .propagation import link_loss_db
from .receiver import Receiver
from .rules import Rules
from .tables import sx1302_sensitivity_dbm
from .values import Position, Transmission

BELOW_DB = 8.0  # so far below its own sensitivity a frame still disturbs, and not further
FADING_SIGMAS = 3.0
SENDERS_KEPT = 100_000


class Links:
    """Losses by sender; a sender that moves gets new ones."""

    def __init__(self, rules: Rules, chance: Chance) -> None:
        self._rules = rules
        self._chance = chance
        self._receivers: list[Receiver] = []
        self._losses: dict[str, tuple[Position, list[float]]] = {}

    def add(self, receiver: Receiver) -> None:
        self._receivers.append(receiver)
        self._losses.clear()

    def of(self, frame: Transmission) -> list[tuple[Receiver, float, bool]]:
        """For each receiver: mean power there, and whether the frame matters at all there."""
        spread_db = FADING_SIGMAS * self._rules.fading_sigma_db
        least_dbm = sx1302_sensitivity_dbm(frame.sf, frame.bw_hz) - BELOW_DB - spread_db
        found = []
        for receiver, loss_db in zip(self._receivers, self._of_sender(frame), strict=True):
            mean_dbm = frame.power_dbm + receiver.gain_db - loss_db
            found.append((receiver, mean_dbm, mean_dbm >= least_dbm))
        return found

    def loss_db(self, frame: Transmission, receiver: Receiver) -> float:
        return self._of_sender(frame)[self._receivers.index(receiver)]

    def _of_sender(self, frame: Transmission) -> list[float]:
        known = self._losses.get(frame.who)
        if known is not None and known[0] == frame.at:
            return known[1]
        losses = [
            link_loss_db(self._rules, self._chance, frame.who, frame.at, receiver.name, receiver.at)
            for receiver in self._receivers
        ]
        if len(self._losses) >= SENDERS_KEPT:
            self._losses.clear()
        self._losses[frame.who] = (frame.at, losses)
        return losses
