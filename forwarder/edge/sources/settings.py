"""What the configuration says about key sources: the tables they share. Pure.

Each source's own settings stand in its module and are one `[[edge.source]]`, told apart by `type`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ..keks import SourceKeys

LOOPBACK = ("127.0.0.1", "::1", "localhost")
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{0,64}$")]


class BrokerSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An MQTT broker. Files are paths; a password in a file must be readable by its owner only.

    `server` is mqtt://HOST[:1883] or mqtts://HOST[:8883]. With a `client_id` the broker is asked
    to keep what comes while we are away. `ca_file` replaces the system's authorities.
    """

    server: str
    username: str = ""
    password_file: str = ""
    client_id: Name = ""
    topics: tuple[str, ...] = ()
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 30

    def __post_init__(self) -> None:
        scheme, _, _ = self.server.partition("://")
        if scheme not in ("mqtt", "mqtts"):
            raise ValueError("server: mqtt://HOST[:PORT] or mqtts://HOST[:PORT] expected")
        split_address(self.server.partition("://")[2], self._default_port())
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together; one of them is missing")
        if not self.tls and (self.ca_file or self.cert_file):
            raise ValueError(f"server: certificates need mqtts://, not {self.server}")
        for topic in self.topics:
            check_filter(topic)

    @property
    def tls(self) -> bool:
        return self.server.startswith("mqtts://")

    @property
    def address(self) -> tuple[str, int]:
        return split_address(self.server.partition("://")[2], self._default_port())

    @property
    def private(self) -> bool:
        """Whether nobody on the way can read what comes."""
        return self.tls or self.address[0] in LOOPBACK

    def _default_port(self) -> int:
        return 8883 if self.tls else 1883


class ListenSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where we are the server. Beyond this machine only with TLS and something to know callers by.

    `token_file` holds what callers send as `Authorization: Bearer ...`; `client_ca_file` signs
    the certificates that they must have.
    """

    listen: str
    cert_file: str = ""
    key_file: str = ""
    client_ca_file: str = ""
    token_file: str = ""

    def __post_init__(self) -> None:
        host, _ = split_address(self.listen, None)
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together; one of them is missing")
        if self.client_ca_file and not self.tls:
            raise ValueError("client_ca_file needs cert_file and key_file")
        if not self.tls and host not in LOOPBACK:
            raise ValueError(
                f"listen: {host} without TLS; give cert_file and key_file, or 127.0.0.1"
            )

    @property
    def tls(self) -> bool:
        return bool(self.cert_file)

    @property
    def address(self) -> tuple[str, int]:
        return split_address(self.listen, None)

    @property
    def private(self) -> bool:
        return True  # TLS or this machine only: see above


class SourceSettings(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"
):
    """What every source has. `name` is its type unless given.

    `kek` and `allow_clear` are what the vault lets it do: see SourceKeys.
    """

    name: Name = ""
    kek: str = ""
    allow_clear: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            msgspec.structs.force_setattr(self, "name", str(self.__struct_config__.tag))

    @property
    def keys(self) -> SourceKeys:
        return SourceKeys(kek=self.kek, allow_clear=self.allow_clear)


class TunnelSettings(SourceSettings, frozen=True, kw_only=True, tag_field="type"):
    """A network server that reports keys with its uplinks: to a broker that we read, or to us."""

    mqtt: BrokerSettings | None = None
    http: ListenSettings | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.mqtt is None) == (self.http is None):
            raise ValueError(f"source {self.name}: one of mqtt and http expected")
        way = self.mqtt or self.http
        if self.allow_clear and way is not None and not way.private:
            raise ValueError(f"source {self.name}: allow_clear needs mqtts://")
        if self.http is not None and self.http.tls and not self.knows_callers():
            raise ValueError(
                f"source {self.name}: nothing tells who sends the reports; give http.token_file "
                "or http.client_ca_file"
            )

    def knows_callers(self) -> bool:
        """Whether a report over HTTP proves where it is from."""
        return self.http is not None and bool(self.http.token_file or self.http.client_ca_file)

    def check_topics(self) -> None:
        """For dialects without topics of their own. Raises ValueError."""
        if self.mqtt is not None and not self.mqtt.topics:
            raise ValueError(f"source {self.name}: mqtt.topics expected, it has no usual ones")


def split_address(address: str, default_port: int | None) -> tuple[str, int]:
    """HOST:PORT or [HOST]:PORT to its parts. Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if "]" in port or not colon:
        host, port = address, ""
    host = host.removeprefix("[").removesuffix("]")
    if not port and default_port is not None:
        return _host(host, address), default_port
    if not (port.isascii() and port.isdecimal() and int(port[:6]) <= 65535):
        raise ValueError(f"'{address}': HOST:PORT expected")
    return _host(host, address), int(port)


def check_filter(topic: str) -> None:
    """Raise ValueError unless `topic` is one that MQTT lets subscribe to."""
    levels = topic.split("/")
    whole = all(level in ("+", "#") or not set(level) & set("+#") for level in levels)
    if not 0 < len(topic) <= 1024 or "\0" in topic or not whole or "#" in levels[:-1]:
        raise ValueError(f"topic '{topic[:64]}': + and # stand for whole levels, # at the end")


def _host(host: str, address: str) -> str:
    try:
        host.encode("idna")
    except UnicodeError:
        host = ""
    if not host or not host.isprintable() or set(host) & set("/@ ?#"):
        raise ValueError(f"'{address}': HOST:PORT expected")
    return host
