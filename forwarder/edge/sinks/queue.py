"""Records that wait for a sink: bounded, oldest dropped, counted. Pure."""

from __future__ import annotations

from collections import deque

from ..values import Record

CAPACITY = 1000  # a minute of a busy site; some 2 kB each


class Waiting:
    """First in, first out. What was taken and not delivered goes back to its place."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._records: deque[Record] = deque()
        self._capacity = capacity
        self.dropped = 0
        self.delivered = 0

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: Record) -> None:
        if len(self._records) >= self._capacity:
            self._records.popleft()
            self.dropped += 1
        self._records.append(record)

    def first(self) -> Record | None:
        """The one whose turn it is; it stays until `done`."""
        return self._records[0] if self._records else None

    def done(self, record: Record) -> None:
        """`record` was delivered. If it has been dropped meanwhile there is nothing to remove."""
        self.delivered += 1
        if self._records and self._records[0] is record:
            self._records.popleft()
