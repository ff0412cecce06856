"""TLS to a broker: contexts made of files that may be renewed while we run.

A changed file is tried in a context of its own first; what is no good is told, and the old one
stays in use. Certificates and names are always verified, with TLS 1.2 at least. What fails is
explained.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...files.token_file import CREDENTIAL
from ...timing import wall_clock
from .reasons import NOT_YET_VALID, Failure, Trouble, clock_behind, tls_failed, unverified
from .settings import MqttSettings
from .x509_dates import first_end, not_after

DAY_S = 86_400.0
WARN_DAYS = 30

Stamp = tuple[tuple[int, int, int], ...]


class TlsFiles:
    """The context for one link's connections. `error` says what is wrong with the files now."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = on_disk(settings)
        self._context: ssl.SSLContext | None = None
        self._stamp: Stamp | None = None
        self._server_end_s: float | None = None
        self.error = ""
        self.reloads = 0

    def refresh(self) -> bool:
        """Look at the files; True when there is a new context, which a new connection would use."""
        stamp = self._stamps()
        if stamp == self._stamp:
            return False
        first = self._stamp is None
        self._stamp = stamp
        try:
            context = client_context(self._settings)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            self.error = self._explain(error)
            return False
        self._context = context
        self.error = ""
        self.reloads += not first
        return not first

    def context(self) -> ssl.SSLContext | Failure:
        """What the next connection uses, or why there can be none."""
        self.refresh()
        return self._context or Failure(Trouble.CERTIFICATE, self.error)

    def seen(self, certificate: bytes | None) -> None:
        """The broker's certificate, DER, of the connection that stands."""
        try:
            self._server_end_s = not_after(certificate) if certificate else None
        except ValueError:
            self._server_end_s = None

    def days_left(self, now_s: float) -> dict[str, float]:
        """Until the client's, the authority's and the broker's certificates end; those known."""
        ends = {
            "client": _end_of(self._settings.cert_file),
            "ca": _end_of(self._settings.ca_file),
            "broker": self._server_end_s,
        }
        return {name: round((end_s - now_s) / DAY_S, 1) for name, end_s in ends.items() if end_s}

    def warnings(self, now_s: float) -> list[str]:
        """A line for each certificate that ends soon."""
        return expiring(self.days_left(now_s))

    def _names(self) -> list[str]:
        settings = self._settings
        return [name for name in (settings.ca_file, settings.cert_file, settings.key_file) if name]

    def _stamps(self) -> Stamp:
        stamps = []
        for name in self._names():
            try:
                facts = Path(name).stat()
            except OSError:
                stamps.append((0, 0, 0))
            else:
                stamps.append((facts.st_mtime_ns, facts.st_size, facts.st_ino))
        return tuple(stamps)

    def _explain(self, error: Exception) -> str:
        for name in self._names():
            try:
                with Path(name).open("rb"):
                    pass
            except OSError as unreadable:
                return f"{name}: cannot be read: {unreadable.strerror or unreadable}"
        if "KEY_VALUES_MISMATCH" in str(error):
            return f"{self._settings.key_file} is not the key of {self._settings.cert_file}"
        names = ", ".join(self._names())
        return f"{names}: no PEM certificates and key that can be used: {error}"


def on_disk(settings: MqttSettings) -> MqttSettings:
    """With paths in the place of systemd's credentials, as far as it has passed some."""
    return replace(
        settings,
        ca_file=_path(settings.ca_file),
        cert_file=_path(settings.cert_file),
        key_file=_path(settings.key_file),
    )


def _path(name: str) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    plain = name.removeprefix(CREDENTIAL)
    if plain == name or not folder or "/" in plain:
        return name
    return str(Path(folder) / plain)


def client_context(settings: MqttSettings) -> ssl.SSLContext:
    """Raises OSError or ValueError for files that cannot be used."""
    settings = on_disk(settings)
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 insists on every word of RFC 5280, which authorities made by hand seldom keep. The
    # chain, its dates and the name are verified as in every other Python.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file, password=_no_password)
    return context


def _no_password() -> str:
    """OpenSSL would ask at the terminal, and wait."""
    raise ValueError("the key is encrypted; a gateway that starts by itself needs one that is not")


def last_alert(receive: Callable[[int], bytes]) -> ssl.SSLError | None:
    """Why the other side ends a connection, if it said so: read behind all that has come."""
    try:
        while receive(512):
            pass
    except ssl.SSLEOFError:
        return None
    except ssl.SSLError as alert:
        return alert
    except OSError:
        return None
    return None


def is_cut_off(error: Exception) -> bool:
    """Whether the connection ended without the goodbye of TLS."""
    return isinstance(error, ssl.SSLEOFError)


def failure(error: Exception, host: str) -> Failure | None:
    """What an error of a connection to `host` means; None for one that is not of TLS."""
    return explained(error, host) if isinstance(error, ssl.SSLError) else None


def explained(error: ssl.SSLError, host: str) -> Failure:
    """What went wrong in a handshake with `host`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == NOT_YET_VALID and not wall_clock.is_trusted():
            return clock_behind(host)
        return unverified(
            error.verify_code, error.verify_message, host=host, is_address=_is_address(host)
        )
    return tls_failed(error.reason or "", str(error), host=host)


def expiring(days_left: dict[str, float]) -> list[str]:
    """A line for each certificate that ends within WARN_DAYS."""
    whose = {
        "client": "the client certificate (cert_file)",
        "ca": "a certificate in ca_file",
        "broker": "the broker's certificate",
    }
    return [
        f"{whose[name]} {'ends in' if days >= 0 else 'ended'} {abs(days):.0f} days"
        f"{'' if days >= 0 else ' ago'}; renew it (a new file is taken up by itself)"
        for name, days in days_left.items()
        if days < WARN_DAYS
    ]


def _end_of(name: str) -> float | None:
    if not name:
        return None
    try:
        return first_end(Path(name).read_bytes())
    except OSError:
        return None


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdecimal()
