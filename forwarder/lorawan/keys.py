"""Keys derived from keys: sessions, Join Server, multicast, relay; and keys in envelopes. Pure.

Ref: TS001-1.0.4 section 6.2.5, LoRaWAN 1.1 section 6.2.5, TS005 (multicast), TS011 (relay),
RFC 3394 (envelopes of the Backend Interfaces).
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from .crypto import aes_decrypt, aes_encrypt

KEY_SIZE = 16


@dataclass(frozen=True, slots=True, repr=False)
class SessionKeys:
    """A session's four keys; in 1.0.x three of them are the NwkSKey. No repr: they are secret."""

    f_nwk_s_int: bytes
    s_nwk_s_int: bytes
    nwk_s_enc: bytes
    app_s: bytes

    @classmethod
    def of_1_0(cls, nwk_s_key: bytes, app_s_key: bytes) -> SessionKeys:
        return cls(nwk_s_key, nwk_s_key, nwk_s_key, app_s_key)


def _derive(key: bytes, kind: int, *parts: bytes) -> bytes:
    return aes_encrypt(key, (bytes([kind]) + b"".join(parts)).ljust(KEY_SIZE, b"\0"))


def session_1_0(root: bytes, join_nonce: int, net_id: int, dev_nonce: int) -> SessionKeys:
    """From the AppKey; for a 1.1 device in a 1.0 network (OptNeg 0) from its NwkKey."""
    tail = (
        join_nonce.to_bytes(3, "little"),
        net_id.to_bytes(3, "little"),
        dev_nonce.to_bytes(2, "little"),
    )
    return SessionKeys.of_1_0(_derive(root, 1, *tail), _derive(root, 2, *tail))


def session_1_1(
    nwk_key: bytes, app_key: bytes, join_nonce: int, join_eui: int, dev_nonce: int
) -> SessionKeys:
    """OptNeg 1. After a rejoin `dev_nonce` is RJcount0 or RJcount1."""
    tail = (
        join_nonce.to_bytes(3, "little"),
        join_eui.to_bytes(8, "little"),
        dev_nonce.to_bytes(2, "little"),
    )
    return SessionKeys(
        f_nwk_s_int=_derive(nwk_key, 1, *tail),
        s_nwk_s_int=_derive(nwk_key, 3, *tail),
        nwk_s_enc=_derive(nwk_key, 4, *tail),
        app_s=_derive(app_key, 2, *tail),
    )


def js_enc_key(nwk_key: bytes, dev_eui: int) -> bytes:
    """Seals join-accepts that answer a rejoin."""
    return _derive(nwk_key, 5, dev_eui.to_bytes(8, "little"))


def js_int_key(nwk_key: bytes, dev_eui: int) -> bytes:
    """MIC of 1.1 join-accepts and of rejoin type 1."""
    return _derive(nwk_key, 6, dev_eui.to_bytes(8, "little"))


def mc_root_key(*, gen_app_key: bytes | None = None, app_key: bytes | None = None) -> bytes:
    """GenAppKey of a 1.0.x device, or AppKey of a 1.1 device: exactly one of them."""
    if (gen_app_key is None) == (app_key is None):
        raise ValueError("exactly one of gen_app_key and app_key expected")
    if gen_app_key is not None:
        return _derive(gen_app_key, 0)
    assert app_key is not None
    return _derive(app_key, 0x20)


def mc_ke_key(root: bytes) -> bytes:
    return _derive(root, 0)


def mc_key_encrypted(ke_key: bytes, mc_key: bytes) -> bytes:
    """What the server sends; the device AES-encrypts it to get the McKey back."""
    return aes_decrypt(ke_key, mc_key)


def mc_session(mc_key: bytes, mc_addr: int) -> SessionKeys:
    """McNwkSKey and McAppSKey."""
    address = mc_addr.to_bytes(4, "little")
    return SessionKeys.of_1_0(_derive(mc_key, 2, address), _derive(mc_key, 1, address))


def root_wor_s_key(network_key: bytes) -> bytes:
    """Relay: from NwkSKey (1.0) or NwkSEncKey (1.1)."""
    return _derive(network_key, 1)


class EnvelopeError(ValueError):
    """A wrapped key did not open: damaged, or another KEK."""


def wrap(kek: bytes, key: bytes) -> bytes:
    return aes_key_wrap(kek, key)


def unwrap(kek: bytes, wrapped: bytes) -> bytes:
    """Open a KeyEnvelope's AESKey. Raises EnvelopeError."""
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise EnvelopeError("the key does not open: it is damaged or the KEK is another") from error


def open_tunnel_app_s_key(as_transport_key: bytes, tunnelled: bytes) -> bytes:
    """ThingPark's AppSKey element: one AES block under the AS transport key."""
    return aes_decrypt(as_transport_key, tunnelled)
