"""What the configuration says of the status page, and what it may not say. Pure.

Whoever sees the page sees who sends when, and where the gateway is: on this machine that is
everybody's who is on it already; beyond it only theirs who prove who they are, over TLS.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import ConfigError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
CREDENTIAL = "credential:"


class Table(Protocol):
    """[page] of config/schema.py."""

    @property
    def listen(self) -> str: ...
    @property
    def cert_file(self) -> str: ...
    @property
    def key_file(self) -> str: ...
    @property
    def client_ca_file(self) -> str: ...
    @property
    def token_file(self) -> str: ...


class PlaceOf(Protocol):
    """Where a setting stands, for messages (config/base.py: Place)."""

    def __call__(self, key: str) -> str: ...


@dataclass(frozen=True, slots=True)
class PageSettings:
    """A page that is served. File names are absolute, or credential:NAME for the token."""

    host: str
    port: int
    cert_file: str = ""
    key_file: str = ""
    client_ca_file: str = ""
    token_file: str = ""

    @property
    def tls(self) -> bool:
        return bool(self.cert_file)

    @property
    def loopback(self) -> bool:
        return self.host in LOOPBACK

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/"


def page_settings(table: Table, folder: Path, place: PlaceOf) -> PageSettings | None:
    """The page as configured, None for no page. Raises ConfigError that says what is missing."""
    if not table.listen:
        return None
    host, port = _address(table.listen, place)
    settings = PageSettings(
        host,
        port,
        cert_file=_path(table.cert_file, folder),
        key_file=_path(table.key_file, folder),
        client_ca_file=_path(table.client_ca_file, folder),
        token_file=_path(table.token_file, folder),
    )
    if fault := _fault(settings):
        raise ConfigError(f"{place('page.listen')}: page.listen = {table.listen!r}: {fault}")
    return settings


def _fault(settings: PageSettings) -> str:
    if bool(settings.cert_file) != bool(settings.key_file):
        return "page.cert_file and page.key_file go together; one of them is missing"
    if settings.client_ca_file and not settings.tls:
        return "page.client_ca_file needs page.cert_file and page.key_file"
    if settings.loopback:
        return ""
    proof = "" if settings.token_file or settings.client_ca_file else (
        "something to know viewers by: page.token_file or page.client_ca_file"
    )  # fmt: skip
    secrecy = "" if settings.tls else "TLS: page.cert_file and page.key_file"
    missing = ", and ".join(part for part in (secrecy, proof) if part)
    if not missing:
        return ""
    return (
        f"others than this machine could see it: expected {missing}; or "
        f'"127.0.0.1:{settings.port}", and a way in by ssh (docs/status-page.md)'
    )


def _address(text: str, place: PlaceOf) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    named = bool(bare) and bare.isprintable() and not set(bare) & set("/@ ?#")
    whole = ":" not in bare or host.startswith("[")
    if not (named and whole and port.isascii() and port.isdecimal() and int(port[:6]) <= 65535):
        raise ConfigError(
            f"{place('page.listen')}: page.listen = {text!r}: expected HOST:PORT, such as "
            '"127.0.0.1:8080", or "" for no page'
        )
    return bare, int(port)


def _path(name: str, folder: Path) -> str:
    if not name or name.startswith(CREDENTIAL):
        return name
    return str(folder / name)
