"""The simulated Join Server's socket: HTTP/1.1 with TLS around `JoinServer.answer`. No decision.

Beside the messages, `POST /control` with {"fault": "late", "delay_s": 5, "times": 1} asks for a
fault of the next request. A thread a connection; late answers wait on an event that `stop` sets.
"""

from __future__ import annotations

import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from .join_server import Fault, JoinServer, Reply

REQUEST_MAX = 65_536
IDLE_S = 30.0


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What /control takes."""

    fault: Fault
    delay_s: float = 0.0
    times: int = 1


def tls_context(certificate: str, key: str, client_ca: str | None) -> ssl.SSLContext:
    """A server's side of TLS 1.2 or newer; with `client_ca` a client must show a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class HttpsServer(ThreadingHTTPServer):
    """Listens on `address`. `authorization` is the Authorization header that clients must send."""

    daemon_threads = True

    def __init__(
        self,
        core: JoinServer,
        address: tuple[str, int],
        context: ssl.SSLContext | None,
        *,
        authorization: str = "",
    ) -> None:
        self._core = core
        self._turn = threading.Lock()
        self.authorization = authorization
        self.stopping = threading.Event()
        self.connections = 0
        super().__init__(address, _Handler)
        if context is not None:
            # The handshake is the handler's: a client that stays silent holds up only itself.
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def stop(self) -> None:
        """End `serve_forever`, from another thread, and every wait."""
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def reply(self, path: str, body: bytes, client: frozenset[str] | None) -> Reply:
        with self._turn:
            if path != "/control":
                return self._core.answer(body, client)
            try:
                order = msgspec.json.decode(body, type=Order)
            except msgspec.MsgspecError as error:
                return Reply(str(error).encode(), 400)
            self._core.fail(order.fault, order.delay_s, times=min(order.times, 10_000))
            return Reply(b"{}")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is its client's matter."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    server: HttpsServer

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        # One segment an answer, and no waiting for the client's acknowledgement of the headers.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > REQUEST_MAX:
            self.close_connection = True
            self._say(Reply(b"", 413 if length.isdecimal() else 411))
            return
        body = self.rfile.read(int(length))
        wanted = self.server.authorization
        if wanted and self.headers.get("Authorization") != wanted:
            self._say(Reply(b"", 401))
            return
        reply = self.server.reply(self.path, body, self._client())
        if reply.delay_s != 0:
            self.server.stopping.wait(reply.delay_s)
        if reply.delay_s is None or self.server.stopping.is_set():
            self.close_connection = True
            return
        self._say(reply)

    def _say(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def _client(self) -> frozenset[str] | None:
        """The names in the client's certificate; None where none was asked for."""
        if not isinstance(self.connection, ssl.SSLSocket):
            return None
        facts: Any = self.connection.getpeercert()
        if not facts:
            return None
        subject = [value for part in facts.get("subject", ()) for _, value in part]
        return frozenset([*subject, *(name for _, name in facts.get("subjectAltName", ()))])

    def log_message(self, template: str, *args: object) -> None:
        """Nothing: what is said here is keys."""
