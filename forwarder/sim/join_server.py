"""A Join Server for demonstrations and tests: holds root keys, speaks TS002. Bytes in, bytes out.

Ref: LoRa Alliance Backend Interfaces 1.0 and 1.1, JoinReq, AppSKeyReq and HomeNSReq. It has its own
reading of the messages, stricter than the client's, and shares none of its code. LoRaWAN 1.0.x and
1.1 devices; rejoins are refused. Everything in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from ..lorawan import crypto, keys
from ..lorawan.frame import FrameError, Header, JoinAccept, JoinRequest, MType, parse

JOIN_ACCEPT = Header(MType.JOIN_ACCEPT).byte()
OPT_NEG = 0x80
LIFETIME_S = 86_400
SESSIONS_KEPT = 8  # of a device; the key of an older one is not given any more
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class Roots:
    """A device's root keys. `nwk_key` is None for one of 1.0.x. No repr: they are the secret."""

    dev_eui: int
    join_eui: int
    app_key: bytes
    nwk_key: bytes | None = None
    counted_nonces: bool = True


@dataclass(frozen=True, slots=True, repr=False)
class Kek:
    """What keys are wrapped with for one peer."""

    label: str
    key: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Peers:
    """KEKs by NetID (network servers) and by AS-ID (application servers); none is: in clear.

    `home_as` is whose KEK wraps the AppSKey within a JoinAns. With `closed` only these may ask.
    """

    network: Mapping[str, Kek | None] = field(default_factory=dict)
    application: Mapping[str, Kek | None] = field(default_factory=dict)
    home_as: str = ""
    closed: bool = False


class Gives(Enum):
    """How a JoinAns hands over the AppSKey."""

    BOTH = "both"
    KEY = "key"
    SESSION_ID = "session-id"


class Fault(Enum):
    """What goes wrong on request, once for each time it was asked for."""

    LATE = "late"
    NEVER = "never"
    GARBAGE = "garbage"
    HUGE = "huge"  # 10 MB
    WRONG_TRANSACTION = "wrong-transaction"
    UNKNOWN_DEVICE = "unknown-device"
    DAMAGED_ENVELOPE = "damaged-envelope"
    CLEAR_KEY = "clear-key"
    UNAUTHORIZED = "unauthorized"
    OTHER_SESSION = "other-session"
    REFUSE_VERSION = "refuse-version"


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """What to say, and when: `delay_s` None is never."""

    body: bytes
    status: int = 200
    delay_s: float | None = 0.0


class Refusal(Exception):
    """A result code other than Success."""

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(words)
        self.code = code


@dataclass(slots=True, repr=False)
class _Device:
    roots: Roots
    nonces: set[int] = field(default_factory=set)
    join_nonce: int = 0
    app_s_keys: dict[bytes, bytes] = field(default_factory=dict)


