"""A small HTTP server for a handful of callers: one request a connection, all of it bounded.

Whoever is slow, talks too much or talks nonsense loses that connection only: TLS handshake and
exchange have `deadline_s` each, however the bytes trickle, and MAX_CONNECTIONS are served at a
time. Requests are counted; nothing of them is logged.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ...server_tls import server_context
from .http_message import MAX_HEAD, HttpError, Request, answer, body_size, parse_head
from .settings import ListenSettings

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 32
DEADLINE_S = 10.0
DRAIN_S = 0.5  # for so long
DRAIN = 1024 * 1024  # bytes of a refused body that are read so that the answer arrives

# Answers a request from the address that is given: None for 204, or raises HttpError.
Handler = Callable[[Request, str], None]


class HttpServer:
    """Raises ConfigError for certificates that cannot be used."""

    def __init__(
        self,
        name: str,
        settings: ListenSettings,
        handler: Handler,
        *,
        max_body: int,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.name = name
        self.port = settings.address[1]  # the real one once it listens, if it was 0
        self.listening = asyncio.Event()
        self.answers: dict[int, int] = {}
        self._settings = settings
        _context(settings)  # a mistake is told now; `run` reads what is there then
        self._handler = handler
        self._max_body = max_body
        self._deadline_s = deadline_s
        self._open = 0

    async def run(self) -> None:
        """Serve until cancelled. Raises OSError if the address cannot be listened on."""
        host, port = self._settings.address
        context = await asyncio.to_thread(_context, self._settings)
        server = await asyncio.start_server(
            self._serve,
            host,
            port,
            limit=MAX_HEAD,
            ssl=context,
            ssl_handshake_timeout=self._deadline_s if context else None,
            ssl_shutdown_timeout=self._deadline_s if context else None,
        )
        async with server:
            self.port = int(server.sockets[0].getsockname()[1])
            self.listening.set()
            log.info("%s: listening on %s port %d", self.name, host, self.port)
            try:
                await server.serve_forever()
            finally:
                self.listening.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._exchange(reader, writer)
        except (TimeoutError, OSError, ssl.SSLError):
            writer.transport.abort()
        finally:
            self._open -= 1
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whole = False
        try:
            if self._open > MAX_CONNECTIONS:
                raise HttpError(503, "too many connections; try again")
            request = await self._read(reader, writer)
            whole = True
            self._handler(request, str(writer.get_extra_info("peername", ("?",))[0]))
            status, words = 204, ""
        except HttpError as error:
            status, words = error.status, error.words
        except asyncio.IncompleteReadError:
            return
        except Exception:
            # A bug of ours costs this request. Its traceback shows code, not values.
            log.exception("%s: a request failed", self.name)
            status, words = 500, "an error of the gateway; its log has more"
        self.answers[status] = self.answers.get(status, 0) + 1
        writer.write(answer(status, words))
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        if not whole:
            await _drain(reader)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
        try:
            request = parse_head(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            raise HttpError(431, f"up to {MAX_HEAD} bytes of headers expected") from None
        if request.method not in ("POST", "PUT"):
            raise HttpError(405, "POST or PUT expected")
        size = body_size(request, self._max_body)
        if request.headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return replace(request, body=await reader.readexactly(size))


async def _drain(reader: asyncio.StreamReader) -> None:
    """Closing with bytes unread would reset the connection under the answer."""
    left = DRAIN
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while left > 0 and (chunk := await reader.read(left)):
                left -= len(chunk)


def _context(settings: ListenSettings) -> ssl.SSLContext | None:
    """TLS as the settings say, None without. Raises ConfigError."""
    if not settings.tls:
        return None
    return server_context("listen", settings.cert_file, settings.key_file, settings.client_ca_file)
