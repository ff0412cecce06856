"""An SX1250 front end: commands in, status and frequency out (sx1302-chip.md section 4.1).

Every byte clocked out is the status, except where a command reads something. The SX1261 has the
same command set (`sx1261.py` adds what is its own).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

GET_STATUS = 0xC0
READ_REGISTER = 0x1D
READ_BUFFER = 0x1E
GET_DEVICE_ERRORS = 0x17
READING = frozenset(
    {GET_STATUS, READ_REGISTER, READ_BUFFER, GET_DEVICE_ERRORS, 0x11, 0x12, 0x13, 0x14, 0x15}
)
_FREQ_ADDRESS = 0x088B  # where the frequency word can be read back
FREQ_STEP_HZ = 32e6 / (1 << 25)


class Mode(IntEnum):
    """Bits 6:4 of the status byte."""

    STANDBY_RC = 2
    STANDBY_XOSC = 3
    FS = 4
    RX = 5
    TX = 6


class Sx1250:
    def __init__(self) -> None:
        self._commands: dict[int, Callable[[bytes], None]] = {
            0x80: self._set_standby,
            0x82: lambda _: self._set_mode(Mode.RX),
            0x83: lambda _: self._set_mode(Mode.TX),
            0x86: self._set_frequency,
            0xC1: lambda _: self._set_mode(Mode.FS),
            0x0D: self._write_register,
            0x0E: self._write_buffer,
        }
        self.reset()

    def reset(self) -> None:
        self.mode = Mode.STANDBY_RC
        self.freq_word = 0
        self.registers: dict[int, int] = {}
        self.buffer = bytearray(256)

    @property
    def freq_hz(self) -> float:
        return self.freq_word * FREQ_STEP_HZ

    @property
    def status(self) -> int:
        return self.mode << 4 | 1 << 1  # command status 1, as the host expects of an idle radio

    def command(self, opcode: int, args: bytes) -> bytes:
        """One transfer after the opcode; gives as many bytes as `args` has."""
        action = self._commands.get(opcode)
        if action is not None:
            action(args)
        status = bytes([self.status])
        if opcode == READ_REGISTER and len(args) > 3:
            return status * 3 + self._read_registers(args)
        if opcode == READ_BUFFER and len(args) > 2:
            return status * 2 + self._read_buffer(args)
        if opcode == GET_DEVICE_ERRORS:
            return status + bytes(len(args) - 1) if args else b""
        return status * len(args)

    def _set_mode(self, mode: Mode) -> None:
        self.mode = mode

    def _set_standby(self, args: bytes) -> None:
        self.mode = Mode.STANDBY_XOSC if args[:1] == b"\x01" else Mode.STANDBY_RC

    def _set_frequency(self, args: bytes) -> None:
        if len(args) >= 4:
            self.freq_word = int.from_bytes(args[:4], "big")
            self.registers.update(enumerate(args[:4], _FREQ_ADDRESS))

    def _write_register(self, args: bytes) -> None:
        address = int.from_bytes(args[:2], "big")
        for at, value in enumerate(args[2:], address):
            self.registers[at & 0xFFFF] = value

    def _read_registers(self, args: bytes) -> bytes:
        address = int.from_bytes(args[:2], "big")
        return bytes(self.registers.get(address + i & 0xFFFF, 0) for i in range(len(args) - 3))

    def _write_buffer(self, args: bytes) -> None:
        for at, value in enumerate(args[1:], args[0] if args else 0):
            self.buffer[at & 0xFF] = value

    def _read_buffer(self, args: bytes) -> bytes:
        return bytes(self.buffer[args[0] + i & 0xFF] for i in range(len(args) - 2))
