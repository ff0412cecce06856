"""HTTP requests to one Join Server, in the thread that calls: TLS, keep-alive, bounded answers.

TLS 1.2 or newer, always verified. Bodies are not logged and stand in no error. Files are read when
a connection is made, so a renewed certificate is used without a restart.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from ...errors import ConfigError
from ...files.token_file import read_token
from ..errors import EdgeError
from .join_server_settings import ServerSettings

ANSWER_MAX = 65_536  # a JoinAns has about one kilobyte
PIECE = 16_384


class Fault(Enum):
    """What went wrong between us and the server."""

    CONNECT = "no connection"
    TLS = "no TLS"  # its certificate, or ours
    TIMEOUT = "no answer in time"
    CLOSED = "connection lost"
    TOO_LARGE = "answer too large"
    NOT_HTTP = "no HTTP"
    SETTINGS = "settings"  # a file of ours

    @property
    def refuses(self) -> bool:
        """Whether a person must mend it."""
        return self in (Fault.TLS, Fault.SETTINGS)


class ChannelError(EdgeError):
    """A request that brought no answer."""

    def __init__(self, fault: Fault, words: str) -> None:
        super().__init__(words)
        self.fault = fault


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """An answer as HTTP has it. No repr: keys inside."""

    status: int
    body: bytes


@dataclass(slots=True)
class Certificates:
    """When the certificates end that were last in use, seconds since 1970."""

    server_ends_s: float | None = None
    client_ends_s: float | None = None


class Flight:
    """One request on its way. Another thread may `abort` it at any time."""

    def __init__(self, timeout_s: float) -> None:
        self.deadline_s = time.monotonic() + timeout_s
        self._lock = threading.Lock()
        self._connection: _Connection | None = None
        self._aborted = False

    def carried_by(self, connection: _Connection | None) -> None:
        with self._lock:
            self._connection = connection
            if self._aborted and connection is not None:
                connection.cut()

    def abort(self) -> None:
        with self._lock:
            self._aborted = True
            if self._connection is not None:
                self._connection.cut()

    def left_s(self) -> float:
        """Time left. Raises ChannelError when there is none."""
        left_s = self.deadline_s - time.monotonic()
        if self._aborted or left_s <= 0:
            raise ChannelError(Fault.TIMEOUT, "no answer in time")
        return left_s


class _Connection(http.client.HTTPConnection):
    """Connects within the flight's time, and can be cut from another thread."""

    def __init__(self, host: str, port: int | None, context: ssl.SSLContext | None) -> None:
        self._context = context
        self.default_port = http.client.HTTP_PORT if context is None else http.client.HTTPS_PORT
        super().__init__(host, port)
        self.used = False

    def connect(self) -> None:
        super().connect()
        if self._context is not None:
            # The handshake comes after the assignment, so that `cut` finds the socket it waits on.
            self.sock = self._context.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock.do_handshake()

    def limit(self, seconds: float) -> None:
        self.timeout = seconds
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def cut(self) -> None:
        # Wakes a thread that waits in it; closing alone would not.
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def certificate_ends_s(self) -> float | None:
        if not isinstance(self.sock, ssl.SSLSocket):
            return None
        facts = self.sock.getpeercert()
        ends = facts.get("notAfter") if facts else None
        return ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None


