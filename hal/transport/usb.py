"""A USB board: a serial device around the bridge's messages. Raises TransportError, never waits on.

The C library reads from the bridge without a time-out, so that one lost answer stops it for ever
(sx1302_hal: loragw_mcu). Here every answer has a deadline, and the next request starts clean.
"""

from __future__ import annotations

import errno
import logging
import os
import select
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from ..clock import Clock, SystemClock
from ..errors import TransportError
from . import mcu
from .base import POWER_OFF_S, Op, Read
from .lock import DeviceLock, busy, claim_tty, is_pty, users

if TYPE_CHECKING:
    from serial import Serial

log = logging.getLogger(__name__)

TIMEOUT_S = 1.0  # a bridge answers within milliseconds
QUIET_S = 0.02  # silence after which nothing stale is expected any more
DRAIN_S = 0.5  # a bridge that talks for longer without being asked is no bridge
BAUD = 115_200  # means nothing on USB, but a tty wants one
KNOWN_VERSION = "V01.00.00"

# GPIO port 0 of the bridge (sx1302_hal: lgw_usb_open).
POWER_ENABLE, SX1302_RESET, SX1261_RESET = 1, 2, 8
RESET_STEPS = (
    (POWER_ENABLE, 1),
    (SX1302_RESET, 1),
    (SX1302_RESET, 0),
    (SX1261_RESET, 0),
    (SX1261_RESET, 1),
)


class UsbTransport:
    """A CoreCell USB board at `path`. Raises TransportError or DeviceBusy from the start."""

    def __init__(
        self, path: str, *, timeout_s: float = TIMEOUT_S, clock: Clock | None = None
    ) -> None:
        self.uri = f"usb:{path}"
        self._clock = clock or SystemClock()
        self._timeout_s = timeout_s
        self._dialogue = mcu.Dialogue()
        self._uptime_ms = 0
        self._dirty = True  # bytes that nobody asked for may be waiting
        self._fd = -1
        self._lock = DeviceLock(path)
        try:
            self._port = _open_port(path)
        except BaseException:
            self._lock.close()
            raise
        self._fd = self._port.fileno()
        try:
            self._greet()
        except BaseException:
            self._release()
            raise

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        results = [b""] * len(ops)
        for batch in _packed(ops):
            answer = self._exchange(mcu.Code.SPI, batch.payload)
            batch.decode(answer, ops, results)
        return results

    def reset(self, hold_s: float = 0.1) -> None:
        power_off = ((POWER_ENABLE, 0),) if hold_s >= POWER_OFF_S else ()
        for pin, value in (*power_off, *RESET_STEPS):
            answer = self._exchange(mcu.Code.GPIO, bytes((0, pin, value)))
            mcu.check_done(answer, f"{self.uri}: set GPIO pin {pin} to {value}")
            self._clock.sleep(hold_s)

    def temperature_c(self) -> float | None:
        """From the bridge's own sensor. Raises TransportError if the bridge restarted meanwhile."""
        status = mcu.decode_status(self._exchange(mcu.Code.STATUS))
        before, self._uptime_ms = self._uptime_ms, status.uptime_ms
        if (status.uptime_ms - before) & 0xFFFFFFFF >= 1 << 31:
            raise TransportError(
                f"{self.uri}: the bridge restarted (up for {status.uptime_ms} ms, was {before}): "
                "the concentrator has to be started again; look at the power supply"
            )
        return status.temperature_c

    def close(self) -> None:
        """Leave the chip reset, as the C library does, if the board still answers."""
        if self._fd < 0:
            return
        try:
            self.reset(hold_s=0.0)
        except TransportError as error:
            log.debug("not reset on close: %s", error)
        self._release()

    def _greet(self) -> None:
        """Make sure that a bridge answers, and note which."""
        ping = mcu.decode_ping(self._exchange(mcu.Code.PING))
        if ping.version != KNOWN_VERSION:
            log.warning("%s: bridge version %s, %s is known", self.uri, ping.version, KNOWN_VERSION)
        self._uptime_ms = mcu.decode_status(self._exchange(mcu.Code.STATUS)).uptime_ms
        log.info("%s: bridge %s, version %s", self.uri, ping.unique_id, ping.version)

    def _release(self) -> None:
        self._fd = -1
        self._port.close()
        self._lock.close()

    # One message each way.

    def _exchange(self, code: mcu.Code, payload: bytes = b"") -> bytes:
        if self._fd < 0:
            raise TransportError(f"{self.uri} is closed")
        if self._dirty:
            self._drain()
        self._dirty = True
        deadline = monotonic() + self._timeout_s
        try:
            self._write(self._dialogue.request(code, payload), deadline)
            answer = self._read_answer(code, deadline)
        except TransportError:
            self._dialogue.give_up()
            raise
        self._dirty = False
        return answer

    def _write(self, data: bytes, deadline: float) -> None:
        sent = self._write_some(data)
        while sent < len(data):
            # A terminal takes some 4 kB at a time.
            left_s = deadline - monotonic()
            if left_s <= 0 or not select.select([], [self._fd], [], left_s)[1]:
                raise TransportError(
                    f"{self.uri}: the device takes no more bytes: plug the board in anew"
                )
            sent += self._write_some(data[sent:])

    def _write_some(self, data: bytes) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._gone(error) from error

    def _read_answer(self, code: mcu.Code, deadline: float) -> bytes:
        answer = None
        while answer is None:
            # A device that talks without end is always readable: time ends it too.
            left_s = deadline - monotonic()
            if left_s <= 0 or not self._readable(left_s):
                raise TransportError(
                    f"{self.uri}: no answer to a {code.name} request within {self._timeout_s:g} s: "
                    "is this a concentrator, and is its cable good?"
                )
            answer = self._dialogue.feed(self._read_some())
        return answer

    def _readable(self, timeout_s: float) -> bool:
        return bool(select.select([self._fd], [], [], timeout_s)[0])

    def _read_some(self) -> bytes:
        try:
            data = os.read(self._fd, 8192)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone(error) from error
        if not data:
            raise self._gone(OSError(errno.EIO, "the device hung up"))
        return data

    def _drain(self) -> None:
        """Drop what is left of earlier exchanges."""
        stop = monotonic() + DRAIN_S
        while self._readable(QUIET_S):
            self._read_some()
            if monotonic() > stop:
                raise TransportError(
                    f"{self.uri} sends without being asked: this is no concentrator's bridge"
                )

    def _gone(self, error: OSError) -> TransportError:
        return TransportError(f"{self.uri} is gone, unplugged or without power: {error.strerror}")


