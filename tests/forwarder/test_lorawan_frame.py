"""Frames from bytes and back, and what the `frame` command says to a person."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.__main__ import main
from forwarder.lorawan import frame as frames
from forwarder.lorawan import mac_commands
from forwarder.lorawan.explain import ExplainKeys, explain
from forwarder.lorawan.frame import DataFrame, FrameError, parse

# S-01, S-05, S-20 of the project's reference vectors (random keys from a fixed seed).
PLAIN = "408618c92600000001719e805c69"
NWK, APP = "fc51582dc1c65f0f2533d98b381b90af", "eea7171f8b19f17864f43aa4d1cfbdd6"
WITH_FOPTS = "408618c926c1040002022232fe72b3a27dbd7a687bbf52413e91c4b99779"
FROM_1_1 = "40a8489f260001000193cef79802ba2989ecef06"
F_NWK, S_NWK = "7704351352eccffa8260322d38a6f39a", "f64d8c72c12282e5833fa352c9d29505"


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["frame", *arguments]) == 0
    return capsys.readouterr().out


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_encode_to_themselves(data: bytes) -> None:
    try:
        frame = parse(data)
    except FrameError:
        return
    assert frame.encode() == data
    explain(data, ExplainKeys())


@given(st.sampled_from([0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0]), st.binary(max_size=40))
def test_every_message_type_encodes_to_itself_with_keys_given(mhdr: int, rest: bytes) -> None:
    key = bytes(16)
    try:
        story = explain(bytes([mhdr]) + rest, ExplainKeys(nwk_s=key, app_s=key))
    except FrameError:
        return
    assert story.json["phy_payload"] == f"{mhdr:02x}" + rest.hex()
    assert story.lines()


@pytest.mark.parametrize(
    "data, why",
    [
        pytest.param("", "empty", id="nothing"),
        pytest.param("408618c9260000", "12 bytes", id="short data frame"),
        pytest.param("408618c9260f0000aabbccdd", "FOptsLen", id="options past the end"),
        pytest.param("408618c926010000020011aabbccdd", "FPort 0", id="options and port 0"),
        pytest.param("00112233", "23 bytes", id="short join-request"),
        pytest.param("20" + "00" * 20, "17 or 33", id="join-accept of no size"),
        pytest.param("c003" + "00" * 17, "type 0, 1 or 2", id="rejoin type 3"),
        pytest.param("418618c92600000001719e805c69", "major version", id="major version 1"),
    ],
)
def test_what_is_no_frame_is_refused_with_the_reason(data: str, why: str) -> None:
    with pytest.raises(FrameError, match=why):
        parse(bytes.fromhex(data))


@given(st.binary(max_size=40), st.booleans())
def test_mac_commands_lose_no_byte(data: bytes, uplink: bool) -> None:
    assert b"".join(c.raw for c in mac_commands.parse(data, uplink=uplink)) == data


def test_a_link_adr_request_is_told_in_numbers() -> None:
    (command,) = mac_commands.parse(bytes.fromhex("0352070071"), uplink=False)
    assert command.name == "LinkADRReq"
    assert command.fields == {
        "data_rate": 5,
        "tx_power": 2,
        "ch_mask": 7,
        "ch_mask_cntl": 7,
        "nb_trans": 1,
    }


def test_a_person_reads_fields_commands_and_a_fitting_mic(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(capsys, WITH_FOPTS, "--nwkskey", NWK, "--appskey", APP)
    assert "26c91886" in text and "LinkCheckReq" in text
    assert "ok: fits the NwkSKey with counter 4" in text
    assert "09ce7216fe2472301eaa0fc9ed7867f8" in text
    assert NWK not in text and APP not in text


def test_a_wrong_mic_is_told_in_words_with_its_likely_causes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(capsys, PLAIN, "--nwkskey", APP)
    assert "WRONG" in text and "swapped" in text and "65535" in text


def test_half_of_a_1_1_mic_is_half_ok_and_the_missing_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(capsys, FROM_1_1, "--fnwksintkey", F_NWK)
    assert "half ok" in text and "SNwkSIntKey" in text
    whole = told(
        capsys,
        FROM_1_1,
        "--fnwksintkey",
        F_NWK,
        "--snwksintkey",
        S_NWK,
        "--tx-dr",
        "5",
        "--tx-ch",
        "2",
    )
    assert "ok: fits the FNwkSIntKey and SNwkSIntKey" in whole


def test_a_counter_over_65535_is_found_without_being_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # S-18: counter 70000, 4464 on the air.
    frame, key = "40112390480070110968cef42c472716aeb573", "279c2c32d3afd19280ef288ee591431d"
    out = json.loads(told(capsys, frame, "--nwkskey", key, "--json"))
    assert (out["fcnt16"], out["fcnt32"], out["mic_ok"]) == (4464, 70000, True)


@pytest.mark.parametrize(
    "text", ["QIYYySYAAAABcZ6AXGk=", "0x" + PLAIN, "40:86:18:c9:26:00:00:00:01:71:9e:80:5c:69"]
)
def test_base64_and_other_spellings_are_understood(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads(told(capsys, text, "--json"))["phy_payload"] == PLAIN


@pytest.mark.parametrize(
    "arguments, why",
    [
        pytest.param(["hello world!"], "hexadecimal or base64", id="no bytes"),
        pytest.param([""], "1 to 255 bytes", id="empty"),
        pytest.param(["00" * 256], "1 to 255 bytes", id="too long"),
        pytest.param(["40" * 10000], "255 bytes", id="absurd"),
        pytest.param(["4086"], "no LoRaWAN frame", id="too short"),
        pytest.param([PLAIN, "--nwkskey", NWK[:-1]], "32 hexadecimal digits", id="short key"),
        pytest.param([PLAIN, "--fcnt", "-1"], "a number from 0", id="negative counter"),
        pytest.param([PLAIN, "--fcnt", "70000"], "low 16 bits", id="impossible counter"),
        pytest.param([PLAIN, "--join-request", PLAIN], "join-request", id="no join-request"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_2(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["frame", *arguments]) == 2
    output = capsys.readouterr()
    assert why in output.err and output.err.count("\n") == 1
    assert NWK[:-1] not in output.err


def test_reserved_bits_survive() -> None:
    data = bytes([0x5C]) + bytes.fromhex(PLAIN)[1:]
    frame = frames.parse(data)
    assert isinstance(frame, DataFrame) and frame.header.reserved == 7
    assert frame.encode() == data
