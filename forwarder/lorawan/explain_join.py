"""Joins explained: join-requests, rejoin-requests, join-accepts. Pure; keys never come out unasked.

Ref: TS001-1.0.4 and LoRaWAN 1.1, section 6.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest

from . import keys as derivation
from .crypto import cmac4, join_accept_mic, join_accept_mic_1_1, open_join_accept
from .frame import JoinAccept, JoinRequest, RejoinRequest, SealedJoinAccept
from .region import cf_list_freqs, cf_list_masks
from .story import Story

JOIN = 0xFF  # JoinReqType of a join; 0, 1, 2 are rejoins


@dataclass(frozen=True, slots=True, repr=False)
class JoinFacts:
    """Root keys, and what the request said that a join-accept answers. No repr: keys inside."""

    app_key: bytes | None = None
    nwk_key: bytes | None = None
    js_int_key: bytes | None = None
    js_enc_key: bytes | None = None
    join_eui: int | None = None
    dev_eui: int | None = None
    dev_nonce: int | None = None
    request: int | None = None  # JoinReqType

    def int_key(self, dev_eui: int | None = None) -> bytes | None:
        eui = self.dev_eui if dev_eui is None else dev_eui
        if self.js_int_key is not None or self.nwk_key is None or eui is None:
            return self.js_int_key
        return derivation.js_int_key(self.nwk_key, eui)

    def told(self) -> dict[str, object]:
        """What is not secret of it, by its name in JSON."""
        texts = {
            "join_eui": None if self.join_eui is None else f"{self.join_eui:016x}",
            "dev_eui": None if self.dev_eui is None else f"{self.dev_eui:016x}",
            "dev_nonce": self.dev_nonce,
            "join_req_type": None if self.request is None else f"{self.request:02x}",
        }
        return {name: value for name, value in texts.items() if value is not None}

    def enc_key(self) -> bytes | None:
        if self.js_enc_key is not None or self.nwk_key is None or self.dev_eui is None:
            return self.js_enc_key
        return derivation.js_enc_key(self.nwk_key, self.dev_eui)


def request_story(
    story: Story,
    frame: JoinRequest | RejoinRequest,
    facts: JoinFacts,
    s_nwk_s_int: bytes | None,
) -> None:
    """Fields and MIC of a join- or rejoin-request."""
    if isinstance(frame, JoinRequest):
        _eui(story, "JoinEUI", "join_eui", frame.join_eui)
        _eui(story, "DevEUI", "dev_eui", frame.dev_eui)
        story.tell("DevNonce", str(frame.dev_nonce), "must never have been used by this device")
        story.set("dev_nonce", frame.dev_nonce)
        candidates = [("AppKey", facts.app_key), ("NwkKey", facts.nwk_key)]
    else:
        _rejoin_fields(story, frame)
        if frame.rejoin_type == 1:
            candidates = [("JSIntKey", facts.int_key(frame.dev_eui))]
        else:
            candidates = [("SNwkSIntKey", s_nwk_s_int)]
    _request_mic(story, frame, candidates)


def _eui(story: Story, name: str, json_name: str, eui: int) -> None:
    story.tell(name, f"{eui:016x}", "sent last byte first")
    story.set(json_name, f"{eui:016x}")


def _rejoin_fields(story: Story, frame: RejoinRequest) -> None:
    story.tell("Type", str(frame.rejoin_type), "")
    story.set("mac_version", "1.1")
    story.set("rejoin_type", frame.rejoin_type)
    if frame.net_id is not None:
        story.tell("NetID", f"{frame.net_id:06x}")
        story.set("net_id", f"{frame.net_id:06x}")
    if frame.join_eui is not None:
        _eui(story, "JoinEUI", "join_eui", frame.join_eui)
    _eui(story, "DevEUI", "dev_eui", frame.dev_eui)
    story.tell("RJcount", str(frame.rj_count))
    story.set("rj_count", frame.rj_count)


def _request_mic(
    story: Story, frame: JoinRequest | RejoinRequest, candidates: list[tuple[str, bytes | None]]
) -> None:
    given = [(name, key) for name, key in candidates if key is not None]
    if not given:
        needed = " or ".join(name for name, _ in candidates)
        story.tell_mic(frame.mic, None, f"not checked: needs the {needed}")
        return
    for name, key in given:
        if compare_digest(cmac4(key, frame.body()), frame.mic):
            story.tell_mic(frame.mic, True, f"fits the {name}")
            story.set("mac_version", "1.0" if name == "AppKey" else "1.1")
            return
    names = " and the ".join(name for name, _ in given)
    story.tell_mic(
        frame.mic,
        False,
        f"does not fit the {names}: another device's key, a key in reversed byte order, "
        "or a damaged frame",
    )
    story.set("mic_expected_for_bytes", cmac4(given[0][1], frame.body()).hex())


@dataclass(frozen=True, slots=True, repr=False)
class _Opened:
    """A join-accept under one key: its fields if they parse, the verdict on its MIC."""

    key_name: str
    enc_key: bytes
    clear: bytes
    mic: bytes
    accept: JoinAccept
    ok: bool | None
    why: str


def accept_story(
    story: Story, frame: SealedJoinAccept, facts: JoinFacts, *, show_derived: bool
) -> None:
    """Fields and MIC of a join-accept, if a key opens it."""
    for name, value in facts.told().items():
        story.set(name, value)
    opened = [_open(frame, name, key, facts) for name, key in _openers(facts)]
    if not opened:
        story.tell("Sealed", frame.sealed.hex(), "encrypted: needs the AppKey or NwkKey")
        story.tell_mic(b"", None, "not checked: it is inside; needs the AppKey or NwkKey")
        story.set("mic", None)
        return
    best = min(opened, key=lambda one: (one.ok is not True, one.ok is not None))
    clear = bytes([frame.header.byte()]) + best.clear + best.mic
    if best.ok is False:
        story.tell("Sealed", frame.sealed.hex(), "fields are not shown: no given key opens it")
        story.tell_mic(best.mic, False, best.why)
        return
    story.tell("Sealed", frame.sealed.hex(), f"opened with the {best.key_name}")
    story.set("phy_clear", clear.hex())
    _accept_fields(story, best.accept)
    story.tell_mic(best.mic, best.ok, best.why)
    if show_derived:
        _derived(story, best, facts)


def _openers(facts: JoinFacts) -> list[tuple[str, bytes]]:
    named = [
        ("AppKey", facts.app_key if facts.nwk_key is None else None),
        ("NwkKey", facts.nwk_key),
        ("JSEncKey", facts.enc_key()),
        # A 1.0 device that is described with both keys of 1.1 all the same.
        ("AppKey", facts.app_key if facts.nwk_key is not None else None),
    ]
    return [(name, key) for name, key in named if key is not None]


def _open(frame: SealedJoinAccept, name: str, key: bytes, facts: JoinFacts) -> _Opened:
    clear, mic = open_join_accept(key, frame.sealed)
    accept = JoinAccept.parse(clear)
    ok, why = _accept_verdict(frame, name, key, clear, mic, accept, facts)
    return _Opened(name, key, clear, mic, accept, ok, why)


def _accept_verdict(
    frame: SealedJoinAccept,
    name: str,
    key: bytes,
    clear: bytes,
    mic: bytes,
    accept: JoinAccept,
    facts: JoinFacts,
) -> tuple[bool | None, str]:
    mhdr = frame.header.byte()
    if name != "JSEncKey" and compare_digest(join_accept_mic(key, mhdr, clear), mic):
        return True, f"fits the {name}"
    wrong = (
        f"the {name} does not open it: another device's key, a key in reversed byte order, "
        "or a damaged frame"
    )
    if not accept.opt_neg or name == "AppKey":
        return False, wrong
    int_key = facts.int_key()
    if int_key is None or facts.join_eui is None or facts.dev_nonce is None:
        return None, "not checked: LoRaWAN 1.1 needs JoinEUI, DevEUI and DevNonce of the request"
    for request in _requests(name, facts):
        expected = join_accept_mic_1_1(
            int_key,
            mhdr,
            clear,
            request=request,
            join_eui=facts.join_eui,
            dev_nonce=facts.dev_nonce,
        )
        if compare_digest(expected, mic):
            return True, "fits the JSIntKey"
    return False, wrong + ", or JoinEUI, DevEUI or DevNonce of another request"


def _requests(name: str, facts: JoinFacts) -> tuple[int, ...]:
    if facts.request is not None:
        return (facts.request,)
    return (JOIN,) if name == "NwkKey" else (0, 1, 2)


def _accept_fields(story: Story, accept: JoinAccept) -> None:
    story.tell("JoinNonce", str(accept.join_nonce))
    story.tell("NetID", f"{accept.net_id:06x}")
    story.tell("DevAddr", f"{accept.dev_addr:08x}", "the device's address from now on")
    version = "1.1" if accept.opt_neg else "1.0"
    story.tell(
        "DLSettings",
        f"{accept.dl_settings:02x}",
        f"LoRaWAN {version} session, RX1 offset {accept.rx1_dr_offset}, RX2 at DR{accept.rx2_dr}",
    )
    delay = (accept.rx_delay & 15) or 1
    story.tell("RxDelay", str(accept.rx_delay), f"RX1 opens {delay} s after an uplink")
    if accept.cf_list:
        story.tell("CFList", accept.cf_list.hex(), _cf_words(accept.cf_list))
    for name, value in {
        "mac_version": version,
        "join_nonce": accept.join_nonce,
        "net_id": f"{accept.net_id:06x}",
        "dev_addr": f"{accept.dev_addr:08x}",
        "dl_settings": f"{accept.dl_settings:02x}",
        "opt_neg": accept.opt_neg,
        "rx1_dr_offset": accept.rx1_dr_offset,
        "rx2_dr": accept.rx2_dr,
        "rx_delay": accept.rx_delay,
        "cf_list": accept.cf_list.hex(),
        "cf_list_freqs_hz": cf_list_freqs(accept.cf_list),
        "cf_list_masks": cf_list_masks(accept.cf_list),
    }.items():
        story.set(name, value)


def _cf_words(cf_list: bytes) -> str:
    freqs = cf_list_freqs(cf_list)
    if freqs is not None:
        return "more channels: " + ", ".join(f"{freq / 1e6:g}" for freq in freqs if freq) + " MHz"
    masks = cf_list_masks(cf_list)
    if masks is not None:
        return "channel masks: " + " ".join(f"{mask:04x}" for mask in masks)
    return f"of unknown type {cf_list[15]}"


def _derived(story: Story, opened: _Opened, facts: JoinFacts) -> None:
    accept, nonce = opened.accept, facts.dev_nonce
    if opened.ok is not True or nonce is None:
        story.tell("Keys", "", "cannot be derived: needs a fitting MIC and the DevNonce")
        return
    if not accept.opt_neg:
        one = derivation.session_1_0(opened.enc_key, accept.join_nonce, accept.net_id, nonce)
        shown = {"nwk_s_key": one.nwk_s_enc, "app_s_key": one.app_s}
    elif facts.nwk_key is None or facts.app_key is None or facts.join_eui is None:
        story.tell("Keys", "", "cannot be derived: 1.1 needs NwkKey, AppKey and JoinEUI")
        return
    else:
        two = derivation.session_1_1(
            facts.nwk_key, facts.app_key, accept.join_nonce, facts.join_eui, nonce
        )
        shown = {
            "f_nwk_s_int_key": two.f_nwk_s_int,
            "s_nwk_s_int_key": two.s_nwk_s_int,
            "nwk_s_enc_key": two.nwk_s_enc,
            "app_s_key": two.app_s,
        }
    story.set("derived", {name: key.hex() for name, key in shown.items()})
    for name, key in shown.items():
        story.tell(name.replace("_", ""), key.hex(), "derived; keep it secret")
