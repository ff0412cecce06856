"""TLS where we are the server: the status page, and callers of local mode's sources.

Imports OpenSSL, which is 4 MB of memory: import this only where TLS is configured.
"""

from __future__ import annotations

import ssl

from .errors import ConfigError


def server_context(what: str, cert_file: str, key_file: str, client_ca_file: str) -> ssl.SSLContext:
    """What a server needs; with `client_ca_file` callers must have a certificate that it signed.

    Raises ConfigError; `what` names the part of the configuration.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(cert_file, key_file, password=_no_password)
        if client_ca_file:
            context.load_verify_locations(client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError) as error:
        names = ", ".join(filter(None, (cert_file, client_ca_file)))
        raise ConfigError(f"{what}: the certificates in {names} cannot be used: {error}") from None
    return context


def _no_password() -> str:
    """OpenSSL would ask at the terminal, and wait."""
    raise ValueError("the private key is encrypted; give one that is not")
