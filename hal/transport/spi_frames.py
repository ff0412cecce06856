"""What stands on the wires of an SPI chip select: operations to frames, and back. Pure.

The SX1302 takes   mux | address (bit 15 = write), 2 bytes | data            for a write
and                mux | address, 2 bytes | one filler byte | data           for a read.
The mux byte 1 or 2 hands the rest of the frame (opcode, arguments) to radio A or B; the SX1261 has
a chip select of its own and no mux byte (sx1302_hal: loragw_spi, sx1250_spi, sx1261_spi). Both
buses use these frames: SPI as they are, the USB bridge inside its requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from .base import Command, Modify, Op, Read, Target, Write

FIFO_ADDRESS = 0x4000  # a burst from here delivers the RX FIFO: the address stands still
LAST_ADDRESS = 0x7FFF  # 15 bits; the 16th says write
MAX_ARGS = 4096

WRITE_HEAD = 3
READ_HEAD = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One transfer under one chip select. What was read is the answer from `skip` on."""

    select: int  # 0 is the SX1302, 1 the SX1261 (also the bridge's numbers)
    out: bytes
    skip: int


def write_frame(address: int, data: bytes) -> Frame:
    out = bytes((Target.SX1302, 0x80 | address >> 8, address & 0xFF)) + data
    return Frame(0, out, len(out))


def read_frame(address: int, size: int) -> Frame:
    head = bytes((Target.SX1302, address >> 8, address & 0xFF, 0))
    return Frame(0, head + bytes(size), READ_HEAD)


def command_frame(command: Command) -> Frame:
    """Raises ValueError for a command to the SX1302, which has none, and for too many bytes."""
    if command.target is Target.SX1302 or len(command.args) > MAX_ARGS:
        raise ValueError(f"a command has a radio for target and at most {MAX_ARGS} bytes")
    if command.target is Target.SX1261:
        return Frame(1, bytes((command.opcode,)) + command.args, 1)
    return Frame(0, bytes((command.target, command.opcode)) + command.args, 2)


def frames(op: Write | Read | Command, chunk: int) -> Iterator[Frame]:
    """The frames that do `op`, at most `chunk` data bytes each. Raises ValueError for misuse."""
    match op:
        case Write(address, data):
            check_burst(address, len(data))
            for at in range(0, len(data), chunk):
                yield write_frame(_place(address, at), data[at : at + chunk])
        case Read(address, size):
            check_burst(address, size)
            for at in range(0, size, chunk):
                yield read_frame(_place(address, at), min(chunk, size - at))
        case Command():
            yield command_frame(op)
        case _:
            assert_never(op)


def check_burst(address: int, size: int) -> None:
    """Raise ValueError unless `size` bytes from `address` stay inside the chip."""
    span = 1 if address == FIFO_ADDRESS and size else size
    if not (address >= 0 and size >= 0 and address + span <= LAST_ADDRESS + 1):
        raise ValueError(f"{size} bytes at {address:#06x} leave the chip's {LAST_ADDRESS:#06x}")


def check_modify(op: Modify) -> None:
    """Raise ValueError unless `op` touches one byte of the chip, inside its mask."""
    check_burst(op.address, 1)
    if not (0 <= op.mask <= 0xFF and op.value & ~op.mask == 0):
        raise ValueError(f"{describe(op)}: the value leaves the mask")


def describe(op: Op) -> str:
    """`op` in the words of an error message; data are counted, not shown."""
    match op:
        case Write(address, data):
            return f"write of {len(data)} bytes at {address:#06x}"
        case Read(address, size):
            return f"read of {size} bytes at {address:#06x}"
        case Modify(address, mask, value):
            return f"change of {address:#06x}, bits {mask:#04x} to {value:#04x}"
        case Command(target, opcode, args):
            return f"command {opcode:#04x} with {len(args)} bytes to {target.name}"
        case _:
            assert_never(op)


def _place(address: int, at: int) -> int:
    return address if address == FIFO_ADDRESS else address + at
