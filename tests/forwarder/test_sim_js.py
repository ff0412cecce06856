"""The simulated Join Server: its core on bytes alone, and the command as a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forwarder.__main__ import main
from forwarder.edge.sources.join_server import (
    JoinRequestFacts,
    JoinServerClient,
    JoinServerSettings,
    ServerSettings,
)
from forwarder.edge.values import KeyNews
from forwarder.lorawan import crypto, keys
from forwarder.lorawan.frame import Header, JoinAccept, JoinRequest, MType
from forwarder.sim.join_server import Fault, JoinServer, Kek, Peers, Roots
from forwarder.sim.keys import export
from forwarder.sim.placing import devices_of
from forwarder.sim.scenario import load

DEV_EUI, JOIN_EUI, APP_KEY = 0x02AA000000000001, 0x02BB000000000001, bytes(range(16))
NS_KEK, AS_KEK = bytes(16), bytes(range(32))
Json = dict[str, Any]


def a_core(*, counted: bool = True) -> JoinServer:
    peers = Peers(
        {"000013": Kek("ns:000013:lab", NS_KEK), "000014": None},
        {"edge": Kek("as:edge", AS_KEK), "other": Kek("as:other", NS_KEK)},
        home_as="edge",
        closed=True,
    )
    roots = Roots(DEV_EUI, JOIN_EUI, APP_KEY, counted_nonces=counted)
    return JoinServer([roots], peers, lambda size: bytes(range(size)))


def a_request(nonce: int = 1, **changes: Any) -> Json:
    frame = JoinRequest(Header(MType.JOIN_REQUEST), JOIN_EUI, DEV_EUI, nonce)
    mic = crypto.cmac4(APP_KEY, frame.body())
    return {
        "ProtocolVersion": "1.0",
        "SenderID": "000013",
        "ReceiverID": f"{JOIN_EUI:016x}",
        "TransactionID": 7,
        "MessageType": "JoinReq",
        "MACVersion": "1.0.4",
        "PHYPayload": (frame.body() + mic).hex(),
        "DevEUI": f"{DEV_EUI:016x}",
        "DevAddr": "26c3d3ab",
        "DLSettings": "23",
        "RxDelay": 5,
        **changes,
    }


def an_ask(**changes: Any) -> Json:
    return {
        "ProtocolVersion": "1.0",
        "SenderID": "edge",
        "ReceiverID": f"{JOIN_EUI:016x}",
        "TransactionID": 8,
        "MessageType": "AppSKeyReq",
        "DevEUI": f"{DEV_EUI:016x}",
        "SessionKeyID": bytes(range(16)).hex(),
        **changes,
    }


def say(core: JoinServer, request: Json) -> Json:
    reply = core.answer(json.dumps(request).encode())
    answer: Json = json.loads(reply.body)
    assert reply.status == 200 and answer["TransactionID"] == request["TransactionID"]
    return answer


def test_each_party_gets_its_keys_under_its_own_kek_and_they_are_the_devices() -> None:
    core = a_core()
    joined, asked = say(core, a_request()), say(core, an_ask())
    other = say(core, an_ask(SenderID="other"))
    sealed = bytes.fromhex(joined["PHYPayload"])[1:]
    accept = JoinAccept.parse(crypto.open_join_accept(APP_KEY, sealed)[0])
    session = keys.session_1_0(APP_KEY, accept.join_nonce, accept.net_id, 1)

    def opened(envelope: dict[str, str], kek: bytes) -> bytes:
        return keys.unwrap(kek, bytes.fromhex(envelope["AESKey"]))

    assert joined["NwkSKey"]["KEKLabel"] == "ns:000013:lab"
    assert opened(joined["NwkSKey"], NS_KEK) == session.nwk_s_enc
    assert opened(joined["AppSKey"], AS_KEK) == opened(asked["AppSKey"], AS_KEK) == session.app_s
    assert opened(other["AppSKey"], NS_KEK) == session.app_s


def test_without_a_kek_a_key_goes_out_in_clear() -> None:
    joined = say(a_core(), a_request(SenderID="000014"))
    assert joined["NwkSKey"]["KEKLabel"] == "" and len(joined["NwkSKey"]["AESKey"]) == 32


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        pytest.param(a_request(SenderID="000099"), "UnknownSender", id="a stranger's network"),
        pytest.param(an_ask(SenderID="000013"), "UnknownSender", id="a network asks for AppSKey"),
        pytest.param(a_request(ReceiverID="02bb000000000002"), "UnkownReceiver", id="JoinEUI"),
        pytest.param(a_request(DevEUI="02aa000000000002"), "UnknownDevEUI", id="DevEUI"),
        pytest.param(an_ask(SessionKeyID="00"), "Other", id="no such session"),
        pytest.param(a_request(PHYPayload="00"), "FrameSizeError", id="a short frame"),
        pytest.param(a_request(PHYPayload="40" * 12), "MalformedRequest", id="a data frame"),
        pytest.param(a_request(DLSettings=None), "MalformedRequest", id="no DLSettings"),
        pytest.param(a_request(MessageType="RejoinReq"), "MalformedRequest", id="a rejoin"),
        pytest.param(a_request(ProtocolVersion="3.0"), "InvalidProtocolVersion", id="version"),
        pytest.param(
            a_request(PHYPayload=a_request()["PHYPayload"][:-1] + "0"), "MICFailed", id="forged"
        ),
    ],
)
def test_what_is_not_granted_has_its_code(request_: Json, code: str) -> None:
    core = a_core()
    assert say(core, request_)["Result"]["ResultCode"] == code


def test_a_dev_nonce_counts_or_is_at_least_new() -> None:
    counted, random = a_core(), a_core(counted=False)
    for core, nonces, codes in (
        (counted, (5, 5, 4, 6), ("Success", "JoinReqFailed", "JoinReqFailed", "Success")),
        (random, (5, 5, 4, 6), ("Success", "JoinReqFailed", "Success", "Success")),
    ):
        said = tuple(say(core, a_request(nonce))["Result"]["ResultCode"] for nonce in nonces)
        assert said == codes
    new = a_request(6, ProtocolVersion="1.1")
    assert say(counted, new)["Result"]["ResultCode"] == "FrameReplayed"


def test_a_fault_meets_as_many_requests_as_asked() -> None:
    core = a_core()
    core.fail(Fault.UNKNOWN_DEVICE, times=2)
    codes = [say(core, a_request(nonce))["Result"]["ResultCode"] for nonce in (1, 2, 3)]
    assert codes == ["UnknownDevEUI", "UnknownDevEUI", "Success"]


VALUES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just({"a": []})
)


@given(st.dictionaries(st.sampled_from(sorted(a_request())), VALUES, max_size=2))
@example({"RxDelay": 256})
@example({"TransactionID": 2**70})
def test_whatever_is_asked_there_is_an_answer(changes: Json) -> None:
    reply = a_core().answer(json.dumps(a_request(**changes)).encode())
    assert "ResultCode" in json.loads(reply.body)["Result"]


@given(st.binary(max_size=60))
@example(b'{"":""}')
def test_what_is_no_object_is_a_bad_request(data: bytes) -> None:
    try:
        is_object = isinstance(json.loads(data), dict)
    except ValueError:
        is_object = False
    assert (a_core().answer(data).status == 400) is not is_object


# The command.


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="neither TLS nor HTTP"),
        pytest.param(["--http", "--tls-dir", "x"], id="both"),
        pytest.param(["--http", "--kek", "label"], id="no file"),
        pytest.param(["--http", "--fault", "thunder"], id="no such fault"),
        pytest.param(["--http", "--port", "70000"], id="no such port"),
        pytest.param(["--http", "--scenario", "nowhere"], id="no such scenario"),
    ],
)
def test_wrong_usage_is_told_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim-js", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith("edgemast: ") and said.out == ""


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '[{"dev_eui": "12"}]'])
def test_a_file_of_devices_that_is_none_is_told(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    devices = tmp_path / "devices.json"
    devices.write_text(content)
    assert main(["sim-js", "--http", "--devices", str(devices)]) == 2
    assert "expected" in capsys.readouterr().err


def test_a_process_of_its_own_lets_a_device_of_the_demo_join(tmp_path: Path) -> None:
    told = export(devices_of(load("demo")))
    device = next(one for one in told if one["activation"] == "otaa")
    for name, kek in (("ns", NS_KEK), ("as", AS_KEK)):
        (tmp_path / name).write_text(kek.hex())
    arguments = ["--tls-dir", str(tmp_path / "tls"), "--as-id", "edge", "--fault", "unauthorized"]
    arguments += ["--kek", f"ns:000013={tmp_path}/ns", "--kek", f"as:edge={tmp_path}/as"]
    process = subprocess.Popen(
        [sys.executable, "-m", "forwarder", "sim-js", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        joined, asked = asyncio.run(_join_and_ask(facts, device))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert joined.app_s_key is not None and asked.app_s_key is not None
    app_s_key = keys.unwrap(AS_KEK, asked.app_s_key.wrapped)
    assert keys.unwrap(AS_KEK, joined.app_s_key.wrapped) == app_s_key


async def _join_and_ask(facts: dict[str, str], device: dict[str, str]) -> tuple[KeyNews, KeyNews]:
    answers: asyncio.Queue[KeyNews] = asyncio.Queue()
    server = ServerSettings(
        url=facts["url"],
        ca_file=facts["ca"],
        cert_file=facts["client_certificate"],
        key_file=facts["client_key"],
    )
    settings = JoinServerSettings(server=(server,), as_id="edge", net_id="000013")
    client = JoinServerClient(settings, answers.put_nowait)
    running = asyncio.create_task(client.run())
    root, dev_eui = bytes.fromhex(device["app_key"]), int(device["dev_eui"], 16)
    frame = JoinRequest(Header(MType.JOIN_REQUEST), int(device["join_eui"], 16), dev_eui, 1)
    facts_of_join = JoinRequestFacts(
        frame.body() + crypto.cmac4(root, frame.body()),
        device["dev_eui"],
        device["join_eui"],
        0x01020304,
        device["mac_version"],
    )
    with pytest.raises(Exception, match="401"):
        await client.join(facts_of_join)
    answer = await client.join(facts_of_join)
    client.ask(device["dev_eui"], device["join_eui"], answer.news.session_id)
    news = await asyncio.wait_for(answers.get(), 20)
    running.cancel()
    return answer.news, news


def test_it_ends_with_whoever_started_it() -> None:
    command = [sys.executable, "-m", "forwarder", "sim-js", "--http", "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        assert b'"url"' in process.stdout.readline()
        process.stdin.close()
        assert process.wait(10) == 0
