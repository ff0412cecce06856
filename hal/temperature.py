"""The STTS751 temperature sensor that most SPI boards carry, over Linux I2C.

A board without one works as well, so nothing here raises for its absence. Source: sx1302_hal:
loragw_stts751; registers as in the sensor's datasheet.
"""

from __future__ import annotations

import logging
from typing import Protocol

from .i2c import LinuxI2c

log = logging.getLogger(__name__)

ADDRESSES = (0x39, 0x3B, 0x38)  # where CoreCell boards of several makes have it, most usual first
HIGH_BYTE, LOW_BYTE = 0x00, 0x02
CONFIGURATION, TWELVE_BITS = 0x03, 0x8C
RATE, ONCE_PER_SECOND = 0x04, 0x04
PERIOD_NS = 1_000_000_000
PRODUCT_ID, PRODUCTS = 0xFD, (0, 1)
MANUFACTURER_ID, ST = 0xFE, 0x53


class Bus(Protocol):
    """Single registers of I2C devices; OSError where nobody answers."""

    def read(self, device: int, register: int) -> int: ...

    def write(self, device: int, register: int, value: int) -> None: ...

    def close(self) -> None: ...


class Stts751:
    def __init__(self, bus: Bus, address: int) -> None:
        self._bus = bus
        self._address = address
        self._next_ns = 0
        self._last_c: float | None = None

    def read_c(self, now_ns: int) -> float | None:
        """Degrees Celsius, or None if the sensor does not answer this time.

        The bus is slow and the sensor measures once a second: in between the last value is given.
        """
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + PERIOD_NS
            self._last_c = self._measure_c()
        return self._last_c

    def _measure_c(self) -> float | None:
        try:
            # Low byte first: reading it holds the high byte that belongs to it.
            low = self._bus.read(self._address, LOW_BYTE)
            high = self._bus.read(self._address, HIGH_BYTE)
        except (OSError, IndexError) as error:
            log.debug("temperature sensor at %#04x: %s", self._address, error)
            return None
        return int.from_bytes(bytes((high, low)), "big", signed=True) / 256

    def close(self) -> None:
        self._bus.close()


def find_sensor(path: str) -> Stts751 | None:
    """The sensor on the I2C bus at `path`, set up; None, and a line in the log, without one."""
    try:
        bus = LinuxI2c(path)
    except OSError as error:
        log.info("no temperature sensor: %s: %s", path, error.strerror)
        return None
    sensor = probe(bus)
    if sensor is None:
        bus.close()
        log.info("no temperature sensor on %s", path)
    return sensor


def probe(bus: Bus) -> Stts751 | None:
    """Look for the sensor at its usual addresses, and set it to 12 bits once a second."""
    for address in ADDRESSES:
        try:
            if (
                bus.read(address, PRODUCT_ID) in PRODUCTS
                and bus.read(address, MANUFACTURER_ID) == ST
            ):
                bus.write(address, CONFIGURATION, TWELVE_BITS)
                bus.write(address, RATE, ONCE_PER_SECOND)
                log.info("temperature sensor STTS751 at I2C address %#04x", address)
                return Stts751(bus, address)
        except (OSError, IndexError):
            continue
    return None
