"""The words that the parts of local mode share: keys on their way, and records of frames. Pure.

    sources ── KeyNews ──▶ observer (sessions, MIC, payload) ── Record ──▶ codec ──▶ sinks
                               ▲
                           Uplink, after every link has had it

Nothing here holds a key in clear: what a source brings is wrapped (`Envelope`), and what opens it
is a `KeyHandle` (keys.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import msgspec
from msgspec import Struct


class Scheme(Enum):
    """How a key is wrapped."""

    RFC3394 = "rfc3394"  # TS002's KeyEnvelope; says whether it was damaged
    CBC0 = "cbc0"  # ThingPark's tunnel: one AES-CBC block, zero IV; cannot tell a wrong key
    CLEAR = "clear"  # not at all; only where a setting allows it


@dataclass(frozen=True, slots=True, repr=False)
class Envelope:
    """A session key as it travelled. `label` names the KEK; "" where the wire has none.

    No repr: with Scheme.CLEAR the bytes are the key.
    """

    scheme: Scheme
    wrapped: bytes
    label: str = ""


class KeyOrigin(Enum):
    """Where a session's keys came from; the value is what records say."""

    TUNNEL = "tunnel"
    APP_S_KEY_REQ = "appskeyreq"
    PUSH = "push"
    JOIN = "join"
    STATIC = "static"


@dataclass(frozen=True, slots=True)
class FrameMatch:
    """A frame of the new session as the network reported it: enough to know it on the radio."""

    fcnt: int  # 32 bits where the source has them, else 16
    mic: bytes | None = None
    frm_payload: bytes | None = None


@dataclass(frozen=True, slots=True)
class KeyNews:
    """What a source learned about one device's session. EUIs are 16 lower-case hex digits.

    `session_id` is the Join Server's SessionKeyID, b"" where there is none. Envelopes that are None
    are not known. `f_nwk_s_int` is the NwkSKey of a 1.0.x device. With a session id and no
    `app_s_key` the key is to be asked for. `pending` says that the session is agreed and no frame
    of it was seen yet. `source` is the name of the source that tells.
    """

    source: str
    origin: KeyOrigin
    dev_eui: str
    dev_addr: int | None = None
    join_eui: str | None = None
    session_id: bytes = b""
    app_s_key: Envelope | None = None
    f_nwk_s_int: Envelope | None = None
    s_nwk_s_int: Envelope | None = None
    nwk_s_enc: Envelope | None = None
    lorawan_1_1: bool = False
    match: FrameMatch | None = None
    pending: bool = False
    lifetime_s: int | None = None
    multicast: bool = False


class MicState(Enum):
    OK = "ok"
    OK_HALF = "ok-half"  # 1.1 with FNwkSIntKey alone: 16 of 32 bits
    BAD = "bad"
    UNKNOWN_DEVICE = "unknown-device"
    NO_KEY = "no-key"
    NOT_CHECKED = "not-checked"


class PayloadState(Enum):
    DECRYPTED = "decrypted"
    PENDING_KEY = "pending-key"
    NO_KEY = "no-key"
    EMPTY = "empty"
    MAC_ONLY = "mac-only"
    RELAY = "relay"
    MULTICAST = "multicast"
    REFUSED = "refused"  # a replay: nobody should act on it again


class FcntState(Enum):
    NEW = "new"
    REPEAT = "repeat"
    RESET = "reset?"


# The two that every frame makes are msgspec structs: a tenth of a frozen dataclass's time, and
# `msgspec.structs.replace` where a dataclass has `replace`.


class RadioFacts(Struct, frozen=True):
    """How the frame was heard; levels rounded as in rxpk."""

    tmst: int
    freq_hz: int
    datarate: str
    coding_rate: str | None
    rssi_dbm: int
    snr_db: float | None
    channel: int
    rf_chain: int


class Record(Struct, frozen=True):
    """One frame as local mode publishes it, whatever the sink. `docs/local-mode.md` has the schema.

    `time_ns` is wall time since 1970 when it was heard. `session` is a hash of the session, never a
    key. `payload` is clear and None unless `payload_state` is DECRYPTED or MULTICAST. `decoded` is
    what the codec made of it (JSON values), `codec_error` why it made nothing. `raw` is the whole
    PHYPayload as heard. `dedup` is the same for every gateway that heard this frame.
    """

    gateway: str
    time_ns: int
    dev_addr: str
    mic: MicState
    payload_state: PayloadState
    fcnt_state: FcntState
    raw: bytes
    radio: RadioFacts
    dev_eui: str | None = None
    device_name: str | None = None
    fcnt: int | None = None
    fport: int | None = None
    confirmed: bool = False
    payload: bytes | None = None
    decoded: object | None = None
    codec_error: str | None = None
    codec_warnings: tuple[str, ...] = ()
    key_origin: KeyOrigin | None = None
    session: str | None = None
    dedup: str = ""
    note: str = ""
    late: bool = False  # decrypted after its key came, not when it was heard
    extra: dict[str, object] = msgspec.field(default_factory=dict)


class KeyHandle(Protocol):
    """A session key that can be used and not be read: in memory (keys.SoftKey) or in a token."""

    def cmac(self, message: bytes) -> bytes:
        """The 16 bytes of AES-CMAC."""
        ...

    def encrypt_blocks(self, blocks: bytes) -> bytes:
        """AES on whole 16-byte blocks, each by itself: keystreams and derivations."""
        ...

    def wipe(self) -> None:
        """Forget the key as far as the platform allows; the handle is dead afterwards."""
        ...


class Vault(Protocol):
    """Opens envelopes. Raises edge.errors.EnvelopeRefused with words that name label and scheme."""

    def open(self, envelope: Envelope, source: str) -> KeyHandle: ...

    def pinned(self, envelope: Envelope, source: str) -> Envelope:
        """The envelope as it should be stored: with the KEK named that opens it now."""
        ...


class KeySource(Protocol):
    """Brings KeyNews through the callback it was made with. `run` ends only by cancellation."""

    name: str

    async def run(self) -> None: ...

    def status(self) -> dict[str, object]: ...


class KeyAsker(Protocol):
    """A source that can be asked (AppSKeyReq). Answers come as KeyNews; never blocks."""

    def ask(self, dev_eui: str, join_eui: str, session_id: bytes) -> None: ...


class Sink(Protocol):
    """Where records go. `publish` never blocks: it queues, bounded, and counts what it drops."""

    name: str

    async def run(self) -> None: ...

    def publish(self, record: Record) -> None: ...

    def status(self) -> dict[str, object]: ...


@dataclass(frozen=True, slots=True)
class LocalDownlink:
    """What somebody on site wants sent to a device (standalone mode). One of the two contents.

    `respond` is told once what became of it: "queued", "sent", "acknowledged", or a reason.
    """

    dev_eui: str
    fport: int
    payload: bytes | None = None
    decoded: object | None = None
    confirmed: bool = False
    reference: str = ""