class JoinServer:
    """`random` gives that many unpredictable bytes, for SessionKeyIDs."""

    def __init__(
        self,
        devices: Iterable[Roots],
        peers: Peers,
        random: Callable[[int], bytes],
        *,
        gives: Gives = Gives.BOTH,
    ) -> None:
        self._devices = {one.dev_eui: _Device(one) for one in devices}
        self._peers = peers
        self._random = random
        self._gives = gives
        self._faults: deque[tuple[Fault, float]] = deque()
        self.answered = 0

    def fail(self, fault: Fault, delay_s: float = 0.0, *, times: int = 1) -> None:
        """Let the next `times` requests meet `fault`; `delay_s` is for LATE."""
        self._faults.extend([(fault, delay_s)] * times)

    def answer(self, body: bytes, client: frozenset[str] | None = None) -> Reply:
        """The reply to one request. `client` has the names of its TLS certificate, if any."""
        fault, delay_s = self._faults.popleft() if self._faults else (None, 0.0)
        if fault is Fault.NEVER:
            return Reply(b"", delay_s=None)
        if fault is Fault.UNAUTHORIZED:
            return Reply(b"who are you?", 401)
        if fault is Fault.GARBAGE:
            return Reply(b'{"ProtocolVersion": "1.0", \xff\x00')
        if fault is Fault.HUGE:
            return Reply(b"[" + b" " * 10_000_000 + b"]")
        try:
            request = msgspec.json.decode(body, type=Json)
        except (msgspec.DecodeError, RecursionError):
            return Reply(b"a JSON object expected", 400)
        answer = self._answer(request, client, fault)
        if fault is Fault.WRONG_TRANSACTION:
            answer["TransactionID"] = (answer["TransactionID"] + 1) & 0xFFFFFFFF
        self.answered += 1
        return Reply(msgspec.json.encode(answer), delay_s=delay_s)

    def _answer(self, request: Json, client: frozenset[str] | None, fault: Fault | None) -> Json:
        kind = _text(request, "MessageType")
        number = request.get("TransactionID")
        head: Json = {
            "ProtocolVersion": _text(request, "ProtocolVersion"),
            "SenderID": _text(request, "ReceiverID"),
            "ReceiverID": _text(request, "SenderID"),
            "TransactionID": number if isinstance(number, int) and 0 <= number < 2**32 else 0,
            "MessageType": kind.removesuffix("Req") + "Ans",
        }
        for name, back in (("SenderToken", "ReceiverToken"), ("SenderNSID", "ReceiverNSID")):
            if name in request:
                head[back] = _text(request, name)
        try:
            content = self._content(kind, request, client, fault)
        except Refusal as error:
            result = {"ResultCode": error.code, "Description": str(error)}
            if kind == "AppSKeyReq":
                head["DevEUI"] = _text(request, "DevEUI")
            return {**head, "Result": result}
        return {**head, "Result": {"ResultCode": "Success"}, **content}

    def _content(
        self, kind: str, request: Json, client: frozenset[str] | None, fault: Fault | None
    ) -> Json:
        if request.get("ProtocolVersion") not in ("1.0", "1.1") or fault is Fault.REFUSE_VERSION:
            raise Refusal("InvalidProtocolVersion")
        sender = _member(request, "SenderID", str)
        self._admit(kind, sender, client)
        if fault is Fault.UNKNOWN_DEVICE:
            raise Refusal("UnknownDevEUI", "as was asked for")
        match kind:
            case "JoinReq":
                return self._join(request, sender, fault)
            case "AppSKeyReq":
                return self._app_s_key(request, sender, fault)
            case "HomeNSReq":
                self._device(request)
                return {"HNetID": min(self._peers.network, default="000000")}
        raise Refusal(_malformed(request), f"{kind[:20]} is not served here")

    def _admit(self, kind: str, sender: str, client: frozenset[str] | None) -> None:
        known = self._peers.application if kind == "AppSKeyReq" else self._peers.network
        if self._peers.closed and sender not in known:
            raise Refusal("UnknownSender", "this sender is not known here")
        if client is not None and sender not in client:
            raise Refusal("UnknownSender", "the client certificate is another's")

    def _device(self, request: Json) -> _Device:
        dev_eui = int.from_bytes(_hex(request, "DevEUI", 8), "big")
        if dev_eui not in self._devices:
            raise Refusal("UnknownDevEUI")
        device = self._devices[dev_eui]
        if int.from_bytes(_hex(request, "ReceiverID", 8), "big") != device.roots.join_eui:
            raise Refusal("UnkownReceiver", "this device has another JoinEUI")
        return device

    # Joins.

    def _join(self, request: Json, sender: str, fault: Fault | None) -> Json:
        device = self._device(request)
        frame = self._join_request(request, device)
        roots = device.roots
        device.join_nonce += 1
        settings = _hex(request, "DLSettings", 1)[0]
        new = roots.nwk_key is not None and _member(request, "MACVersion", str) == "1.1"
        accept = JoinAccept(
            device.join_nonce,
            int.from_bytes(_hex(request, "SenderID", 3), "big"),
            int.from_bytes(_hex(request, "DevAddr", 4), "big"),
            settings | OPT_NEG if new else settings & ~OPT_NEG,
            _rx_delay(request),
            _hex(request, "CFList", 16) if request.get("CFList") else b"",
        )
        session, sealed = (
            _accept_1_1(roots, frame, accept) if new else _accept_1_0(roots, frame, accept)
        )
        session_id = self._random(16)
        self._remember(device, session_id, session.app_s)
        kek = self._peers.network.get(sender)
        names = {"NwkSKey": session.nwk_s_enc}
        if new:
            names = {
                "SNwkSIntKey": session.s_nwk_s_int,
                "FNwkSIntKey": session.f_nwk_s_int,
                "NwkSEncKey": session.nwk_s_enc,
            }
        told: Json = {name: _envelope(kek, key, fault) for name, key in names.items()}
        told |= {"PHYPayload": (bytes([JOIN_ACCEPT]) + sealed).hex(), "Lifetime": LIFETIME_S}
        return {**told, **self._app_part(session_id, session.app_s, fault)}

    def _join_request(self, request: Json, device: _Device) -> JoinRequest:
        """The frame, if it is one of this device and fresh."""
        roots = device.roots
        try:
            frame = parse(bytes.fromhex(_member(request, "PHYPayload", str)))
        except (FrameError, ValueError):
            raise Refusal("FrameSizeError") from None
        if not isinstance(frame, JoinRequest):
            raise Refusal(_malformed(request), "PHYPayload is no join-request")
        if (frame.dev_eui, frame.join_eui) != (roots.dev_eui, roots.join_eui):
            raise Refusal(_malformed(request), "PHYPayload is of another device")
        if crypto.cmac4(roots.nwk_key or roots.app_key, frame.body()) != frame.mic:
            raise Refusal("MICFailed")
        last = max(device.nonces, default=-1)
        if frame.dev_nonce in device.nonces or (roots.counted_nonces and frame.dev_nonce <= last):
            replayed = request["ProtocolVersion"] == "1.1"
            raise Refusal("FrameReplayed" if replayed else "JoinReqFailed", "DevNonce was used")
        device.nonces.add(frame.dev_nonce)
        return frame

    def _remember(self, device: _Device, session_id: bytes, app_s_key: bytes) -> None:
        device.app_s_keys[session_id] = app_s_key
        while len(device.app_s_keys) > SESSIONS_KEPT:
            del device.app_s_keys[next(iter(device.app_s_keys))]

    def _app_part(self, session_id: bytes, app_s_key: bytes, fault: Fault | None) -> Json:
        kek = self._peers.application.get(self._peers.home_as)
        envelope = {"AppSKey": _envelope(kek, app_s_key, fault)}
        if self._gives is Gives.KEY:
            return envelope
        told = {"SessionKeyID": session_id.hex()}
        return told if self._gives is Gives.SESSION_ID else {**envelope, **told}

    def _app_s_key(self, request: Json, sender: str, fault: Fault | None) -> Json:
        device = self._device(request)
        try:
            session_id = bytes.fromhex(_member(request, "SessionKeyID", str))
        except ValueError:
            raise Refusal(_malformed(request), "SessionKeyID") from None
        if session_id not in device.app_s_keys:
            raise Refusal("Other", "no such session")
        told = session_id if fault is not Fault.OTHER_SESSION else bytes(len(session_id))
        kek = self._peers.application.get(sender)
        return {
            "DevEUI": f"{device.roots.dev_eui:016x}",
            "AppSKey": _envelope(kek, device.app_s_keys[session_id], fault),
            "SessionKeyID": told.hex(),
        }


