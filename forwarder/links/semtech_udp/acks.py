"""Which datagrams a server has acknowledged, and how long it took. Pure, bounded.

An acknowledgement counts however late it comes; being late is a figure of its own, because on a
cellular link every one of them is (semtech-udp.md 2.1).
"""

from __future__ import annotations

from collections import deque

KEPT_S = 30.0  # an answer that takes longer comes from a server in trouble: lost
MOST = 4096  # two seconds of the fastest radio; older ones count as lost
RTTS_KEPT = 128


class AckTable:
    """Datagrams of one kind that wait for their answer, by token."""

    def __init__(self, in_time_s: float) -> None:
        self._in_time_s = in_time_s
        self._sent: dict[int, float] = {}
        self._rtts_s: deque[float] = deque(maxlen=RTTS_KEPT)
        self.sent = 0
        self.acknowledged = 0
        self.late = 0  # of the acknowledged
        self.lost = 0
        self.unknown = 0  # answers to nothing we remember

    def add(self, token: int, now: float) -> None:
        """Remember a datagram that goes out now."""
        self.sent += 1
        if self._sent.pop(token, None) is not None:
            self.lost += 1
        self._sent[token] = now
        self._forget(now)

    def remove(self, token: int) -> None:
        """The datagram just added has not been sent after all."""
        if self._sent.pop(token, None) is not None:
            self.sent -= 1

    def match(self, token: int, now: float) -> bool:
        """Take an answer; whether it belongs to a datagram of ours."""
        sent_at = self._sent.pop(token, None)
        if sent_at is None:
            self.unknown += 1
            return False
        rtt_s = now - sent_at
        self.acknowledged += 1
        self.late += rtt_s > self._in_time_s
        self._rtts_s.append(rtt_s)
        return True

    @property
    def waiting(self) -> int:
        """Datagrams that may still be answered."""
        return len(self._sent)

    def percent(self) -> float | None:
        """How many of all datagrams were answered; None before the first."""
        return round(100.0 * self.acknowledged / self.sent, 1) if self.sent else None

    def rtt_ms(self) -> dict[str, float] | None:
        """Last, median and 99th percentile of the latest round trips; None before the first."""
        if not self._rtts_s:
            return None
        ranked = sorted(self._rtts_s)
        most = len(ranked) - 1
        named = {
            "last": self._rtts_s[-1],
            "median": ranked[round(0.5 * most)],
            "p99": ranked[round(0.99 * most)],
        }
        return {name: round(value * 1000, 2) for name, value in named.items()}

    def _forget(self, now: float) -> None:
        # Tokens are kept in the order of sending, so the oldest is always the first.
        while self._sent:
            token, sent_at = next(iter(self._sent.items()))
            if len(self._sent) <= MOST and now - sent_at <= KEPT_S:
                return
            del self._sent[token]
            self.lost += 1
