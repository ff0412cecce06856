"""How long each band was used within an hour, and what may still be sent. Pure.

Ref: ETSI EN 300 220-1 V3.1.1, 5.4 (duty cycle: the ratio, within one hour, of the time on air in
one band). The hour is any hour: the window slides.

Times are microseconds of the host's monotonic clock, which neither a restart of the radio nor a
jump of its counter moves. A frame takes from its band when it is accepted (a reservation) and
until an hour after it left (then it is forgotten); one that is not sent gives its time back.

Counted so that the true use is never more than what is counted:

- a frame counts whole in every hour that it touches;
- the hour is a second longer, as clocks of hosts and chips run up to 20 ppm apart;
- what left within the same ten seconds is forgotten together, when the last of it is an hour old.
  So a band's memory has at most 362 entries, whatever was sent.

Enough to look at are the hours that end when a frame starts: at the start of the one that is asked
for, and of those that are promised for later. Every other hour holds no more than one of them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

WINDOW_US = 3_600_000_000
SLACK_US = 1_000_000
GRAIN_US = 10_000_000


@dataclass(frozen=True, slots=True)
class Emission:
    """One frame on the air, on the host's clock; `link` asked for it."""

    start_us: int
    airtime_us: int
    freq_hz: int
    link: str


@dataclass(slots=True)
class _Grain:
    """What left within the same ten seconds."""

    number: int
    end_us: int
    used_us: Counter[str] = field(default_factory=Counter)


class Account:
    """One band's hour, by link."""

    def __init__(self) -> None:
        self._sent: deque[_Grain] = deque()
        self._sent_us: Counter[str] = Counter()  # of all that is in `_sent`
        self._promised: dict[Hashable, Emission] = {}

    def reserve(self, key: Hashable, emission: Emission) -> None:
        """Promise air; `key` finds it again."""
        self._promised[key] = emission

    def release(self, key: Hashable) -> None:
        """What was promised was not sent."""
        self._promised.pop(key, None)

    def settle(self, key: Hashable, start_us: int, airtime_us: int) -> Emission | None:
        """What was promised leaves at `start_us`; None if nothing was promised."""
        promised = self._promised.pop(key, None)
        if promised is None:
            return None
        emission = replace(promised, start_us=start_us, airtime_us=airtime_us)
        self.sent(emission)
        return emission

    def sent(self, emission: Emission) -> None:
        """Count a frame that was sent."""
        self._forget(emission.start_us)
        number = emission.start_us // GRAIN_US
        if not self._sent or self._sent[-1].number < number:
            self._sent.append(_Grain(number, emission.start_us))
        grain = self._sent[-1]
        grain.end_us = max(grain.end_us, emission.start_us + emission.airtime_us)
        grain.used_us[emission.link] += emission.airtime_us
        self._sent_us[emission.link] += emission.airtime_us

    def used_us(self, at_us: int) -> dict[str, int]:
        """By link, what counts in the hour that ends at `at_us` (now, or ahead)."""
        used = dict(self._sent_us)
        for grain in self._sent:
            if grain.end_us > at_us - WINDOW_US - SLACK_US:
                break
            for link, used_us in grain.used_us.items():
                used[link] -= used_us
        for promised in self._promised.values():
            if promised.start_us <= at_us:
                used[promised.link] = used.get(promised.link, 0) + promised.airtime_us
        return used

    def hours(self, start_us: int) -> list[int]:
        """Ends of the hours to look at before a frame may start at `start_us`."""
        later = (one.start_us for one in self._promised.values())
        return [start_us, *(start for start in later if start > start_us)]

    def _forget(self, now_us: int) -> None:
        while self._sent and self._sent[0].end_us <= now_us - WINDOW_US - SLACK_US:
            self._sent_us.subtract(self._sent.popleft().used_us)


def budget_us(duty_cycle: float) -> int:
    """Microseconds of an hour."""
    return int(duty_cycle * WINDOW_US)
