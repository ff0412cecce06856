"""HTTP answers of Join Servers: what each means for what was asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.edge.sources.js_answers import DAY_S, NoAnswer, expiry_words, judge
from forwarder.edge.sources.ts002 import AppSKeyReq, Header, Reaction, ResultCode

KEY = "00112233445566778899aabbccddeeff"
DEV_EUI, SESSION = "02aa000000000001", b"\x01\x02"
ASKED = AppSKeyReq(Header("edge", "02bb000000000001", 7), DEV_EUI, SESSION)


def an_answer(**changes: Any) -> bytes:
    members = {
        "ProtocolVersion": "1.0",
        "SenderID": "02bb000000000001",
        "ReceiverID": "edge",
        "TransactionID": 7,
        "MessageType": "AppSKeyAns",
        "Result": {"ResultCode": "Success"},
        "DevEUI": DEV_EUI,
        "AppSKey": {"KEKLabel": "", "AESKey": KEY},
        "SessionKeyID": "0102",
        **changes,
    }
    return json.dumps(members).encode()


NOT_FOUND = {"ResultCode": "UnknownDevEUI"}


@pytest.mark.parametrize("status", [200, 202])
def test_an_answer_that_fits_is_the_answer(status: int) -> None:
    assert judge(status, an_answer(), ASKED).result.code is ResultCode.SUCCESS


def test_what_the_server_leaves_out_is_not_held_against_it() -> None:
    assert judge(200, an_answer(DevEUI=None, SessionKeyID=""), ASKED)


@pytest.mark.parametrize(
    ("changes", "counter"),
    [
        pytest.param({"TransactionID": 8}, "strays", id="another transaction"),
        pytest.param({"DevEUI": "02aa000000000002"}, "strays", id="another device"),
        pytest.param({"SessionKeyID": "0103"}, "strays", id="another session"),
        pytest.param({"MessageType": "AppSKeyReq"}, "garbage", id="a request"),
        pytest.param(
            {"MessageType": "HomeNSAns", "HNetID": "000013"}, "garbage", id="another type"
        ),
        pytest.param({"AppSKey": None}, "garbage", id="no key"),
    ],
)
def test_what_does_not_belong_to_the_request_is_no_answer(
    changes: dict[str, Any], counter: str
) -> None:
    with pytest.raises(NoAnswer) as refused:
        judge(200, an_answer(**changes), ASKED)
    assert refused.value.counter == counter and KEY not in str(refused.value)


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(an_answer(Result=NOT_FOUND), id="a whole message"),
        pytest.param(json.dumps(NOT_FOUND).encode(), id="the result alone, as brocaar/lorawan"),
        pytest.param(json.dumps({"Result": NOT_FOUND}).encode(), id="the result, and no header"),
    ],
)
def test_a_result_code_says_more_than_a_status(status: int, body: bytes) -> None:
    assert judge(status, body, ASKED).result.code is ResultCode.UNKNOWN_DEV_EUI


@pytest.mark.parametrize("status", [400, 422])
def test_a_status_about_the_request_does_not_stop_the_other_devices(status: int) -> None:
    assert judge(status, b"<html>", ASKED).result.code.reaction is Reaction.CONFIG_ERROR


@pytest.mark.parametrize(
    ("status", "refuses"),
    [(401, True), (403, True), (404, True), (302, False), (429, False), (500, False), (503, False)],
)
def test_a_status_about_the_server_is_no_answer(status: int, refuses: bool) -> None:
    for body in (b"", b"<html>", an_answer()):
        with pytest.raises(NoAnswer) as refused:
            judge(status, body, ASKED)
        assert refused.value.refuses is refuses and str(status) in str(refused.value)


@given(st.integers(100, 599), st.binary(max_size=40))
def test_whatever_comes_it_is_an_answer_or_none(status: int, body: bytes) -> None:
    try:
        assert judge(status, body, ASKED).result.code is not ResultCode.SUCCESS
    except NoAnswer as error:
        assert error.counter in ("garbage", "strays", "http_errors")


def test_a_certificate_is_told_of_weeks_ahead() -> None:
    now_s = 1e9
    assert expiry_words("its", None, now_s) is None
    assert expiry_words("its", now_s + 30 * DAY_S, now_s) is None
    assert "in 29 days" in (expiry_words("its", now_s + 30 * DAY_S - 1, now_s) or "")
    assert "has expired" in (expiry_words("our", now_s - 1, now_s) or "")
