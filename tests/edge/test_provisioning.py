"""A KEK on its way: RSA in a file and in a token, and the forms in which portals show it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding as paddings
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from forwarder.edge.errors import KekError
from forwarder.edge.kek_store import open_token
from forwarder.edge.provisioning import (
    Padding,
    decode_blob,
    decrypt_kek,
    make_rsa_key,
    private_pem,
    public_pem,
)

from .envelopes import KEKS
from .tokens import soft_token

Scheme = paddings.AsymmetricPadding
THEIRS: dict[Padding, Callable[[], Scheme]] = {
    Padding.OAEP_SHA1: lambda: paddings.OAEP(paddings.MGF1(hashes.SHA1()), hashes.SHA1(), None),
    Padding.OAEP_SHA256: lambda: paddings.OAEP(
        paddings.MGF1(hashes.SHA256()), hashes.SHA256(), None
    ),
    Padding.PKCS1V15: paddings.PKCS1v15,
}


@pytest.fixture(scope="module")
def pair() -> rsa.RSAPrivateKey:
    return make_rsa_key(2048)


def encrypted(pem: str, kek: bytes, padding: Padding) -> bytes:
    """What the Join Server does."""
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    return key.encrypt(kek, THEIRS[padding]())


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize("size", KEKS)
def test_a_kek_that_was_encrypted_for_us_comes_out(
    pair: rsa.RSAPrivateKey, padding: Padding, size: int
) -> None:
    blob = encrypted(public_pem(pair.public_key()), KEKS[size], padding)
    assert decrypt_kek(private_pem(pair), blob, padding) == KEKS[size]


@pytest.mark.parametrize("padding", [Padding.OAEP_SHA1, Padding.OAEP_SHA256])
def test_another_padding_or_a_damaged_value_says_what_to_try(
    pair: rsa.RSAPrivateKey, padding: Padding
) -> None:
    blob = encrypted(public_pem(pair.public_key()), KEKS[16], Padding.PKCS1V15)
    with pytest.raises(KekError, match=r"no KEK comes out with padding oaep.*pkcs1v15"):
        decrypt_kek(private_pem(pair), blob, padding)


def test_what_is_no_kek_inside_is_refused(pair: rsa.RSAPrivateKey) -> None:
    blob = encrypted(public_pem(pair.public_key()), bytes(20), Padding.OAEP_SHA1)
    with pytest.raises(KekError, match="no KEK comes out"):
        decrypt_kek(private_pem(pair), blob, Padding.OAEP_SHA1)


def test_a_value_for_a_key_of_another_size_is_told_by_its_length(pair: rsa.RSAPrivateKey) -> None:
    with pytest.raises(KekError, match="384 bytes, this RSA key of 2048 bits makes 256"):
        decrypt_kek(private_pem(pair), bytes(384), Padding.OAEP_SHA1)


@pytest.mark.parametrize("pem", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_file_without_a_private_key_is_refused(pem: bytes) -> None:
    with pytest.raises(KekError, match="the key file holds no"):
        decrypt_kek(pem, bytes(256), Padding.OAEP_SHA1)


def test_a_weak_key_is_made_only_if_insisted_on() -> None:
    with pytest.raises(KekError, match="--insist"):
        make_rsa_key(1024)
    assert make_rsa_key(1024, insist=True).key_size == 1024
    with pytest.raises(KekError, match="512 bits is not offered"):
        make_rsa_key(512, insist=True)


@given(st.binary(min_size=128, max_size=384))
def test_a_portal_may_show_hex_or_base64_or_give_raw_bytes(blob: bytes) -> None:
    lines = "\n".join(blob.hex()[i : i + 64] for i in range(0, 2 * len(blob), 64))
    assert decode_blob(lines.encode()) == blob
    assert decode_blob(blob.hex().upper().encode()) == blob
    assert decode_blob(b"0x" + blob.hex().encode()) == blob
    assert decode_blob(base64.encodebytes(blob)) == blob
    assert decode_blob(base64.urlsafe_b64encode(blob).rstrip(b"=")) == blob
    assert decode_blob(b"\xff" + blob) == b"\xff" + blob


# In a token.


@pytest.mark.parametrize("padding", [Padding.OAEP_SHA1, Padding.PKCS1V15])
def test_a_kek_goes_from_the_join_server_into_the_token_and_is_never_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, padding: Padding
) -> None:
    from forwarder.edge.keks import KeyRing
    from forwarder.edge.keys import SoftKey
    from forwarder.edge.vault import KekVault

    from .envelopes import KEY, wrapped

    token = open_token(soft_token(tmp_path, monkeypatch))
    from forwarder.edge import token_admin

    pem = token_admin.make_rsa_key(token, 2048)
    token.close()  # the answer of a portal takes days
    blob = encrypted(pem, KEKS[16], padding)
    assert token_admin.import_encrypted_kek(token, "k", 2, blob, padding) == "c6a13b"
    key = KekVault(KeyRing(token.keks())).open(wrapped(), "any")
    assert key.cmac(b"1") == SoftKey(KEY).cmac(b"1")
    assert [kek.version for kek in token.keks()] == [2]
    # OpenSSL from 3.2 on makes noise of what PKCS #1 v1.5 cannot open, so as to tell nobody why.
    with pytest.raises(KekError, match=r"no KEK comes out|no AES key"):
        token_admin.import_encrypted_kek(token, "k", 3, bytes(255) + b"1", padding)
    with pytest.raises(KekError, match="the token has an RSA key"):
        token_admin.make_rsa_key(token, 2048)


def test_a_token_without_oaep_sha_256_says_what_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = open_token(soft_token(tmp_path, monkeypatch))
    from forwarder.edge import token_admin

    blob = encrypted(token_admin.make_rsa_key(token, 2048), KEKS[16], Padding.OAEP_SHA256)
    try:
        checked = token_admin.import_encrypted_kek(token, "k", 1, blob, Padding.OAEP_SHA256)
    except KekError as error:  # SoftHSM 2.6; later ones may know it
        assert "encrypted with oaep-sha1, or use an RSA key in a file" in str(error)
        assert token.keks() == []
    else:
        assert checked == "c6a13b"


def test_without_an_rsa_key_in_the_token_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = open_token(soft_token(tmp_path, monkeypatch))
    from forwarder.edge import token_admin

    with pytest.raises(KekError, match="edge keygen"):
        token_admin.import_encrypted_kek(token, "k", 1, bytes(256), Padding.OAEP_SHA1)
