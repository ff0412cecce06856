"""Why a connection to a broker ended or never stood, in words that say what to do. Pure.

Sources: MQTT 5.0 2.4 (reason codes; paho translates the five of 3.1.1, 3.2.2.3, into them) and what
OpenSSL and the socket layer say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Trouble(Enum):
    """What kind of failure it was: decides how long to wait, and what an operator sees."""

    ADDRESS = "the name has no address"
    NETWORK = "the network or the broker does not answer"
    CLOSED = "the broker closed the connection"
    BUSY = "the broker is busy or going down"
    REFUSED = "the broker refuses us"
    CERTIFICATE = "a certificate is not accepted"
    CLOCK = "this computer's clock is wrong"
    TWIN = "another client uses our id"
    RENEWED = "certificates were renewed"
    MOVED = "this computer has another address or route"


@dataclass(frozen=True, slots=True)
class Failure:
    """One end of a connection or a try. `words` are for an operator."""

    kind: Trouble
    words: str


FAILED = 0x80  # reason codes from here on are failures (MQTT 5.0, 2.4)

_SAME_ID = "another client has connected with our client id; give each gateway its own client_id"
_REASONS: dict[int, tuple[Trouble, str]] = {
    0x84: (Trouble.REFUSED, "it does not speak this version of MQTT; try protocol = {other}"),
    0x85: (Trouble.REFUSED, "it does not allow this client id; set client_id to what it expects"),
    0x86: (Trouble.REFUSED, "user name or password is wrong; see username and password_file"),
    0x87: (
        Trouble.REFUSED,
        "this user, client id or certificate is not allowed; see username, password_file, "
        "client_id, and the broker's access list",
    ),
    0x88: (Trouble.BUSY, "it is not available now"),
    0x89: (Trouble.BUSY, "it is busy"),
    0x8A: (Trouble.REFUSED, "it has banned this client"),
    0x8B: (Trouble.BUSY, "it is shutting down"),
    0x8C: (Trouble.REFUSED, "it wants another way to authenticate"),
    0x8D: (Trouble.NETWORK, "it heard nothing from us for too long; raise keepalive_s"),
    0x8E: (Trouble.TWIN, _SAME_ID),
    0x90: (Trouble.REFUSED, "it does not allow a topic that we publish to; see topic_prefix"),
    0x95: (Trouble.REFUSED, "a message is larger than it allows"),
    0x97: (Trouble.BUSY, "a quota is used up"),
    0x9A: (Trouble.REFUSED, "it keeps no retained messages; set retain_state = false"),
    0x9B: (Trouble.REFUSED, "it does not support this QoS; set qos to a lower one"),
    0x9C: (Trouble.REFUSED, "it says to use another server; change address"),
    0x9D: (Trouble.REFUSED, "it says that it has moved; change address"),
    0x9F: (Trouble.BUSY, "too many connections in a short time"),
}  # fmt: skip


def refused(code: int, name: str, *, protocol: str) -> Failure:
    """What a CONNACK or DISCONNECT with reason `code` means; `name` is MQTT's name for it."""
    other = '"3.1.1"' if protocol == "5" else '"5"'
    kind, words = _REASONS.get(code, (Trouble.BUSY, ""))
    if not words:
        return Failure(kind, f"the broker ended the connection: {name} (0x{code:02x})")
    if kind is Trouble.TWIN:
        return Failure(kind, words)
    return Failure(kind, f"the broker refuses: {words.format(other=other)} ({name})")


def refused_subscription(topic: str, user: str) -> Failure:
    """A SUBACK with a failure in it: without its subscriptions a connection is of no use."""
    return Failure(
        Trouble.REFUSED,
        f"the broker does not let {user} read {topic}; add that to its access list "
        "(docs/mqtt.md), or set topic_prefix",
    )


def refused_publish(topic: str, user: str, code: int, name: str) -> Failure:
    """A PUBACK with a failure in it, which only MQTT 5 has."""
    if code == 0x87:
        return Failure(
            Trouble.REFUSED,
            f"the broker does not let {user} write {topic}; add that to its access list "
            "(docs/mqtt.md), or set topic_prefix",
        )
    return Failure(
        Trouble.BUSY, f"the broker does not take messages on {topic}: {name} (0x{code:02x})"
    )


# X509_V_ERR_* of OpenSSL (x509_vfy.h) that an operator can do something about.
NOT_YET_VALID, EXPIRED = 9, 10
_VERIFY = {
    NOT_YET_VALID: "its certificate is not valid yet, and this computer's clock seems right; ask "
    "who runs the broker",
    EXPIRED: "its certificate has expired; who runs the broker must renew it",
    18: "its certificate is signed by itself; put that certificate into ca_file",
    19: "its authority is unknown; put the authority's certificate into ca_file",
    20: "its authority is unknown; put the authority's certificate into ca_file",
    21: "its authority is unknown; put the authority's certificate into ca_file",
    62: "its certificate is for another name; use one of the certificate's names in address",
    64: "its certificate does not name this IP address; use the broker's name in address, or have "
    "the certificate made with an IP address as subject alternative name",
}
_TLS = {
    "WRONG_VERSION_NUMBER": "what answers there speaks no TLS; is the port that of mqtts, 8883?",
    "UNSUPPORTED_PROTOCOL": "it offers no TLS 1.2; it must be brought up to date",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it offers no TLS 1.2; it must be brought up to date",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a client certificate; set cert_file, key_file",
    "CERTIFICATE_UNKNOWN": "it does not accept our certificate",
    "BAD_CERTIFICATE": "it does not accept our certificate",
    "CERTIFICATE_EXPIRED": "our client certificate has expired; renew cert_file",
    "CERTIFICATE_REVOKED": "our client certificate was revoked",
    "UNKNOWN_CA": "it does not know the authority of our client certificate (cert_file)",
    "DECRYPT_ERROR": "it does not accept our client certificate: does key_file belong to it?",
    "HANDSHAKE_FAILURE": "it accepts none of our ciphers, or wants a client certificate",
}


def unverified(code: int, text: str, *, host: str, is_address: bool) -> Failure:
    """The broker's certificate did not verify: `code` and `text` are OpenSSL's."""
    key = 64 if code == 62 and is_address else code
    words = _VERIFY.get(key, f"its certificate is not accepted: {text}")
    return Failure(Trouble.CERTIFICATE, f"TLS to {host}: {words}")


def clock_behind(host: str) -> Failure:
    return Failure(
        Trouble.CLOCK,
        f"TLS to {host}: its certificate is not valid yet by this computer's clock, which is wrong "
        "or not set yet; trying again every few seconds until it is",
    )


def tls_failed(reason: str, text: str, *, host: str) -> Failure:
    """Another TLS failure: `reason` is OpenSSL's word for it, `text` its whole message."""
    words = next((words for word, words in _TLS.items() if word in (reason or text)), "")
    if not words:
        return Failure(Trouble.NETWORK, f"TLS to {host} failed: {text}")
    return Failure(Trouble.CERTIFICATE, f"TLS to {host}: {words}")
