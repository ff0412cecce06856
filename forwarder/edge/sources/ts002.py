"""Backend Interfaces 1.0 and 1.1: the messages between a Join Server and who asks it. Pure.

Ref: LoRa Alliance TS002-1.0.0 and TS002-1.1.0, sections 8 (AppSKeyReq), 9 (JoinReq), 20 to 23.

    encode(message) -> bytes        exact: lower-case hex, no prefix
    parse(bytes) -> Message         lenient as the field needs it, or MessageError

Lenient: hex in either case with or without 0x, numbers as strings, absent Lifetime, null members,
unknown members, VSExtension. Not lenient: what a key is. 32 hexadecimal digits are a clear key and
48 a wrapped one; anything else is refused. No error text holds a value that came.
"""

from __future__ import annotations

import msgspec

from ..values import Envelope
from .ts002_fields import (
    LONGEST_FRAME,
    LONGEST_SESSION_ID,
    Json,
    MessageError,
    envelope,
    eui,
    harmless,
    hexadecimal,
    number,
    octets,
    text,
)
from .ts002_results import Reaction, ResultCode
from .ts002_values import (
    AppSKeyAns,
    AppSKeyReq,
    Header,
    HomeNSAns,
    HomeNSReq,
    JoinAns,
    JoinReq,
    Message,
    RejoinAns,
    RejoinReq,
    Result,
    Version,
)

__all__ = [
    "AppSKeyAns",
    "AppSKeyReq",
    "Header",
    "HomeNSAns",
    "HomeNSReq",
    "JoinAns",
    "JoinReq",
    "Message",
    "MessageError",
    "Reaction",
    "RejoinAns",
    "RejoinReq",
    "Result",
    "ResultCode",
    "Version",
    "bare_result",
    "encode",
    "envelope",
    "parse",
]


# Values to bytes.


def encode(message: Message) -> bytes:
    """The JSON object of one message."""
    return msgspec.json.encode(_header(message) | _body(message))


def _header(message: Message) -> dict[str, object]:
    head = message.header
    members: dict[str, object] = {
        "ProtocolVersion": head.version.value,
        "SenderID": head.sender,
        "ReceiverID": head.receiver,
        "TransactionID": head.transaction,
        "MessageType": type(message).__name__,
    }
    if head.version is Version.V1_1:
        members |= _given(SenderNSID=head.sender_nsid, ReceiverNSID=head.receiver_nsid)
    return members | _given(
        SenderToken=head.sender_token.hex(), ReceiverToken=head.receiver_token.hex()
    )


def _body(message: Message) -> dict[str, object]:
    match message:
        case JoinReq():
            return {
                "MACVersion": message.mac_version,
                "PHYPayload": message.phy_payload.hex(),
                "DevEUI": message.dev_eui,
                "DevAddr": f"{message.dev_addr:08x}",
                "DLSettings": f"{message.dl_settings:02x}",
                "RxDelay": message.rx_delay,
            } | _given(CFList=message.cf_list.hex())
        case JoinAns():
            return _join_ans(message)
        case AppSKeyReq():
            return {"DevEUI": message.dev_eui, "SessionKeyID": message.session_id.hex()}
        case AppSKeyAns():
            return _result(message.result) | _given(
                DevEUI=message.dev_eui,
                AppSKey=_envelope_out(message.app_s_key),
                SessionKeyID=message.session_id.hex(),
            )
        case HomeNSReq():
            return {"DevEUI": message.dev_eui}
        case HomeNSAns():
            return _result(message.result) | _given(HNetID=message.net_id, HNSID=message.nsid)


def _join_ans(message: JoinAns) -> dict[str, object]:
    only = None if message.lorawan_1_1 else _envelope_out(message.f_nwk_s_int)
    members = _result(message.result) | _given(PHYPayload=message.phy_payload.hex())
    if message.lifetime_s is not None:
        members["Lifetime"] = message.lifetime_s
    return members | _given(
        NwkSKey=only,
        SNwkSIntKey=_envelope_out(message.s_nwk_s_int),
        FNwkSIntKey=None if only else _envelope_out(message.f_nwk_s_int),
        NwkSEncKey=_envelope_out(message.nwk_s_enc),
        AppSKey=_envelope_out(message.app_s_key),
        SessionKeyID=message.session_id.hex(),
    )


def _given(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value}


def _result(result: Result) -> dict[str, object]:
    told = {"ResultCode": result.code.value} | _given(Description=result.description)
    return {"Result": told}


def _envelope_out(envelope: Envelope | None) -> dict[str, str] | None:
    if envelope is None:
        return None
    return {"KEKLabel": envelope.label, "AESKey": envelope.wrapped.hex()}


# Bytes to values.


def bare_result(data: bytes) -> Result | None:
    """The result code in an answer that is nothing else, as some servers send it; else None."""
    try:
        members = _object(data)
        return _result_in(members if "Result" in members else {"Result": members})
    except MessageError:
        return None


def _object(data: bytes) -> Json:
    try:
        members = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, ValueError):
        # Not `from`: the decoder's words can quote what came.
        raise MessageError("a JSON object expected, this is no JSON") from None
    if not isinstance(members, dict):
        raise MessageError("a JSON object expected, this is another JSON value")
    return members


