"""THE seam between the driver and a board: a list of operations in, the bytes that were read out.

A `Transport` is an SPI bus, the USB bridge, the simulated board, or a recording. It promises: the
operations of one `transfer` are done in order, and all of them are done when it returns. It may put
them into as few transactions as its bus can (the USB bridge carries a whole list in one message),
so a driver that has several things to do gives them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, runtime_checkable

POWER_OFF_S = 1.0  # a reset held this long begins without power: the board's supplies empty


class Target(IntEnum):
    """Who is spoken to; the first three are the SX1302's mux targets (sx1302_hal: loragw_com)."""

    SX1302 = 0
    RADIO_A = 1
    RADIO_B = 2
    SX1261 = 3  # its own chip select, not behind the SX1302


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes into consecutive SX1302 addresses."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """`size` bytes from consecutive SX1302 addresses (from one place, at the RX FIFO's)."""

    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Modify:
    """Replace the bits of `mask` in one SX1302 byte by those of `value` (already shifted).

    Where the bus has no such operation it is a read and a write. Gives the byte as it was before.
    """

    address: int
    mask: int
    value: int


@dataclass(frozen=True, slots=True)
class Command:
    """An opcode and its arguments to a radio; gives as many bytes as there are arguments.

    Radios answer while they listen: the first byte given is the one clocked out under `args[0]`
    (for the SX1250 and SX1261, the status). Put filler bytes where an answer is expected.
    """

    target: Target
    opcode: int
    args: bytes


Op = Write | Read | Modify | Command


@runtime_checkable
class Amplifier(Protocol):
    """What a transport offers on top that can reach the DAC of full duplex CN490 boards."""

    def bias_amplifier(self, volts: float) -> bool:
        """Set the bias of the power amplifier; False where no such DAC answers. Never raises."""
        ...


class Transport(Protocol):
    """One board. Not thread-safe: one thread owns the chip. Raises TransportError from any call."""

    uri: str

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        """Do `ops` in order; one entry each: the bytes read, b"" for a Write."""
        ...

    def reset(self, hold_s: float = 0.1) -> None:
        """Power the board and pulse its reset lines, each level held for `hold_s`.

        From `POWER_OFF_S` on it is without power first, if it has a line for that.
        """
        ...

    def temperature_c(self) -> float | None:
        """Degrees Celsius near the radios, or None where the board has no sensor."""
        ...

    def close(self) -> None:
        """Let go of the device; quiet when there is nothing to let go of."""
        ...
