"""A connected UDP socket in the event loop: the kernel drops what other addresses send.

Not a DatagramTransport of asyncio, because two things matter here: a datagram leaves inside the
call that sends it, and one that the kernel refused because of an earlier ICMP answer is sent again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

READS_A_TURN = 64  # then the loop gets to see its other sockets
LARGEST = 65_536


class UdpSocket:
    """Raises OSError when the address cannot be reached from here at all."""

    def __init__(
        self,
        family: socket.AddressFamily,
        address: tuple[Any, ...],
        on_datagram: Callable[[bytes], None],
        on_error: Callable[[OSError], None],
    ) -> None:
        self._on_datagram = on_datagram
        self._on_error = on_error
        self._socket: socket.socket | None = None
        udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            udp.setblocking(False)
            udp.connect(address)
        except OSError:
            udp.close()
            raise
        self._socket = udp
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(udp.fileno(), self._readable)

    def send(self, data: bytes) -> bool:
        """Send now; False when the kernel's buffer is full. Errors go to `on_error`."""
        failure = None
        for _ in range(2):
            if self._socket is None:
                break
            try:
                self._socket.send(data)
                break
            except BlockingIOError:
                return False
            except OSError as error:
                # Mostly the ICMP answer to an earlier datagram, and this one has not left.
                failure = error
        if failure is not None:
            self._on_error(failure)
        return True

    def close(self) -> None:
        """Can be called twice, and from within a callback."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _readable(self) -> None:
        for _ in range(READS_A_TURN):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(LARGEST)
            except BlockingIOError:
                return
            except OSError as error:
                self._on_error(error)
                return
            self._on_datagram(data)
