"""How a KEK comes to the gateway: RSA as external Join Servers do it, and its encodings. Pure.

The Join Server makes the KEK and encrypts it for a public key that was made here (ThingPark calls
that KEK "AS transport key"). Anyone with the public key can do that, so whoever imports a KEK
compares its check value with the other side. Ref: RFC 8017; edge-keys 3.1.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import Enum

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding as paddings
from cryptography.hazmat.primitives.asymmetric import rsa

from .errors import KekError
from .keks import SIZES

RSA_BITS = (2048, 3072, 1024)
WEAK_BITS = 1024  # what ThingPark's example uses; within reach of who can afford it
EXPONENT = 65_537


class Padding(Enum):
    """How RSA encrypted the KEK; portals differ and seldom say."""

    OAEP_SHA1 = "oaep-sha1"
    OAEP_SHA256 = "oaep-sha256"
    PKCS1V15 = "pkcs1v15"


def make_rsa_key(bits: int, *, insist: bool = False) -> rsa.RSAPrivateKey:
    """A new key pair. KekError for a size that is not offered, or is weak and not insisted on."""
    check_rsa_bits(bits, insist=insist)
    return rsa.generate_private_key(EXPONENT, bits)


def check_rsa_bits(bits: int, *, insist: bool = False) -> None:
    if bits not in RSA_BITS:
        raise KekError(f"RSA with {bits} bits is not offered: 2048 or 3072")
    if bits == WEAK_BITS and not insist:
        raise KekError(
            "RSA with 1024 bits can be broken: try 2048 at the portal first, and --insist if it "
            "takes nothing else"
        )


def private_pem(key: rsa.RSAPrivateKey) -> bytes:
    """PKCS#8, not encrypted: for a file with mode 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_pem(key: rsa.RSAPublicKey) -> str:
    """What is pasted into the Join Server's portal."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def public_key(modulus: bytes, exponent: bytes) -> rsa.RSAPublicKey:
    """From the two numbers that a token tells, big-endian."""
    numbers = (int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big"))
    return rsa.RSAPublicNumbers(*numbers).public_key()


def decrypt_kek(pem: bytes, encrypted: bytes, padding: Padding) -> bytes:
    """The KEK that was encrypted for the key in `pem`. Raises KekError, without values.

    With PKCS#1 v1.5 a wrong key or a damaged value can give bytes that look like a KEK: libraries
    hide that error on purpose. Only the check value tells.
    """
    key = _load(pem)
    check_encrypted(encrypted, key.key_size)
    try:
        kek = key.decrypt(encrypted, _PADDINGS[padding]())
    except ValueError:
        raise KekError(_not_decrypted(padding)) from None
    if len(kek) not in SIZES:
        raise KekError(_not_decrypted(padding))
    return kek


def check_encrypted(encrypted: bytes, bits: int) -> None:
    """RSA gives as many bytes as its modulus has."""
    if len(encrypted) != bits // 8:
        raise KekError(
            f"the encrypted KEK has {len(encrypted)} bytes, this RSA key of {bits} bits makes "
            f"{bits // 8}: it was encrypted for another key, or is not complete"
        )


def _not_decrypted(padding: Padding) -> str:
    others = ", ".join(each.value for each in Padding if each is not padding)
    return (
        f"no KEK comes out with padding {padding.value}: try {others}; or it was encrypted for "
        "another key"
    )


def _oaep(algorithm: hashes.HashAlgorithm) -> paddings.OAEP:
    return paddings.OAEP(paddings.MGF1(algorithm), algorithm, None)


_PADDINGS = {
    Padding.OAEP_SHA1: lambda: _oaep(hashes.SHA1()),
    Padding.OAEP_SHA256: lambda: _oaep(hashes.SHA256()),
    Padding.PKCS1V15: paddings.PKCS1v15,
}


def _load(pem: bytes) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise KekError(
            "the key file holds no private key in PEM without a password, as edge keygen writes it"
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise KekError("the key file holds no RSA key")
    return key


def decode_blob(data: bytes) -> bytes:
    """An encrypted KEK as portals give it: hexadecimal, base64 (- and _ too), or raw bytes."""
    text = b"".join(data.split())
    if re.fullmatch(rb"(?:0x)?(?:[0-9a-fA-F]{2})+", text):
        return bytes.fromhex(text.decode().removeprefix("0x"))
    if re.fullmatch(rb"[A-Za-z0-9+/_-]+={0,2}", text):
        padded = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        try:
            return base64.b64decode(padded + b"=" * (-len(padded) % 4), validate=True)
        except binascii.Error:
            return data
    return data
