"""The Linux I2C bus: the temperature sensor and the DAC of some boards are on it."""

from __future__ import annotations

import fcntl
import os

I2C_SLAVE = 0x0703  # ioctl: whom the next read and write address (linux/i2c-dev.h)


class LinuxI2c:
    """/dev/i2c-N. Raises OSError, also where nobody answers."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def read(self, device: int, register: int) -> int:
        """One register of a device."""
        self.send(device, bytes((register,)))
        return os.read(self._fd, 1)[0]

    def write(self, device: int, register: int, value: int) -> None:
        self.send(device, bytes((register, value)))

    def send(self, device: int, data: bytes) -> None:
        """Bytes to a device, in one message."""
        fcntl.ioctl(self._fd, I2C_SLAVE, device)
        os.write(self._fd, data)

    def close(self) -> None:
        os.close(self._fd)
