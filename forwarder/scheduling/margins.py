"""How much too early or too late a server's downlinks come, and which RX1 delay would help. Pure.

The margin of a downlink is the time that was left when it came: below zero it was refused as too
late. A longer RX1 delay moves every window, and so every margin, by whole seconds (TS001-1.0.4,
RXTimingSetup: 1 to 15 s). Which delay was in use is guessed from the uplink that the window
belongs to, since servers add whole seconds to the uplink's own timestamp. Join accepts have
windows of their own at 5 and 6 s; no setting moves those.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from hal.frames import RxFrame

# Upper ends of the histogram's columns in milliseconds, inclusive; the last column has no end.
BOUNDS_MS = (
    -10_000, -5_000, -2_000, -1_000, -500, -200, -100, -50, -20, 0,
    20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
)  # fmt: skip
MOST_DELAY_S = 15
REMEMBERED = 256  # uplinks that a window may belong to
EXACT_US = 2  # servers that convert times lose no more
ENOUGH = 100  # downlinks before anything is said of 99 % of them
SCARCE_MS = 20  # less than this is no room: a loaded network varies more
JOIN_REQUEST = 0x00  # MHDR, TS001-1.0.4 section 4.2
JOIN_MASK = 0xE0


@dataclass(frozen=True, slots=True)
class Heard:
    """What of an uplink tells which window a downlink is for."""

    end_us: int
    freq_hz: int
    join: bool


@dataclass(frozen=True, slots=True)
class Window:
    """`delay_s` after the uplink; `join`: the setting does not move it."""

    delay_s: int
    join: bool


class RecentUplinks:
    """The last uplinks, to find the one that a downlink answers."""

    def __init__(self) -> None:
        self._heard: deque[Heard] = deque(maxlen=REMEMBERED)

    def heard(self, frames: Iterable[RxFrame]) -> None:
        for frame in frames:
            join = bool(frame.payload) and frame.payload[0] & JOIN_MASK == JOIN_REQUEST
            self._heard.append(Heard(frame.counter_us, frame.freq_hz, join))

    def window(self, start_us: int, freq_hz: int) -> Window | None:
        """The window that starts at `start_us`, by the newest uplink it may belong to.

        One at another frequency than the uplink is taken for RX2, a second behind RX1.
        """
        for uplink in reversed(self._heard):
            delay_s, rest_us = divmod(start_us - uplink.end_us + EXACT_US, 1_000_000)
            if rest_us <= 2 * EXACT_US and 1 <= delay_s <= MOST_DELAY_S + 1:
                second = delay_s > 1 and freq_hz != uplink.freq_hz
                return Window(delay_s - second, uplink.join)
        return None


@dataclass(slots=True)
class Margins:
    """One link's; only ever grows. `columns` counts by index of BOUNDS_MS."""

    columns: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))
    late: int = 0  # refused as too late
    late_joins: int = 0  # of those: join accepts
    needed_s: Counter[int] = field(default_factory=Counter)  # of those: RX1 delay that saves it
    unknown: int = 0  # of those: no uplink was found
    worst_us: int | None = None
    said: bool = False

    @property
    def total(self) -> int:
        return sum(self.columns)

    def record(self, margin_us: int) -> None:
        self.columns[bisect_left(BOUNDS_MS, margin_us / 1000)] += 1
        if self.worst_us is None or margin_us < self.worst_us:
            self.worst_us = margin_us

    def record_late(self, margin_us: int, window: Window | None) -> None:
        """Beside `record`: what would have saved a downlink that was too late."""
        self.late += 1
        if window is None:
            self.unknown += 1
        elif window.join:
            self.late_joins += 1
        else:
            self.needed_s[window.delay_s + (-margin_us) // 1_000_000 + 1] += 1

    def saved(self) -> dict[int, float]:
        """By RX1 delay in seconds: which part of those refused as too late would have been sent."""
        if not self.needed_s:
            return {}
        return {
            delay_s: sum(n for needed, n in self.needed_s.items() if needed <= delay_s) / self.late
            for delay_s in range(min(self.needed_s), MOST_DELAY_S + 1)
        }

    def p99_ms(self) -> float | None:
        """99 % of the downlinks had more than this to spare, to the column's lower end.

        None while there are too few to say; minus infinity in the lowest column.
        """
        total = self.total
        if total < ENOUGH:
            return None
        below, seen = total // 100, 0
        for index, count in enumerate(self.columns):
            seen += count
            if seen > below:
                return BOUNDS_MS[index - 1] if index else float("-inf")
        return None

    def warning(self, link: str) -> str | None:
        """Said once: that this link's downlinks come with no room to spare."""
        p99_ms = self.p99_ms()
        if self.said or p99_ms is None or p99_ms >= SCARCE_MS:
            return None
        self.said = True
        what = f"{self.late} of {self.total} downlinks came too late" if self.late else (
            f"1 in 100 downlinks comes with less than {SCARCE_MS} ms to spare"
        )  # fmt: skip
        help_ = next((f"; an RX1 delay of {s} s would have saved {part:.0%} of them"
                      for s, part in self.saved().items() if part >= 0.99), "")  # fmt: skip
        return f"{link}: {what}{help_ or '; set a longer RX1 delay in the server'}"

    def status(self) -> dict[str, object]:
        """Plain values for `--json` and the status page; milliseconds, fractions."""
        p99_ms = self.p99_ms()
        return {
            "bounds_ms": list(BOUNDS_MS),
            "columns": list(self.columns),
            "worst_ms": None if self.worst_us is None else self.worst_us / 1000,
            "p99_ms": None if p99_ms == float("-inf") else p99_ms,
            "too_late": self.late,
            "too_late_joins": self.late_joins,
            "too_late_unknown": self.unknown,
            "rx1_delay_saves": {str(s): round(part, 4) for s, part in self.saved().items()},
        }
