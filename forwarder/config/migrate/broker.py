"""What ChirpStack's two MQTT programs have in common: addresses, secrets, certificates. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..layers import Table
from ..section import Section

TLS_KEYS = {"ca_cert": "ca_file", "tls_cert": "cert_file", "tls_key": "key_file"}
SECURE = {"tcp": "mqtts", "mqtt": "mqtts", "ssl": "mqtts", "tls": "mqtts", "ws": "wss"}
PLAIN = {"tcp": "mqtt", "ssl": "mqtts", "tls": "mqtts"}
PASSWORD_FILE = "broker.password"  # noqa: S105  # a file's name


def address(url: str, *, secure: bool) -> str:
    """A broker's address in our words; with certificates it is reached over TLS, as there."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "tcp", url
    words: Mapping[str, str] = SECURE if secure else PLAIN
    rest = rest.rstrip("/") if scheme not in ("ws", "wss") else rest
    return f"{words.get(scheme, scheme)}://{rest}"


def credentials(section: Section, server: Table) -> None:
    """Name, password and certificates. A password itself is never copied."""
    if name := section.text("username", ""):
        server["username"] = name
    if section.filled("password"):
        server["password_file"] = PASSWORD_FILE
        section.warn(
            "password",
            f"is not copied: write it into {PASSWORD_FILE} beside the new file, as one line, and "
            "chmod 600 it",
        )
    for theirs, ours in TLS_KEYS.items():
        if path := section.text(theirs, ""):
            server[ours] = path


def client(section: Section, server: Table) -> None:
    """Client id and quality of service, where they are given."""
    if client_id := section.text("client_id", ""):
        server["client_id"] = client_id
    if "qos" in section:
        server["qos"] = section.integer("qos", 0, 0, 2)


def tls(section: Section) -> bool:
    """Whether certificates are named."""
    return any(section.text(key, "") for key in TLS_KEYS)


def port(section: Section, key: str, default: str) -> set[int]:
    """The UDP port of an address to listen on."""
    digits = section.text(key, default).rpartition(":")[2]
    return {int(digits)} if digits.isdecimal() else set()
