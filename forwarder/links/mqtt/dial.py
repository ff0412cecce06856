"""A TCP connection to a broker, made in a thread: name, addresses, options. Blocking on purpose."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from .settings import BrokerAddress

TCP_S = 10.0  # for one IP address, where a name has several


def dial(address: BrokerAddress, *, turn: int, limit_s: float, silence_s: float) -> socket.socket:
    """A connected socket to one of the host's addresses; `turn` says which is tried first.

    The name is asked for anew each time. `silence_s` is how long sent bytes may stay without an
    acknowledgement. Raises socket.gaierror when the name has no address, else OSError.
    """
    end_s = time.monotonic() + limit_s
    name = address.host.encode() if address.host.isascii() else address.host
    try:
        rows = socket.getaddrinfo(name, address.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label of 64 letters
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from error
    failure: OSError = TimeoutError("timed out")
    for offset in range(len(rows)):
        family, kind, protocol, _, place = rows[(turn + offset) % len(rows)]
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            break
        try:
            tcp = socket.socket(family, kind, protocol)
        except OSError as error:  # no IPv6 here
            failure = error
            continue
        try:
            tcp.settimeout(min(left_s, TCP_S))
            tcp.connect(place)
            _set_options(tcp, silence_s)
        except OSError as error:
            tcp.close()
            failure = error
        else:
            return tcp
    raise failure


def _set_options(tcp: socket.socket, silence_s: float) -> None:
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with suppress(AttributeError, OSError):  # Linux; elsewhere our own watchdog has to do
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silence_s * 1000))


def route_changed(connected: socket.socket) -> bool:
    """Whether packets to the peer would now leave from another address than this connection's."""
    try:
        ours, peer = connected.getsockname(), connected.getpeername()
        with socket.socket(connected.family, socket.SOCK_DGRAM) as probe:
            probe.connect(peer)
            now = probe.getsockname()
    except OSError:  # no route at all: it may come back, and the watchdog looks after the rest
        return False
    return bool(now[0] != ours[0])
