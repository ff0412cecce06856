"""The RX packet buffer: records go in whole, bytes come out at one address (section 8)."""

from __future__ import annotations

from .map import RX_LEVEL
from .registers import RegisterFile

CAPACITY = 4096


class RxFifo:
    def __init__(self, registers: RegisterFile) -> None:
        self._held = bytearray()
        self._reserved = 0
        self._registers = registers
        self.overflows = 0
        self.stored = 0
        registers.on_read((RX_LEVEL, RX_LEVEL + 1), self._show_level)
        registers.fifo(self._pop)

    def __len__(self) -> int:
        return len(self._held)

    def reset(self) -> None:
        self._held.clear()
        self._reserved = 0

    def store(self, record: bytes) -> bool:
        """Append a record; one that does not fit whole is lost and counted."""
        if not self._fits(len(record)):
            return False
        self._held += record
        self.stored += 1
        return True

    def reserve(self, size: int) -> bool:
        """Room for a record that is still being decoded; False, and counted, without any."""
        if not self._fits(size):
            return False
        self._reserved += size
        return True

    def store_reserved(self, record: bytes) -> None:
        self._reserved -= len(record)
        self._held += record
        self.stored += 1

    def look(self) -> bytes:
        """What it holds, taking nothing."""
        return bytes(self._held)

    def _fits(self, size: int) -> bool:
        if len(self._held) + self._reserved + size <= CAPACITY:
            return True
        self.overflows += 1
        return False

    def _show_level(self) -> None:
        self._registers.poke(RX_LEVEL, len(self._held), 2)

    def _pop(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken.ljust(size, b"\0")