def _packed(ops: Sequence[Op]) -> list[mcu.Batch]:
    return _packed_reads(tuple(ops)) if all(type(op) is Read for op in ops) else mcu.pack(ops)


# The same few questions are asked some hundred times a second; to put them into a message anew was
# a quarter of an idle gateway's work.
@lru_cache(maxsize=16)
def _packed_reads(ops: tuple[Op, ...]) -> list[mcu.Batch]:
    return mcu.pack(ops)


def _open_port(path: str) -> Serial:
    # Imported here, so that an SPI gateway does not carry it.
    from serial import Serial, SerialException

    try:
        port = Serial(path, BAUD, timeout=0, exclusive=True)
    except SerialException as error:
        raise _cannot_open(path, error) from error
    try:
        os.set_blocking(port.fileno(), False)
        claim_tty(port.fileno(), path)
    except BaseException:
        port.close()
        raise
    return port


def _cannot_open(path: str, error: OSError) -> TransportError:
    if error.errno == errno.ENOENT:
        found = ", ".join(sorted(_serial_devices())) or "none"
        return TransportError(f"{path} does not exist; is the board plugged in? found: {found}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return TransportError(f"{path}: no permission; add your user to the group dialout")
    if error.errno in (errno.EBUSY, errno.EAGAIN):
        return busy(path, ", ".join(users(path)) or "another process")
    if error.errno in (errno.EIO, errno.ENXIO) and is_pty(path):
        return TransportError(f"{path}: nobody is at the other end of this pseudo-terminal")
    return TransportError(f"{path} cannot be opened as a serial device: {error}")


def _serial_devices() -> list[str]:
    """Names that stay with a board when it is plugged in anew, or else whatever there is."""
    by_id = [str(path) for path in Path("/dev/serial/by-id").glob("*")]
    return by_id or [str(path) for path in Path("/dev").glob("tty[AU]*[0-9]")]
