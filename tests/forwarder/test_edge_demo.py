"""The demo with keys: what it says, when things happen in it, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from forwarder.edge.values import (
    FcntState,
    KeyOrigin,
    MicState,
    PayloadState,
    RadioFacts,
    Record,
)
from forwarder.links.semtech_udp.wire import pull_data, push_data
from forwarder.lorawan import crypto
from forwarder.lorawan.frame import DataFrame, Header, JoinRequest, MType, parse
from forwarder.lorawan.region import REGIONS
from forwarder.sim.device import Send
from forwarder.sim.device_spec import DeviceSpec
from forwarder.sim.edge_demo import Plan
from forwarder.sim.edge_narrator import EdgeNarrator, edge_summary, reading
from forwarder.sim.intruder import Tape, Trick, play
from forwarder.sim.network_server import NetworkServer, Reception
from forwarder.sim.server_events import JoinHeard, JoinRefused
from forwarder.sim.udp_server import UdpServer

SCENARIO = """
[[devices]]
name = "joins"
place = { kind = "points", points = [[200, 0, 1]] }
start = "0s"
[[devices]]
name = "meter"
activation = "abp"
place = { kind = "points", points = [[0, 300, 1]] }
payload = { kind = "counter", bytes = 8 }
traffic = { kind = "periodic", every = "2s" }
start = "500ms"
"""


def test_the_demo_reads_at_the_gateway_and_leaves_nothing_behind(tmp_path: Path) -> None:
    scenario = tmp_path / "short.toml"
    scenario.write_text(SCENARIO)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "forwarder", "demo", "--json", "--scenario", str(scenario)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert process.stdout is not None
    lines: list[dict[str, Any]] = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if {"edge", "up"} <= {one["kind"] for one in lines if one["device"] == "meter"}:
            assert _of(scratch), "the Join Server is a process of its own"
            process.send_signal(signal.SIGINT)
            break
    rest, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    (here,) = [one for one in lines if one["kind"] == "edge"]
    (there,) = [one for one in lines if one["kind"] == "up" and one["device"] == "meter"]
    assert (here["mic"], here["payload_state"], here["fcnt_state"]) == ("ok", "decrypted", "new")
    assert "ciphertext" in there["detail"] and "ciphertext" not in here["detail"]
    agreed = [one for one in lines if one["what"] == "Join Server agreed"]
    assert [one["device"] for one in agreed] == ["joins"]
    summary = json.loads(rest.splitlines()[-1])
    assert (summary["server_read"], summary["server_app_s_keys"]) == (0, 0)
    assert (summary["server_sealed"], summary["edge_readings"]) == (1, 1)
    assert not _of(scratch) and not list(scratch.iterdir())


def _of(folder: Path) -> list[str]:
    """Processes that work in `folder`."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode(errors="replace"))
        except OSError:  # it has ended meanwhile
            continue
    return [line for line in lines if "sim-js" in line and str(folder) in line]


# What happens when.


def test_the_way_is_cut_halfway_and_for_a_quarter_of_a_minute() -> None:
    plan = Plan.of(None)
    assert plan is not None
    assert (plan.cut_s, plan.back_s) == (30.0, 45.0)
    assert [trick for trick, _ in plan.tricks_s] == list(Trick)


@given(st.floats(20.0, 1e6))
def test_however_short_a_demo_is_all_of_it_happens_before_its_end(seconds: float) -> None:
    plan = Plan.of(seconds)
    assert plan is not None
    times = [plan.cut_s, plan.back_s, *(at_s for _, at_s in plan.tricks_s)]
    assert times == sorted(times) and times[0] > 0 and times[-1] < seconds
    assert plan.cut_s == seconds / 2


def test_in_a_demo_that_is_over_before_devices_join_nothing_happens() -> None:
    assert Plan.of(19.9) is None


# What is said.

RECORD = Record(
    "gw",
    0,
    "26000001",
    MicState.OK,
    PayloadState.DECRYPTED,
    FcntState.NEW,
    b"",
    RadioFacts(1, 868_100_000, "SF7BW125", "4/5", -60, 9.5, 1, 0),
    dev_eui="0011223344556677",
    device_name="shed",
    fcnt=7,
    fport=1,
    payload=b"\x07\x08\x5a\xa5",
    key_origin=KeyOrigin.TUNNEL,
    decoded={"celsius": 18.0, "humidity": 45.0, "volts": 3.3, "door": "open"},
)


def test_a_reading_has_its_states_its_values_and_once_where_the_key_is_from() -> None:
    narrator = EdgeNarrator({})
    (line,), (again,) = narrator.record(RECORD), narrator.record(replace(RECORD, fcnt=8))
    assert (line.kind, line.device, line.what) == ("edge", "shed", "data 7")
    assert "mic ok, decrypted, new" in line.detail
    assert "18.00 °C  45 %  3.30 V  door open" in line.detail
    assert "tunnelled" in line.detail and "tunnelled" not in again.detail
    assert line.facts["key_origin"] == "tunnel" and line.facts["decoded"] == RECORD.decoded


