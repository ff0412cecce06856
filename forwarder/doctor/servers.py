"""Does each server answer? One probe a kind of server, found by the class of its settings.

A new kind of link adds a line to PROBES; its module is imported only when such a server is
configured. A probe is given the settings, the gateway's EUI and the case, and may block for
PROBE_S.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..links.semtech_udp import wire
from ..links.semtech_udp.settings import UdpSettings
from .case import Case
from .values import Finding, fail, ok, skipped

PROBE_S = 4.0
TRIES = 2
ANSWER_S = 1.5

Probe = Callable[[Any, str, Case], Finding]

# Class of the settings: the module, relative to this package, and the function that asks.
PROBES: dict[str, tuple[str, str]] = {
    "UdpSettings": (".servers", "udp_answers"),
    "MqttSettings": (".brokers", "broker_lets_in"),
}


def hosts(settings: object) -> list[str]:
    """The names or addresses of a server, whatever its kind."""
    if isinstance(settings, UdpSettings):
        return [settings.address]
    return [str(address.host) for address in getattr(settings, "addresses", ())]


def probe(settings: object, eui: str, case: Case) -> Finding:
    """Ask one server, whatever its kind."""
    known = PROBES.get(type(settings).__name__)
    if known is None:
        return skipped(f"no check is known for servers of {type(settings).__name__}")
    module, function = known
    ask: Probe = getattr(import_module(module, __package__), function)
    return ask(settings, eui, case)


def udp_answers(settings: UdpSettings, eui: str, case: Case) -> Finding:
    """PULL_DATA, and PULL_ACK within a while: the server is there and takes our datagrams.

    Never while a gateway runs here: a server sends downlinks to whoever spoke last.
    """
    if set(settings.eui) != {"0"}:
        eui = settings.eui
    where = f"{settings.address}:{settings.port_down}"
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            settings.address, settings.port_down, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind, number) as port:
            port.connect(address)
            took_ms = _ask(port, bytes.fromhex(eui))
    except ConnectionRefusedError:
        return _refused(where)
    except (OSError, UnicodeError) as error:
        return _silent(where, eui, str(error))
    if took_ms is None:
        return _silent(where, eui, f"no PULL_ACK to {TRIES} PULL_DATA")
    return ok(f"{where} answered PULL_DATA in {took_ms:.0f} ms")


def _ask(port: socket.socket, gateway: bytes) -> float | None:
    """Milliseconds until the answer, None without one. A refusal by ICMP is an OSError."""
    for _ in range(TRIES):
        token = secrets.randbits(16)
        start = time.monotonic()
        port.send(wire.pull_data(token, gateway))
        while (left_s := start + ANSWER_S - time.monotonic()) > 0:
            port.settimeout(left_s)
            try:
                answer = wire.Datagram.decode(port.recv(65_535))
            except TimeoutError:
                break
            except wire.ProtocolError:
                continue
            if answer.kind is wire.Kind.PULL_ACK and answer.token == token:
                return (time.monotonic() - start) * 1000
    return None


def _refused(where: str) -> Finding:
    host, _, port = where.rpartition(":")
    return fail(
        f"{where}: refused, nothing listens there",
        "PULL_ACK",
        "the server is not running, or listens on another port or address",
        f"{host} is another machine than meant",
        next=f"nc -vzu {host} {port}",
    )


def _silent(where: str, eui: str, read: str) -> Finding:
    host, _, port = where.rpartition(":")
    return fail(
        f"{where}: {read}",
        "PULL_ACK",
        f"the server does not know a gateway {eui}: register it",
        "UDP is blocked on the way, or the port is another one",
        "nothing listens there for Semtech UDP",
        next=f"nc -vzu {host} {port}; edgemast whoami",
    )
