"""What a link to one Semtech UDP server is told; filled by the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field

from hal.frames import RxFrame

from ..settings import FeedSettings
from .profiles import PROFILES, Profile


@dataclass(frozen=True, slots=True)
class UdpSettings:
    """One server. Raises ValueError for what no link can work with.

    `eui` is 16 hex digits. `push_timeout_ms` only divides acknowledgements into early and late
    ones in the statistics. `autoquit` is how many unanswered PULL_DATA make the link open its
    sockets anew and ask the name servers again (0: a default of its own); the process never ends.
    `batch` puts frames that arrive together into one datagram of up to 1200 bytes.
    """

    name: str
    address: str
    eui: str
    port_up: int = 1700
    port_down: int = 1700
    keepalive_s: float = 10.0
    stat_interval_s: float = 30.0
    push_timeout_ms: int = 100
    profile: str = "generic"
    uplink_only: bool = False
    autoquit: int = 0
    batch: bool = False
    feed: FeedSettings = field(default_factory=FeedSettings)

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            known = ", ".join(PROFILES)
            raise ValueError(f"server {self.name}: profile '{self.profile}'; one of {known}")
        if len(self.eui) != 16 or not set(self.eui) <= set("0123456789abcdefABCDEF"):
            raise ValueError(f"server {self.name}: eui '{self.eui}'; 16 hex digits expected")
        if not (self.keepalive_s > 0 and self.stat_interval_s > 0):
            raise ValueError(f"server {self.name}: keepalive and stat interval above 0 expected")

    @property
    def gateway(self) -> bytes:
        """The EUI as datagrams carry it: 8 bytes, most significant first."""
        return bytes.fromhex(self.eui)

    def carries(self, frame: RxFrame) -> bool:
        """Whether this server can read such a frame at all."""
        return self.dialect.carries(frame)

    @property
    def dialect(self) -> Profile:
        return PROFILES[self.profile]
