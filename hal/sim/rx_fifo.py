"""The RX packet buffer: records go in whole, bytes come out at one address (section 8)."""

from __future__ import annotations

from .map import RX_LEVEL
from .registers import RegisterFile

CAPACITY = 4096


class RxFifo:
    def __init__(self, registers: RegisterFile) -> None:
        self._held = bytearray()
        self._registers = registers
        self.overflows = 0
        self.stored = 0
        registers.on_read((RX_LEVEL, RX_LEVEL + 1), self._show_level)
        registers.fifo(self._pop)

    def __len__(self) -> int:
        return len(self._held)

    def reset(self) -> None:
        self._held.clear()

    def store(self, record: bytes) -> bool:
        """Append a record; one that does not fit whole is lost and counted."""
        if len(self._held) + len(record) > CAPACITY:
            self.overflows += 1
            return False
        self._held += record
        self.stored += 1
        return True

    def _show_level(self) -> None:
        self._registers.poke(RX_LEVEL, len(self._held), 2)

    def _pop(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken.ljust(size, b"\0")
