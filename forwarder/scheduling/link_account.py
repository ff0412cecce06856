"""What became of one link's downlinks: counters that only ever grow. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..packets import Refusal
from .margins import Margins


@dataclass(slots=True)
class LinkAccount:
    """`airtime_us` is by the name of the band."""

    requested: int = 0
    accepted: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)
    emitted: int = 0
    lost: Counter[str] = field(default_factory=Counter)  # accepted, then not emitted; why
    airtime_us: Counter[str] = field(default_factory=Counter)
    margins: Margins = field(default_factory=Margins)

    def status(self) -> dict[str, object]:
        """Plain values for `--json` and the status page."""
        return {
            "requested": self.requested,
            "accepted": self.accepted,
            "refused": {reason.name: count for reason, count in self.refused.items()},
            "emitted": self.emitted,
            "lost": dict(self.lost),
            "airtime_us": dict(self.airtime_us),
            "margins": self.margins.status(),
        }
