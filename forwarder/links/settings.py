"""What every link is told, whatever it speaks; filled by the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from hal.frames import Crc


class OutagePolicy(Enum):
    """What becomes of uplinks while a server cannot be reached."""

    DROP = "drop"
    REPLAY = "replay"
    SINK_ONLY = "sink-only"


@dataclass(frozen=True, slots=True)
class OutageSettings:
    """How a link lives through an outage.

    Frames wait in memory first (`memory_frames` at most) and on disk when the outage has lasted
    `disk_after_s` (`disk_mb` 0: never), up to `disk_mb` megabytes and `max_age_h` hours, the oldest
    dropped first. `replay_per_s` is how many go out in a second afterwards, oldest first.
    """

    policy: OutagePolicy = OutagePolicy.DROP
    memory_frames: int = 4096
    disk_after_s: float = 60.0
    disk_mb: float = 64.0
    max_age_h: float = 72.0
    replay_per_s: float = 10.0


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """Which frames a server is given; the lists as the file writes them. See filters.py."""

    dev_addr: tuple[str, ...] = ()
    dev_addr_deny: tuple[str, ...] = ()
    net_id: tuple[str, ...] = ()
    net_id_deny: tuple[str, ...] = ()
    join_eui: tuple[str, ...] = ()
    join_eui_deny: tuple[str, ...] = ()
    dev_eui: tuple[str, ...] = ()
    dev_eui_deny: tuple[str, ...] = ()
    lorawan_only: bool = False
    joins_per_minute: float = 0.0


class LinkPriority(Enum):
    """Whose downlinks go first where the scheduler has a choice."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """What stands between the radio and a link, and the link's part of the air.

    `crcs` and `ghosts` say which frames are wanted at all. `share` is the link's weight in what is
    guaranteed of duty cycle and queue. `conducted`: the server asks for conducted power, not EIRP.
    `bytes_per_day` is what a metered line may carry; 0: not told.
    """

    filter: FilterSettings = field(default_factory=FilterSettings)
    outage: OutageSettings = field(default_factory=OutageSettings)
    crcs: frozenset[Crc] = frozenset({Crc.OK})
    ghosts: bool = True
    priority: LinkPriority = LinkPriority.NORMAL
    share: float = 1.0
    conducted: bool = False
    bytes_per_day: int = 0
