"""The head of an HTTP/1.1 request, strictly. Pure.

Ref: RFC 9112. What leaves room for two readings (folded headers, two lengths, a length and an
encoding, bare line feeds) is refused; chunked bodies are not taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

MAX_HEAD = 8192  # bytes of request line and headers
MAX_HEADERS = 64
_LINE = re.compile(r"([A-Z]{1,16}) ([!-~]{1,4096}) HTTP/1\.([01])")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}):[ \t]*([\t -~]*?)[ \t]*")

REASONS = {
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class HttpError(Exception):
    """A request that is answered with `status` and these words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """`headers` by lower-case name. No repr: headers and body hold secrets."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


def parse_head(data: bytes) -> Request:
    """Everything before the body, with its empty line. Raises HttpError."""
    try:
        lines = data.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        raise HttpError(400, "ASCII expected in request line and headers") from None
    first = _LINE.fullmatch(lines[0])
    if first is None:
        raise HttpError(400, "a request line of HTTP/1.1 expected")
    method, target, _ = first.groups()
    path, _, query = target.partition("?")
    return Request(method, path, parse_query(query), _headers(lines[1:]))


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    given = [line for line in lines if line]
    if len(given) > MAX_HEADERS:
        raise HttpError(431, f"up to {MAX_HEADERS} headers expected")
    for line in given:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise HttpError(400, "headers as NAME: VALUE expected")
        name, value = match[1].lower(), match[2]
        if name in headers and name in ("content-length", "authorization", "host"):
            raise HttpError(400, f"one {name} expected")
        headers[name] = value
    return headers


def parse_query(query: str) -> dict[str, str]:
    """Names and values, percent-decoded; a plus stays one, as ThingPark sends it in times."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def body_size(request: Request, most: int) -> int:
    """The length of the body that follows. Raises HttpError."""
    if "transfer-encoding" in request.headers:
        raise HttpError(411, "a Content-Length expected, not a transfer encoding")
    given = request.headers.get("content-length", "")
    if not given:
        raise HttpError(411, "a Content-Length expected")
    if not (given.isdecimal() and len(given) <= 10):
        raise HttpError(400, "a decimal Content-Length expected")
    if int(given) > most:
        raise HttpError(413, f"a body of up to {most} bytes expected, announced are {int(given)}")
    return int(given)


def answer(status: int, words: str = "") -> bytes:
    """A whole response; the connection ends with it."""
    body = f"{words}\n".encode() if words else b""
    head = [f"HTTP/1.1 {status} {REASONS[status]}", "Connection: close"]
    if status != 204:
        head += [f"Content-Length: {len(body)}", "Content-Type: text/plain; charset=utf-8"]
    if status == 401:
        head.append('WWW-Authenticate: Bearer realm="edgemast"')
    if status == 405:
        head.append("Allow: POST, PUT")
    if status == 429:
        head.append("Retry-After: 60")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
