"""An SX1255 or SX1257 front end: plain registers, and PLLs that lock where they are switched on.

A transfer is an address, bit 7 set to write, and a byte (sx1302-chip.md section 4.2). What the
registers hold after a reset is from the SX1257 data sheet's table of registers.
"""

from __future__ import annotations

from enum import IntFlag

_WRITE = 0x80
_MODE, _FRF_RX, _FRF_TX, _VERSION = 0x00, 0x01, 0x04, 0x07
_CLK_SELECT, _MODE_STATUS = 0x10, 0x11
RX_LOCKED, TX_LOCKED = 1 << 1, 1 << 0
_RF_LOOPBACK = 1 << 2
_READ_ONLY = frozenset({_VERSION, _MODE_STATUS})

_RESET = {
    0x00: 0x01, 0x01: 0xD9, 0x02: 0x00, 0x03: 0x00, 0x04: 0xD9, 0x05: 0x00, 0x06: 0x00, 0x08: 0x2E,
    0x0A: 0x60, 0x0B: 0x02, 0x0C: 0x3F, 0x0D: 0xF5, 0x0E: 0x06, 0x10: 0x02, 0x1A: 0x02, 0x26: 0x0D,
    0x28: 0x0D,
}  # fmt: skip
_VERSIONS = {"SX1255": 0x11, "SX1257": 0x21}
_STEPS_HZ = {"SX1255": 32e6 / (1 << 20), "SX1257": 32e6 / (1 << 19)}
KINDS = tuple(_VERSIONS)


class Mode(IntFlag):
    """The bits of register 0x00."""

    STANDBY = 1
    RX = 2
    TX = 4
    PA_DRIVER = 8


class Sx125x:
    """`locks` are the PLLs that can lock, as bits of the mode status: both, unless told."""

    def __init__(self, kind: str) -> None:
        self._step_hz = _STEPS_HZ[kind]
        self.kind = kind
        self.locks = RX_LOCKED | TX_LOCKED
        self.reset()

    def reset(self) -> None:
        self.registers = bytearray(0x80)
        for address, value in _RESET.items():
            self.registers[address] = value
        self.registers[_VERSION] = _VERSIONS[self.kind]

    @property
    def mode(self) -> Mode:
        return Mode(self.registers[_MODE] & 0xF)

    @property
    def freq_hz(self) -> float:
        return self._frequency(_FRF_RX)

    @property
    def tx_freq_hz(self) -> float:
        return self._frequency(_FRF_TX)

    @property
    def receiving(self) -> bool:
        return bool(self._status & RX_LOCKED)

    @property
    def transmitting(self) -> bool:
        return bool(self._status & TX_LOCKED) and Mode.PA_DRIVER in self.mode

    @property
    def loops_back(self) -> bool:
        """Whether its transmitter is heard by its own receiver."""
        return bool(self.registers[_CLK_SELECT] & _RF_LOOPBACK)

    @property
    def tx_gains(self) -> tuple[int, int]:
        """DAC and mixer."""
        return self.registers[0x08] >> 4 & 7, self.registers[0x08] & 0xF

    def command(self, opcode: int, args: bytes) -> bytes:
        """One transfer: the first byte is the address; gives as many bytes as `args` has."""
        address = opcode & 0x7F
        if not args:
            return b""
        if opcode & _WRITE:
            if address not in _READ_ONLY:
                self.registers[address] = args[-1]
            return bytes(len(args))
        self.registers[_MODE_STATUS] = self._status
        return bytes(len(args) - 1) + self.registers[address : address + 1]

    @property
    def _status(self) -> int:
        """Which PLLs run and have locked."""
        rx = RX_LOCKED if Mode.STANDBY | Mode.RX in self.mode else 0
        tx = TX_LOCKED if Mode.STANDBY | Mode.TX in self.mode else 0
        return (rx | tx) & self.locks

    def _frequency(self, address: int) -> float:
        return int.from_bytes(self.registers[address : address + 3], "big") * self._step_hz
