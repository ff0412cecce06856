"""Which Join Servers are asked, who we are to them, and how they know us. Pure.

[[edge.source]]
type = "join_server"
as_id = "edge-as.example"
[[edge.source.server]]
url = "https://js.example/api"
join_eui = ["70b3d57ed0000000/40"]
client_certificate = "/etc/edgemast/js.pem"
client_key = "/etc/edgemast/js.key"
"""

from __future__ import annotations

import re
from enum import Enum
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from .settings import ListenSettings, SourceSettings
from .ts002_values import Version

EUI_BITS = 64
MESSAGES = ("JoinReq", "RejoinReq", "AppSKeyReq", "HomeNSReq")
# What HTTP itself or another setting says; a second copy would smuggle or leak.
OWN_HEADERS = (
    *("authorization", "connection", "content-length", "content-type", "host", "te", "trailer"),
    *("transfer-encoding", "upgrade"),
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PREFIX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,16})(?:/([0-9]{1,2}))?")


class Answers(Enum):
    """Where a server puts its answer."""

    SYNC = "sync"  # in the HTTP response
    ASYNC = "async"  # in a request of its own to us; the response only acknowledges


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One Join Server.

    `join_eui` has prefixes: "70b3d57ed0000000/40", "70b3d5" (as many bits as digits say) or "*".
    `paths` adds to the URL by message type. `password_file` has the password of HTTP basic
    authentication, `authorization_file` a whole Authorization header; "credential:NAME" is
    systemd's. Without `ca_file` the system's authorities are trusted. `timeout_s` covers one
    request as a whole; a join has the time that the air leaves it.
    """

    url: str
    join_eui: tuple[str, ...] = ("*",)
    version: Version = Version.V1_0
    answers: Answers = Answers.SYNC
    paths: dict[str, str] = {}
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    username: str = ""
    password_file: str = ""
    authorization_file: str = ""
    headers: dict[str, str] = {}
    timeout_s: float = 5.0
    allow_http: bool = False

    def __post_init__(self) -> None:
        self._check_url()
        for text in self.join_eui:
            prefix(text)
        if not self.join_eui:
            raise ValueError('join_eui: at least one prefix expected; "*" stands for all')
        if not 0 < self.timeout_s <= 300:
            raise ValueError(f"timeout_s is {self.timeout_s:g}; above 0, up to 300 expected")
        self._check_requests()
        self._check_credentials()

    def _check_url(self) -> None:
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port  # the port is checked when it is read
        except ValueError as error:
            raise ValueError(f"url: {error}") from None
        if parts.scheme not in ("https", "http") or not host:
            raise ValueError("url: an address such as https://js.example expected")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("url: only scheme, host, port and path; a user has its own settings")
        if not self.url.isascii() or not self.url.isprintable() or " " in self.url:
            raise ValueError("url: plain ASCII without spaces expected")
        if parts.scheme == "http" and not (self.allow_http and is_loopback(host)):
            raise ValueError(
                "url: https expected; http only to this machine itself and with allow_http = true"
            )

    def _check_requests(self) -> None:
        for name, path in self.paths.items():
            if name not in MESSAGES:
                raise ValueError(f"paths: one of {', '.join(MESSAGES)} expected, not {name!r}")
            if not path.startswith("/") or not path.isascii() or not path.isprintable():
                raise ValueError(f"paths.{name}: a path from / on expected")
        for name, value in self.headers.items():
            if not _TOKEN.fullmatch(name) or not value.isprintable() or not value.isascii():
                raise ValueError(f"headers.{name}: a header's name and one line of ASCII expected")
            if name.lower() in OWN_HEADERS:
                raise ValueError(
                    f"headers.{name}: not set here; for Authorization use authorization_file"
                )

    def _check_credentials(self) -> None:
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file go together; one of them is missing")
        if bool(self.username) != bool(self.password_file):
            raise ValueError("username and password_file go together; one of them is missing")
        if self.password_file and self.authorization_file:
            raise ValueError("one of password_file and authorization_file expected")
        if ":" in self.username or not self.username.isprintable():
            raise ValueError("username: printable characters without a colon expected")

    @property
    def host(self) -> str:
        """Host and port for people."""
        return urlsplit(self.url).netloc


class JoinServerSettings(SourceSettings, frozen=True, kw_only=True, tag="join_server"):
    """A source of keys: Join Servers, and who we are: `as_id` asks for AppSKeys, `net_id` joins.

    `ns_id` (16 hexadecimal digits) goes with `net_id` in version 1.1; some servers insist on it.
    `http` is where those servers reach us whose answers come in requests of their own.
    """

    as_id: str = ""
    net_id: str = ""
    ns_id: str = ""
    server: tuple[ServerSettings, ...]
    http: ListenSettings | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.server:
            raise ValueError("server: at least one [[edge.source.server]] expected")
        if not self.as_id and not self.net_id:
            raise ValueError("as_id (to ask for AppSKeys) or net_id (to let devices join) expected")
        if len(self.as_id) > 256 or not self.as_id.isascii() or not self.as_id.isprintable():
            raise ValueError("as_id: up to 256 characters of printable ASCII expected")
        if self.net_id and not re.fullmatch(r"[0-9a-fA-F]{6}", self.net_id):
            raise ValueError('net_id: 6 hexadecimal digits expected, such as "000013"')
        if self.ns_id and not re.fullmatch(r"[0-9a-fA-F]{16}", self.ns_id):
            raise ValueError("ns_id: 16 hexadecimal digits expected")
        self._check_listening()

    def _check_listening(self) -> None:
        later = any(one.answers is Answers.ASYNC for one in self.server)
        if later != (self.http is not None):
            raise ValueError('http and answers = "async" of a server go together')
        if self.http is None:
            return
        if self.http.tls and not (self.http.token_file or self.http.client_ca_file):
            raise ValueError(
                "http: nothing tells who sends the answers; give token_file or client_ca_file"
            )


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def prefix(text: str) -> tuple[int, int]:
    """A JoinEUI prefix as its value (64 bits) and how many bits of it count. Raises ValueError."""
    if text == "*":
        return 0, 0
    found = _PREFIX.fullmatch(text.replace("-", ""))
    bits = int(found[2]) if found and found[2] else 4 * len(found[1]) if found else -1
    if found is None or bits > EUI_BITS or bits > 4 * len(found[1]):
        raise ValueError(
            f'join_eui: a prefix such as "70b3d57ed0000000/40", "70b3d5" or "*" expected, '
            f"not {text[:40]!r}"
        )
    value = int(found[1].ljust(16, "0"), 16)
    return value >> (EUI_BITS - bits) << (EUI_BITS - bits), bits


class PrefixTable:
    """Which server is asked about a JoinEUI: the longest prefix, of equal ones the first."""

    def __init__(self, servers: tuple[ServerSettings, ...]) -> None:
        entries = [
            (*prefix(text), index) for index, one in enumerate(servers) for text in one.join_eui
        ]
        self._entries = sorted(entries, key=lambda entry: -entry[1])

    def find(self, join_eui: str) -> int | None:
        """The server's index; None if nobody is named for it."""
        entry = self._entry(join_eui)
        return None if entry is None else entry[2]

    def bits(self, join_eui: str) -> int | None:
        """How many bits of the JoinEUI the server is named for; None if nobody is."""
        entry = self._entry(join_eui)
        return None if entry is None else entry[1]

    def _entry(self, join_eui: str) -> tuple[int, int, int] | None:
        value = int(join_eui, 16)
        for entry in self._entries:
            start, bits, _ = entry
            if value >> (EUI_BITS - bits) == start >> (EUI_BITS - bits):
                return entry
        return None
