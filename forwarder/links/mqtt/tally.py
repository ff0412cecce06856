"""What one MQTT link has done since the process started. Pure."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

RTTS_KEPT = 512
MARGINS_KEPT = 128


@dataclass(slots=True)
class Tally:
    """Only ever grows."""

    forwarded: int = 0
    acknowledged: int = 0
    unsent: int = 0  # uplinks that nobody kept while there was no connection
    uncarried: int = 0  # uplinks that the protocol has no words for
    dropped: int = 0  # answers and reports that could not leave
    downlinks: int = 0
    accepted: int = 0
    repeated: int = 0
    retained: int = 0  # commands that a broker had kept: ignored
    unreadable: int = 0
    rejected: int = 0  # messages that the broker did not take
    programs: int = 0
    plans: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    margins_us: deque[int] = field(default_factory=lambda: deque(maxlen=MARGINS_KEPT))
    rtts_s: deque[float] = field(default_factory=lambda: deque(maxlen=RTTS_KEPT))

    def rtt_ms(self) -> dict[str, float] | None:
        """How long messages took to be acknowledged, of the latest ones."""
        if not self.rtts_s:
            return None
        ranked = sorted(self.rtts_s)
        named = {
            "last": self.rtts_s[-1],
            "median": ranked[len(ranked) // 2],
            "p99": ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)],
        }
        return {name: round(value * 1000, 1) for name, value in named.items()}

    def margin_ms(self) -> dict[str, float] | None:
        """How much earlier than necessary the latest downlinks came; negative is too late."""
        if not self.margins_us:
            return None
        ranked = sorted(self.margins_us)
        named = {
            "least": ranked[0],
            "median": ranked[len(ranked) // 2],
            "last": self.margins_us[-1],
        }
        return {name: round(value / 1000, 1) for name, value in named.items()}
