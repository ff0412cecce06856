"""The SX1261 that listens before talk and scans the band (sx1302-chip.md section 13)."""

from __future__ import annotations

from .sx1250 import Mode, Sx1250

VERSION_ADDRESS = 0x0320
VERSION_ROM = b"SX1261 V2D 0000\0"
VERSION_PATCHED = b"SX1261 V2D 2D06\0"
SCAN_STATUS = 0x07CD
SCAN_RESULTS = 0x0401
CARRIER_SENSE = 0x089B  # 0 stops LBT and scan

_SCAN_COMPLETE = 0xFF
_SCAN_LEVELS = 33


class Sx1261(Sx1250):
    """`listening` is whether carrier sense runs and drives the line to the SX1302."""

    def __init__(self) -> None:
        super().__init__()
        self._commands |= {0x9A: self._start_lbt, 0x9B: self._start_scan, 0xD9: self._run_patch}

    def reset(self) -> None:
        super().reset()
        self.listening = False
        self.threshold_dbm = 0.0
        self._store(VERSION_ADDRESS, VERSION_ROM)

    def _store(self, address: int, data: bytes) -> None:
        self.registers.update(enumerate(data, address))

    def _write_register(self, args: bytes) -> None:
        super()._write_register(args)
        if args[:3] == CARRIER_SENSE.to_bytes(2, "big") + b"\0":
            self.listening = False

    def _run_patch(self, _: bytes) -> None:
        self._store(VERSION_ADDRESS, VERSION_PATCHED)

    def _start_lbt(self, args: bytes) -> None:
        self.listening = True
        if len(args) >= 4:
            self.threshold_dbm = -args[3] / 2

    def _start_scan(self, args: bytes) -> None:
        """A quiet band: every sample is below the lowest level. Done at once."""
        scans = int.from_bytes(args[:2], "big")
        self._store(SCAN_RESULTS, bytes(2 * (_SCAN_LEVELS - 1)) + scans.to_bytes(2, "big"))
        self._store(SCAN_STATUS, bytes([_SCAN_COMPLETE]))
        self.mode = Mode.RX