@dataclass(slots=True)
class Channel:
    """The connections to one server. Any number of threads may `post` at a time."""

    settings: ServerSettings
    certificates: Certificates = field(default_factory=Certificates)
    _idle: list[_Connection] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, kind: str, body: bytes, flight: Flight) -> Response:
        """Send one message of type `kind`. Raises ChannelError."""
        try:
            return self._post(kind, body, flight)
        except TimeoutError:
            raise ChannelError(Fault.TIMEOUT, "no answer in time") from None
        except ssl.SSLCertVerificationError as error:
            raise ChannelError(
                Fault.TLS,
                f"its certificate is not accepted ({error.verify_message}): check ca_file, the "
                "host's name and both clocks",
            ) from None
        except (ssl.SSLEOFError, http.client.RemoteDisconnected, http.client.IncompleteRead):
            flight.left_s()  # cut because its time was over
            raise ChannelError(Fault.CLOSED, "the connection ended without an answer") from None
        except ssl.SSLError as error:
            raise ChannelError(
                Fault.TLS, f"TLS failed ({_reason(error)}): check cert_file and key_file"
            ) from None
        except (http.client.HTTPException, ValueError):
            flight.left_s()
            # Their texts quote what came.
            raise ChannelError(Fault.NOT_HTTP, "what answers there is not HTTP") from None
        except OSError as error:
            flight.left_s()  # cut because its time was over
            words = error.strerror or type(error).__name__
            raise ChannelError(Fault.CONNECT, f"no connection: {words}") from None

    def close(self) -> None:
        """Let go of idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _post(self, kind: str, body: bytes, flight: Flight) -> Response:
        headers = self._headers()
        connection = self._connection()
        try:
            return self._exchange(connection, kind, body, headers, flight)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The server may have closed it while it was idle; a fresh one tells.
            if not connection.used:
                raise
        self.close()
        return self._exchange(self._open(), kind, body, headers, flight)

    def _exchange(
        self,
        connection: _Connection,
        kind: str,
        body: bytes,
        headers: dict[str, str],
        flight: Flight,
    ) -> Response:
        whole = False
        try:
            flight.carried_by(connection)
            connection.limit(flight.left_s())
            path = urlsplit(self.settings.url).path + self.settings.paths.get(kind, "")
            if connection.sock is None:
                connection.connect()
                flight.carried_by(connection)  # an abort while it connected had nothing to cut
                self.certificates.server_ends_s = connection.certificate_ends_s()
            connection.limit(flight.left_s())
            connection.request("POST", path or "/", body, headers)
            response = connection.getresponse()
            data = _read(response, connection, flight)
            whole = not response.will_close
            return Response(response.status, data)
        finally:
            flight.carried_by(None)
            if whole:
                self._keep(connection)
            else:
                connection.close()

    def _keep(self, connection: _Connection) -> None:
        connection.used = True
        with self._lock:
            self._idle.append(connection)

    def _connection(self) -> _Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _open(self) -> _Connection:
        parts = urlsplit(self.settings.url)
        context = self._tls() if parts.scheme == "https" else None
        return _Connection(parts.hostname or "", parts.port, context)

    def _tls(self) -> ssl.SSLContext:
        asked = self.settings
        try:
            context = ssl.create_default_context(cafile=asked.ca_file or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if asked.cert_file:
                # Never a prompt: a key with a passphrase would wait for a terminal.
                context.load_cert_chain(asked.cert_file, asked.key_file, password=lambda: b"")
                self.certificates.client_ends_s = _certificate_ends_s(asked.cert_file)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            files = " ".join(filter(None, (asked.ca_file, asked.cert_file, asked.key_file)))
            words = getattr(error, "strerror", None) or type(error).__name__
            raise ChannelError(Fault.SETTINGS, f"{files}: not usable for TLS: {words}") from None
        return context

    def _headers(self) -> dict[str, str]:
        asked = self.settings
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "edgemast",
            **asked.headers,
        }
        if asked.password_file:
            pair = f"{asked.username}:{_secret(asked.password_file, 'password_file')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif asked.authorization_file:
            headers["Authorization"] = _secret(asked.authorization_file, "authorization_file")
        return headers


def _read(response: http.client.HTTPResponse, connection: _Connection, flight: Flight) -> bytes:
    """The whole body, in pieces, so that neither size nor slowness has no end."""
    if response.length is not None and response.length > ANSWER_MAX:
        raise _too_large()
    pieces, size = [], 0
    while piece := response.read1(PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > ANSWER_MAX:
            raise _too_large()
        left_s = flight.left_s()
        if connection.sock is not None:  # None once the server said that it closes
            connection.limit(left_s)
    flight.left_s()  # when it is cut, that looks like the end of the stream
    if response.length:
        raise ChannelError(Fault.CLOSED, "the connection ended within the answer")
    response.close()  # read1 does not, and the connection would take no further request
    return b"".join(pieces)


def _too_large() -> ChannelError:
    return ChannelError(Fault.TOO_LARGE, f"its answer has more than {ANSWER_MAX} bytes")


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or type(error).__name__).replace("_", " ").lower()


def _secret(place: str, what: str) -> str:
    """The line in a file or a systemd credential. Raises ChannelError."""
    try:
        return read_token(place, what)
    except ConfigError as error:
        raise ChannelError(Fault.SETTINGS, str(error)) from None


def _certificate_ends_s(path: str) -> float | None:
    from cryptography import x509

    try:
        first = x509.load_pem_x509_certificate(Path(path).read_bytes())
    except ValueError:
        return None
    # Without a zone it is UTC; `not_valid_after_utc` came after what Debian 12 has.
    ends = getattr(first, "not_valid_after_utc", None) or first.not_valid_after
    return float(ssl.cert_time_to_seconds(ends.strftime("%b %d %H:%M:%S %Y GMT")))
