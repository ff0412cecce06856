"""An SPI board: Linux spidev, and the GPIO lines that reset it. Raises TransportError.

spidev takes 4096 bytes a transfer unless the kernel is told otherwise, so bursts are cut to 1024
data bytes, as sx1302_hal does (loragw_spi).
"""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..ad5338r import Ad5338r
from ..ad5338r import probe as probe_dac
from ..clock import Clock, SystemClock
from ..errors import TransportError
from ..gpio import BoardLines, BoardReset
from ..i2c import LinuxI2c
from ..temperature import Stts751, find_sensor
from .base import Command, Modify, Op, Read, Write
from .lock import DeviceLock, busy, users
from .spi_frames import Frame, check_modify, describe, frames, read_frame, write_frame

log = logging.getLogger(__name__)

SPEED_HZ = 2_000_000  # what every board's level shifters and wires are good for
CHUNK = 1024
I2C_PATH = "/dev/i2c-1"  # on the 40-pin header


class Device(Protocol):
    """One chip select. `transfer` raises OSError and gives as many bytes as it is given."""

    def transfer(self, out: bytes) -> bytes: ...

    def close(self) -> None: ...


class SpiDevice:
    """A spidev node in mode 0. Raises TransportError when it cannot be opened."""

    def __init__(self, path: str, speed_hz: int) -> None:
        try:
            # Imported here: only SPI boards have it installed.
            from spidev import SpiDev
        except ImportError as error:
            raise TransportError(
                "the Python module spidev is missing: pip install 'edgemast[pi]'"
            ) from error
        self._spi: Any = SpiDev()
        try:
            _open_node(self._spi, path)
            self._spi.mode = 0
            self._spi.bits_per_word = 8
            self._spi.max_speed_hz = speed_hz
        except OSError as error:
            self._spi.close()
            raise cannot_open(path, error) from error

    def transfer(self, out: bytes) -> bytes:
        return bytes(self._spi.xfer2(out))

    def close(self) -> None:
        self._spi.close()


def _open_node(spi: Any, path: str) -> None:
    if hasattr(spi, "open_path"):
        spi.open_path(path)
        return
    # Before 3.8 (Debian 12 has 3.6) spidev knows a node by its numbers only.
    match = re.fullmatch(r"/dev/spidev(\d+)\.(\d+)", os.path.realpath(path))
    if match is None:
        raise OSError(errno.EINVAL, "this version of spidev opens /dev/spidevN.M only")
    spi.open(int(match[1]), int(match[2]))


class SpiTransport:
    """The board at `path`. Without `lines` nobody resets it: then `reset` says so and goes on.

    `sx1261_path` is the chip select of the listening radio, if the board has one.
    """

    def __init__(
        self,
        path: str,
        *,
        speed_hz: int = SPEED_HZ,
        sx1261_path: str | None = None,
        i2c_path: str = I2C_PATH,
        lines: BoardLines | None = None,
        clock: Clock | None = None,
        open_device: Callable[[str, int], Device] = SpiDevice,
    ) -> None:
        self.uri = f"spi:{path}"
        self._speed_hz = speed_hz
        self._sx1261_path = sx1261_path
        self._i2c_path = i2c_path
        self._open_device = open_device
        self._clock: Clock = clock or SystemClock()
        self._board = BoardReset(lines, self._clock) if lines and lines.resting() else None
        self._devices: dict[int, Device] = {}
        self._sensor: Stts751 | None = None
        self._looked_for_sensor = False
        self._dac: Ad5338r | None = None
        self._looked_for_dac = False
        self._lock = DeviceLock(path)
        try:
            _refuse_company(path)
            self._devices[0] = open_device(path, speed_hz)
        except BaseException:
            self._lock.close()
            raise

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        return [self._modify(op) if isinstance(op, Modify) else self._do(op) for op in ops]

    def reset(self, hold_s: float = 0.1) -> None:
        self._forget_dac()
        if self._board is None:
            log.warning(
                "%s: no reset line is configured, so the chip is not reset; name the board",
                self.uri,
            )
        else:
            self._board.pulse(hold_s)

    def temperature_c(self) -> float | None:
        if not self._looked_for_sensor:
            self._looked_for_sensor = True
            self._sensor = find_sensor(self._i2c_path)
        return self._sensor.read_c(self._clock.now_ns()) if self._sensor else None

    def bias_amplifier(self, volts: float) -> bool:
        """Over I2C, where the temperature sensor is too."""
        if not self._looked_for_dac:
            self._looked_for_dac = True
            self._dac = self._find_dac()
        return self._dac is not None and self._dac.set_volts(volts)

    def _find_dac(self) -> Ad5338r | None:
        try:
            bus = LinuxI2c(self._i2c_path)
        except OSError as error:
            log.info("no DAC: %s: %s", self._i2c_path, error.strerror)
            return None
        dac = probe_dac(bus)
        if dac is None:
            bus.close()
        return dac

    def _forget_dac(self) -> None:
        """After a reset it knows nothing of its set-up."""
        if self._dac is not None:
            self._dac.close()
        self._dac, self._looked_for_dac = None, False

    def close(self) -> None:
        parts = [*self._devices.values(), self._sensor, self._dac, self._board]
        self._devices.clear()
        self._sensor = self._dac = None
        for part in parts:
            try:
                if part is not None:
                    part.close()
            except Exception as error:  # the lock must go: we could never open the board again
                log.debug("%s: not closed: %s", self.uri, error)
        self._lock.close()

    def _do(self, op: Write | Read | Command) -> bytes:
        return b"".join([self._exchange(op, frame) for frame in frames(op, CHUNK)])

    def _modify(self, op: Modify) -> bytes:
        """Read, change the bits, write: the bus has nothing shorter."""
        check_modify(op)
        before = self._exchange(op, read_frame(op.address, 1))
        after = before[0] & ~op.mask | op.value
        self._exchange(op, write_frame(op.address, bytes((after,))))
        return before

    def _exchange(self, op: Op, frame: Frame) -> bytes:
        try:
            answer = self._select(frame.select).transfer(frame.out)
        except OSError as error:
            raise TransportError(f"{self.uri}: {describe(op)}: {error}") from error
        if len(answer) != len(frame.out):
            raise TransportError(
                f"{self.uri}: {describe(op)}: {len(frame.out)} bytes expected back, "
                f"{len(answer)} came"
            )
        return answer[frame.skip :]

    def _select(self, number: int) -> Device:
        device = self._devices.get(number)
        if device is not None:
            return device
        if number == 0:
            raise TransportError(f"{self.uri} is closed")
        if self._sx1261_path is None:
            raise TransportError(
                f"{self.uri}: the SX1261 is spoken to, and its chip select is not known: "
                "set sx1261.spi_path, or add sx1261=/dev/spidev0.1 to the radio's URI"
            )
        self._devices[number] = self._open_device(self._sx1261_path, self._speed_hz)
        return self._devices[number]


def _refuse_company(path: str) -> None:
    """Raise DeviceBusy if any program has the device open: spidev itself would let both talk."""
    if others := users(path):
        raise busy(path, ", ".join(others))


def cannot_open(path: str, error: OSError) -> TransportError:
    """What to do about a spidev node that does not open."""
    if error.errno == errno.ENOENT:
        return TransportError(
            f"{path} does not exist: enable SPI with raspi-config (Interface Options), or put "
            "dtparam=spi=on into /boot/firmware/config.txt, and reboot"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return TransportError(f"{path}: no permission; add your user to the group spi")
    return TransportError(f"{path} cannot be opened as an SPI device: {error}")