def test_without_a_codec_bytes_are_shown_and_its_error_if_there_was_one() -> None:
    assert reading(replace(RECORD, decoded=None)) == "07085aa5"
    assert reading(replace(RECORD, decoded=None, codec_error="4 bytes")) == "07085aa5  4 bytes"
    assert reading(replace(RECORD, payload=None, note="no key")) == "no key"


@pytest.mark.parametrize(
    ("changes", "what", "counted"),
    [
        ({"mic": MicState.BAD}, "forged", "edge_forged"),
        ({"mic": MicState.UNKNOWN_DEVICE, "device_name": None}, "unknown device", "edge_unknown"),
        ({"fcnt_state": FcntState.REPEAT}, "replay of 7", "edge_replays"),
    ],
)
def test_bad_frames_are_named_and_counted(changes: dict[str, Any], what: str, counted: str) -> None:
    narrator = EdgeNarrator({})
    (line,) = narrator.record(replace(RECORD, payload=None, decoded=None, **changes))
    facts = narrator.summary(1.0)
    assert line.what == what and facts[counted] == 1 and facts["edge_readings"] == 0


def test_the_summary_has_both_sides() -> None:
    narrator = EdgeNarrator({})
    narrator.away = True
    narrator.record(RECORD)
    told = "\n".join(edge_summary({**narrator.summary(1.0), "server_app_s_keys": 0}))
    assert "0 could be read; it holds 0 AppSKeys" in told
    assert "1 readings, 1 of them while the server was away" in told
    assert "1 tunnelled with the uplinks" in told


# The intruder.


def _send(fcnt: int, payload: bytes = b"abcd") -> Send:
    frame = DataFrame(
        Header(MType.UNCONFIRMED_UP), 0x26000001, fcnt, fport=1, payload=payload, mic=bytes(4)
    )
    return Send(frame.body() + bytes(4), 868_100_000, 7, 125_000, 14.0, f"fcnt={fcnt}")


def test_the_intruder_needs_no_key() -> None:
    tape, rng = Tape(), random.Random(1)
    tape.hear("shed", _send(3))
    assert play(Trick.FORGED, tape, rng, 0) is None
    tape.hear("shed", _send(4))
    sent = {}
    for trick in Trick:
        played = play(trick, tape, rng, 0)
        assert played is not None
        sent[trick] = played[0].payload
    assert sent[Trick.REPLAY] == _send(3).payload
    forged, unknown = parse(sent[Trick.FORGED]), parse(sent[Trick.UNKNOWN])
    assert isinstance(forged, DataFrame) and isinstance(unknown, DataFrame)
    assert (forged.dev_addr, forged.fcnt) == (0x26000001, 5) and forged.mic != bytes(4)
    assert unknown.dev_addr != forged.dev_addr


# The network server with its Join Server outside.

KNOWN = DeviceSpec("shed", 0x11, 0x22, b"", REGIONS["EU868"])


def _core() -> NetworkServer:
    return NetworkServer(REGIONS["EU868"], [KNOWN], join_server_outside=True)


def _heard(core: NetworkServer, dev_eui: int) -> None:
    request = JoinRequest(Header(MType.JOIN_REQUEST), 0x22, dev_eui, 1)
    frame = request.body() + crypto.cmac4(bytes(16), request.body())
    core.uplink(Reception("gw", frame, 1_000_000, 868_100_000, 7, 125_000, -80.0, 9.0), 0.0)
    core.tick(1.0)


def test_a_join_is_the_join_servers_to_decide() -> None:
    core = _core()
    _heard(core, 0x11)
    (ask,) = core.asks()
    assert isinstance(core.events()[0], JoinHeard) and core.downlinks() == [] == core.asks()
    core.granted(ask, b"\x20" + bytes(16), bytes(16))
    assert [one.payload for one in core.downlinks()] == [b"\x20" + bytes(16)]
    assert core.app_s_keys() == 0


def test_a_denied_join_is_told_with_its_reason_and_gets_no_answer() -> None:
    core = _core()
    _heard(core, 0x11)
    core.denied(core.asks()[0], "MICFailed")
    assert core.downlinks() == []
    assert [one.why for one in core.events() if isinstance(one, JoinRefused)] == ["MICFailed"]


def test_a_stranger_is_not_asked_about() -> None:
    core = _core()
    _heard(core, 0x33)
    assert core.asks() == [] and isinstance(core.events()[0], JoinRefused)


def test_while_the_way_is_cut_no_datagram_gets_through() -> None:
    async def tell() -> list[bytes]:
        server: Any = UdpServer(NetworkServer(REGIONS["EU868"], []), lambda event: None)
        sent: list[bytes] = []
        server._sendto = lambda data, addr: sent.append(data)
        for cut in (True, False):
            server.cut = cut
            server.datagram_received(push_data(1, bytes(8), "{}"), ("127.0.0.1", 9))
            server.datagram_received(pull_data(2, bytes(8)), ("127.0.0.1", 9))
        return sent

    assert [data[:4].hex() for data in asyncio.run(tell())] == ["02000101", "02000204"]
