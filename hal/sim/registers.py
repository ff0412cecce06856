"""The register file: bytes by default, behaviour where a part of the chip declared some.

Source: sx1302-chip.md section 2. A part names the addresses where it acts; everything else is
storage with reset values and read-only bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .map import READ_ONLY, RESET, RX_FIFO, SIZE

Refresh = Callable[[], None]  # brings the bytes of a register up to date before they are read
Effect = Callable[[int, int], None]  # called after a byte was written, with (old, new)
Allowed = Callable[[], bool]

_WRAP = SIZE - 1


class _Region:
    """Memory that the host reaches only while a condition holds."""

    __slots__ = ("end", "readable", "start", "writable")

    def __init__(self, start: int, size: int, writable: Allowed, readable: Allowed | None) -> None:
        self.start, self.end = start, start + size
        self.writable, self.readable = writable, readable


class RegisterFile:
    """The chip's 15-bit address space."""

    def __init__(self) -> None:
        self.memory = bytearray(RESET)
        self._refreshes: dict[int, Refresh] = {}
        self._effects: dict[int, Effect] = {}
        self._regions: list[_Region] = []
        self._pop: Callable[[int], bytes] = bytes

    def reset(self) -> None:
        self.memory[:] = RESET

    # What a part calls: declare behaviour.

    def on_read(self, addresses: Iterable[int], refresh: Refresh) -> None:
        """Call `refresh` before any of `addresses` is read, once a read."""
        for address in addresses:
            self._refreshes[address] = refresh

    def on_write(self, address: int, effect: Effect) -> None:
        self._effects[address] = effect

    def region(
        self, start: int, size: int, writable: Allowed, readable: Allowed | None = None
    ) -> None:
        """A memory; writes that are not allowed change nothing, such reads give zeros."""
        self._regions.append(_Region(start, size, writable, readable))

    def fifo(self, pop: Callable[[int], bytes]) -> None:
        """A read at the RX FIFO's window gives what `pop` does."""
        self._pop = pop

    # What a bus calls.

    def read(self, address: int, size: int) -> bytes:
        address &= _WRAP
        if address == RX_FIFO:
            return self._pop(size)
        if address < RX_FIFO:
            return self._read_memory(address, size)
        refreshes, last = self._refreshes, None
        for at in range(address, min(address + size, SIZE)):
            refresh = refreshes.get(at)
            if refresh is not None and refresh is not last:
                refresh()
                last = refresh
        return bytes(self.memory[address : address + size]).ljust(size, b"\0")

    def write(self, address: int, data: bytes) -> None:
        address &= _WRAP
        region = self._region_at(address)
        if region is None:
            for at, value in enumerate(data[: SIZE - address], address):
                self._write_byte(at, value)
        elif region.writable():
            kept = data[: region.end - address]
            self.memory[address : address + len(kept)] = kept

    def modify(self, address: int, mask: int, value: int) -> tuple[int, int]:
        """Replace the bits of `mask`; gives the byte before and after."""
        old = self.read(address, 1)[0]
        self.write(address, bytes([old & ~mask & 0xFF | value & mask]))
        return old, self.memory[address & _WRAP]

    def look(self, address: int, size: int) -> bytes:
        """What stands there, for an observer: up to date, and nothing is taken or locked."""
        address &= _WRAP
        for at in range(address, min(address + size, SIZE)):
            refresh = self._refreshes.get(at)
            if refresh is not None:
                refresh()
        return bytes(self.memory[address : address + size])

    # What the chip's own parts use; no behaviour is triggered.

    def peek(self, address: int, size: int = 1) -> int:
        """An unsigned number of `size` bytes, most significant first."""
        return int.from_bytes(self.memory[address : address + size], "big")

    def poke(self, address: int, value: int, size: int = 1) -> None:
        self.memory[address : address + size] = value.to_bytes(size, "big")

    def _write_byte(self, address: int, value: int) -> None:
        old, fixed = self.memory[address], READ_ONLY[address]
        new = old & fixed | value & ~fixed
        self.memory[address] = new
        effect = self._effects.get(address)
        if effect is not None:
            effect(old, new)

    def _read_memory(self, address: int, size: int) -> bytes:
        region = self._region_at(address)
        if region is None or (region.readable is not None and not region.readable()):
            return bytes(size)
        return bytes(self.memory[address : min(address + size, region.end)]).ljust(size, b"\0")

    def _region_at(self, address: int) -> _Region | None:
        if address >= 0x5700:  # every memory lies below; most accesses do not
            return None
        for region in self._regions:
            if region.start <= address < region.end:
                return region
        return None
