"""What a link costs its line: bytes a day and a month, and a word in time. Pure.

Counted are the bytes of the protocol (`payload`) and an estimate of those on the wire, with IP,
UDP, TCP and TLS around them (`Overhead`). Days are UTC's. The wall clock only says when one
ends: time that has passed is the monotonic clock's, so that a clock which is set (a Pi has none of
its own and learns the date after boot) renames the day and does not end it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

DAY_S = 86_400.0
MONTH_DAYS = 30
SET_S = 60.0  # clocks that part by more within one tick: somebody set one
DAYS_KEPT = 7
FORECAST_AFTER_S = 3600.0  # what was seen for less tells nothing


@dataclass(frozen=True, slots=True)
class Overhead:
    """Bytes around one packet of the protocol, and around a connection.

    `packet` is added to each that is sent or received; `answer` goes the other way for each: TCP's
    acknowledgement. `open_sent` and `open_received` are a connection's beginning.
    """

    packet: int
    answer: int = 0
    open_sent: int = 0
    open_received: int = 0


UDP = Overhead(packet=28)  # IPv4 20, UDP 8
UDP_V6 = Overhead(packet=48)
# IPv4 20, TCP 20 with 12 of time stamps; every segment acknowledged by one of its own.
TCP = Overhead(packet=52, answer=52, open_sent=112, open_received=60)
# TLS 1.3: 22 a record. A handshake with a chain of two certificates, without resumption.
TLS = Overhead(packet=74, answer=52, open_sent=1100, open_received=4500)


@dataclass(slots=True)
class Traffic:
    """Bytes of one day, or of all time."""

    payload_sent: int = 0
    payload_received: int = 0
    wire_sent: int = 0
    wire_received: int = 0

    @property
    def wire(self) -> int:
        return self.wire_sent + self.wire_received

    def plain(self) -> dict[str, int]:
        return {
            "payload_sent": self.payload_sent,
            "payload_received": self.payload_received,
            "wire_sent": self.wire_sent,
            "wire_received": self.wire_received,
        }


@dataclass(frozen=True, slots=True)
class Now:
    """Both clocks at once, in seconds; `utc_s` is since 1970 and may be wrong."""

    mono_s: float
    utc_s: float


class Meter:
    """One link's; it begins with the first `tick`. `most_a_day` is what the line may carry; 0: not
    told. `overhead` is the link's to set anew with each connection.
    """

    def __init__(self, overhead: Overhead = UDP, *, most_a_day: int = 0) -> None:
        self.overhead = overhead
        self._most = most_a_day
        self._last: Now | None = None
        self._day_began_s = 0.0
        self._days: deque[tuple[float, int]] = deque(maxlen=DAYS_KEPT)  # seconds seen, wire bytes
        self._told: set[str] = set()  # today
        self.today = Traffic()
        self.yesterday: Traffic | None = None
        self.total = Traffic()

    # What the link tells, once for each packet.

    def sent(self, size: int) -> None:
        over = self.overhead
        for traffic in (self.today, self.total):
            traffic.payload_sent += size
            traffic.wire_sent += size + over.packet
            traffic.wire_received += over.answer

    def received(self, size: int) -> None:
        over = self.overhead
        for traffic in (self.today, self.total):
            traffic.payload_received += size
            traffic.wire_received += size + over.packet
            traffic.wire_sent += over.answer

    def connected(self) -> None:
        for traffic in (self.today, self.total):
            traffic.wire_sent += self.overhead.open_sent
            traffic.wire_received += self.overhead.open_received

    # What time tells.

    def tick(self, now: Now) -> str | None:
        """Call it every minute or so. A warning, at most once a day of each kind."""
        last, self._last = self._last, now
        if last is None:
            self._day_began_s = now.mono_s
            return None
        passed_s = now.mono_s - last.mono_s
        was_set = abs((now.utc_s - last.utc_s) - passed_s) > SET_S
        longest = now.mono_s - self._day_began_s >= 2 * DAY_S  # whatever the clock says
        if longest or (not was_set and now.utc_s // DAY_S != last.utc_s // DAY_S):
            self._end_day(now)
        return self._warning()

    def forecast_day(self) -> int | None:
        """What today will have been on the wire; None while too little was seen."""
        rate = self._per_second()
        if rate is None or self._last is None:
            return None
        return round(self.today.wire + rate * (DAY_S - self._last.utc_s % DAY_S))

    def forecast_month(self) -> int | None:
        """What thirty days like the last ones are on the wire."""
        rate = self._per_second()
        return None if rate is None else round(rate * DAY_S * MONTH_DAYS)

    def status(self) -> dict[str, object]:
        return {
            "today": self.today.plain(),
            "yesterday": self.yesterday and self.yesterday.plain(),
            "total": self.total.plain(),
            "wire_today": self.today.wire,
            "forecast_day": self.forecast_day(),
            "forecast_month": self.forecast_month(),
            "bytes_per_day": self._most or None,
        }

    def _end_day(self, now: Now) -> None:
        self._days.append((now.mono_s - self._day_began_s, self.today.wire))
        self._day_began_s = now.mono_s
        self.yesterday, self.today = self.today, Traffic()
        self._told.clear()

    def _per_second(self) -> float | None:
        if self._last is None:
            return None
        seconds = self._last.mono_s - self._day_began_s + sum(seen_s for seen_s, _ in self._days)
        if seconds < FORECAST_AFTER_S:
            return None
        return (self.today.wire + sum(size for _, size in self._days)) / seconds

    def _warning(self) -> str | None:
        if not self._most or "exceeded" in self._told:
            return None
        if self.today.wire > self._most:
            self._told.add("exceeded")
            return f"{self.today.wire} bytes today, more than bytes_per_day = {self._most}"
        forecast = self.forecast_day()
        if forecast is None or forecast <= self._most or "forecast" in self._told:
            return None
        self._told.add("forecast")
        return (
            f"{self.today.wire} bytes today, and {forecast} by its end, which is more than "
            f"bytes_per_day = {self._most}"
        )
