"""One PHYPayload explained: rows for a person and an object for programs. Pure.

Keys go in and never come out, with one exception that a caller must ask for: session keys derived
from a join-accept (`ExplainKeys.show_derived`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import mac_commands
from .crypto import DOWN, UP, crypt_fopts, crypt_payload
from .explain_join import JoinFacts, accept_story, request_story
from .frame import DataFrame, MType, Proprietary, RejoinRequest, SealedJoinAccept, parse
from .frame import JoinRequest as JoinRequestFrame
from .mic_check import MicKeys, MicVerdict, UplinkFacts, data_verdict, guess_counter
from .region import net_id_text
from .story import Story

NETWORK_PORTS = (0, 226)  # MAC commands; relay forwarding (TS011)


@dataclass(frozen=True, slots=True, repr=False)
class ExplainKeys:
    """Whatever keys and facts the caller has; all optional. No repr: they are secret."""

    nwk_s: bytes | None = None
    app_s: bytes | None = None
    f_nwk_s_int: bytes | None = None
    s_nwk_s_int: bytes | None = None
    nwk_s_enc: bytes | None = None
    fcnt: int | None = None
    uplink: UplinkFacts = field(default_factory=UplinkFacts)
    join: JoinFacts = field(default_factory=JoinFacts)
    show_derived: bool = False

    @property
    def is_1_1(self) -> bool:
        return self.nwk_s is None and any((self.f_nwk_s_int, self.s_nwk_s_int, self.nwk_s_enc))

    def mic_keys(self) -> MicKeys:
        return MicKeys(self.nwk_s, self.f_nwk_s_int, self.s_nwk_s_int)

    def network_key(self) -> bytes | None:
        return self.nwk_s if self.nwk_s is not None else self.nwk_s_enc


def explain(data: bytes, keys: ExplainKeys) -> Story:
    """Everything that can be told about `data`. Raises frame.FrameError if it is no frame."""
    frame = parse(data)
    story = Story()
    header = frame.header
    story.set("size", len(data))
    story.set("phy_payload", data.hex())
    story.tell("MHDR", f"{data[0]:02x}", f"{_words(header.mtype)}, major version {header.major}")
    story.set("mtype", header.mtype.name.lower())
    story.set("major", header.major)
    story.set("dir", "up" if header.mtype.uplink else "down")
    match frame:
        case DataFrame():
            _data(story, frame, keys)
        case JoinRequestFrame() | RejoinRequest():
            request_story(story, frame, keys.join, keys.s_nwk_s_int)
        case SealedJoinAccept():
            accept_story(story, frame, keys.join, show_derived=keys.show_derived)
        case Proprietary():
            story.tell("Content", frame.content.hex() or "(none)", "opaque to LoRaWAN")
            story.set("content", frame.content.hex())
    return story


def _words(mtype: MType) -> str:
    return {
        MType.UNCONFIRMED_UP: "unconfirmed data uplink",
        MType.UNCONFIRMED_DOWN: "unconfirmed data downlink",
        MType.CONFIRMED_UP: "confirmed data uplink: wants an acknowledgement",
        MType.CONFIRMED_DOWN: "confirmed data downlink: wants an acknowledgement",
        MType.JOIN_REQUEST: "join-request: a device asks to be let in",
        MType.JOIN_ACCEPT: "join-accept: the network lets it in",
        MType.REJOIN_REQUEST: "rejoin-request (LoRaWAN 1.1)",
        MType.PROPRIETARY: "proprietary",
    }[mtype]


def _data(story: Story, frame: DataFrame, keys: ExplainKeys) -> None:
    if keys.fcnt is None:
        verdict = guess_counter(frame, keys.mic_keys(), keys.uplink)
    else:
        verdict = data_verdict(frame, keys.mic_keys(), keys.fcnt, keys.uplink)
    no_key = keys.nwk_s is None and not keys.is_1_1
    if no_key:
        verdict = MicVerdict(None, "not checked: no network key was given")
    known = verdict.fcnt if verdict.ok else keys.fcnt
    fcnt = frame.fcnt if known is None else known
    _address(story, frame, keys)
    _counter(story, frame, known)
    _fopts(story, frame, keys, fcnt)
    _payload(story, frame, keys, fcnt)
    _mic(story, frame, verdict)


def _address(story: Story, frame: DataFrame, keys: ExplainKeys) -> None:
    if keys.is_1_1 or keys.nwk_s is not None:
        story.set("mac_version", "1.1" if keys.is_1_1 else "1.0")
    address = f"{frame.dev_addr:08x}"
    story.tell("DevAddr", address, f"NetID {net_id_text(frame.dev_addr)}")
    story.set("dev_addr", address)
    story.set("net_id", net_id_text(frame.dev_addr))
    up = frame.header.mtype.uplink
    flags = {
        "ADR": frame.adr,
        "ADRACKReq" if up else "(reserved bit)": frame.adr_ack_req,
        "ACK": frame.ack,
        "ClassB" if up else "FPending": frame.pending,
    }
    shown = ", ".join(name for name, is_set in flags.items() if is_set) or "no flags"
    story.tell("FCtrl", f"{frame.encode()[5]:02x}", f"{shown}; {len(frame.fopts)} bytes of FOpts")
    story.set(
        "fctrl",
        {
            "adr": frame.adr,
            "adr_ack_req": frame.adr_ack_req,
            "ack": frame.ack,
            "fpending_or_classb": frame.pending,
            "fopts_len": len(frame.fopts),
        },
    )
    story.set("class_b" if up else "fpending", frame.pending)


def _counter(story: Story, frame: DataFrame, full: int | None) -> None:
    meaning = "the 16 bits that are sent"
    if full is not None and full != frame.fcnt:
        meaning = f"the counter is {full} (its low 16 bits are sent)"
    story.tell("FCnt", str(frame.fcnt), meaning)
    story.set("fcnt16", frame.fcnt)
    story.set("fcnt32", full)


def _fopts(story: Story, frame: DataFrame, keys: ExplainKeys, fcnt: int) -> None:
    clear: bytes | None = frame.fopts
    if keys.is_1_1 and frame.fopts:
        clear = None
        if keys.nwk_s_enc is not None:
            clear = crypt_fopts(
                keys.nwk_s_enc,
                UP if frame.header.mtype.uplink else DOWN,
                frame.dev_addr,
                fcnt,
                frame.fopts,
                application=not frame.header.mtype.uplink and bool(frame.fport),
            )
    story.set("fopts_wire", frame.fopts.hex())
    story.set("fopts_plain", None if clear is None else clear.hex())
    if frame.fopts:
        note = "encrypted (1.1): needs the NwkSEncKey" if clear is None else ""
        story.tell("FOpts", frame.fopts.hex(), note or "MAC commands:")
    _commands(story, "mac_commands", clear or b"", frame)


def _commands(story: Story, name: str, clear: bytes, frame: DataFrame) -> None:
    commands = mac_commands.parse(clear, uplink=frame.header.mtype.uplink)
    for command in commands:
        story.tell("", command.raw.hex(), command.text())
    story.set(
        name,
        [
            {
                "cid": command.cid,
                "name": command.name,
                "raw": command.raw.hex(),
                "fields": dict(command.fields),
            }
            for command in commands
        ],
    )


def _payload(story: Story, frame: DataFrame, keys: ExplainKeys, fcnt: int) -> None:
    story.set("fport", frame.fport)
    story.set("frm_payload_wire", frame.payload.hex())
    story.set("frm_payload_plain", None)
    if frame.fport is None:
        story.set("frm_payload_plain", "")
        story.tell("FPort", "(none)", "no payload")
        return
    network = frame.fport in NETWORK_PORTS
    story.tell("FPort", str(frame.fport), _port_words(frame.fport))
    key = keys.network_key() if network else keys.app_s
    direction = UP if frame.header.mtype.uplink else DOWN
    if not frame.payload:
        story.set("frm_payload_plain", "")
        story.tell("FRMPayload", "(empty)", "")
    elif key is None:
        needed = "NwkSKey or NwkSEncKey" if network else "AppSKey"
        story.tell("FRMPayload", frame.payload.hex(), f"encrypted: needs the {needed}")
    else:
        clear = crypt_payload(key, direction, frame.dev_addr, fcnt, frame.payload)
        story.tell("FRMPayload", frame.payload.hex(), "as on the air, encrypted")
        story.tell("  decrypted", clear.hex(), _readable(clear))
        story.set("frm_payload_plain", clear.hex())
        if frame.fport == 0:
            _commands(story, "frm_payload_commands", clear, frame)


def _port_words(fport: int) -> str:
    if fport == 0:
        return "MAC commands"
    if fport == 224:
        return "certification protocol"
    if fport == 226:
        return "relay forwarding"
    return "application" if fport < 224 else "reserved"


def _readable(clear: bytes) -> str:
    text = clear.decode("ascii", "replace")
    return f'text "{text}"' if len(clear) > 1 and text.isprintable() and text.isascii() else ""


def _mic(story: Story, frame: DataFrame, verdict: MicVerdict) -> None:
    story.tell_mic(frame.mic, verdict.ok, verdict.why, half=verdict.half)
    if verdict.expected is not None:
        story.set("mic_expected_for_bytes", verdict.expected.hex())
    if verdict.ok is False and story.json.get("frm_payload_plain"):
        story.tell("", "", "with a MIC that does not fit, do not trust the decrypted payload")
