"""Throw-away certificates for a Join Server on this machine: an authority, a server, clients.

They protect a demonstration or a test for a few days and are worth nothing afterwards.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 30
SERVER_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """A certificate and its private key, PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """NAME.pem and NAME.key in `folder`, for the owner only."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / f"{name}.pem", folder / f"{name}.key"
        for path, data in zip(paths, (self.certificate, self.key), strict=True):
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(data)
        return paths


class Authority:
    """Signs what it is asked to. `now` is when the certificates are to be valid."""

    def __init__(self, name: str, now: datetime.datetime) -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        draft = self._draft(self._name, self._key.public_key(), DAYS)
        # What makes a verifier that follows RFC 5280 to the letter content.
        basic = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = (
            draft.add_extension(basic, critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, names: tuple[str, ...] = SERVER_NAMES, *, days: int = DAYS) -> Pair:
        """For a server; `days` below 0 makes one that has expired."""
        return self._issue(names, ExtendedKeyUsageOID.SERVER_AUTH, days)

    def client(self, *names: str, days: int = DAYS) -> Pair:
        """For a client with these names; the first is its common name."""
        return self._issue(names, ExtendedKeyUsageOID.CLIENT_AUTH, days)

    def _issue(self, names: tuple[str, ...], use: x509.ObjectIdentifier, days: int) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        basic = x509.BasicConstraints(ca=False, path_length=None)
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._draft(subject, key.public_key(), days)
            .add_extension(basic, critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(names)), critical=False)
            .add_extension(issuer_key, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), private)

    def _draft(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        # An hour of grace: the clock of another machine may be behind.
        start = self._now - datetime.timedelta(days=max(0, 1 - days), hours=1)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(self._now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _names(names: tuple[str, ...]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
