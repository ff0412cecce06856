"""The SX1261 that listens before talk and scans the band (sx1302-chip.md section 13).

It measures what the air above the board has on the frequency that it was told. Its own path has no
gain: `rssi_offset` of a host is 0 here.
"""

from __future__ import annotations

from collections.abc import Callable

from .spectrum import Hear, histogram, silence
from .sx1250 import Mode, Sx1250

VERSION_ADDRESS = 0x0320
VERSION_ROM = b"SX1261 V2D 0000\0"
VERSION_PATCHED = b"SX1261 V2D 2D06\0"
SCAN_STATUS = 0x07CD
SCAN_RESULTS = 0x0401
CARRIER_SENSE = 0x089B  # 0 stops LBT and scan

_SCAN_RUNNING, _SCAN_ABORTED, _SCAN_COMPLETE = 0x0F, 0xF0, 0xFF
_READING_NS = 8_200  # between two RSSI readings, at the interval that hosts ask for
_BANDWIDTHS_HZ = {0x0A: 234_300, 0x09: 467_000}  # of SetModulationParams, FSK


class Sx1261(Sx1250):
    """`listening` is whether carrier sense runs and drives the line to the SX1302.

    `hear` is what it hears with; an air replaces it.
    """

    def __init__(self, now_ns: Callable[[], int] = lambda: 0) -> None:
        self._now_ns = now_ns
        self.hear: Hear = silence
        super().__init__()
        self._commands |= {
            0x8B: self._set_modulation,
            0x9A: self._start_lbt,
            0x9B: self._start_scan,
            0xD9: self._run_patch,
        }

    def reset(self) -> None:
        super().reset()
        self.listening = False
        self.threshold_dbm = 0.0
        self.bw_hz = _BANDWIDTHS_HZ[0x0A]
        self._patched = False
        self._listen_ns = 0
        self._scan: tuple[int, int] | None = None  # when it began, how many readings
        self._store(VERSION_ADDRESS, VERSION_ROM)

    def command(self, opcode: int, args: bytes) -> bytes:
        self._finish_scan()
        return super().command(opcode, args)

    @property
    def scanning(self) -> bool:
        """Whether a spectral scan runs."""
        self._finish_scan()
        return self._scan is not None

    def busy(self, at_ns: int) -> bool:
        """Whether carrier sense found the channel taken in the time that it was asked to look."""
        if not self.listening:
            return False
        from_ns = max(at_ns - self._listen_ns, 0)
        heard = self.hear(self.freq_hz, self.bw_hz, from_ns, max(at_ns, from_ns + 1))
        return any(level_dbm >= self.threshold_dbm for _, level_dbm in heard)

    def _store(self, address: int, data: bytes) -> None:
        self.registers.update(enumerate(data, address))

    def _write_register(self, args: bytes) -> None:
        super()._write_register(args)
        if args[:3] == CARRIER_SENSE.to_bytes(2, "big") + b"\0":
            self.listening = False
            if self._scan is not None:
                self._scan = None
                self._store(SCAN_STATUS, bytes([_SCAN_ABORTED]))

    def _set_modulation(self, args: bytes) -> None:
        if len(args) >= 5:
            self.bw_hz = _BANDWIDTHS_HZ.get(args[4], self.bw_hz)

    def _run_patch(self, _: bytes) -> None:
        self._patched = True
        self._store(VERSION_ADDRESS, VERSION_PATCHED)

    def _start_lbt(self, args: bytes) -> None:
        """Interval, readings (two bytes), threshold (-2 x dBm), GPIO."""
        if not self._patched:
            return
        self.listening = True
        if len(args) >= 4:
            self._listen_ns = int.from_bytes(args[1:3], "big") * _READING_NS
            self.threshold_dbm = -args[3] / 2

    def _start_scan(self, args: bytes) -> None:
        """Readings (two bytes), interval. Reads for a while; then the histogram stands there."""
        if self._patched and len(args) >= 2:
            self._scan = self._now_ns(), int.from_bytes(args[:2], "big")
            self._store(SCAN_STATUS, bytes([_SCAN_RUNNING]))
            self.mode = Mode.RX

    def _finish_scan(self) -> None:
        if self._scan is None:
            return
        from_ns, readings = self._scan
        to_ns = from_ns + readings * _READING_NS
        if self._now_ns() < to_ns:
            return
        self._scan = None
        heard = self.hear(self.freq_hz, self.bw_hz, from_ns, max(to_ns, from_ns + 1))
        counts = histogram(heard, readings)
        self._store(SCAN_RESULTS, b"".join(count.to_bytes(2, "big") for count in counts))
        self._store(SCAN_STATUS, bytes([_SCAN_COMPLETE]))
