"""The AD5338R DAC that biases the power amplifier of full duplex CN490 boards, over I2C.

A board without one works as well, so nothing here raises for its absence. Commands: AD5338R data
sheet; voltages and order: sx1302_hal: loragw_ad5338r, lgw_start, lgw_send.
"""

from __future__ import annotations

import logging
from typing import Protocol

log = logging.getLogger(__name__)

ADDRESS = 0x0C
RESET = b"\x69\x00"  # of both outputs; it takes no third byte
POWER_UP = b"\x40\x00\x00"
INTERNAL_REFERENCE = b"\x70\x00\x00"
OUTPUT = 0x39
FULL_SCALE_V, STEPS = 5.0, 1024


class Bus(Protocol):
    """OSError where nobody answers."""

    def send(self, device: int, data: bytes) -> None: ...

    def close(self) -> None: ...


def output(volts: float) -> bytes:
    """The command for an output voltage: the upper ten of sixteen bits, truncated as in C."""
    return bytes((OUTPUT,)) + (int(volts * STEPS / FULL_SCALE_V) << 6).to_bytes(2, "big")


class Ad5338r:
    """Set up by `probe`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._told = False

    def set_volts(self, volts: float) -> bool:
        """False, and a line in the log the first time, where it does not answer."""
        try:
            self._bus.send(ADDRESS, output(volts))
        except OSError as error:
            if not self._told:
                log.warning("the DAC AD5338R does not answer any more: %s", error)
            self._told = True
            return False
        self._told = False
        return True

    def close(self) -> None:
        self._bus.close()


def probe(bus: Bus) -> Ad5338r | None:
    """The DAC on a bus, reset and with its own reference; None where nobody answers."""
    try:
        for command in (RESET, POWER_UP, INTERNAL_REFERENCE):
            bus.send(ADDRESS, command)
    except OSError as error:
        log.debug("no AD5338R: %s", error)
        return None
    return Ad5338r(bus)
