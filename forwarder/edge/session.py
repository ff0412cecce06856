"""An enrolled device and its sessions: what is known of each, and no more. Pure.

Ref: edge-keys.md 2.7. A gateway may hold a hundred thousand of these: slots, and envelopes that are
opened when the first frame needs the key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from .errors import EnvelopeRefused, TokenError
from .values import Envelope, KeyHandle, KeyNews, KeyOrigin, Scheme, Vault

Handle = KeyHandle | Literal[False] | None  # not opened yet, or refused
IDENT_SIZE = 8
MOST_NAMES = 8
GROUP = "ffffffff"  # how the stand-in for a multicast group's DevEUI begins


class Stage(Enum):
    """Where a session is in its life; the value is what the store keeps."""

    PENDING = 0  # agreed; no frame of it was verified here
    CURRENT = 1
    OLD = 2  # replaced; late frames are still read, until `grace_end_s`
    GONE = 3  # wiped; only its names stay, so that late news of it does not bring it back


@dataclass(slots=True, eq=False)
class Device:
    """One enrolled device. EUIs are 16 lower-case hex digits.

    `exclusive` says that nobody else uses this device's DevAddr within earshot, so that a frame
    that fits none of its keys is forged or damaged. `fcnt_mask` is 0xFFFF for a device that counts
    with 16 bits. `allow_reset` reads frames of an ABP device that began to count anew.
    """

    dev_eui: str
    name: str = ""
    join_eui: str = ""
    codec: str = ""
    lorawan_1_1: bool = False
    exclusive: bool = False
    allow_reset: bool = False
    fcnt_mask: int = 0xFFFFFFFF
    sessions: tuple[Session, ...] = ()
    joining_until_s: float = 0.0

    def at(self, stage: Stage) -> Session | None:
        return next((one for one in self.sessions if one.stage is stage), None)


class Session:
    """One session. `last` is the last counter that was accepted here, `hint` the last that a source
    reported. `ends_s` and `grace_end_s` are seconds since 1970. `dev_addr` None is not known yet.
    """

    __slots__ = (
        "_app",
        "_nwk",
        "app_s",
        "dev_addr",
        "device",
        "ends_s",
        "fault",
        "grace_end_s",
        "hint",
        "idents",
        "last",
        "last_mic",
        "last_s",
        "lorawan_1_1",
        "multicast",
        "nwk",
        "nwk_s_enc",
        "origin",
        "s_nwk_s_int",
        "session_id",
        "source",
        "stage",
    )

    def __init__(self, device: Device, news: KeyNews, idents: Iterable[bytes]) -> None:
        self.device = device
        self.idents = b"".join(idents)  # all its names in one: there may be 100 000 of these
        self.dev_addr = news.dev_addr
        self.session_id = news.session_id
        self.source = news.source
        self.origin = news.origin
        self.app_s = news.app_s_key
        self.nwk = news.f_nwk_s_int  # NwkSKey, or 1.1's FNwkSIntKey: what uplinks are checked by
        self.s_nwk_s_int = news.s_nwk_s_int
        self.nwk_s_enc = news.nwk_s_enc
        self._app: Handle = None
        self._nwk: Handle = None
        self.lorawan_1_1 = news.lorawan_1_1 or device.lorawan_1_1
        self.multicast = news.multicast
        self.stage = Stage.PENDING
        self.last: int | None = None
        self.last_mic = b""  # of the frame that had it, and when that was heard
        self.last_s = 0.0
        self.hint: int | None = None
        self.ends_s: float | None = None
        self.grace_end_s: float | None = None
        self.fault = ""  # why a key of it did not open

    @property
    def ident(self) -> bytes:
        """Its name in the store and in records: the first that it was known by."""
        return self.idents[:IDENT_SIZE]

    def is_called(self, names: tuple[bytes, ...]) -> bool:
        """Whether any of `names` is one of its own."""
        own = self.idents
        mine = [own[at : at + IDENT_SIZE] for at in range(0, len(own), IDENT_SIZE)]
        return any(name in mine for name in names)

    @property
    def hash(self) -> str:
        """What records call it."""
        return self.ident.hex()

    @property
    def static(self) -> bool:
        """Whether it has no beginning: ABP and multicast, whose counters may start anywhere."""
        return self.origin is KeyOrigin.STATIC

    def over(self, now_s: float) -> bool:
        return self.ends_s is not None and now_s >= self.ends_s

    def network_key(self, vault: Vault) -> KeyHandle | None:
        """The key of uplink MICs, opened when first wanted; None if unknown or refused."""
        handle = self._nwk
        if handle is None and self.nwk is not None:
            handle = self._nwk = self._open(self.nwk, vault)
            self.nwk = _kept(self.nwk)
        return handle or None

    def app_key(self, vault: Vault) -> KeyHandle | None:
        """The key of payloads, likewise."""
        handle = self._app
        if handle is None and self.app_s is not None:
            handle = self._app = self._open(self.app_s, vault)
            self.app_s = _kept(self.app_s)
        return handle or None

    def _open(self, envelope: Envelope, vault: Vault) -> Handle:
        try:
            return vault.open(envelope, self.source)
        except TokenError as error:
            self.fault = str(error)
            return None  # it may open for the next frame
        except EnvelopeRefused as error:
            self.fault = str(error)
            return False

    def learn(self, news: KeyNews) -> bool:
        """Fill in what `news` adds, and try again what was refused; whether there was any."""
        before = self._known()
        if self.dev_addr is None:
            self.dev_addr = news.dev_addr
        if self._app is False and news.app_s_key is not None:
            self.app_s, self._app, self.fault = news.app_s_key, None, ""
        if self._nwk is False and news.f_nwk_s_int is not None:
            self.nwk, self._nwk, self.fault = news.f_nwk_s_int, None, ""
        if self.app_s is None and news.app_s_key is not None and not self.static:
            self.origin = news.origin  # what records say is where the key of payloads is from
        self.app_s = self.app_s or news.app_s_key
        self.nwk = self.nwk or news.f_nwk_s_int
        self.s_nwk_s_int = self.s_nwk_s_int or news.s_nwk_s_int
        self.nwk_s_enc = self.nwk_s_enc or news.nwk_s_enc
        self.session_id = self.session_id or news.session_id
        self._add_names(identify(news))
        return before != self._known()

    def absorb(self, other: Session) -> None:
        """Take over what `other`, the same session under another name, knew beside this."""
        self.session_id = self.session_id or other.session_id
        self._add_names((other.ident,))
        self.ends_s = other.ends_s or self.ends_s
        if not self._app:
            self.app_s, self._app = other.app_s or self.app_s, other._app
        if not self._nwk:
            self.nwk, self._nwk = other.nwk or self.nwk, other._nwk

    def _known(self) -> tuple[object, ...]:
        keys = (self.app_s, self.nwk, self.s_nwk_s_int, self.nwk_s_enc)
        return (self.dev_addr, self.session_id, self.idents, *keys)

    def _add_names(self, names: tuple[bytes, ...]) -> None:
        for name in names:
            if not self.is_called((name,)) and len(self.idents) < MOST_NAMES * IDENT_SIZE:
                self.idents += name

    def wipe(self) -> None:
        """Forget the keys, now."""
        for handle in (self._app, self._nwk):
            if handle:
                handle.wipe()
        self._app = self._nwk = False
        self.app_s = self.nwk = self.s_nwk_s_int = self.nwk_s_enc = None

    def __repr__(self) -> str:
        return f"<Session {self.hash} of {self.device.dev_eui}>"


def identify(news: KeyNews) -> tuple[bytes, ...]:
    """What tells this session from others of its device, the same after a restart.

    A SessionKeyID, and the envelope as it came: RFC 3394 and ThingPark's block give the same bytes
    for the same key. Either is enough. DevAddr is no identity (edge-keys.md 2.7).
    """
    names = []
    if news.session_id:
        names.append(_name(news, b"id", news.session_id))
    key = news.app_s_key or news.f_nwk_s_int
    if key is not None:
        names.append(_name(news, b"key" + key.scheme.value.encode(), key.wrapped))
    return tuple(names)


def _name(news: KeyNews, kind: bytes, what: bytes) -> bytes:
    mark = b"multicast" if news.multicast else b"unicast"
    whole = b"/".join((b"edgemast session", news.dev_eui.encode(), mark, kind, what))
    return hashlib.sha256(whole).digest()[:IDENT_SIZE]


def _kept(envelope: Envelope) -> Envelope:
    """What stays of an envelope that was opened: not the bytes of one that hid nothing."""
    return Envelope(Scheme.CLEAR, b"") if envelope.scheme is Scheme.CLEAR else envelope
