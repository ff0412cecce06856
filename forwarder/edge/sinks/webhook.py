"""Records to an HTTP server: one POST each, signed, tried again until it is taken.

The signature is HMAC-SHA256 over `TIMESTAMP.BODY` with the shared secret, as hexadecimal in
`X-Edgemast-Signature: t=TIMESTAMP,v1=HEX`; a receiver refuses old timestamps to stop replays.
"""

from __future__ import annotations

import asyncio
import hmac
import http.client
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from ...backoff import backoff
from ...errors import ConfigError
from ...files.token_file import read_token
from ...spool.spool import Spool
from ..records import to_json
from ..sources.settings import LOOPBACK
from ..values import Record
from .hand import Hand, Held
from .kept_records import SinkOutage

log = logging.getLogger(__name__)

LARGEST_ANSWER = 65_536
# An answer that says the record itself is wrong: sending it again would block all that wait.
HOPELESS = frozenset({400, 410, 413, 415, 422})


class WebhookSettings(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type", tag="webhook"
):
    """`[[edge.sink]] type = "webhook"`. `http://` only on this machine."""

    url: str
    secret_file: str = ""
    token_file: str = ""
    ca_file: str = ""
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0
    outage: SinkOutage = SinkOutage()

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url is {self.url!r}; https://HOST/PATH expected")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError(f"url: {parts.hostname} without TLS; https:// expected")


class WebhookSink:
    """One connection, kept alive; requests run in a thread so that a slow server holds nobody."""

    def __init__(
        self,
        settings: WebhookSettings,
        gateway: str,
        *,
        spool: Spool[Record] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        name = f"webhook {urlsplit(settings.url).hostname}"
        self._hand = Hand(name, settings.outage, spool)
        self.name = self._hand.name
        self._poster = _Poster(settings, gateway)
        self._pause, self._clock = pause, clock
        self._refused = self._failures = 0
        self._trouble = ""

    async def run(self) -> None:
        pauses = backoff()
        hand = self._hand
        hand.opened()  # until a record shows that it is not
        try:
            while True:
                held = hand.first()
                if held is None:
                    hand.more.clear()
                    await hand.more.wait()
                elif await self._deliver(held):
                    pauses = backoff()
                else:
                    hand.closed()
                    await self._pause(next(pauses))
        finally:
            hand.closed()
            self._poster.close()

    def publish(self, record: Record) -> None:
        self._hand.publish(record)

    def status(self) -> dict[str, object]:
        return {
            "type": "webhook",
            "state": "failing" if self._trouble else "ok",
            "trouble": self._trouble,
            **self._hand.status(),
            "refused": self._refused,
            "failures": self._failures,
        }

    async def _deliver(self, held: Held) -> bool:
        """Whether the record is done with; it is tried again otherwise."""
        try:
            body, now_s = to_json(held.record), int(self._clock())
            status = await asyncio.to_thread(self._poster.post, body, now_s)
        except (OSError, http.client.HTTPException) as error:
            return self._failed(str(error) or type(error).__name__)
        if status in HOPELESS:
            self._refused += 1
            self._failed(f"HTTP {status}: the record was refused and is not sent again")
        elif not 200 <= status < 300:
            return self._failed(f"HTTP {status}")
        else:
            self._trouble = ""
        self._hand.done(held)
        return True

    def _failed(self, words: str) -> bool:
        self._failures += 1
        level = logging.DEBUG if words == self._trouble else logging.WARNING
        self._trouble = words
        log.log(level, "%s: %s", self.name, words)
        return False


class _Poster:
    """The blocking half: one request at a time, in whatever thread it is called."""

    def __init__(self, settings: WebhookSettings, gateway: str) -> None:
        parts = urlsplit(settings.url)
        assert parts.hostname is not None
        self._host, self._port, self._secure = parts.hostname, parts.port, parts.scheme == "https"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout_s = settings.timeout_s
        self._secret = _secret(settings.secret_file)
        self._headers = {"Content-Type": "application/json", "X-Edgemast-Gateway": gateway}
        if settings.token_file:
            token = read_token(settings.token_file, "webhook token")
            self._headers["Authorization"] = f"Bearer {token}"
        self._tls = _context(settings) if self._secure else None
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes, timestamp_s: int) -> int:
        """The status of the answer. Raises OSError or HTTPException."""
        headers = dict(self._headers)
        if self._secret:
            headers["X-Edgemast-Signature"] = signature(self._secret, timestamp_s, body)
        try:
            connection = self._connection = self._connection or self._connect()
            connection.request("POST", self._path, body, headers)
            answer = connection.getresponse()
            answer.read(LARGEST_ANSWER)
            if not answer.isclosed():  # more than anybody needs to say
                self.close()
            return answer.status
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._timeout_s, context=self._tls
        )


def signature(secret: bytes, timestamp_s: int, body: bytes) -> str:
    """The header's value. Receivers compare with `hmac.compare_digest`."""
    digest = hmac.digest(secret, b"%d." % timestamp_s + body, "sha256")
    return f"t={timestamp_s},v1={digest.hex()}"


def _secret(path: str) -> bytes:
    return read_token(path, "webhook secret").encode() if path else b""


def _context(settings: WebhookSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ValueError) as error:
        raise ConfigError(f"webhook: {settings.ca_file} cannot be used: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
