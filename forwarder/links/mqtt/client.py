"""One connection to a broker: paho-mqtt as a dumb transport in our event loop.

A new paho client for each try: nothing of an earlier one can be sent late. Name, TCP, TLS and
WebSocket handshake happen in a thread with a time limit; from then on the loop drives the socket
and there is no thread. What paho holds is bounded by whoever publishes. Without TLS nothing here
needs `ssl`, nor a paho that has it (lean.py).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ..meter import Meter
from . import workers
from .dial import dial, route_changed
from .dialect import Message
from .failures import connect_failure, is_cut, tls_failure, unheard
from .reasons import Failure, Trouble, refused
from .settings import BrokerAddress

if TYPE_CHECKING:
    import ssl

    from paho.mqtt.client import SocketLike

LONGEST_MESSAGE = 1 << 20  # bytes; no command is that long
READS_AT_ONCE = 64  # packets, then the loop's other work gets its turn

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one try needs. `password` is of this try: the file is read for each."""

    address: BrokerAddress
    turn: int
    protocol: str
    client_id: str
    username: str
    password: str
    keepalive_s: int
    will: Message | None
    context: ssl.SSLContext | None
    limit_s: float
    silence_s: float


class ConnectionUser(Protocol):
    """What a connection tells; all in the event loop's thread."""

    def dialled(self) -> None: ...
    def connack(self, keepalive_s: float | None, window: int | None) -> None:
        """Let in; `window` is how many unacknowledged messages the broker allows, if it says."""
        ...

    def suback(self, codes: Sequence[int]) -> None: ...
    def heard(self) -> None: ...
    def message(self, topic: str, payload: bytes, *, retained: bool) -> None: ...
    def published(self, mid: int, code: int, name: str) -> None:
        """Message `mid` has been taken (or refused: a code of FAILED and more)."""
        ...

    def ended(self, failure: Failure) -> None:
        """Once at most, unless it was `close`d."""
        ...


class _Paho(paho.Client):
    """paho's client on a socket of ours; remembers what its own log would swallow."""

    plan: Plan
    trouble: OSError | None = None
    refusal: Failure | None = None
    sent_bytes = 0
    received_bytes = 0
    greeted = False  # CONNACK came
    opened: socket.socket | None = None  # below WebSockets
    tls: ssl.SSLSocket | None = None

    def shut(self) -> None:
        self._sock_close()
        if self.opened is not None:  # paho forgets it where a handshake fails
            self.opened.close()

    def _create_socket_connection(self) -> socket.socket:
        plan = self.plan
        self.opened = dial(
            plan.address, turn=plan.turn, limit_s=plan.limit_s, silence_s=plan.silence_s
        )
        return self.opened

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        if self.plan.context is None:
            raise ValueError("TLS without a context")
        host = self.plan.address.host
        name = host.encode() if host.isascii() else host  # a str takes the tables of Unicode along
        tls = self.plan.context.wrap_socket(
            tcp_sock, server_hostname=name, do_handshake_on_connect=False
        )
        self.opened = self.tls = tls
        tls.settimeout(self.plan.limit_s)
        tls.do_handshake()
        return tls

    def _sock_recv(self, bufsize: int) -> bytes:
        try:
            if self._in_packet["remaining_length"] > LONGEST_MESSAGE:
                raise OSError(f"a message of {self._in_packet['remaining_length']} bytes")
            data = self._receive(bufsize)
        except BlockingIOError:
            raise
        except OSError as error:
            self.trouble = error
            raise
        self.received_bytes += len(data)
        return data

    def _sock_send(self, buf: bytes | bytearray) -> int:
        try:
            sent = super()._sock_send(buf) if self.tls else self._plain().send(buf)
        except BlockingIOError:
            raise
        except OSError as error:
            self.trouble = self._last_words() or error
            raise
        self.sent_bytes += sent
        return sent

    def _receive(self, most: int) -> bytes:
        return super()._sock_recv(most) if self.tls else self._plain().recv(most)

    def _plain(self) -> SocketLike:
        """For paho's own two ways to the socket every error is a case for `ssl`, TLS or not."""
        sock = self.socket()
        if sock is None:
            raise ConnectionError("it is closed")
        return sock

    def _last_words(self) -> OSError | None:
        """With TLS 1.3 a certificate is refused after the handshake: the alert may lie there."""
        if self.tls is None:
            return None
        from .tls import last_alert

        return last_alert(self._receive)


