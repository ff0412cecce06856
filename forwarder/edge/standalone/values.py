"""The words of standalone mode: what its core asks, tells and wants stored. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ..values import Envelope, LocalDownlink, RadioFacts, Record


@dataclass(frozen=True, slots=True)
class JoinAsk:
    """A join-request to put before the Join Server. `number` finds the way back."""

    number: int
    phy_payload: bytes
    dev_eui: str
    join_eui: str
    dev_addr: int
    mac_version: str
    dl_settings: int
    rx_delay: int
    cf_list: bytes


@dataclass(frozen=True, slots=True)
class KeyAsk:
    """An AppSKey that the Join Server kept back: to be asked for by AppSKeyReq."""

    dev_eui: str
    join_eui: str
    session_id: bytes


class State(Enum):
    """What became of a local downlink."""

    QUEUED = "queued"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DownlinkState:
    downlink: LocalDownlink
    state: State
    why: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Stored:
    """A session as it is on disk. Limits are counters that may be used up to, without the limit.

    No repr: an envelope may be in it.
    """

    ident: bytes
    dev_eui: str
    join_eui: str
    dev_addr: int
    source: str
    session_id: bytes
    lorawan_1_1: bool
    proven: bool  # a frame of it was verified
    dl_settings: int
    rx_delay_s: int
    cf_list: bytes
    ends_s: float | None
    up: int | None  # the last FCntUp that was accepted
    network_limit: int  # FCntDown; NFCntDown in 1.1
    application_limit: int  # AFCntDown in 1.1, unused before
    conf_down: int  # the counter of the last confirmed downlink, 1.1 uplink MICs take it
    keys: dict[str, Envelope]


@dataclass(frozen=True, slots=True)
class Nonce:
    """A DevNonce that let a device in, and must not again."""

    dev_eui: str
    join_eui: str
    value: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A data frame was taken; something may be due in its receive windows."""

    ident: bytes
    radio: RadioFacts
    ack: bool
    fcnt: int
    commands: bytes  # answers to MAC commands
    wanted: bool  # also an empty downlink is worth sending


@dataclass(frozen=True, slots=True)
class Accept:
    """A join-accept on its way; `took_s` is how long after the request its answer came."""

    ident: bytes
    number: int
    radio: RadioFacts
    phy_payload: bytes
    took_s: float


@dataclass(slots=True)
class Batch:
    """What one commit writes, and what may happen only after it."""

    rows: list[Stored] = field(default_factory=list)
    nonces: list[Nonce] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    accepts: list[Accept] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        return bool(self.rows or self.nonces or self.gone)

    def __bool__(self) -> bool:
        return bool(self.writes or self.records or self.accepts or self.replies)
