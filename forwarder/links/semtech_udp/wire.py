"""Semtech UDP datagrams, both directions: values to bytes and back. No I/O.

Every datagram is `version token:2 kind`; what a gateway sends goes on with its EUI (8 bytes), and
most kinds end with one JSON object (semtech-udp.md 1.1). The token's two bytes are only ever
echoed. JSON stays text here, so that an answer can be given to a body that nobody can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import msgspec

VERSION = 2
READABLE_VERSIONS = (1, 2)  # 1 only differs by what it lacks: TX_ACK, and a token in PULL_RESP
EUI_SIZE = 8


class ProtocolError(Exception):
    """A datagram that nobody may send; says what was expected and what came."""


class Kind(IntEnum):
    PUSH_DATA, PUSH_ACK, PULL_DATA, PULL_RESP, PULL_ACK, TX_ACK = range(6)


_FROM_GATEWAY = frozenset({Kind.PUSH_DATA, Kind.PULL_DATA, Kind.TX_ACK})
_KINDS = dict(enumerate(Kind))


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram. `gateway` is the EUI on what a gateway sends; `body` is JSON text or empty."""

    kind: Kind
    token: int
    gateway: bytes = b""
    body: bytes = b""
    version: int = VERSION

    @classmethod
    def decode(cls, data: bytes) -> Datagram:
        """Take a datagram apart. Raises ProtocolError; the JSON is not looked at."""
        kind = _KINDS.get(data[3]) if len(data) >= 4 else None
        if kind is None or data[0] not in READABLE_VERSIONS:
            raise ProtocolError(
                f"not a datagram of version 1 or 2 with a known type: {data[:4].hex(' ')}"
            )
        start = 4 + EUI_SIZE if kind in _FROM_GATEWAY else 4
        if len(data) < start:
            raise ProtocolError(f"{kind.name} of {len(data)} bytes; {start} or more expected")
        if kind is Kind.PULL_DATA and len(data) != start:
            raise ProtocolError(f"PULL_DATA of {len(data)} bytes; exactly {start} expected")
        # Some programs count their string terminator; it is no part of the JSON.
        body = data[start:].rstrip(b"\0")
        return cls(kind, int.from_bytes(data[1:3], "big"), data[4:start], body, data[0])

    def encode(self) -> bytes:
        """The bytes to send; nothing follows the JSON, least of all a NUL."""
        head = bytes((self.version, self.token >> 8, self.token & 0xFF, self.kind))
        return head + self.gateway + self.body


def parse_json(body: bytes) -> object:
    """The value that `body` holds. Raises ProtocolError for anything that is no JSON."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # [[[[... fits a datagram
        raise ProtocolError(f"no JSON: {error}") from error


# What a gateway sends.


def push_data(token: int, gateway: bytes, text: str) -> bytes:
    """Uplinks or status; `text` is the whole JSON object."""
    head = bytes((VERSION, token >> 8, token & 0xFF, 0))  # every frame passes here
    return head + gateway + text.encode()


def pull_data(token: int, gateway: bytes) -> bytes:
    """The keepalive that shows the server where downlinks go."""
    return Datagram(Kind.PULL_DATA, token, gateway).encode()


def tx_ack(token: int, gateway: bytes, text: str = "") -> bytes:
    """The answer to a PULL_RESP; without text it says that the frame will be sent as asked."""
    return Datagram(Kind.TX_ACK, token, gateway, text.encode()).encode()


# What a server sends.


def push_ack(token: int) -> bytes:
    return Datagram(Kind.PUSH_ACK, token).encode()


def pull_ack(token: int) -> bytes:
    return Datagram(Kind.PULL_ACK, token).encode()


def pull_resp(token: int, text: str) -> bytes:
    """A downlink; `text` is the whole JSON object."""
    return Datagram(Kind.PULL_RESP, token, body=text.encode()).encode()