class Connection:
    """`start` it once. After `close` nothing is told any more."""

    def __init__(self, plan: Plan, user: ConnectionUser, meter: Meter) -> None:
        self._plan = plan
        self._meter = meter
        self._user: ConnectionUser | None = user
        self._loop = asyncio.get_running_loop()
        self._client = _client(plan)
        self._fd = -1
        self._writing = False
        self._inside = False  # paho is at work, and must not be entered again
        self.peer = ""

    def start(self) -> None:
        """Connect in a thread; `dialled` or `ended` follows."""
        workers.start(self._connect)

    def subscribe(self, topics: Sequence[tuple[str, int]]) -> None:
        """`suback` follows."""
        self._client.subscribe(list(topics))
        self._flush()

    def publish(self, message: Message) -> int | None:
        """The message's number, for `published`; None when it cannot leave.

        It is handed to the kernel before this returns, unless that would block.
        """
        if self._fd < 0:
            return None
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain)
        self._flush()
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def ping(self) -> None:
        """Ask the broker whether it is there, if nothing was said for a keepalive."""
        if self._fd >= 0:
            self._check(self._client.loop_misc())
            self._flush()

    def moved(self) -> bool:
        """Whether packets to the broker would now leave from another address."""
        if self._fd < 0:
            return False
        with socket.socket(fileno=os.dup(self._fd)) as ours:
            return route_changed(ours)

    def server_certificate(self) -> bytes | None:
        """The broker's, DER; None without TLS."""
        tls = self._client.tls
        return None if tls is None else tls.getpeercert(binary_form=True)

    def close(self, *, politely: bool = False) -> None:
        """Drop it. `politely` says goodbye first, so that the broker keeps the will to itself."""
        self._user = None
        if politely and self._fd >= 0:
            with suppress(Exception):  # it is gone already
                self._client.disconnect()
        self._leave_loop()
        if self._inside:
            # Called back by paho, whose lock closing takes too: it would block the loop for ever.
            self._loop.call_soon(self._client.shut)
        else:
            self._client.shut()

    # In a thread.

    def _connect(self) -> None:
        plan = self._plan
        failure: Failure | None = None
        try:
            if self._user is not None:
                host, port = plan.address.host, plan.address.port
                self._client.connect(host, port, plan.keepalive_s, **_options(plan))
        except Exception as error:
            failure = connect_failure(error, plan.address)
        try:
            self._loop.call_soon_threadsafe(self._connected, failure)
        except RuntimeError:  # the loop has closed meanwhile
            self._client.shut()

    # In the loop.

    def _connected(self, failure: Failure | None) -> None:
        client, user = self._client, self._user
        if user is None:
            client.shut()
            return
        sock = client.socket()
        if failure is not None or sock is None:
            client.shut()
            user.ended(failure or _lost(client, self._plan))
            return
        self._fd = sock.fileno()
        with socket.socket(fileno=os.dup(self._fd)) as tcp:
            self.peer = str(tcp.getpeername()[0]) if _is_connected(tcp) else ""
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        self._loop.add_reader(self._fd, self._readable)
        user.dialled()
        self._flush()
        self._readable()  # TLS may have read ahead

    def _readable(self) -> None:
        if self._user is None or self._fd < 0:
            return
        self._user.heard()
        for _ in range(READS_AT_ONCE):
            self._enter(self._client.loop_read)
            sock = self._client.socket()
            if self._user is None or sock is None:
                return
            if not _pending(sock):
                break
        else:
            self._loop.call_soon(self._readable)
        self._flush()

    def _flush(self) -> None:
        """Write what waits, and have the loop tell when more can be written."""
        if self._inside or self._fd < 0:
            return
        if self._client.want_write():
            self._enter(self._client.loop_write)
        else:
            self._count()
            self._check(MQTTErrorCode.MQTT_ERR_SUCCESS)
        if self._fd >= 0 and self._client.want_write() is not self._writing:
            self._writing = not self._writing
            if self._writing:
                self._loop.add_writer(self._fd, self._flush)
            else:
                self._loop.remove_writer(self._fd)

    def _enter(self, step: Callable[[], MQTTErrorCode]) -> None:
        """One step of paho, which what the broker sends must not bring down."""
        self._inside = True
        try:
            code = step()
        except Exception as error:  # a packet that is none, or a bug of ours in a callback
            log.warning("%s: %s", self._plan.address, error, exc_info=error)
            self._client.refusal = Failure(Trouble.NETWORK, f"what it sends is no MQTT: {error}")
            self._client.shut()
            code = MQTTErrorCode.MQTT_ERR_PROTOCOL
        finally:
            self._inside = False
        self._count()
        self._check(code)

    def _count(self) -> None:
        """What was read and written since the last time: about one packet each."""
        client = self._client
        if client.sent_bytes:
            self._meter.sent(client.sent_bytes)
        if client.received_bytes:
            self._meter.received(client.received_bytes)
        client.sent_bytes = client.received_bytes = 0

    def _check(self, code: MQTTErrorCode) -> None:
        """Tell, once, when paho has given the connection up."""
        if self._client.socket() is not None or self._user is None or self._inside:
            return
        user, self._user = self._user, None
        failure = _lost(self._client, self._plan, code)
        self._leave_loop()
        self._loop.call_soon(user.ended, failure)

    def _leave_loop(self) -> None:
        # By number: paho may have closed the socket. (Its callback for that takes a lock which is
        # held while we are called about a message, and so would wait for ever.)
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._fd = -1
            self._writing = False

    # What paho calls, inside `_enter`, or inside `publish` for what was written there.

    def _on_connect(
        self,
        _: object,
        __: object,
        flags: object,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            code, name = reason.value, reason.getName()
            self._client.refusal = refused(code, name, protocol=self._plan.protocol)
        elif self._user is not None:
            self._client.greeted = True
            server_keepalive = getattr(properties, "ServerKeepAlive", None)
            self._user.connack(server_keepalive, getattr(properties, "ReceiveMaximum", None))

    def _on_subscribe(
        self, _: object, __: object, mid: int, reasons: list[ReasonCode], ___: object
    ) -> None:
        if self._user is not None:
            self._user.suback([reason.value for reason in reasons])

    def _on_message(self, _: object, __: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        if self._user is not None:
            self._user.message(topic, bytes(message.payload), retained=message.retain)

    def _on_publish(self, _: object, __: object, mid: int, reason: ReasonCode, ___: object) -> None:
        # Later, always: QoS 0 is told while `publish` has not yet said what the number is.
        self._loop.call_soon(self._published, mid, reason.value, reason.getName())

    def _published(self, mid: int, code: int, name: str) -> None:
        if self._user is not None:
            self._user.published(mid, code, name)

    def _on_disconnect(
        self, _: object, __: object, flags: Any, reason: ReasonCode, ___: object
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            code, name = reason.value, reason.getName()
            self._client.refusal = refused(code, name, protocol=self._plan.protocol)


def _client(plan: Plan) -> _Paho:
    five = plan.protocol == "5"
    client = _Paho(
        CallbackAPIVersion.VERSION2,
        client_id=plan.client_id,
        clean_session=None if five else True,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        transport="websockets" if plan.address.websockets else "tcp",
        reconnect_on_failure=False,
    )
    client.plan = plan
    client.connect_timeout = plan.limit_s
    client.max_inflight_messages = 0  # the link's window bounds them
    if plan.username:
        client.username_pw_set(plan.username, plan.password or None)
    if plan.context is not None:
        client.tls_set_context(plan.context)
    if plan.address.websockets:
        client.ws_set_options(path=plan.address.path)
    if plan.will is not None:
        will = plan.will
        client.will_set(will.topic, will.payload, will.qos, will.retain)
    return client


def _options(plan: Plan) -> dict[str, Any]:
    """Of MQTT 5: a clean start and no session afterwards, as 3.1.1's clean session."""
    if plan.protocol != "5":
        return {}
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # of paho
    properties.SessionExpiryInterval = 0
    properties.MaximumPacketSize = LONGEST_MESSAGE
    return {"clean_start": True, "properties": properties}


def _lost(
    client: _Paho, plan: Plan, code: MQTTErrorCode = MQTTErrorCode.MQTT_ERR_CONN_LOST
) -> Failure:
    """Why paho has given up a connection that stood."""
    if client.refusal is not None:
        return client.refusal
    trouble = client.trouble
    if trouble is not None and not client.greeted and is_cut(trouble, plan.address):
        return unheard(plan.address)
    if (failure := tls_failure(trouble, plan.address)) is not None:
        return failure
    match trouble:
        case ConnectionResetError() | BrokenPipeError():
            return Failure(Trouble.CLOSED, "the broker closed the connection (reset)")
        case TimeoutError():
            return Failure(Trouble.NETWORK, "the network took nothing from us for too long")
        case OSError() as error:
            return Failure(Trouble.NETWORK, f"the connection broke: {error.strerror or error}")
    if code == MQTTErrorCode.MQTT_ERR_PROTOCOL:
        words = f"what it sends is not MQTT {plan.protocol}, or it does not speak that version"
        return Failure(Trouble.NETWORK, words)
    if code == MQTTErrorCode.MQTT_ERR_KEEPALIVE:
        return Failure(Trouble.NETWORK, "the broker does not answer any more")
    if not client.greeted:
        return unheard(plan.address)
    return Failure(Trouble.CLOSED, "the broker closed the connection")


def _pending(sock: object) -> int:
    """Bytes that TLS has read already, of which select knows nothing."""
    pending = getattr(sock, "pending", None)
    return int(pending()) if pending is not None else 0


def _is_connected(tcp: socket.socket) -> bool:
    try:
        tcp.getpeername()
    except OSError:
        return False
    return True
