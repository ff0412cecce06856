"""`edgemast edge rewrap`: the reference agent that an owner runs beside the application server."""

from __future__ import annotations

import argparse
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from ..edge.errors import EdgeError
from ..edge.kek_store import read_file
from ..edge.keks import KeyRing, SoftKek
from ..edge.rewrap import Rewrapper, Session
from ..edge.secret_files import read_private
from ..edge.sources.settings import LOOPBACK
from ..errors import ConfigError

TIMEOUT_S = 10
MOST = 256 * 1024  # bytes on stdin


def run(args: argparse.Namespace) -> int:
    rewrapper = Rewrapper(
        KeyRing(read_file(Path(args.keks))),
        _gateway_kek(Path(args.gateway_keks), args.to),
        kek=args.kek,
        tunnel=args.tunnel,
        allow_clear=args.allow_clear,
    )
    session = Session(args.dev_eui, args.dev_addr, args.session_id)
    body = rewrapper.body(sys.stdin.buffer.read(MOST + 1), session)
    if args.url:
        _push(args.url, body, token_file=args.token_file, ca=args.ca)
    else:
        print(body.decode())
    return 0


def _gateway_kek(path: Path, label: str) -> SoftKek:
    versions = [kek for kek in read_file(path) if kek.label == label]
    if not versions:
        raise ConfigError(f"{path} has no KEK {label!r}; bring it with edge import-kek --keks")
    return max(versions, key=lambda kek: kek.version)


def _push(url: str, body: bytes, *, token_file: str | None, ca: str | None) -> None:
    """One POST; the answer's body is not shown: it may repeat what was sent."""
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json"}
    if token_file:
        headers["Authorization"] = f"Bearer {_token(Path(token_file))}"
    connection = _connection(url, ca)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, headers)
        answer = connection.getresponse()
    except (OSError, HTTPException) as error:
        raise EdgeError(f"{parts.netloc}: not pushed: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise EdgeError(f"{parts.netloc} refused it: {answer.status} {answer.reason}")
    print(f"pushed to {parts.netloc}: {answer.status}")


def _connection(url: str, ca: str | None) -> HTTPConnection:
    import ssl

    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(f"--url: {error}") from error
    if parts.scheme == "https" and host:
        try:
            context = ssl.create_default_context(cafile=ca)
        except OSError as error:
            raise ConfigError(f"{ca}: no certificates: {error.strerror or error}") from error
        return HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    if parts.scheme == "http" and host in LOOPBACK:
        return HTTPConnection(host, port, timeout=TIMEOUT_S)
    raise ConfigError("--url: https://HOST/PATH expected; http only to this machine itself")


def _token(path: Path) -> str:
    text = read_private(path).decode("ascii", errors="replace").strip()
    if not text or not text.isascii() or not text.isprintable():
        raise ConfigError(f"{path}: a token is one line of plain characters")
    return text
