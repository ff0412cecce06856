"""What an exception of a connection means, in words for its owner."""

from __future__ import annotations

import logging
import socket

from paho.mqtt import client as paho

from .reasons import Failure, Trouble
from .settings import BrokerAddress

log = logging.getLogger(__name__)


def connect_failure(error: Exception, address: BrokerAddress) -> Failure:
    """What a failed try to reach `address` means."""
    place = f"{address.host}:{address.port}"
    if (failure := tls_failure(error, address)) is not None:
        return failure
    match error:
        case ConnectionResetError() if address.tls:
            words = f"{place} ends the connection when TLS begins; does that port speak TLS?"
            return Failure(Trouble.NETWORK, words)
        case socket.gaierror():
            return Failure(Trouble.ADDRESS, f"{address.host} is not found: {error.strerror}")
        case paho.WebsocketConnectionError():
            words = f"{place} does not take MQTT over WebSockets at {address.path}: {error}"
            return Failure(Trouble.NETWORK, words)
        case ConnectionRefusedError():
            words = f"nothing listens at {place}; is the broker running, and the port right?"
            return Failure(Trouble.NETWORK, words)
        case TimeoutError():
            return Failure(Trouble.NETWORK, f"{place} does not answer")
        case OSError():
            return Failure(Trouble.NETWORK, f"{place}: {error.strerror or error}")
    log.warning("%s: the try failed", place, exc_info=error)
    return Failure(Trouble.NETWORK, f"{place}: {type(error).__name__}: {error}")


def tls_failure(error: Exception | None, address: BrokerAddress) -> Failure | None:
    """What an error of TLS means; None for any other."""
    if error is None or not address.tls:
        return None
    from .tls import failure

    return failure(error, address.host)


def is_cut(error: Exception, address: BrokerAddress) -> bool:
    """Whether the broker hung up, rather than the network or TLS failing."""
    if isinstance(error, ConnectionResetError) or not address.tls:
        return isinstance(error, ConnectionResetError)
    from .tls import is_cut_off

    return is_cut_off(error)


def unheard(address: BrokerAddress) -> Failure:
    """Closed before it said a word."""
    if address.tls:
        why = "it may want a client certificate, or not accept ours (cert_file)"
    else:
        why = "is that port one for TLS (mqtts://), or for WebSockets (ws://)?"
    return Failure(Trouble.NETWORK, f"the broker closed the connection without an answer; {why}")
