"""What a link to one network server behind an MQTT broker is told; filled by the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from hal.frames import Crc, RxFrame

from ..settings import FeedSettings

SCHEMES = {  # of an address: transport, TLS, default port
    "mqtt": ("tcp", False, 1883),
    "tcp": ("tcp", False, 1883),
    "mqtts": ("tcp", True, 8883),
    "ssl": ("tcp", True, 8883),
    "tls": ("tcp", True, 8883),
    "ws": ("websockets", False, 80),
    "wss": ("websockets", True, 443),
}
WANTED = "expected HOST or HOST:PORT with a port from 1 to 65535"
TTS_PORTS = {1883: 1882, 8883: 8882}  # The Things Stack's own, where others have the usual ones
PROFILES = ("chirpstack", "chirpstack-v3", "tts")


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """One broker: where it is and how it is spoken to. `path` is of WebSockets only."""

    host: str
    port: int
    tls: bool = False
    websockets: bool = False
    path: str = "/mqtt"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = (
            ("wss" if self.tls else "ws") if self.websockets else "mqtts" if self.tls else "mqtt"
        )
        return f"{scheme}://{host}:{self.port}{self.path if self.websockets else ''}"


def broker_address(text: str, *, profile: str = "") -> BrokerAddress:
    """`mqtts://HOST[:PORT]` and the like; HOST[:PORT] alone is mqtt. Raises ValueError.

    A port that is left out is the profile's.
    """
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "mqtt", text
    if scheme not in SCHEMES:
        raise ValueError(f"expected one of {', '.join(f'{name}://' for name in SCHEMES)}")
    if "@" in rest:  # before anything that repeats it: there may be a password
        raise ValueError("expected no user name; username and password_file are settings")
    transport, tls, default_port = SCHEMES[scheme]
    if profile == "tts":
        default_port = TTS_PORTS.get(default_port, default_port)
    if rest.count(":") > 1 and not rest.startswith("["):
        rest = f"[{rest}]"
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(
            f"expected HOST or HOST:PORT with a port from 1 to 65535: {error}"
        ) from None
    if not host or not host.isprintable() or set(host) & set(" ?#@") or port == 0:
        raise ValueError(WANTED)
    if parts.query or parts.fragment:
        raise ValueError("expected no query or fragment")
    websockets = transport == "websockets"
    if parts.path.strip("/") and not websockets:
        raise ValueError("expected nothing behind the port; topic_prefix is a setting of its own")
    path = (parts.path or "/mqtt") if websockets else "/mqtt"
    return BrokerAddress(host, port or default_port, tls, websockets, path)


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """One server. Raises ValueError for what no link can work with.

    `eui` is 16 lower-case hex digits. `addresses` are tried in turn. `protocol` is "3.1.1" or "5".
    `password_file` is a path, or `credential:NAME` of systemd; it is read again for each
    connection, so that a token may be renewed. `command_qos` is the subscription's; `qos` where
    None, and 0 for The Things Stack. `gateway_id` is the name of a gateway at The Things Stack,
    with its tenant where there are some; `eui-` and the EUI where empty. `event_topic`,
    `command_topic` and `state_topic` are templates with `{prefix}`, `{eui}` and `{event}` or
    `{command}`; empty: the profile's own; a `state_topic` of "none" publishes no state. `commands`
    and `metadata_commands` are argument lists by name, run without a shell for at most
    `command_timeout_s`; so is `raw_command`, which is given the bytes of raw commands.
    """

    name: str
    addresses: tuple[BrokerAddress, ...]
    eui: str
    profile: str = "chirpstack"
    feed: FeedSettings = field(default_factory=FeedSettings)
    protocol: str = "3.1.1"
    client_id: str = ""
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    keepalive_s: int = 30
    qos: int = 1
    command_qos: int | None = None
    json: bool = False
    topic_prefix: str = ""
    event_topic: str = ""
    command_topic: str = ""
    state_topic: str = ""
    retain_state: bool = True
    gateway_id: str = ""
    most_backoff_s: float = 60.0
    stat_interval_s: float = 30.0
    uplink_only: bool = False
    remote_config: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    metadata_commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    command_timeout_s: float = 10.0
    raw_command: tuple[str, ...] = ()

    @property
    def wants_tls(self) -> bool:
        """Whether any of its brokers is spoken to over TLS."""
        return any(address.tls for address in self.addresses)

    def carries(self, frame: RxFrame) -> bool:
        """Whether this server can use such a frame at all; The Things Stack drops damaged ones."""
        return self.profile != "tts" or frame.crc is not Crc.BAD

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"server {self.name}: profile '{self.profile}'; one of {PROFILES}")
        if self.profile == "tts" and self.protocol != "3.1.1":
            raise ValueError('The Things Stack speaks MQTT 3.1.1: protocol = "3.1.1" expected')
        if not self.addresses:
            raise ValueError(f"server {self.name}: at least one address expected")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together; one of them is missing")
        certificates = self.ca_file or self.cert_file
        if certificates and not self.wants_tls:
            raise ValueError(f"certificates need mqtts:// or wss://, not {self.addresses[0]}")
        if len(self.eui) != 16 or not set(self.eui) <= set("0123456789abcdef"):
            raise ValueError(f"server {self.name}: eui '{self.eui}'; 16 hex digits expected")
