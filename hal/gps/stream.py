"""A receiver's bytes cut into messages: NMEA lines and UBX frames, mixed, among noise. Pure.

Bytes come in any pieces. What is no message is skipped and counted; what is kept is bounded.
"""

from __future__ import annotations

from . import nmea, ubx
from .ubx import UbxFrame

MOST_FRAME = ubx.LONGEST + ubx.OVERHEAD


class Splitter:
    """Feed it what was read; it gives the messages that are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.skipped = 0  # bytes that belonged to no message
        self.damaged = 0  # messages with a wrong checksum, or cut off

    def feed(self, data: bytes) -> list[list[str] | UbxFrame]:
        """The messages that end in `data`: fields of NMEA sentences, UBX frames."""
        found: list[list[str] | UbxFrame] = []
        self._buffer += data
        while self._seek():
            size = self._ubx(found) if self._buffer.startswith(ubx.SYNC) else self._nmea(found)
            if size == 0:
                break  # the rest of it has not come yet
            del self._buffer[:size]
        return found

    def forget(self) -> None:
        """Nothing came for a while: what was begun will never be finished."""
        self.skipped += len(self._buffer)
        self._buffer.clear()

    def _seek(self) -> bool:
        """Drop what stands before the next start of a message; whether there is one."""
        starts = [at for at in map(self._buffer.find, (b"$", ubx.SYNC)) if at >= 0]
        half = self._buffer.endswith(ubx.SYNC[:1])  # its second byte may be the next to come
        at = min(starts, default=len(self._buffer) - half)
        self.skipped += at
        del self._buffer[:at]
        return bool(starts)

    def _ubx(self, found: list[list[str] | UbxFrame]) -> int:
        """Take the frame at the start; gives its size, 0 if it is not complete."""
        buffer = self._buffer
        if len(buffer) < 6:
            return 0
        size = int.from_bytes(buffer[4:6], "little") + ubx.OVERHEAD
        if size > MOST_FRAME:
            return self._damage(len(ubx.SYNC))
        if len(buffer) < size:
            return 0
        if ubx.checksum(bytes(buffer[2 : size - 2])) != buffer[size - 2 : size]:
            return self._damage(len(ubx.SYNC))
        found.append(UbxFrame((buffer[2], buffer[3]), bytes(buffer[6 : size - 2])))
        return size

    def _nmea(self, found: list[list[str] | UbxFrame]) -> int:
        """Take the line at the start; gives its size, 0 if it is not complete."""
        end = self._buffer.find(b"\n", 0, nmea.LONGEST)
        inside = [at for at in (self._buffer.find(b"$", 1), self._buffer.find(ubx.SYNC)) if at > 0]
        cut = min(inside, default=nmea.LONGEST)
        if end < 0 or end > cut:
            # A line that never ended, or a new start within it.
            return self._damage(cut) if len(self._buffer) >= cut else 0
        fields = nmea.parse(bytes(self._buffer[:end]))
        if fields is None:
            return self._damage(1)
        found.append(fields)
        return end + 1

    def _damage(self, size: int) -> int:
        self.damaged += 1
        self.skipped += size
        return size
