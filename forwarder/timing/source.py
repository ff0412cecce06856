"""The receiver's device in the event loop: a serial port or gpsd; bytes out, and what to write in.

Nothing here decides. A read never waits: the loop is told when there is something.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from hal.gps import gpsd

from ..config.model import GpsSettings

SCHEME = "gpsd://"
READ_SIZE = 4096
CONNECT_S = 5.0


class SourceLost(Exception):
    """The device is not there, or has gone; the message says which and why."""


class Source(Protocol):
    """An open connection."""

    async def read(self) -> bytes:
        """What has come; waits until there is something. Raises SourceLost."""
        ...

    def write(self, data: bytes) -> None:
        """Send, if it can be sent at once; a receiver that does not listen is no fault."""
        ...


@asynccontextmanager
async def open_source(settings: GpsSettings) -> AsyncIterator[Source]:
    """The connection, closed at the end. Raises SourceLost."""
    if settings.source.startswith(SCHEME):
        async with _gpsd(settings.source.removeprefix(SCHEME)) as source:
            yield source
    else:
        port = SerialSource(settings.source, settings.baud)
        try:
            yield port
        finally:
            port.close()


class SerialSource:
    """A serial port, raw, 8N1, ours alone."""

    def __init__(self, device: str, baud: int) -> None:
        import serial  # only where there is a receiver

        self._device = device
        try:
            self._port = serial.Serial(device, baud, timeout=0, write_timeout=0, exclusive=True)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise SourceLost(_plain(error)) from error
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._loop.add_reader(self._port.fileno(), self._ready.set)

    async def read(self) -> bytes:
        while True:
            await self._ready.wait()
            self._ready.clear()
            try:
                data = self._port.read(READ_SIZE)
            except (OSError, TypeError) as error:
                raise SourceLost(_plain(error)) from error
            if data:
                return bytes(data)

    def write(self, data: bytes) -> None:
        with suppress(OSError):  # a full buffer too: it is asked again later
            self._port.write(data)

    def close(self) -> None:
        self._loop.remove_reader(self._port.fileno())
        with suppress(OSError):
            self._port.close()


class _GpsdSource:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        try:
            data = await self._reader.read(READ_SIZE)
        except OSError as error:
            raise SourceLost(_plain(error)) from error
        if not data:
            raise SourceLost("gpsd has closed the connection")
        return data

    def write(self, data: bytes) -> None:
        self._writer.write(data)


@asynccontextmanager
async def _gpsd(address: str) -> AsyncIterator[Source]:
    host, port = host_port(address)
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        raise SourceLost(_plain(error) or f"no answer in {CONNECT_S:g} s") from error
    try:
        yield _GpsdSource(reader, writer)
    finally:
        writer.close()


def host_port(address: str) -> tuple[str, int]:
    """`host`, `host:port` or `[::1]:port`."""
    host, colon, port = address.rpartition(":")
    if not colon or port.endswith("]") or not port.isdigit():
        return address.strip("[]"), gpsd.PORT
    return host.strip("[]"), int(port)


def _plain(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
