"""Whether it is too quiet: this site's own history, and a device that is known to speak. Pure.

A gateway on a hill hears a frame each second, one in a village none for an hour at night; both may
be deaf. So silence is judged by what was usual at this hour, and it is told, not acted on. The one
exception is a canary: a device of the owner's that sends at a known pace. If it falls silent the
radio is started anew, but seldom and ever more seldom, since it may be the canary that is dead.
"""

from __future__ import annotations

from dataclasses import dataclass

LEARN_S = 24 * 3600.0  # nothing is called unusual before every hour was heard once
LEAST_S = 600.0  # and no silence that is shorter
TIMES_USUAL = 3.0
FADE = 0.9  # a day: what was usual last month is not any more
HOURS = 24
CANARY_MISSES = 3.0  # frames of it in a row, and a little: some are lost to any gateway
CANARY_MOST_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing was heard for `silent_s`; at this hour `usual_s` was the longest of the last days."""

    silent_s: float
    usual_s: float

    def __str__(self) -> str:
        return (
            f"nothing heard for {_minutes(self.silent_s)}; the longest silence at this hour of the "
            f"last days was {_minutes(self.usual_s)}"
        )


class SiteHistory:
    """The longest silence by hour of the day. `now_s` is monotonic; `hour` 0 to 23, any zone."""

    def __init__(self, now_s: float) -> None:
        self._since_s = self._heard_s = self._faded_s = now_s
        self._longest_s = [0.0] * HOURS

    def heard(self, now_s: float, hour: int) -> None:
        """A frame came, whatever it was: one with a bad CRC too says that the radio hears."""
        self._learn(now_s, hour)
        self._heard_s = now_s

    def look(self, now_s: float, hour: int) -> Silence | None:
        """The silence that lasts, if it is unusual; to be asked every minute or so."""
        self._fade(now_s)
        if now_s - self._since_s < LEARN_S:
            return None
        silent_s, usual_s = now_s - self._heard_s, self._usual_s(hour)
        if silent_s <= max(LEAST_S, TIMES_USUAL * usual_s):
            return None
        return Silence(silent_s, usual_s)

    def _learn(self, now_s: float, hour: int) -> None:
        """The silence that just ended was usual in each hour that it lasted through."""
        silent_s = now_s - self._heard_s
        for back in range(min(int(silent_s // 3600) + 1, HOURS)):
            place = (hour - back) % HOURS
            self._longest_s[place] = max(self._longest_s[place], silent_s)

    def _usual_s(self, hour: int) -> float:
        return max(self._longest_s[(hour + beside) % HOURS] for beside in (-1, 0, 1))

    def _fade(self, now_s: float) -> None:
        while now_s - self._faded_s >= 24 * 3600:
            self._faded_s += 24 * 3600
            self._longest_s = [longest_s * FADE for longest_s in self._longest_s]


class Canary:
    """A device that sends every `every_s`; its silence is the radio's fault at first."""

    def __init__(self, every_s: float, now_s: float) -> None:
        self._every_s = every_s
        self._from_s = now_s
        self._patience_s = self._first_patience_s = every_s * (CANARY_MISSES + 0.5)
        self.restarts = 0

    def heard(self, now_s: float) -> None:
        self._from_s = now_s
        self._patience_s = self._first_patience_s

    def missed(self, now_s: float) -> bool:
        """Whether to start the radio anew; after each time there is twice as long a wait."""
        if now_s - self._from_s < self._patience_s:
            return False
        self._from_s = now_s
        self._patience_s = min(2 * self._patience_s, max(CANARY_MOST_S, self._first_patience_s))
        self.restarts += 1
        return True


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
