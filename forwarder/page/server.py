"""Serves the page: the only part of it that knows a socket. All of it is bounded.

One request a connection. Whoever is slow, talks too much or talks nonsense loses that connection
only: Limits says how long a request may come and each piece of an answer go, and how many are
served at a time. The framework (routes.py) is given whole, allowed requests and gives back values;
what it does not see cannot harm it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from microdot import Microdot, Response
from microdot import Request as MicrodotRequest

from ..edge.sources.http_message import MAX_HEAD, HttpError, Request, body_size, parse_head
from ..files.token_file import read_token
from ..state.status import snapshot
from ..supervisor import end_all
from .access import SECURITY_HEADERS, Access
from .door import Door
from .live import Live
from .routes import Routes, is_open
from .settings import PageSettings

if TYPE_CHECKING:
    import ssl

    from ..app import Gateway

CLOSE_S = 2.0
MAX_BODY = 2048  # bytes of a login form
WORDS = {
    200: "OK", 303: "See Other", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 411: "Length Required",
    413: "Content Too Large", 421: "Misdirected Request", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for a request to come and for each piece of an answer to go; connections at a time.

    `guess_s`: how long a wrong token waits for its answer; `again_s`: a listening socket that could
    not be had is tried for again.
    """

    head_s: float = 5.0
    write_s: float = 10.0
    connections: int = 24
    guess_s: float = 1.0
    again_s: float = 10.0


class PageServer:
    """A part of the gateway. `port` is the real one once it listens, if it was 0."""

    def __init__(
        self,
        settings: PageSettings,
        app: Microdot,
        live: Live,
        access: Access,
        context: ssl.SSLContext | None,
        limits: Limits,
    ) -> None:
        self.name = "page"
        self.port = settings.port
        self.listening = asyncio.Event()
        self._settings = settings
        self._app, self._live, self._access, self._context = app, live, access, context
        self._limits = limits

    async def run(self) -> None:
        """Serve until cancelled. An address that cannot be listened on is tried again."""
        door = Door(
            self._serve,
            most=self._limits.connections,
            head_limit=MAX_HEAD,
            handshake_s=self._limits.head_s,
        )
        self.port = await self._open(door)
        self.listening.set()
        log.info("page: %s", self._settings.url)
        tasks = [
            asyncio.ensure_future(part) for part in (door.accept(self._context), self._live.run())
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            self.listening.clear()
            await end_all(tasks)

    async def _open(self, door: Door) -> int:
        host, port = self._settings.host, self._settings.port
        told = ""
        while True:
            try:
                return await door.open(host, port)
            except OSError as error:
                words = error.strerror or str(error)
                if words != told:
                    told = words
                    log.error("page: %s port %d cannot be listened on: %s", host, port, words)
                await asyncio.sleep(self._limits.again_s)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        out = Out(writer, self._limits.write_s)
        try:
            async with asyncio.timeout(self._limits.head_s):
                request = await self._read(reader)
            response = await self._respond(request, writer)
            head_only = request.method == "HEAD"
        except HttpError as error:
            response, head_only = _refusal(error), False
        await out.response(response, head_only=head_only)
        await out.end(reader)

    async def _read(self, reader: asyncio.StreamReader) -> Request:
        """One request, whole. Raises HttpError for what none of ours would be."""
        try:
            request = parse_head(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            raise HttpError(431, f"up to {MAX_HEAD} bytes of headers expected") from None
        if request.method not in ("GET", "HEAD", "POST"):
            raise HttpError(405, "GET expected: the page is read-only")
        if not self._access.knows_host(request.headers.get("host", "")):
            raise HttpError(421, "another host is meant; expected 127.0.0.1 or localhost")
        if request.method != "POST":
            return request
        body = await reader.readexactly(body_size(request, MAX_BODY))
        return Request(request.method, request.path, request.query, request.headers, body)

    async def _respond(self, request: Request, writer: asyncio.StreamWriter) -> Response:
        if not is_open(request.path) and not self._access.admits(request.headers):
            if request.path == "/" and "text/html" in request.headers.get("accept", ""):
                return Response(b"", 303, {"Location": "/login"})
            raise HttpError(401, "a token expected, as Authorization: Bearer ..., or at /login")
        target = request.path + ("?live" if "live" in request.query else "")
        asked = MicrodotRequest(
            self._app, ("", 0), request.method, target, "1.1", _titled(request.headers),
            body=request.body,
        )  # fmt: skip
        response: Response = await self._app.dispatch_request(asked)
        if response.status_code == 403:
            await asyncio.sleep(self._limits.guess_s)  # guessing a token is slow
        return response


class Out:
    """Writes an answer. Each piece has `write_s` to go; else TimeoutError ends the connection."""

    def __init__(self, writer: asyncio.StreamWriter, write_s: float) -> None:
        self._writer = writer
        self._write_s = write_s

    async def response(self, response: Response, *, head_only: bool) -> None:
        body = response.body
        whole = body if isinstance(body, bytes) else None
        await self._write(_head(response, whole) + (b"" if head_only else whole or b""))
        if whole is None:
            assert isinstance(body, AsyncGenerator)
            async with aclosing(body) as parts:
                if head_only:
                    return
                async for part in parts:
                    await self._write(part)

    async def end(self, reader: asyncio.StreamReader) -> None:
        """Say that it is all, and wait a moment for the other side to have read it."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                while await reader.read(MAX_HEAD):
                    pass

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        async with asyncio.timeout(self._write_s):
            await self._writer.drain()


def _head(response: Response, body: bytes | None) -> bytes:
    status = response.status_code
    lines = [f"HTTP/1.1 {status} {WORDS.get(status, 'Other')}", "Connection: close"]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    headers = {"Content-Type": "text/plain; charset=utf-8", **response.headers, **SECURITY_HEADERS}
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def _refusal(error: HttpError) -> Response:
    headers = {401: {"WWW-Authenticate": 'Bearer realm="edgemast"'}, 405: {"Allow": "GET, HEAD"}}
    return Response(f"{error.words}\n".encode(), error.status, headers.get(error.status, {}))


def _titled(headers: Mapping[str, str]) -> dict[str, str]:
    """The one header that the framework looks at, as it looks for it."""
    kind = headers.get("content-type")
    return {"Content-Type": kind} if kind else {}


def open_server(
    settings: PageSettings, gateway: Gateway, limits: Limits | None = None
) -> PageServer:
    """The page of `gateway`. Raises ConfigError for a token or certificates that cannot be used."""
    token = read_token(settings.token_file, "page.token_file") if settings.token_file else ""
    access = Access(token, loopback=settings.loopback, secure=settings.tls)
    live = Live(lambda: snapshot(gateway), gateway.watching.recent, time.monotonic)
    ring = gateway.watching.ring
    assert ring is not None, "parts.open_page makes it"
    app = Routes(live, ring, access, lambda: snapshot(gateway)).app()
    return PageServer(settings, app, live, access, server_context(settings), limits or Limits())


def server_context(settings: PageSettings) -> ssl.SSLContext | None:
    """TLS as the settings say, None without. Raises ConfigError."""
    if not settings.tls:
        return None
    from ..server_tls import server_context as context_of  # OpenSSL is 4 MB of memory

    return context_of("page", settings.cert_file, settings.key_file, settings.client_ca_file)
