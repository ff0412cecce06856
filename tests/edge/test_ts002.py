"""Messages of the Backend Interfaces: exact out, lenient in, and never an exception but one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.edge.sources.ts002 import (
    AppSKeyAns,
    AppSKeyReq,
    Header,
    HomeNSAns,
    HomeNSReq,
    JoinAns,
    JoinReq,
    MessageError,
    Reaction,
    RejoinAns,
    RejoinReq,
    Result,
    ResultCode,
    Version,
    encode,
    envelope,
    parse,
)
from forwarder.edge.sources.ts002_values import Message, same_id
from forwarder.edge.values import Envelope, Scheme
from forwarder.lorawan.keys import unwrap

VECTOR = json.loads((Path(__file__).parent.parent / "data" / "ts002.json").read_text())
KEY = "00112233445566778899aabbccddeeff"
MESSAGES = ("join_req", "join_ans", "app_s_key_req", "app_s_key_ans")
Json = dict[str, Any]


def message(name: str, **changes: Any) -> bytes:
    """A message of the vector; a member changed to ... is left out."""
    members = {**VECTOR[name], **changes}
    return json.dumps({key: value for key, value in members.items() if value is not ...}).encode()


def opened(one: Envelope | None) -> str:
    assert one is not None and one.scheme is Scheme.RFC3394
    return unwrap(bytes.fromhex(VECTOR["keks"][one.label]), one.wrapped).hex()


@pytest.mark.parametrize("name", MESSAGES)
def test_the_messages_of_the_vector_come_out_as_they_went_in(name: str) -> None:
    assert json.loads(encode(parse(message(name)))) == VECTOR[name]


def test_the_keys_of_the_vector_open_with_its_keks() -> None:
    joined, asked = parse(message("join_ans")), parse(message("app_s_key_ans"))
    assert isinstance(joined, JoinAns) and isinstance(asked, AppSKeyAns)
    assert opened(joined.f_nwk_s_int) == VECTOR["nwk_s_key"]
    assert opened(joined.app_s_key) == opened(asked.app_s_key) == VECTOR["app_s_key"]
    assert joined.lifetime_s == 86400 and not joined.lorawan_1_1


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("dialect", ["upper", "0x", "0X and upper", "numbers as text", "extras"])
def test_every_dialect_says_the_same(name: str, dialect: str) -> None:
    members = VECTOR[name]

    def told(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {inner: told(inner, one) for inner, one in value.items()}
        text = isinstance(value, str) and key not in (
            *("ProtocolVersion", "MessageType", "MACVersion", "KEKLabel", "ResultCode"),
            *("SenderID", "ReceiverID"),
        )
        match dialect:
            case "upper" if text:
                return value.upper()
            case "0x" if text:
                return "0x" + value
            case "0X and upper" if text:
                return "0X" + value.upper()
            case "numbers as text" if isinstance(value, int):
                return str(value)
        return value

    said = {key: told(key, value) for key, value in members.items()}
    if dialect == "extras":
        said |= {"VSExtension": {"VendorID": "001122", "Object": [1]}, "Colour": None}
    assert parse(json.dumps(said).encode()) == parse(message(name))


def test_an_absent_lifetime_is_unknown() -> None:
    for absent in (..., None, ""):
        answer = parse(message("join_ans", Lifetime=absent))
        assert isinstance(answer, JoinAns) and answer.lifetime_s is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("UnkownReceiver", ResultCode.UNKNOWN_RECEIVER),
        ("UnknownReceiver", ResultCode.UNKNOWN_RECEIVER),
        ("RoamingActDisallowedA", ResultCode.ROAMING_ACT_DISALLOWED),
        ("success", ResultCode.SUCCESS),
        ("SomethingOfTheirOwn", ResultCode.OTHER),
    ],
)
def test_result_codes_are_read_as_they_are_written_in_the_field(
    text: str, code: ResultCode
) -> None:
    assert ResultCode.read(text) is code


def test_every_result_code_has_a_reaction() -> None:
    assert {code.reaction for code in ResultCode} == set(Reaction)


@pytest.mark.parametrize(
    ("code", "reaction"),
    [
        ("UnknownDevEUI", Reaction.RETRY_LATER),
        ("ActivationDisallowed", Reaction.RETRY_LATER),
        ("UnknownSender", Reaction.CONFIG_ERROR),
        ("UnkownReceiver", Reaction.CONFIG_ERROR),
        ("MICFailed", Reaction.NEVER),
        ("FrameReplayed", Reaction.DROP),
        ("NoAction", Reaction.DROP),
        ("InvalidProtocolVersion", Reaction.TRY_OTHER_VERSION),
        ("MalformedMessage", Reaction.CONFIG_ERROR),
        ("Other", Reaction.RETRY_LATER),
    ],
)
def test_a_refusal_leads_to_the_sensible_reaction(code: str, reaction: Reaction) -> None:
    refusal = {"ResultCode": code, "Description": "because"}
    answer = parse(message("app_s_key_ans", Result=refusal, AppSKey=..., DevEUI=""))
    assert isinstance(answer, AppSKeyAns)
    assert answer.result.code.reaction is reaction and answer.app_s_key is None


def test_a_refusal_with_nonsense_beside_it_is_still_that_refusal() -> None:
    refusal = {"ResultCode": "UnknownDevEUI"}
    answer = parse(message("join_ans", Result=refusal, PHYPayload=7, AppSKey=[], NwkSKey="x"))
    assert isinstance(answer, JoinAns)
    assert answer.result == Result(ResultCode.UNKNOWN_DEV_EUI)


WRAPPED = "9607bb44dbfb6a643a114eb59b09129b0127605778805024"


@pytest.mark.parametrize(
    ("members", "scheme", "label"),
    [
        pytest.param(
            {"KEKLabel": "as", "AESKey": WRAPPED}, Scheme.RFC3394, "as", id="with a label"
        ),
        pytest.param({"KEKLabel": "", "AESKey": KEY}, Scheme.CLEAR, "", id="clear"),
        pytest.param({"AESKey": "0x" + KEY.upper()}, Scheme.CLEAR, "", id="clear, no label at all"),
        pytest.param({"AESKey": WRAPPED}, Scheme.RFC3394, "", id="for the source's own KEK"),
        pytest.param({"KEKLabel": None, "AESKey": KEY}, Scheme.CLEAR, "", id="null label"),
    ],
)
def test_the_length_of_a_key_says_how_it_is_wrapped(
    members: Json, scheme: Scheme, label: str
) -> None:
    assert envelope({"K": members}, "K") == Envelope(
        scheme, bytes.fromhex(members["AESKey"].removeprefix("0x")), label
    )


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"KEKLabel": "as", "AESKey": KEY}, id="32 digits with a label"),
        pytest.param({"KEKLabel": "as", "AESKey": WRAPPED + KEY}, id="too long"),
        pytest.param({"KEKLabel": "as", "AESKey": ""}, id="a label and no key"),
        pytest.param({"KEKLabel": "a\nb", "AESKey": WRAPPED}, id="a label of two lines"),
        pytest.param({"KEKLabel": "as", "AESKey": WRAPPED[:-1] + "g"}, id="no hexadecimal"),
        pytest.param({"KEKLabel": 7, "AESKey": WRAPPED}, id="a number for a label"),
        pytest.param({"AESKey": 12}, id="a number for a key"),
        pytest.param(KEY, id="no object"),
    ],
)
def test_what_is_no_envelope_is_refused_without_saying_what_it_was(members: Any) -> None:
    with pytest.raises(MessageError) as refused:
        envelope({"AppSKey": members}, "AppSKey")
    assert "AppSKey" in str(refused.value) or "KEKLabel" in str(refused.value)
    assert KEY[:8] not in str(refused.value) and WRAPPED[:8] not in str(refused.value)


def test_an_empty_envelope_is_none() -> None:
    assert envelope({"K": {"KEKLabel": "", "AESKey": ""}}, "K") is None
    assert envelope({"K": None}, "K") is None and envelope({}, "K") is None


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"PHYPayload": ...}, id="no join-accept"),
        pytest.param({"NwkSKey": ...}, id="no network key"),
        pytest.param(
            {"NwkSKey": ..., "FNwkSIntKey": {"AESKey": KEY}, "SNwkSIntKey": {"AESKey": KEY}},
            id="two of three keys",
        ),
        pytest.param({"AppSKey": ..., "SessionKeyID": ...}, id="neither AppSKey nor SessionKeyID"),
        pytest.param({"Result": ...}, id="no result"),
        pytest.param({"TransactionID": -1}, id="a negative number"),
        pytest.param({"TransactionID": 2**32}, id="33 bits"),
        pytest.param({"TransactionID": True}, id="a truth for a number"),
        pytest.param({"MessageType": "PRStartAns"}, id="roaming"),
        pytest.param({"ProtocolVersion": "2.0"}, id="a version to come"),
        pytest.param({"ProtocolVersion": "1.01"}, id="no version"),
        pytest.param({"SenderID": ""}, id="nobody sent it"),
        pytest.param({"SessionKeyID": "00" * 2049}, id="a session id of 2049 bytes"),
    ],
)
def test_success_that_lacks_what_it_promises_is_no_answer(changes: Json) -> None:
    with pytest.raises(MessageError):
        parse(message("join_ans", **changes))


@pytest.mark.parametrize(
    "left_out", ["MACVersion", "PHYPayload", "DevEUI", "DevAddr", "DLSettings", "RxDelay"]
)
def test_a_join_request_has_all_that_the_join_server_needs(left_out: str) -> None:
    with pytest.raises(MessageError, match=left_out):
        parse(message("join_req", **{left_out: ...}))
    assert isinstance(parse(message("join_req", CFList=...)), JoinReq)


@pytest.mark.parametrize("left_out", ["AppSKey", "SessionKeyID"])
def test_a_join_may_bring_the_key_or_its_name(left_out: str) -> None:
    assert isinstance(parse(message("join_ans", **{left_out: ...})), JoinAns)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 9999]
)
def test_what_is_no_object_is_a_message_error(data: bytes) -> None:
    with pytest.raises(MessageError):
        parse(data)


def test_a_description_cannot_carry_a_key_into_a_log() -> None:
    for key in (KEY, WRAPPED, "ABEiM0RVZneImaq7zN3u/w=="):
        told = {"ResultCode": "Other", "Description": f"no: {key}\nsorry" + "y" * 900}
        answer = parse(message("app_s_key_ans", Result=told))
        assert isinstance(answer, AppSKeyAns)
        assert answer.result.description == "no: ... ..."


def test_no_repr_shows_a_key() -> None:
    said = message("join_ans", AppSKey={"AESKey": KEY}, NwkSKey={"AESKey": KEY})
    assert KEY not in repr(parse(said)) and KEY[:8] not in repr(parse(said))


def test_ids_are_equal_however_they_are_written() -> None:
    assert same_id("0x77CFD2FFBD3E1497", "77cfd2ffbd3e1497") and not same_id("000013", "000014")


# Whatever comes.

EUI = st.binary(min_size=8, max_size=8).map(bytes.hex)
NAMES = st.text("abcdefXYZ019.:-_", min_size=1, max_size=40)
HEADERS = st.builds(
    Header,
    sender=NAMES,
    receiver=EUI,
    transaction=st.integers(0, 2**32 - 1),
    version=st.just(Version.V1_1),
    sender_nsid=st.none() | EUI,
    receiver_nsid=st.none() | EUI,
    sender_token=st.binary(max_size=40),
    receiver_token=st.binary(max_size=40),
)
ENVELOPES = st.builds(Envelope, st.just(Scheme.RFC3394), st.binary(min_size=24, max_size=24), NAMES)
SESSION_IDS = st.binary(min_size=1, max_size=64)
FRAMES = st.binary(min_size=1, max_size=255)
SUCCESS = Result(ResultCode.SUCCESS)
REFUSALS = st.builds(
    Result, st.sampled_from([code for code in ResultCode if code is not ResultCode.SUCCESS])
)
JOIN_FACTS = {
    "header": HEADERS,
    "mac_version": st.sampled_from(["1.0.3", "1.0.4", "1.1"]),
    "phy_payload": FRAMES,
    "dev_eui": EUI,
    "dev_addr": st.integers(0, 2**32 - 1),
    "dl_settings": st.integers(0, 255),
    "rx_delay": st.integers(0, 15),
    "cf_list": st.just(b"") | st.binary(min_size=16, max_size=16),
}
JOINED = {
    "header": HEADERS,
    "result": st.just(SUCCESS),
    "phy_payload": FRAMES,
    "app_s_key": ENVELOPES,
    "f_nwk_s_int": ENVELOPES,
    "session_id": SESSION_IDS,
}
ANY = st.one_of(
    st.builds(JoinReq, **JOIN_FACTS),
    st.builds(RejoinReq, **JOIN_FACTS),
    st.builds(JoinAns, **JOINED),
    st.builds(RejoinAns, **JOINED, s_nwk_s_int=ENVELOPES, nwk_s_enc=ENVELOPES),
    st.builds(JoinAns, HEADERS, REFUSALS, lifetime_s=st.none() | st.integers(0, 2**40)),
    st.builds(AppSKeyReq, HEADERS, EUI, SESSION_IDS),
    st.builds(AppSKeyAns, HEADERS, st.just(SUCCESS), EUI, ENVELOPES, SESSION_IDS),
    st.builds(AppSKeyAns, HEADERS, REFUSALS),
    st.builds(HomeNSReq, HEADERS, EUI),
    st.builds(
        HomeNSAns,
        HEADERS,
        st.just(SUCCESS),
        st.binary(min_size=3, max_size=3).map(bytes.hex),
        st.none() | EUI,
    ),
)


@given(ANY)
def test_what_is_encoded_parses_to_the_same(one: Message) -> None:
    assert parse(encode(one)) == one


@given(ANY)
def test_in_version_1_0_nothing_is_said_of_nsids(one: Message) -> None:
    old = replace(one, header=replace(one.header, version=Version.V1_0))
    assert b"NSID" not in encode(old).replace(b"HNSID", b"")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.just(KEY),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = sorted({name for kind in MESSAGES for name in VECTOR[kind]})


@given(st.sampled_from(MESSAGES), st.dictionaries(st.sampled_from(MEMBERS), VALUES))
def test_whatever_the_members_are_it_is_a_message_or_a_message_error(
    name: str, changes: Json
) -> None:
    try:
        parse(json.dumps({**VECTOR[name], **changes}).encode())
    except MessageError as error:
        assert KEY not in str(error)


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_it_is_a_message_error(data: bytes) -> None:
    with pytest.raises(MessageError):
        parse(data)
