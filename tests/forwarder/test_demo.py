"""The demo as a process, and what it says."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys

import pytest

from forwarder.__main__ import main
from forwarder.config import loads
from forwarder.links.semtech_udp.wire import pull_data, push_data, tx_ack
from forwarder.lorawan.region import REGIONS, DataRate
from forwarder.packets import Accepted, Refusal, Refused
from forwarder.sim.demo import outside_config
from forwarder.sim.device_spec import PayloadKind, encode_reading
from forwarder.sim.narrator import Line, Narrator, summary_text, text
from forwarder.sim.network_server import NetworkServer, Transmit
from forwarder.sim.scenario import load
from forwarder.sim.server_events import DataHeard, DownlinkAnswered, Radio, ServerEvent, Unknown
from forwarder.sim.udp_server import UdpServer, txpk

RADIO = Radio(868_100_000, 7, 125_000, -80.0, 9.5)


def test_the_demo_hears_answers_and_ends_cleanly_when_interrupted() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "forwarder", "demo", "--plain", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1]["kind"] == "down":
            process.send_signal(signal.SIGINT)
            break
    rest, errors = process.communicate(timeout=10)
    assert process.returncode == 0 and errors == ""
    assert [line["what"] for line in lines[1:]] == ["join request 1", "join-accept"]
    assert lines[2]["margin_ms"] > 4000
    summary = json.loads(rest.splitlines()[-1])
    assert summary["kind"] == "summary" and summary["downlinks_sent"] == 1


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["--seconds", "-1"], "--seconds"),
        (["--scenario", "stret"], "street"),
        (["--scenario", "city"], "4 gateways"),
        (["--seed", "-4"], "--seed"),
        (["--server", "nowhere"], "HOST:PORT"),
        (["--server", 'x"y:1700'], "HOST:PORT"),
        (["--server", "127.0.0.1:1700", "-c", "gateway.toml"], "give one of them"),
        (["-c", "config/examples/corecell-usb-us915.toml"], "choose a scenario of that region"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *arguments]) == 2
    error = capsys.readouterr().err
    assert why in error and error.count("\n") == 1


def test_a_users_servers_are_used_on_the_simulated_board() -> None:
    config = loads(
        'board = "rak2287"\nregion = "EU868"\n[[server]]\naddress = "a"\n'
        '[[server]]\ntype = "mqtt"\naddress = "mqtts://b"\n',
        "gateway.toml",
    )
    outside = outside_config(load("demo"), config)
    assert (outside.radio_uri, outside.lines) == ("sim:", None)
    assert outside.eui == "0016c001f1500001" and outside.servers == config.servers


def test_a_reading_is_told_in_units() -> None:
    narrator = Narrator({"shed": PayloadKind.TEMPERATURE})
    payload = encode_reading(-4.25, 61.0, 3.3)
    event = DataHeard("shed", 7, 1, payload, True, False, 2, False, RADIO)
    (line,) = narrator.server(event)
    assert line.what == "confirmed data 7"
    assert "-4.25 °C  61 %  3.30 V" in line.detail and "2 missed" in line.detail


def test_a_downlink_is_told_with_its_margin_or_the_reason_of_its_refusal() -> None:
    narrator = Narrator({})
    narrator.answer(5, Accepted(1, 14.0, False, 612_345))
    narrator.answer(6, Refused(Refusal.COLLISION_PACKET))
    (sent,) = narrator.server(DownlinkAnswered("a", 5, "ack", 1, None))
    (refused,) = narrator.server(DownlinkAnswered("a", 6, "ack", 1, "COLLISION_PACKET"))
    assert "margin 612 ms" in sent.detail
    assert Refusal.COLLISION_PACKET.value in refused.detail
    facts = narrator.summary(9.0)
    assert (facts["downlinks_sent"], facts["downlinks_refused"]) == (1, 1)
    assert any("612.3 ms" in line for line in summary_text(facts))


def test_ghosts_are_counted_and_explained() -> None:
    narrator = Narrator({})
    near = Radio(868_100_000, 7, 125_000, -20.0, 14.0, ghosts=3)
    event = DataHeard("desk", 1, 1, b"x", False, False, 0, False, near)
    line = narrator.server(event)[-1]
    assert line.what == "3 ghosts dropped" and narrator.counts["ghosts"] == 3


def test_lines_align_and_are_coloured_only_when_asked() -> None:
    line = Line("up", "shed", "data 1", "SF7")
    assert text(line, 1.0).index("SF7") == text(Line("info", "b", "c", "SF7"), 999.0).index("SF7")
    assert "\x1b" not in text(line, 1.0) and "\x1b" in text(line, 1.0, colour=True)


# The server's UDP side.


async def spoken_to(
    datagrams: list[bytes], *, tells: bool = False
) -> tuple[list[bytes], list[ServerEvent], int]:
    """What a server answers on a real socket, what it tells, how many it could not read."""
    events: list[ServerEvent] = []
    told = asyncio.Event()

    def tell(event: ServerEvent) -> None:
        events.append(event)
        told.set()

    server = UdpServer(NetworkServer(REGIONS["EU868"], []), tell)
    loop = asyncio.get_running_loop()
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    class Client(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            answers.put_nowait(data)

    port = await server.start()
    transport, _ = await loop.create_datagram_endpoint(Client, remote_addr=("127.0.0.1", port))
    for datagram in [*datagrams, pull_data(0xEEEE, bytes(8))]:
        transport.sendto(datagram)
    came: list[bytes] = []
    while not came or came[-1] != b"\x02\xee\xee\x04":
        came.append(await asyncio.wait_for(answers.get(), 5))
    if tells:
        await asyncio.wait_for(told.wait(), 5)
    transport.close()
    server.close()
    return came[:-1], events, server.unreadable


def test_a_push_is_acknowledged_and_its_frame_handled() -> None:
    rxpk = (
        '{"rxpk":[{"tmst":1,"freq":868.1,"stat":1,"modu":"LORA","datr":"SF7BW125",'
        '"codr":"4/5","rssi":-80,"lsnr":9.5,"size":1,"data":"4A=="}]}'
    )
    answers, events, unreadable = asyncio.run(
        spoken_to([push_data(0x1234, bytes(8), rxpk)], tells=True)
    )
    assert answers == [b"\x02\x12\x34\x01"] and unreadable == 0
    (event,) = events
    assert isinstance(event, Unknown) and event.radio.freq_hz == 868_100_000


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"rxpk":5}', '{"rxpk":[{"tmst":1,"freq":1,"datr":"x","data":"!"}]}']
)
def test_what_cannot_be_read_is_counted_and_the_server_goes_on(body: str) -> None:
    bad = [push_data(1, bytes(8), body), b"\x02", tx_ack(9, bytes(8), '{"txpk_ack":3}')]
    answers, events, unreadable = asyncio.run(spoken_to([*bad, b"\x02\x00\x00\x03{}"]))
    assert answers[0] == b"\x02\x00\x01\x01"
    assert events == [] and unreadable >= 3


def test_a_downlink_is_written_as_forwarders_read_it() -> None:
    downlink = Transmit("00" * 8, 7, 5_000_000, 868_100_000, DataRate(9), 14, b"\x60\x01")
    body = json.loads(txpk(downlink))["txpk"]
    assert body == {
        "imme": False, "tmst": 5_000_000, "freq": 868.1, "rfch": 0, "powe": 14, "modu": "LORA",
        "datr": "SF9BW125", "codr": "4/5", "ipol": True, "ncrc": True, "size": 2, "data": "YAE=",
    }  # fmt: skip
