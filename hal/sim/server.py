"""The simulated board as a process: one loop over the pseudo-terminal and the control port.

One thread and no waiting anywhere but in `select`, so that a host which polls 740 times a second
costs a few percent of a core.
"""

from __future__ import annotations

import json
import logging
import select
import socket
from collections import deque
from collections.abc import Callable, Sequence

from ..errors import HalError
from .board import SimBoard
from .bridge import Bridge
from .control import Control, Reply
from .gps import SimGps
from .pty import Pty
from .transmitting import Transmitter

log = logging.getLogger(__name__)

_Ready = Sequence[int | socket.socket]

_LOOK_S = 0.25  # how soon a request to stop is seen
_USER_LOOK_S = 0.02  # how soon a new user of the device is seen
_HALF_MESSAGE_NS = 500_000_000  # a host writes a message at once; one that stops is given up
_READ_SIZE = 65536
_MOST_LINE = 8 << 20  # a client that sends more without a newline is told and let go
_MOST_AHEAD = 16 << 20  # what a client may send while it waits for an answer
_MOST_UNREAD = 64 << 20  # answers that a client does not fetch


class _Client:
    """One control connection: lines in, answers out in the order of the requests."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.gone = False
        self._received = bytearray()
        self._unsent = bytearray()
        self._lines: deque[bytes] = deque()
        self._waiting = False
        self._ahead = 0  # bytes that came while an answer was due

    @property
    def sending(self) -> bool:
        return bool(self._unsent)

    def receive(self) -> None:
        try:
            data = self.connection.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.gone = not data
        *lines, rest = (self._received + data).split(b"\n")
        self._received = bytearray(rest)
        self._lines.extend(bytes(line) for line in lines if line.strip())
        if len(rest) > _MOST_LINE:
            self._let_go(f"a line of more than {_MOST_LINE} bytes")
        elif self._waiting:
            self._ahead += len(data)
            if self._ahead > _MOST_AHEAD:
                self._let_go(f"more than {_MOST_AHEAD} bytes before the answer to a transmit")

    def work(self, request: Callable[[bytes, Callable[[Reply], None]], None]) -> None:
        """Do the requests at hand; one whose answer comes later holds up those behind it."""
        while self._lines and not self._waiting and not self.gone:
            self._waiting = True
            request(self._lines.popleft(), self._answer)

    def _let_go(self, why: str) -> None:
        self._answer({"ok": False, "error": why})
        self.gone = True

    def _answer(self, reply: Reply) -> None:
        self._waiting = False
        self._ahead = 0
        self._unsent += json.dumps(reply, separators=(",", ":")).encode() + b"\n"
        self.send()

    def send(self) -> None:
        try:
            del self._unsent[: self.connection.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True
        if len(self._unsent) > _MOST_UNREAD:
            self.gone = True


class SimServer:
    """Serves `board` until `stop`; `control_port` None is no control port, 0 any free one."""

    def __init__(
        self, board: SimBoard, pty: Pty, control_port: int | None, gps: SimGps | None = None
    ) -> None:
        self._board = board
        self._pty = pty
        self._listener = None if control_port is None else _listen(control_port)
        self._bridge = Bridge(board)
        self._transmitter = Transmitter(board)
        self._gps = gps
        self._control = Control(board, self._bridge, self._transmitter, gps)
        self._clients: list[_Client] = []
        self._user = False
        self._delayed: tuple[int, bytes] | None = None  # when an answer is due, and the answer
        self._half_since_ns: int | None = None  # when the last bytes of half a message came
        self._stopping = False
        self._host_only = [pty.fd]
        self._clients_changed()

    @property
    def control_port(self) -> int | None:
        return None if self._listener is None else int(self._listener.getsockname()[1])

    def stop(self) -> None:
        """End `serve` soon; may be called from a signal handler."""
        self._stopping = True

    def serve(self) -> None:
        while not self._stopping:
            self._turn()

    def close(self) -> None:
        """Let go of the device, its link, the port and the log."""
        self._control.close_log()
        for client in self._clients:
            client.connection.close()
        if self._listener is not None:
            self._listener.close()
        self._pty.close()

    def _turn(self) -> None:
        """One wait, and everything that it was for."""
        writes = self._writes()
        listening = self._user and self._delayed is None and not self._pty.blocked
        reads = self._all_reads if listening else self._control_reads
        readable, writable, _ = select.select(reads, writes, (), self._wait_s())
        if readable == self._host_only:
            self._from_host()
            self._let_time_pass()
            return
        if self._pty.fd in readable:
            self._from_host()
        elif self._pty.fd in writable:
            self._pty.write(b"")
        self._send_delayed()
        self._give_up_half_message()
        if not self._user or self._pty.blocked:
            self._look_for_user()
        self._let_time_pass()
        if readable or writable or self._clients:
            self._serve_clients(readable, writable)

    def _writes(self) -> _Ready:
        writes: list[int | socket.socket] = [c.connection for c in self._clients if c.sending]
        if self._pty.blocked:
            writes.append(self._pty.fd)
        return writes

    def _clients_changed(self) -> None:
        listeners = [] if self._listener is None else [self._listener]
        self._control_reads: _Ready = [*listeners, *(c.connection for c in self._clients)]
        self._all_reads: _Ready = [self._pty.fd, *self._control_reads]

    def _wait_s(self) -> float:
        wait_s = _LOOK_S if self._user else _USER_LOOK_S
        dues = [self._next_event_ns()]
        if self._delayed is not None:
            dues.append(self._delayed[0])
        due_ns = min((due for due in dues if due is not None), default=None)
        if due_ns is not None:
            wait_s = min(wait_s, max(0.0, (due_ns - self._board.clock.now_ns()) / 1e9))
        return wait_s

    # The device.

    def _from_host(self) -> None:
        data = self._pty.read()
        if data is None:
            self._user_left()
            return
        answer = self._bridge.feed(data)
        self._half_since_ns = self._board.clock.now_ns() if self._bridge.waiting else None
        if not answer:
            return
        latency_us = self._board.faults.latency_us
        if latency_us:
            self._delayed = (self._board.clock.now_ns() + latency_us * 1000, answer)
        else:
            self._pty.write(answer)

    def _give_up_half_message(self) -> None:
        since_ns = self._half_since_ns
        if since_ns is not None and self._board.clock.now_ns() - since_ns >= _HALF_MESSAGE_NS:
            self._half_since_ns = None
            self._pty.write(self._bridge.give_up())

    def _send_delayed(self) -> None:
        if self._delayed is not None and self._board.clock.now_ns() >= self._delayed[0]:
            answer, self._delayed = self._delayed[1], None
            self._pty.write(answer)

    def _look_for_user(self) -> None:
        in_use = self._pty.in_use
        if in_use and not self._user:
            log.info("a host has opened the device")
        if self._user and not in_use:
            self._user_left()
        self._user = in_use

    def _user_left(self) -> None:
        log.info("the host has closed the device")
        self._user = False
        self._delayed = self._half_since_ns = None
        self._bridge.forget()
        self._pty.forget()

    # The control port.

    def _next_event_ns(self) -> int | None:
        """When the board has something to do that no host asks for."""
        above_ns = self._transmitter.next_event_ns()
        if self._gps is None:
            return above_ns
        return self._gps.next_ns if above_ns is None else min(above_ns, self._gps.next_ns)

    def _let_time_pass(self) -> None:
        due_ns = self._next_event_ns()
        if due_ns is not None and self._board.clock.now_ns() >= due_ns:
            self._board.advance()

    def _serve_clients(self, readable: _Ready, writable: _Ready) -> None:
        if self._listener in readable:
            self._accept()
        for client in self._clients:
            if client.connection in readable:
                client.receive()
            if client.connection in writable:
                client.send()
            client.work(self._request)
        for client in [client for client in self._clients if client.gone]:
            client.connection.close()
            self._clients.remove(client)
            self._clients_changed()

    def _request(self, line: bytes, answer: Callable[[Reply], None]) -> None:
        try:
            self._control.request(line, answer)
        except Exception as error:  # a bug in one request must not take the board away
            log.exception("a control request failed: %r", line[:200])
            answer({"ok": False, "error": f"{type(error).__name__}: {error}"})

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients.append(_Client(connection))
        self._clients_changed()


def _listen(port: int) -> socket.socket:
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise HalError(f"cannot listen on 127.0.0.1:{port}: {error}") from error
    listener.setblocking(False)
    return listener
