"""What is done to a token rarely and by a person: an RSA pair made in it, a KEK brought into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pkcs11
from pkcs11 import MGF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as broken

from .errors import KekError
from .keks import check_label, check_value
from .pkcs11 import Template, Token, said, search
from .provisioning import Padding, check_encrypted, check_rsa_bits, public_key, public_pem

RSA_LABEL = "edgemast-rsa"

_MECHANISMS: dict[Padding, tuple[Mechanism, Any]] = {
    Padding.OAEP_SHA1: (Mechanism.RSA_PKCS_OAEP, (Mechanism.SHA_1, MGF.SHA1, None)),
    Padding.OAEP_SHA256: (Mechanism.RSA_PKCS_OAEP, (Mechanism.SHA256, MGF.SHA256, None)),
    Padding.PKCS1V15: (Mechanism.RSA_PKCS, None),
}


def make_rsa_key(token: Token, bits: int, *, insist: bool = False, label: str = RSA_LABEL) -> str:
    """A pair whose private half never leaves the token; the public half as PEM. KekError."""
    check_rsa_bits(bits, insist=insist)

    def make(session: pkcs11.Session) -> str:
        if _private_keys(session, label):
            raise KekError(f"the token has an RSA key {label!r}: give another --key-label")
        public, _ = session.generate_keypair(
            KeyType.RSA,
            bits,
            store=True,
            label=label,
            capabilities=MechanismFlag.UNWRAP,
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
        exponent = bytes(public[Attribute.PUBLIC_EXPONENT])
        return public_pem(public_key(bytes(public[Attribute.MODULUS]), exponent))

    return _said_plainly(token, make)


def import_kek(token: Token, label: str, version: int, kek: bytes, *, tunnel: bool = False) -> str:
    """Put a KEK in and keep nothing of it here. `tunnel`: for ThingPark's one-block envelopes.

    Gives its check value. KekError.
    """
    _check(label, version)

    def put(session: pkcs11.Session) -> str:
        _refuse_twice(session, label, version)
        session.create_object({**_kek_template(label, version, tunnel), Attribute.VALUE: kek})
        return check_value(kek)

    return _said_plainly(token, put)


def import_encrypted_kek(
    token: Token,
    label: str,
    version: int,
    encrypted: bytes,
    padding: Padding,
    *,
    tunnel: bool = False,
    key_label: str = RSA_LABEL,
) -> str:
    """Unwrap a KEK with the token's own RSA key: it is never outside. Gives its check value."""
    _check(label, version)

    def put(session: pkcs11.Session) -> str:
        _refuse_twice(session, label, version)
        private = _private_key(session, key_label)
        check_encrypted(encrypted, 8 * len(bytes(private[Attribute.MODULUS])))
        checked = _check_value(private, encrypted, padding)
        _unwrap(private, encrypted, padding, _kek_template(label, version, tunnel))
        return checked

    return _said_plainly(token, put)


def _check(label: str, version: int) -> None:
    check_label(label)
    if not 1 <= version <= 0xFFFF:
        raise KekError(f"version {version}: 1 to 65535 expected")


def _refuse_twice(session: pkcs11.Session, label: str, version: int) -> None:
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label}
    identity = _identity(version)
    if any(bytes(key[Attribute.ID]) == identity for key in search(session, wanted)):
        raise KekError(
            f"the token has KEK {label!r} version {version}: give --version a higher one"
        )


def _identity(version: int) -> bytes:
    return version.to_bytes(2, "big")


def _kek_template(label: str, version: int, tunnel: bool) -> Template:
    # One use each: a KEK that may decrypt would also give the keys it wraps away.
    return {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.LABEL: label,
        Attribute.ID: _identity(version),
        Attribute.TOKEN: True,
        **_closed(UNWRAP=not tunnel, DECRYPT=tunnel),
    }


def _closed(**allowed: bool) -> Template:
    uses = ("UNWRAP", "DECRYPT", "WRAP", "ENCRYPT", "SIGN", "VERIFY", "DERIVE")
    template: Template = {
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
    }
    return template | {Attribute[use]: allowed.get(use, False) for use in uses}


def _check_value(private: Any, encrypted: bytes, padding: Padding) -> str:
    """The classic check value, made in the token by a second copy that may only encrypt."""
    copy = _unwrap(
        private,
        encrypted,
        padding,
        {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.AES,
            Attribute.TOKEN: False,
            **_closed(ENCRYPT=True),
        },
    )
    try:
        return bytes(copy.encrypt(bytes(16), mechanism=Mechanism.AES_ECB)).hex()[:6]
    except pkcs11.PKCS11Error as error:
        raise KekError(f"what came out is no AES key: {said(error)}") from error
    finally:
        copy.destroy()


def _unwrap(private: Any, encrypted: bytes, padding: Padding, template: Template) -> Any:
    mechanism, parameter = _MECHANISMS[padding]
    try:
        return private.unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.AES,
            encrypted,
            mechanism=mechanism,
            mechanism_param=parameter,
            template=template,
        )
    except (broken.ArgumentsBad, broken.MechanismInvalid, broken.MechanismParamInvalid) as error:
        raise KekError(
            f"this token cannot do {padding.value} ({said(error)}; SoftHSM2 knows OAEP with SHA-1 "
            "only): have it encrypted with oaep-sha1, or use an RSA key in a file"
        ) from error
    except pkcs11.PKCS11Error as error:
        others = ", ".join(each.value for each in Padding if each is not padding)
        raise KekError(
            f"no KEK comes out with padding {padding.value} ({said(error)}): try {others}; or it "
            "was encrypted for another key"
        ) from error


def _private_key(session: pkcs11.Session, label: str) -> Any:
    found = _private_keys(session, label)
    if not found:
        raise KekError(
            f"the token has no RSA key {label!r}: make one with edgemast edge keygen, or give "
            "--key FILE if the key is in a file"
        )
    if not hasattr(found[0], "unwrap_key"):
        raise KekError(f"the token's RSA key {label!r} may not unwrap keys: make one for that")
    return found[0]


def _private_keys(session: pkcs11.Session, label: str) -> list[Any]:
    wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label}
    return search(session, wanted)


def _said_plainly(token: Token, operation: Callable[[pkcs11.Session], str]) -> str:
    try:
        return token.run(operation)
    except pkcs11.PKCS11Error as error:
        raise KekError(f"token {token.settings.label!r} refuses: {said(error)}") from error
