"""An MQTT 3.1.1 broker in our own loop, for one gateway: as much of it as a gateway's link uses.

It can be away (connections are refused), deaf (they stay open and nothing comes: a half-open
link), and come back. Messages of the gateway go to `on_message`; `say` sends it one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 12, 13, 14


class Broker:
    def __init__(self, on_message: Callable[[str, bytes], None]) -> None:
        self._on_message = on_message
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._heard = asyncio.Event()
        self._heard.set()
        self.port = 0
        self.connections = 0
        self.unsaid = 0  # messages to a gateway that was not there

    async def start(self) -> None:
        """Listen; again where it listened before."""
        self._heard.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Away: what is open breaks off, and nothing is let in."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        self._writers.clear()

    def deafen(self) -> None:
        """Connections stay, and are let in by the kernel, and nobody reads or answers."""
        self._heard.clear()

    def say(self, topic: str, payload: bytes) -> None:
        """With QoS 0, to whoever is connected."""
        if not self._heard.is_set() or not self._writers:
            self.unsaid += 1
            return
        name = topic.encode()
        body = len(name).to_bytes(2, "big") + name + payload
        for writer in self._writers:
            writer.write(bytes([PUBLISH << 4]) + _size(len(body)) + body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _read_size(reader))
                await self._heard.wait()
                if writer.is_closing() or not self._packet(head, body, writer):
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            with suppress(OSError):
                writer.close()

    def _packet(self, head: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        match head >> 4:
            case 1:  # CONNECT
                self.connections += 1
                writer.write(bytes([CONNACK << 4, 2, 0, 0]))
            case 8:  # SUBSCRIBE
                self._writers.add(writer)
                writer.write(
                    bytes([SUBACK << 4, 2 + _topics(body)]) + body[:2] + bytes(_topics(body))
                )
            case 3:  # PUBLISH
                self._publish(head, body, writer)
            case 12:  # PINGREQ
                writer.write(bytes([PINGRESP << 4, 0]))
            case 14:  # DISCONNECT
                return False
        return True

    def _publish(self, head: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        end = 2 + int.from_bytes(body[:2], "big")
        topic, rest = body[2:end].decode(), body[end:]
        if head >> 1 & 3:
            writer.write(bytes([PUBACK << 4, 2]) + rest[:2])
            rest = rest[2:]
        self._on_message(topic, rest)


def _topics(body: bytes) -> int:
    """How many a SUBSCRIBE asks for."""
    at, count = 2, 0
    while at < len(body):
        at += 2 + int.from_bytes(body[at : at + 2], "big") + 1
        count += 1
    return count


def _size(size: int) -> bytes:
    coded = bytearray()
    while True:
        size, low = size >> 7, size & 127
        coded.append(low | 128 * bool(size))
        if not size:
            return bytes(coded)


async def _read_size(reader: asyncio.StreamReader) -> int:
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 127) << shift
        if not byte & 128:
            return size
        shift += 7