def _accept_1_0(
    roots: Roots, frame: JoinRequest, accept: JoinAccept
) -> tuple[keys.SessionKeys, bytes]:
    """Keys and what follows the MHDR; a 1.1 device in a 1.0 network has them from its NwkKey."""
    root, clear = roots.nwk_key or roots.app_key, accept.encode()
    session = keys.session_1_0(root, accept.join_nonce, accept.net_id, frame.dev_nonce)
    mic = crypto.join_accept_mic(root, JOIN_ACCEPT, clear)
    return session, crypto.seal_join_accept(root, clear, mic)


def _accept_1_1(
    roots: Roots, frame: JoinRequest, accept: JoinAccept
) -> tuple[keys.SessionKeys, bytes]:
    nwk_key, clear = roots.nwk_key, accept.encode()
    assert nwk_key is not None
    session = keys.session_1_1(
        nwk_key, roots.app_key, accept.join_nonce, frame.join_eui, frame.dev_nonce
    )
    mic = crypto.join_accept_mic_1_1(
        keys.js_int_key(nwk_key, roots.dev_eui),
        JOIN_ACCEPT,
        clear,
        request=0xFF,
        join_eui=frame.join_eui,
        dev_nonce=frame.dev_nonce,
    )
    return session, crypto.seal_join_accept(nwk_key, clear, mic)


def _envelope(kek: Kek | None, key: bytes, fault: Fault | None) -> dict[str, str]:
    if kek is None or fault is Fault.CLEAR_KEY:
        return {"KEKLabel": "", "AESKey": key.hex()}
    wrapped = keys.wrap(kek.key, key)
    if fault is Fault.DAMAGED_ENVELOPE:
        wrapped = bytes([wrapped[0] ^ 1]) + wrapped[1:]
    return {"KEKLabel": kek.label, "AESKey": wrapped.hex()}


def _malformed(request: Json) -> str:
    return "MalformedMessage" if request.get("ProtocolVersion") == "1.1" else "MalformedRequest"


def _text(request: Json, name: str) -> str:
    """For an echo; what is no text comes back as none."""
    value = request.get(name)
    return value if isinstance(value, str) else ""


def _rx_delay(request: Json) -> int:
    value = int(_member(request, "RxDelay", int))
    if not 0 <= value <= 15:
        raise Refusal(_malformed(request), "RxDelay")
    return value


def _member(request: Json, name: str, kind: type[Any]) -> Any:
    value = request.get(name)
    if not isinstance(value, kind):
        raise Refusal(_malformed(request), name)
    return value


def _hex(request: Json, name: str, size: int) -> bytes:
    try:
        value = bytes.fromhex(_member(request, name, str))
    except ValueError:
        value = b""
    if len(value) != size:
        raise Refusal(_malformed(request), name)
    return value
