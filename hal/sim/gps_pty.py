"""The simulated GPS receiver on a pseudo-terminal, as a module's serial device is to a host."""

from __future__ import annotations

from pathlib import Path

from .board import SimBoard
from .gps import DEFAULT_GPS_S, SimGps
from .pty import Pty

_LISTEN_NS = 50_000_000  # what a host asks may wait so long


class GpsOnPty:
    """`path` is the device, `link` a name for it; works whenever the board is looked at."""

    def __init__(
        self,
        board: SimBoard,
        link: Path | None = None,
        *,
        gps_ns: int = DEFAULT_GPS_S * 1_000_000_000,
    ) -> None:
        self._pty = Pty(link)
        self._board = board
        self._listen_ns = 0
        board.advance_hooks.append(self._listen)
        self.gps = SimGps(board, self._say, gps_ns=gps_ns)

    @property
    def path(self) -> str:
        return self._pty.path

    def close(self) -> None:
        """Unplug it: the device goes, and no message comes any more."""
        self._board.advance_hooks.remove(self._listen)
        self._board.advance_hooks.remove(self.gps.advance)
        self._pty.close()

    def _listen(self, now_ns: int) -> None:
        if now_ns < self._listen_ns:
            return
        self._listen_ns = now_ns + _LISTEN_NS
        data = self._pty.read()
        if data:
            self.gps.hear(data)
        elif data is None:
            self._pty.forget()

    def _say(self, data: bytes) -> None:
        if not self._pty.blocked and self._pty.in_use:  # a serial line does not wait for a reader
            self._pty.write(data)
