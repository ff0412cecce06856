"""How often one device may ask a server to be let in. Pure.

A bucket of tokens for each DevEUI, filled with so many a minute; a table of fixed size that
forgets the device that has been silent longest. Time is the concentrator's line, from the frame.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST_DEVICES = 4096
SAME_US = 1000  # copies of one frame on several channels end within this
MINUTE_US = 60_000_000


@dataclass(slots=True)
class Bucket:
    """`tokens` as of `at_us`; `passed` is what was said then."""

    tokens: float
    at_us: int
    passed: bool = True


class JoinRate:
    """Lets `per_minute` frames a minute of each device pass; a whole minute's at once at most."""

    def __init__(self, per_minute: float, *, most: int = MOST_DEVICES) -> None:
        self._per_us = per_minute / MINUTE_US
        self._capacity = max(per_minute, 1.0)
        self._most = most
        self._buckets: OrderedDict[int, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def passes(self, dev_eui: int, at_us: int) -> bool:
        """Whether one more of this device may go on; copies of a frame share their fate."""
        bucket = self._buckets.get(dev_eui)
        if bucket is None:
            bucket = self._new(dev_eui, at_us)
        elif abs(at_us - bucket.at_us) <= SAME_US:
            return bucket.passed
        else:
            self._buckets.move_to_end(dev_eui)
        gained = max(at_us - bucket.at_us, 0) * self._per_us
        bucket.tokens = min(bucket.tokens + gained, self._capacity)
        bucket.at_us = at_us
        bucket.passed = bucket.tokens >= 1.0
        bucket.tokens -= bucket.passed
        return bucket.passed

    def _new(self, dev_eui: int, at_us: int) -> Bucket:
        if len(self._buckets) >= self._most:
            self._buckets.popitem(last=False)
        bucket = self._buckets[dev_eui] = Bucket(self._capacity, at_us)
        return bucket
