"""What fuzzing and its questions have found, each as the smallest case of its own. Rung 1."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from forwarder.config import loads
from forwarder.config.convert import to_toml
from forwarder.config.semtech import translate
from forwarder.config.toml_file import lines, read_text
from forwarder.errors import ConfigError
from forwarder.radio.recovery import MOST_REASONS, Recovery
from forwarder.sim import placing, recording, scenario
from forwarder.sim.network_server import NetworkServer
from forwarder.sim.replay import Replay
from forwarder.sim.udp_server import UdpServer
from hal.clock import ManualClock
from hal.errors import FirmwareError
from hal.sim import server
from hal.sim.board import SimBoard
from hal.sim.bridge import Bridge
from hal.sim.control import Control, Reply
from hal.sim.log import TransactionLog
from hal.sim.transmitting import Transmitter
from hal.sx1302.firmware import parse_var
from hal.transport.base import Read
from hal.transport.trace import ReplayTransport, TraceMismatch
from tests.hal.configs import EU868
from tests.semtech import semtech_json

from .forwarder_targets import RXPK
from .server_target import DEVICE, Loop

LONG = 200_000  # characters: what takes its square in steps would take hours
PATIENCE_S = 20.0  # of processor time; what is linear takes a thousandth
SMALL = 'board = "rak2287"\nregion = "EU868"\n'


def quickly(work: Callable[[], object]) -> None:
    """Do `work` and fail if it took processor time out of all proportion."""
    before_s = time.process_time()
    work()
    assert time.process_time() - before_s < PATIENCE_S


# Texts that a pattern would have gone over again from every character.


def test_a_firmware_file_of_unfinished_comments_is_refused_at_once() -> None:
    def work() -> None:
        with pytest.raises(FirmwareError):
            parse_var("{" + "/* " * LONG + "}")

    quickly(work)


@pytest.mark.parametrize("line", ["[" + " " * LONG, " " * LONG, "[[" + "a " * LONG], ids=repr)
def test_a_line_of_blanks_in_a_toml_text_costs_nothing(line: str) -> None:
    quickly(lambda: lines(f'key = """\n{line}\n"""'))


def test_a_reset_script_of_empty_lines_costs_nothing() -> None:
    conf = semtech_json(EU868, "/dev/spidev0.0", 1700)
    conf["SX130x_conf"]["com_type"] = "SPI"
    script = ("reset_lgw.sh", "\n" * LONG + "  SX1302_RESET_PIN=17\n")
    out, _ = translate(json.dumps(conf), "global_conf.json", None, script)
    assert dict(out.layer().table)["lines"] == {"sx1302_reset": 17}


def test_a_duration_of_many_digits_is_refused_at_once_and_briefly() -> None:
    def work() -> None:
        with pytest.raises(ConfigError) as caught:
            scenario.read(f'[scenario]\nduration = "{"1" * LONG}"\n')
        assert len(str(caught.value)) < 300

    quickly(work)


# Numbers and depths that Python has no room for.


@pytest.mark.parametrize(
    "key", ["region", "concentrator.full_duplex", "radio_0.tx_gains", "gateway.gps_tty"]
)
def test_toml_of_any_depth_is_refused_and_does_not_exhaust_the_stack(key: str) -> None:
    head = SMALL if "." in key else ""
    with pytest.raises(ConfigError, match=r"nested more than \d+ deep"):
        loads(f"{head}{key}{'.a' * 5000} = 1\n", "gateway.toml")


def test_a_duration_that_no_float_holds_is_refused() -> None:
    with pytest.raises(ConfigError, match="duration from 0 to 1e9"):
        scenario.read(f"[scenario]\nduration = {'9' * 400}\n")


@pytest.mark.parametrize("name", ["{n:9999999999}", "{n.real}", "{n!r:>99}", "{", "x" * 100])
def test_a_name_for_devices_reaches_into_no_object_and_fills_no_memory(name: str) -> None:
    found = scenario.read(f'[[devices]]\nname = "{name}"\n')
    with pytest.raises(ConfigError, match=r"devices\.name"):
        placing.devices_of(found)


def test_a_configuration_without_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="too large"):
        read_text(Path("/dev/zero"))


# Recordings.


@pytest.mark.parametrize(
    "change",
    [
        {"rssi": 1e308},
        {"rssi": float("nan")},
        {"lsnr": 1e308},
        {"lsnr": float("-inf")},
        {"freq": 2.0},
        {"freq": -868.1},
        {"modu": "FSK", "datr": 0},
        {"modu": "FSK", "datr": -50_000},
    ],
    ids=str,
)
def test_a_reception_that_no_radio_can_have_had_is_told_and_not_played(
    change: dict[str, object],
) -> None:
    line = json.dumps({"rxpk": [RXPK | change]}).encode()
    (found,) = recording.parse(line)
    assert isinstance(found, recording.Unreadable) and "expected" in found.why


def test_what_is_told_about_a_line_is_short_however_long_the_line_is() -> None:
    line = json.dumps({"rxpk": [RXPK | {"freq": "x" * LONG}]}).encode()
    (found,) = recording.parse(line)
    assert isinstance(found, recording.Unreadable) and len(found.why) <= 200


def test_a_recording_at_a_frequency_that_no_board_has_is_the_users_to_mend() -> None:
    (reception,) = recording.parse(json.dumps({"rxpk": [RXPK | {"freq": 128.0}]}).encode())
    assert isinstance(reception, recording.Reception)
    with pytest.raises(ConfigError, match="calibrated"):
        Replay([reception])


def test_a_packed_recording_that_promises_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MOST_BYTES", 1 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(8 << 20)))
    with pytest.raises(ConfigError, match="split the recording"):
        recording.read(path)


# What is written must be readable.


def test_a_converted_file_is_toml_whatever_its_warnings_quote() -> None:
    conf = semtech_json(EU868, "/dev/ttyACM0", 1700)
    conf["gateway_conf"]["odd\0key\n\U000e0001"] = 1
    converted = to_toml(loads(json.dumps(conf), "global_conf.json"))
    tomllib.loads(converted)


# Recordings of a bus.


@pytest.mark.parametrize(
    "got", ["", "00", "000000", 7, None, [], {"a": 1}], ids=lambda got: json.dumps(got)
)
def test_an_answer_of_another_size_than_was_asked_for_is_told_with_its_line(
    got: object, tmp_path: Path
) -> None:
    path = tmp_path / "trace"
    path.write_text(json.dumps({"op": "r", "addr": "0x5606", "len": 2, "got": got}) + "\n")
    with pytest.raises(TraceMismatch, match="line 1: 2 bytes of answer expected"):
        ReplayTransport(path).transfer([Read(0x5606, 2)])


@pytest.mark.parametrize("got", ["25", [], {}])
def test_a_temperature_that_is_none_is_told_with_its_line(got: object, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(json.dumps({"op": "temperature", "got": got}) + "\n")
    with pytest.raises(TraceMismatch, match="line 1: a temperature expected"):
        ReplayTransport(path).temperature_c()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"[1]", b'{"got": "0"}'])
def test_what_is_no_trace_is_refused_with_file_and_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"trace, line 1: not a line of a trace"):
        ReplayTransport(path)


# The control port.


def asked(line: bytes) -> Reply:
    board = SimBoard(ManualClock())
    replies: list[Reply] = []
    Control(board, Bridge(board), Transmitter(board)).request(line, replies.append)
    (reply,) = replies
    return reply


@pytest.mark.parametrize("path", ["\0", "\ud800"], ids=repr)
def test_a_log_that_no_file_system_can_name_is_refused(path: str) -> None:
    reply = asked(json.dumps({"cmd": "log", "path": path}).encode())
    assert not reply["ok"] and "path" in reply["error"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, as Linux has it")
def test_a_log_on_a_full_disk_costs_the_log_and_not_the_board() -> None:
    bridge = Bridge(SimBoard(ManualClock()))
    bridge.log = TransactionLog(Path("/dev/full"))
    status = b"\1\0\0\1"
    for _ in range(1000):
        assert bridge.feed(status)[3] == 0x41
    bridge.log.flush()
    bridge.log.close()


@pytest.mark.parametrize("depth", range(700, 1000, 10))
def test_a_value_of_any_depth_is_refused_in_words(depth: int) -> None:
    reply = asked(b'{"cmd": "peek", "addr": ' + b"[" * depth + b"]" * depth + b"}")
    assert not reply["ok"] and len(reply["error"]) < 300


def test_a_client_that_does_not_wait_for_its_answer_is_let_go_and_not_hoarded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "_MOST_AHEAD", 1000)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        client = server._Client(ours)
        theirs.sendall(b"{}\n")
        client.receive()
        client.work(lambda line, answer: None)  # as a `transmit` does: the answer comes later
        for _ in range(2):
            theirs.sendall(b"{}\n" * 200)
            client.receive()
        assert client.gone and b"before the answer" in theirs.recv(4096)


# The demo's own server.


@pytest.mark.parametrize("freq", [1e308, -1.0, 0.0], ids=str)
def test_an_uplink_at_no_frequency_is_counted_as_unreadable(freq: float) -> None:
    loop = Loop()
    served = UdpServer(NetworkServer(DEVICE.region, [DEVICE]), lambda event: None)
    served._loop = cast(asyncio.AbstractEventLoop, loop)
    body = json.dumps({"rxpk": [RXPK | {"freq": freq}]}).encode()
    served.datagram_received(b"\2\0\0\0" + bytes(8) + body, ("127.0.0.1", 1))
    assert served.unreadable == 1


def test_an_uplink_of_more_than_a_frame_can_hold_is_counted_as_unreadable() -> None:
    served = UdpServer(NetworkServer(DEVICE.region, [DEVICE]), lambda event: None)
    served._loop = cast(asyncio.AbstractEventLoop, Loop())
    data = base64.b64encode(b"\x40" + DEVICE.dev_addr.to_bytes(4, "little") + bytes(300)).decode()
    body = json.dumps({"rxpk": [RXPK | {"data": data}]}).encode()
    served.datagram_received(b"\2\0\0\0" + bytes(8) + body, ("127.0.0.1", 1))
    assert served.unreadable == 1


# What runs for years.


def test_a_bus_that_fails_in_ever_new_words_fills_no_memory() -> None:
    recovery = Recovery()
    for number in range(1000):
        recovery.failed(float(number), f"answer {number} expected from the bridge")
    assert len(recovery.reasons) <= MOST_REASONS + 1
    assert sum(recovery.reasons.values()) == 1000