def parse(data: bytes) -> Message:
    """One message. Raises MessageError, and nothing else, whatever the bytes."""
    members = _object(data)
    kind = text(members, "MessageType")
    header = _header_in(members)
    match kind:
        case "JoinReq":
            return _join_req_in(JoinReq, header, members)
        case "RejoinReq":
            return _join_req_in(RejoinReq, header, members)
        case "JoinAns":
            return _join_ans_in(JoinAns, header, members)
        case "RejoinAns":
            return _join_ans_in(RejoinAns, header, members)
        case "AppSKeyReq":
            return AppSKeyReq(header, eui(members, "DevEUI"), _session_id(members, needed=True))
        case "AppSKeyAns":
            return _app_s_key_ans_in(header, members)
        case "HomeNSReq":
            return HomeNSReq(header, eui(members, "DevEUI"))
        case "HomeNSAns":
            return _home_ns_ans_in(header, members)
    raise MessageError("MessageType is none that a Join Server and its clients exchange")


def _header_in(members: Json) -> Header:
    version = text(members, "ProtocolVersion")
    # Point releases ("1.1.0") are the same on the wire.
    if version[:3] not in ("1.0", "1.1") or version[3:4] not in ("", "."):
        raise MessageError("ProtocolVersion is neither 1.0 nor 1.1")
    return Header(
        sender=text(members, "SenderID"),
        receiver=text(members, "ReceiverID"),
        transaction=number(members, "TransactionID", 0xFFFFFFFF),
        version=Version(version[:3]),
        sender_nsid=hexadecimal(members, "SenderNSID", 8).hex() or None,
        receiver_nsid=hexadecimal(members, "ReceiverNSID", 8).hex() or None,
        sender_token=octets(members, "SenderToken", LONGEST_SESSION_ID),
        receiver_token=octets(members, "ReceiverToken", LONGEST_SESSION_ID),
    )


def _join_req_in(kind: type[JoinReq], header: Header, members: Json) -> JoinReq:
    frame = octets(members, "PHYPayload", LONGEST_FRAME)
    if not frame:
        raise MessageError("PHYPayload is missing")
    return kind(
        header,
        mac_version=text(members, "MACVersion"),
        phy_payload=frame,
        dev_eui=eui(members, "DevEUI"),
        dev_addr=int.from_bytes(hexadecimal(members, "DevAddr", 4, needed=True), "big"),
        dl_settings=_dl_settings(members),
        rx_delay=number(members, "RxDelay", 15),
        cf_list=hexadecimal(members, "CFList", 16),
    )


def _dl_settings(members: Json) -> int:
    if isinstance(members.get("DLSettings"), int):
        return number(members, "DLSettings", 0xFF)
    return hexadecimal(members, "DLSettings", 1, needed=True)[0]


def _join_ans_in(kind: type[JoinAns], header: Header, members: Json) -> JoinAns:
    result = _result_in(members)
    if result.code is not ResultCode.SUCCESS:  # what else stands there means nothing
        return kind(header, result, lifetime_s=_lifetime(members))
    answer = kind(
        header,
        result,
        phy_payload=octets(members, "PHYPayload", LONGEST_FRAME),
        lifetime_s=_lifetime(members),
        f_nwk_s_int=envelope(members, "NwkSKey") or envelope(members, "FNwkSIntKey"),
        s_nwk_s_int=envelope(members, "SNwkSIntKey"),
        nwk_s_enc=envelope(members, "NwkSEncKey"),
        app_s_key=envelope(members, "AppSKey"),
        session_id=_session_id(members),
    )
    _complete(answer)
    return answer


def _complete(answer: JoinAns) -> None:
    """Raise MessageError unless all is there that Success promises."""
    if not answer.phy_payload:
        raise MessageError("Success without PHYPayload: there is no join-accept to send")
    keys = (answer.f_nwk_s_int, answer.s_nwk_s_int, answer.nwk_s_enc)
    present = tuple(key is not None for key in keys)
    if present not in ((True, False, False), (True, True, True)):
        raise MessageError("Success with neither NwkSKey nor all of the three network keys of 1.1")
    if answer.app_s_key is None and not answer.session_id:
        raise MessageError("Success with neither AppSKey nor SessionKeyID")


def _app_s_key_ans_in(header: Header, members: Json) -> AppSKeyAns:
    result = _result_in(members)
    if result.code is not ResultCode.SUCCESS:
        return AppSKeyAns(header, result)
    key = envelope(members, "AppSKey")
    if key is None:
        raise MessageError("Success without AppSKey")
    dev_eui = hexadecimal(members, "DevEUI", 8).hex()
    return AppSKeyAns(header, result, dev_eui, key, _session_id(members))


def _home_ns_ans_in(header: Header, members: Json) -> HomeNSAns:
    result = _result_in(members)
    if result.code is not ResultCode.SUCCESS:
        return HomeNSAns(header, result)
    net_id = hexadecimal(members, "HNetID", 3, needed=True).hex()
    return HomeNSAns(header, result, net_id, hexadecimal(members, "HNSID", 8).hex() or None)


def _result_in(members: Json) -> Result:
    result = members.get("Result")
    if isinstance(result, str):  # the bare code, as some write it
        return Result(ResultCode.read(result))
    if not isinstance(result, dict):
        raise MessageError("Result: an object with ResultCode expected")
    code = ResultCode.read(text(result, "ResultCode"))
    description = result.get("Description")
    return Result(code, harmless(description) if isinstance(description, str) else "")


def _lifetime(members: Json) -> int | None:
    if members.get("Lifetime") in (None, ""):
        return None
    return number(members, "Lifetime", 2**63)


def _session_id(members: Json, *, needed: bool = False) -> bytes:
    found = octets(members, "SessionKeyID", LONGEST_SESSION_ID)
    if needed and not found:
        raise MessageError("SessionKeyID is missing")
    return found
