"""What network servers tell about keys: four dialects, one session."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.edge.errors import SourceError
from forwarder.edge.keys import SoftKey
from forwarder.edge.sources import chirpstack, loriot, thingpark, tts
from forwarder.edge.sources.http_message import parse_query
from forwarder.edge.sources.report import without_clear
from forwarder.edge.values import Envelope, FrameMatch, KeyNews, KeyOrigin, Scheme

from . import tunnels as t


def read(kind: str, data: bytes) -> list[KeyNews]:
    """As the source of this make reads it."""
    make, _, rest = kind.partition(" ")
    match make:
        case "chirpstack":
            return chirpstack.parse(data, "s", event="join" if "join" in rest else "up")
        case "tts":
            return tts.parse(data, "s")
        case "thingpark":
            return thingpark.parse(data, "s")
    return loriot.parse(data, "s")


def one(kind: str, data: bytes | None = None) -> KeyNews:
    (news,) = read(kind, t.DOCUMENTS[kind]() if data is None else data)
    return news


@pytest.mark.parametrize("kind", t.DOCUMENTS)
def test_every_dialect_brings_the_same_session_key(kind: str) -> None:
    news = one(kind)
    assert news.app_s_key is not None
    assert t.TestVault().open(news.app_s_key, "s") == SoftKey(t.APP_S_KEY)
    assert (news.source, news.origin, news.dev_eui) == ("s", KeyOrigin.TUNNEL, t.DEV_EUI)


@pytest.mark.parametrize("kind", [kind for kind in t.DOCUMENTS if kind != "loriot"])
def test_the_address_tells_whose_session_it_is(kind: str) -> None:
    assert one(kind).dev_addr == t.DEV_ADDR


@pytest.mark.parametrize(
    ("kind", "mic"),
    [
        ("chirpstack up", None),
        ("chirpstack up protobuf", None),
        ("tts up", None),
        ("thingpark json", t.MIC),
        ("thingpark xml", t.MIC),
    ],
)
def test_an_uplink_brings_what_is_needed_to_know_it_on_the_radio(
    kind: str, mic: bytes | None
) -> None:
    news = one(kind)
    assert news.match == FrameMatch(t.FCNT, mic=mic, frm_payload=t.CIPHERTEXT)
    assert not news.pending


@pytest.mark.parametrize("kind", [kind for kind in t.DOCUMENTS if "join" in kind] + ["loriot"])
def test_a_session_without_an_uplink_is_pending(kind: str) -> None:
    news = one(kind)
    assert news.pending and news.match is None


@pytest.mark.parametrize(
    "kind", ["chirpstack up", "chirpstack join protobuf", "tts join", "loriot"]
)
def test_the_join_servers_session_id_comes_along(kind: str) -> None:
    assert one(kind).session_id == t.SESSION_ID


def test_labels_go_along_and_thingpark_has_none() -> None:
    labels = {kind: one(kind).app_s_key for kind in t.DOCUMENTS}
    for kind, envelope in labels.items():
        assert envelope is not None
        assert envelope.label == ("" if "thingpark" in kind else t.LABEL)


# ChirpStack


def test_a_session_id_alone_is_news_to_ask_with() -> None:
    news = one("chirpstack join", t.chirpstack_join({"sessionKeyId": "010203"}))
    assert (news.session_id, news.app_s_key, news.pending) == (b"\1\2\3", None, True)


def test_without_a_join_servers_context_the_payload_is_clear_and_nothing_is_news() -> None:
    assert read("chirpstack up", t.chirpstack_up(None)) == []


def test_an_empty_label_is_a_key_in_clear() -> None:
    context = {"sessionKeyId": "0102", "appSKey": {"aesKey": t.base64(t.APP_S_KEY)}}
    news = one("chirpstack up", t.chirpstack_up(context))
    assert news.app_s_key is not None and news.app_s_key.scheme is Scheme.CLEAR


def test_a_key_in_clear_is_left_out_and_the_session_can_still_be_asked_for() -> None:
    context = {"sessionKeyId": "0102", "appSKey": {"aesKey": t.base64(t.APP_S_KEY)}}
    news = without_clear(one("chirpstack up", t.chirpstack_up(context)))
    assert news is not None and news.app_s_key is None and news.session_id == b"\1\2"


def test_a_key_in_clear_and_nothing_else_is_no_news() -> None:
    key = Envelope(Scheme.CLEAR, t.APP_S_KEY)
    assert without_clear(KeyNews("s", KeyOrigin.TUNNEL, t.DEV_EUI, app_s_key=key)) is None


def test_what_is_wrapped_passes_unchanged() -> None:
    news = one("tts up")
    assert without_clear(news) is news


def test_32_digits_with_a_label_are_no_envelope() -> None:
    key = {"kekLabel": "kek-label", "aesKey": t.base64(t.APP_S_KEY)}
    with pytest.raises(SourceError, match=r"24 bytes .wrapped. expected.*came 16 with a KEK label"):
        read("chirpstack up", t.chirpstack_up({"appSKey": key}))


def test_a_frame_without_payload_matches_by_its_counter() -> None:
    assert one("chirpstack up", t.chirpstack_up(data="")).match == FrameMatch(t.FCNT)


@pytest.mark.parametrize("event", ["ack", "txack", "log", "status", "location"])
def test_other_events_tell_nothing(event: str) -> None:
    assert chirpstack.parse(t.chirpstack_up(), "s", event=event) == []


@pytest.mark.parametrize("document", [t.chirpstack_up(), t.chirpstack_join()])
def test_a_json_event_is_known_without_its_topic(document: bytes) -> None:
    joining = document == t.chirpstack_join()
    (news,) = chirpstack.parse(document, "s")
    assert news.pending is joining


def test_a_protobuf_event_needs_its_topic() -> None:
    with pytest.raises(SourceError, match="no topic says which"):
        chirpstack.parse(t.chirpstack_up_protobuf(), "s")


def test_names_in_snake_case_are_read_too() -> None:
    event = json.loads(t.chirpstack_up())
    context = event.pop("joinServerContext")
    event["join_server_context"] = {
        "session_key_id": context["sessionKeyId"],
        "app_s_key": {"kek_label": t.LABEL, "aes_key": context["appSKey"]["aesKey"]},
    }
    event["device_info"] = {"dev_eui": event.pop("deviceInfo")["devEui"]}
    event["dev_addr"], event["f_cnt"] = event.pop("devAddr"), event.pop("fCnt")
    assert one("chirpstack up", t.encoded(event)) == one("chirpstack up")


# The Things Stack


def test_the_join_eui_is_known_where_the_things_stack_says_it() -> None:
    assert one("tts join").join_eui == t.JOIN_EUI


def test_without_a_key_the_things_stack_has_decrypted_and_the_payload_matches_nothing() -> None:
    news = one("tts up", t.tts_up({"app_s_key": None, "frm_payload": t.base64(t.CLEAR)}))
    assert news.match == FrameMatch(t.FCNT) and news.session_id == t.SESSION_ID


def test_a_key_in_clear_is_hex_there() -> None:
    news = one("tts up", t.tts_up({"app_s_key": {"key": t.APP_S_KEY.hex().upper()}}))
    assert news.app_s_key is not None
    assert (news.app_s_key.scheme, news.app_s_key.wrapped) == (Scheme.CLEAR, t.APP_S_KEY)


def test_an_id_that_no_join_server_knows_is_not_taken_for_one() -> None:
    made_up = t.base64(b"ttn-lw-interop-generated:" + bytes(16))
    assert one("tts up", t.tts_up({"session_key_id": made_up})).session_id == b""


def test_simulated_uplinks_tell_nothing() -> None:
    assert read("tts up", t.tts_up(simulated=True)) == []


def test_a_counter_of_zero_is_left_out_there() -> None:
    document = json.loads(t.tts_up())
    del document["uplink_message"]["f_cnt"]
    news = one("tts up", t.encoded(document))
    assert news.match is not None and news.match.fcnt == 0


# ThingPark


def test_actilitys_published_tunnel_value_reads_as_one_block() -> None:
    # pyThingPark 0.0.4, module uplinkTunnel; vector S-44 of edge-keys.md.
    key = bytes.fromhex("439d42627c5afe3d4d536340646621a2")
    news = one("thingpark xml", t.thingpark_xml(key, DevAddr="05947ed0", FCntUp="1"))
    assert news.app_s_key is not None and news.app_s_key.scheme is Scheme.CBC0
    assert (news.app_s_key.wrapped, news.dev_addr) == (key, 0x05947ED0)


def test_the_form_of_32_digits_is_the_settings_choice() -> None:
    (news,) = thingpark.parse(t.thingpark_json(t.APP_S_KEY), "s", key_form="clear")
    assert news.app_s_key is not None and news.app_s_key.scheme is Scheme.CLEAR


@pytest.mark.parametrize("form", ["cbc0", "rfc3394", "clear"])
def test_48_digits_are_an_envelope_whatever_the_setting(form: Any) -> None:
    (news,) = thingpark.parse(t.thingpark_json(t.WRAPPED), "s", key_form=form)
    assert news.app_s_key is not None and news.app_s_key.scheme is Scheme.RFC3394


def test_32_digits_are_no_envelope() -> None:
    with pytest.raises(SourceError, match=r"48 hex digits expected .rfc3394., came 32"):
        thingpark.parse(t.thingpark_json(), "s", key_form="rfc3394")


def test_an_uplink_that_the_network_decrypted_matches_by_counter_and_mic() -> None:
    news = one("thingpark json", t.thingpark_json(PayloadEncryption=0))
    assert news.match == FrameMatch(t.FCNT, mic=t.MIC)


@pytest.mark.parametrize("document", [b"<DevEUI_location/>", b'{"DevEUI_location": {}}'])
def test_other_thingpark_reports_tell_nothing(document: bytes) -> None:
    assert thingpark.parse(document, "s") == []


def test_an_uplink_without_key_tells_nothing() -> None:
    assert thingpark.parse(t.thingpark_json(b""), "s") == []


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b'<!DOCTYPE x [<!ENTITY a "b">]><DevEUI_uplink/>', id="document type"),
        pytest.param(b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><DevEUI_uplink/>', id="external"),
        pytest.param(b"<DevEUI_uplink><DevEUI>&a;</DevEUI></DevEUI_uplink>", id="an entity"),
        pytest.param(b"<DevEUI_uplink>", id="cut short"),
        pytest.param(b"<a>" * 50_000, id="too deep"),
        pytest.param(b'<?xml version="1.0" encoding="rot13"?><x>', id="odd encoding"),
        pytest.param(b"<" + b"x" * 300_000, id="too long"),
        pytest.param(
            b"<DevEUI_uplink><Lrcid>" + b"0" * 9000 + b"</Lrcid></DevEUI_uplink>", id="long value"
        ),
    ],
)
def test_xml_that_could_do_harm_is_refused(document: bytes) -> None:
    with pytest.raises(SourceError):
        thingpark.parse(document, "s")


# From "Examples of Post Messages from Thingpark", KPN ThingPark example, iotacademy/LoRaPayload-
# Simulator: values and Token as they were captured in 2016.
KPN_KEY = "00112233445566778899AABBCCDDEEFF"
KPN_QUERY = (
    "LrnDevEui=0059AC000010020D&LrnFPort=2&LrnInfos=TWA_100006246.167.AS-1-1361149&AS_ID=hookbin"
    "&Time=2016-07-05T08%3A58%3A26.911%2B02%3A00"
    "&Token=18f44bb294f9dd33b5168eeb92a0c7f9fa807914097dc9bb2ed5a789a65fad33"
)


def kpn_uplink() -> dict[str, object]:
    return {
        "DevEUI": "0059AC000010020D",
        "FPort": "2",
        "FCntUp": "3",
        "payload_hex": "00277c0878fd9b2e000000000000ffff",
        "CustomerID": "100006246",
    }


def test_a_captured_token_verifies() -> None:
    thingpark.check_token(kpn_uplink(), parse_query(KPN_QUERY), KPN_KEY)


def test_a_token_verifies_with_numbers_as_numbers_and_a_plus_as_it_is() -> None:
    uplink = kpn_uplink() | {"FPort": 2, "FCntUp": 3}
    thingpark.check_token(uplink, parse_query(KPN_QUERY.replace("%2B", "+")), KPN_KEY)


@pytest.mark.parametrize("name", ["DevEUI", "FCntUp", "payload_hex", "CustomerID"])
def test_a_token_does_not_verify_another_report(name: str) -> None:
    uplink = kpn_uplink() | {name: "1"}
    with pytest.raises(SourceError, match="Token"):
        thingpark.check_token(uplink, parse_query(KPN_QUERY), KPN_KEY)


def test_a_token_of_another_key_or_none_is_refused() -> None:
    with pytest.raises(SourceError, match="Token"):
        thingpark.check_token(kpn_uplink(), parse_query(KPN_QUERY), "00" * 16)
    with pytest.raises(SourceError, match="not there"):
        thingpark.check_token(kpn_uplink(), {}, KPN_KEY)


# LORIOT


def test_a_join_server_that_refused_is_told_in_words() -> None:
    with pytest.raises(SourceError, match=f"{t.DEV_EUI}.*UnknownDevEUI"):
        read("loriot", t.loriot_answer(Result={"ResultCode": "UnknownDevEUI"}))


def test_loriots_other_messages_tell_nothing() -> None:
    assert read("loriot", t.encoded({"cmd": "rx", "EUI": "0011223344556677"})) == []


# Whatever comes

FIELD = st.sampled_from(
    sorted(
        set(json.loads(t.chirpstack_up()))
        | set(json.loads(t.tts_up()))
        | {"joinServerContext", "appSKey", "aesKey", "kekLabel", "app_s_key", "uplink_message"}
        | {"join_accept", "DevEUI_uplink", "AppSKey", "Result", "cmd", "KEKLabel", "AESKey"}
        | {"DevEUI", "DevAddr", "SessionKeyID", "devEui", "dev_eui", "encrypted_key", "key"}
    )
)
LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.binary(max_size=40).map(bytes.hex)
    | st.binary(max_size=40).map(t.base64)
    | st.sampled_from(["AppSKeyAns", "Success", t.DEV_EUI])
)
TREE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD, inner, max_size=6)
)
KINDS = st.sampled_from(["chirpstack up", "chirpstack join", "tts", "thingpark", "loriot"])


def harmless(kind: str, data: bytes) -> None:
    try:
        for news in read(kind, data):
            assert len(news.dev_eui) == 16 and news.source == "s"
    except SourceError as error:
        assert str(error) and len(str(error)) < 300


@given(KINDS, st.binary(max_size=300))
def test_any_bytes_are_a_list_or_an_error_with_words(kind: str, data: bytes) -> None:
    harmless(kind, data)


@given(KINDS, TREE)
def test_any_json_is_a_list_or_an_error_with_words(kind: str, value: object) -> None:
    harmless(kind, t.encoded(value))


@given(st.sampled_from(sorted(t.DOCUMENTS)), st.data())
def test_a_damaged_document_is_a_list_or_an_error_with_words(kind: str, data: Any) -> None:
    document = bytearray(t.DOCUMENTS[kind]())
    for _ in range(data.draw(st.integers(1, 4))):
        document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 255))
    harmless(kind, bytes(document))


@given(st.sampled_from(sorted(t.DOCUMENTS)), st.data())
def test_a_document_with_another_value_somewhere_is_a_list_or_an_error(
    kind: str, data: Any
) -> None:
    if "protobuf" in kind or "xml" in kind:
        return
    document = json.loads(t.DOCUMENTS[kind]())
    table = document
    while True:
        name = data.draw(st.sampled_from(sorted(table)))
        if not isinstance(table[name], dict) or not table[name] or data.draw(st.booleans()):
            break
        table = table[name]
    table[name] = data.draw(TREE)
    harmless(kind, t.encoded(document))


@pytest.mark.parametrize("kind", t.DOCUMENTS)
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(b'{"a":' * 50_000, id="objects too deep"),
        pytest.param(b'{"fCnt": ' + b"9" * 9000 + b"}", id="endless number"),
        pytest.param(b"\xff" * 300_000, id="too long"),
        pytest.param(b'{"x": "\xff"}', id="not UTF-8"),
    ],
)
def test_what_could_hurt_a_parser_is_refused_or_ignored(kind: str, data: bytes) -> None:
    harmless(kind, data)


@pytest.mark.parametrize("kind", t.DOCUMENTS)
def test_no_error_says_a_key(kind: str) -> None:
    secret = t.APP_S_KEY.hex()
    for bad in (secret + "0", secret + "zz", t.base64(t.APP_S_KEY) + "!", secret * 9):
        document = t.DOCUMENTS[kind]()
        for form in (t.WRAPPED.hex(), t.WRAPPED.hex().upper(), t.base64(t.WRAPPED), t.CBC0.hex()):
            document = document.replace(form.encode(), bad.encode())
        try:
            read(kind, document)
        except SourceError as error:
            assert secret not in str(error) and t.base64(t.APP_S_KEY) not in str(error)
