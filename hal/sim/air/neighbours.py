"""Who overlaps whom at one receiver, looked up by frequency."""

from __future__ import annotations

from collections import defaultdict

from .interference import Signal
from .reception import Reception

BUCKET_HZ = 250_000


class Neighbours:
    """The signals present at a receiver. Only what a channel hears learns of its enemies."""

    def __init__(self) -> None:
        self._buckets: defaultdict[int, list[Signal]] = defaultdict(list)

    def enter(self, signal: Signal) -> None:
        """A signal begins; it and those it overlaps come to know each other."""
        listening = _listening(signal)
        met: set[int] = set()
        for place in _places(signal):
            present = self._buckets[place]
            for other in present:
                if id(other) not in met and _meet(signal, other):
                    met.add(id(other))
                    if listening:
                        signal.others.append(other)
                    if _listening(other):
                        other.others.append(signal)
            present.append(signal)

    def leave(self, signal: Signal) -> None:
        for place in _places(signal):
            if signal in self._buckets[place]:
                self._buckets[place].remove(signal)


def _listening(signal: Signal) -> bool:
    return isinstance(signal, Reception) and signal.chain is not None


def _meet(signal: Signal, other: Signal) -> bool:
    return (
        other.number != signal.number
        and other.end_ns > signal.start_ns
        and abs(other.freq_hz - signal.freq_hz) < (other.bw_hz + signal.bw_hz) / 2
    )


def _places(signal: Signal) -> range:
    low = (signal.freq_hz - signal.bw_hz / 2) // BUCKET_HZ
    high = (signal.freq_hz + signal.bw_hz / 2) // BUCKET_HZ
    return range(int(low), int(high) + 1)
