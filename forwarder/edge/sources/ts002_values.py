"""The messages of Backend Interfaces 1.0 and 1.1, as values. Pure.

Ref: LoRa Alliance TS002-1.0.0 and TS002-1.1.0. EUIs are 16 lower-case hexadecimal digits, addresses
and settings integers, keys envelopes (`edge.values`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from ..values import Envelope
from .ts002_results import ResultCode


class Version(Enum):
    V1_0 = "1.0"
    V1_1 = "1.1"

    @property
    def other(self) -> Version:
        return Version.V1_1 if self is Version.V1_0 else Version.V1_0


@dataclass(frozen=True, slots=True)
class Header:
    """What every message begins with. `sender` and `receiver` are NetID, JoinEUI or AS-ID.

    NSIDs (1.1) are 16 hexadecimal digits. `sender_token` comes back as `receiver_token`.
    """

    sender: str
    receiver: str
    transaction: int
    version: Version = Version.V1_0
    sender_nsid: str | None = None
    receiver_nsid: str | None = None
    sender_token: bytes = b""
    receiver_token: bytes = b""

    def reply(self) -> Header:
        """The header of the answer to this one."""
        return replace(
            self,
            sender=self.receiver,
            receiver=self.sender,
            sender_nsid=self.receiver_nsid,
            receiver_nsid=self.sender_nsid,
            sender_token=self.receiver_token,
            receiver_token=self.sender_token,
        )


@dataclass(frozen=True, slots=True)
class Result:
    """`description` is cut, and stripped of anything long enough to be a key."""

    code: ResultCode
    description: str = ""


@dataclass(frozen=True, slots=True)
class JoinReq:
    """A join-request on its way to the Join Server; `phy_payload` as on the air."""

    header: Header
    mac_version: str
    phy_payload: bytes
    dev_eui: str
    dev_addr: int
    dl_settings: int
    rx_delay: int
    cf_list: bytes = b""


@dataclass(frozen=True, slots=True)
class RejoinReq(JoinReq):
    """The same for a rejoin-request."""


@dataclass(frozen=True, slots=True)
class JoinAns:
    """`phy_payload` is the join-accept to send. On Success all that must be there is there:

    the frame; `f_nwk_s_int` alone (the NwkSKey of 1.0) or all three network keys (`lorawan_1_1`);
    `app_s_key` or `session_id`. `lifetime_s` None means unknown.
    """

    header: Header
    result: Result
    phy_payload: bytes = b""
    lifetime_s: int | None = None
    f_nwk_s_int: Envelope | None = None
    s_nwk_s_int: Envelope | None = None
    nwk_s_enc: Envelope | None = None
    app_s_key: Envelope | None = None
    session_id: bytes = b""

    @property
    def lorawan_1_1(self) -> bool:
        return self.s_nwk_s_int is not None


@dataclass(frozen=True, slots=True)
class RejoinAns(JoinAns):
    """The same for a rejoin-request."""


@dataclass(frozen=True, slots=True)
class AppSKeyReq:
    header: Header
    dev_eui: str
    session_id: bytes


@dataclass(frozen=True, slots=True)
class AppSKeyAns:
    """`app_s_key` is there on Success. `dev_eui` and `session_id` are empty where left out."""

    header: Header
    result: Result
    dev_eui: str = ""
    app_s_key: Envelope | None = None
    session_id: bytes = b""


@dataclass(frozen=True, slots=True)
class HomeNSReq:
    header: Header
    dev_eui: str


@dataclass(frozen=True, slots=True)
class HomeNSAns:
    """`net_id` is 6 hexadecimal digits; `nsid` comes with 1.1."""

    header: Header
    result: Result
    net_id: str = ""
    nsid: str | None = None


Request = JoinReq | RejoinReq | AppSKeyReq | HomeNSReq
Answer = JoinAns | RejoinAns | AppSKeyAns | HomeNSAns
Message = Request | Answer


def same_id(one: str, other: str) -> bool:
    """Whether two NetIDs or EUIs are equal, however they are written."""

    def bare(text: str) -> str:
        return text.strip().lower().removeprefix("0x")

    return bare(one) == bare(other)
