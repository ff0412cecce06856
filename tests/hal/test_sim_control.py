"""The control port of the simulated board: every request, and what is no request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.clock import ManualClock
from hal.sim.board import SimBoard
from hal.sim.bridge import Bridge
from hal.sim.control import Control
from hal.sim.transmitting import Transmitter

from ..shared import shared
from .sim_golden import replay, rows
from .test_sim_bridge import message, read
from .test_sim_tx import IMMEDIATE, Host

SECOND = 1_000_000_000


class Desk:
    """A control port without its socket."""

    def __init__(self, board: SimBoard | None = None) -> None:
        self.board = board or SimBoard(ManualClock(SECOND))
        self.bridge = Bridge(self.board)
        self.transmitter = Transmitter(self.board)
        self.control = Control(self.board, self.bridge, self.transmitter)
        self.answers: list[dict[str, Any]] = []

    def line(self, line: bytes) -> dict[str, Any]:
        self.control.request(line, self.answers.append)
        return self.answers[-1]

    def ask(self, cmd: str, **fields: object) -> dict[str, Any]:
        return self.line(json.dumps({"cmd": cmd, **fields}).encode())

    def well(self, cmd: str, **fields: object) -> dict[str, Any]:
        answer = self.ask(cmd, **fields)
        assert answer.pop("ok") is True, answer
        return answer

    def fifo(self) -> bytes:
        self.board.advance()
        level = int.from_bytes(self.board.registers.read(0x58C8, 2), "big")
        return self.board.registers.read(0x4000, level)


def test_inject_answers_with_the_bytes_and_the_time() -> None:
    desk = Desk()
    desk.board.clock.sleep(2)
    answer = desk.well("inject", payload="40f17dbe", channel=2, modem=5, sf=9, cr=1, crc_en=True)
    assert answer["ticks"] == 64_000_000 and answer["counter_us"] == 2_000_000
    assert answer["ns"] == 3 * SECOND
    assert desk.fifo().hex() == answer["raw"]


def test_inject_gives_the_recorded_bytes() -> None:
    desk = Desk()
    for row in rows(shared("golden/rx.jsonl")):
        for asked, ticks in zip(row["inject"], row["ticks"], strict=True):
            desk.well("inject", **asked, ticks=ticks)
        assert desk.fifo().hex() == row["fifo"], row["name"]


def test_inject_later_appears_when_the_counter_gets_there() -> None:
    desk = Desk()
    answer = desk.well("inject", payload="00", at_us_from_now=1_000_000)
    assert answer["ticks"] == 32_000_000 and answer["ns"] == 2 * SECOND
    assert desk.fifo() == b""
    desk.board.clock.sleep(1)
    assert desk.fifo().hex() == answer["raw"]


def test_inject_many_answers_each() -> None:
    answer = Desk().well("inject_many", items=[{"payload": "00"}, {"payload": "zz"}, 5])
    assert [reply["ok"] for reply in answer["replies"]] == [True, False, False]


def test_inject_raw_is_stored_as_it_is() -> None:
    desk = Desk()
    desk.well("inject_raw", raw="0011a5c0ff")
    assert desk.fifo().hex() == "0011a5c0ff"


def test_what_does_not_fit_is_counted_until_the_stats_are_cleared() -> None:
    desk = Desk()
    desk.well("inject_raw", raw="00" * 4096)
    desk.well("inject", payload="00")
    assert desk.well("state")["stats"]["fifo_overflow"] == 1
    desk.well("reset_stats")
    assert desk.well("state")["stats"]["fifo_overflow"] == 0


def test_transmitted_and_programmed_are_told_once() -> None:
    host = Host()
    desk = Desk(host.board)
    host.program()
    host.trigger(IMMEDIATE)
    assert [tx["mode"] for tx in desk.well("programmed")["tx"]] == ["immediate"]
    assert desk.well("transmitted")["tx"] == []
    host.clock.sleep(1)
    (tx,) = desk.well("transmitted")["tx"]
    named = {
        *("rf_chain", "freq_hz", "modu", "sf", "bw", "cr", "size", "implicit", "crc", "preamble"),
        *("invert", "payload", "pwr_idx", "pa_en", "dig_gain", "mode", "programmed_ns"),
        *("programmed_us", "start_us", "lead_us", "airtime_us", "blocked", "regs"),
    }
    assert named <= set(tx) and tx["start_us"] == 1481
    assert desk.well("transmitted")["tx"] == desk.well("programmed")["tx"] == []


def started() -> Desk:
    """A desk whose board went through the recorded EU868 start-up."""
    from hal.sim.transport import SimTransport

    desk = Desk()
    transport = SimTransport(desk.board)
    for row in rows(shared("golden/startup-EU868.jsonl")):
        replay(transport, row)
    return desk


def test_channels_are_the_recorded_ones() -> None:
    expected = json.loads(shared("golden/startup-EU868.channels.json").read_text())
    for channel, wanted in zip(started().well("channels")["channels"], expected, strict=True):
        assert channel | wanted == channel and channel["enabled"] is True


def test_state_of_a_started_board() -> None:
    state = started().well("state")
    assert state["config_done"] is True and state["agc_running"] is True
    assert (state["agc_status"], state["arb_status"], state["fifo_bytes"]) == (0, 0, 0)
    assert state["radio_hz"] == [867_500_000.0, 868_500_000.0] and state["radio_mode"] == [5, 5]
    assert state["fw_sha256"]["agc"] == state["fw_sha256"]["arb"]


def test_peek_takes_nothing() -> None:
    desk = Desk()
    desk.well("inject_raw", raw="a5c0")
    assert desk.well("peek", addr=0x58C8, n=2) == {"data": "0002"}
    assert desk.well("peek", addr=0x4000, n=9) == {"data": "a5c0"}
    assert desk.well("peek", addr=0x4000, n=1) == {"data": "a5"}
    assert desk.well("peek", addr=0x5600, n=7) == {"data": "000b050280" + "0010"}


def test_set_reaches_the_board() -> None:
    desk = Desk()
    board = desk.board
    desk.well("set", temperature=-20, lbt_busy=True, model_id=3, eui="0102030405060708")
    assert (board.temperature_c, board.lbt_busy, board.otp.model_id) == (-20.0, True, 3)
    assert board.otp.eui.hex() == "0102030405060708"
    desk.well("set", latency_us=700, mute=True, fail_next=[1, 3])
    assert (board.faults.latency_us, board.faults.mute) == (700, True)
    assert list(board.faults.fail_next) == [1, 3]
    desk.well("set", counter_ticks=4_294_000_000)
    assert board.counter.ticks() == 4_294_000_000
    desk.well("set", counter_ticks=0, xtal_ppm=10)
    board.clock.sleep(1)
    assert desk.well("state")["counter_us"] == 1_000_010
    desk.well("set", pps=False)
    assert board.counter.pps is False
    desk.well("set", pps=12345)
    assert board.counter.pps is True


def test_log_starts_and_stops(tmp_path: Path) -> None:
    desk = Desk()
    assert desk.well("log", path=str(tmp_path / "log"), mode="all") == {"lines": 0}
    desk.bridge.feed(message(5, read(0x5606, 1)))
    assert desk.well("log") == {"lines": 1}
    assert desk.well("log") == {"lines": 0}
    assert json.loads((tmp_path / "log").read_text())["data"] == "10"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"cmd": "inject"}, id="no payload"),
        pytest.param({"cmd": "inject", "payload": "0"}, id="half a byte"),
        pytest.param({"cmd": "inject", "payload": "00" * 256}, id="payload too long"),
        pytest.param({"cmd": "inject", "payload": "", "channel": 10}, id="channel 10"),
        pytest.param({"cmd": "inject", "payload": "", "modem": 18}, id="modem 18"),
        pytest.param({"cmd": "inject", "payload": "", "sf": 4}, id="SF4"),
        pytest.param({"cmd": "inject", "payload": "", "crc_en": 1}, id="a number for a flag"),
        pytest.param({"cmd": "inject", "payload": "", "ticks": 1 << 32}, id="33 bits of ticks"),
        pytest.param({"cmd": "inject", "payload": "", "cr": True}, id="a flag for a number"),
        pytest.param({"cmd": "inject_many", "items": {}}, id="items that are no list"),
        pytest.param({"cmd": "set", "colour": 1}, id="a setting that is none"),
        pytest.param({"cmd": "set", "eui": "01"}, id="an EUI too short"),
        pytest.param({"cmd": "set", "fail_next": [256]}, id="a status that is no byte"),
        pytest.param({"cmd": "set", "temperature": "hot"}, id="a temperature in words"),
        pytest.param({"cmd": "peek", "addr": 0x8000}, id="beyond the address space"),
        pytest.param({"cmd": "log", "path": "/nowhere/at/all"}, id="a path that is none"),
        pytest.param({"cmd": "log", "path": "x", "mode": "some"}, id="a mode that is none"),
        pytest.param({"cmd": "transmit", "payload": "00"}, id="transmit without a frequency"),
        pytest.param({"cmd": "dance"}, id="an unknown command"),
        pytest.param({"cmd": 5}, id="a command that is no word"),
        pytest.param({}, id="no command"),
    ],
)
def test_a_bad_request_is_told_why(request_: dict[str, object]) -> None:
    answer = Desk().line(json.dumps(request_).encode())
    assert answer["ok"] is False and len(answer["error"]) > 10


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"5", b"\xff", b"[" * 100_000, b'{"cmd":NaN}'])
def test_what_is_no_object_is_told_so(line: bytes) -> None:
    assert Desk().line(line)["ok"] is False


COMMANDS = ["inject", "inject_many", "inject_raw", "channels", "state", "set", "peek", "transmit"]
FIELDS = [
    *("payload", "channel", "modem", "sf", "cr", "crc_en", "ticks", "snr_raw", "at_us_from_now"),
    *("items", "raw", "addr", "n", "temperature", "pps", "xtal_ppm", "counter_ticks", "freq_hz"),
    *("rssi_dbm", "snr_db", "bw_hz", "fail_next", "bitrate", "who", "ts_metrics", "eui"),
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=9).map(bytes.hex),
    st.lists(st.integers(-3, 300), max_size=4),
)


@given(
    st.lists(
        st.tuples(st.sampled_from(COMMANDS), st.dictionaries(st.sampled_from(FIELDS), VALUES)),
        max_size=8,
    )
)
def test_no_request_breaks_the_board(requests: list[tuple[str, dict[str, object]]]) -> None:
    desk = Desk()
    for cmd, fields in requests:
        desk.ask(cmd, **fields) if cmd != "transmit" else desk.control.request(
            json.dumps({"cmd": cmd, **fields}).encode(), desk.answers.append
        )
    desk.board.clock.sleep(1)
    assert desk.well("state")["ns"] > 0
    for answer in desk.answers:
        json.dumps(answer)


# Transmit: above the air model.


def transmit(desk: Desk, **fields: object) -> None:
    """Puts a frame on the air; the answer comes at its end."""
    whole = {"cmd": "transmit", "payload": "40aabbccdd", "freq_hz": 868.1e6, "sf": 7, **fields}
    desk.control.request(json.dumps(whole).encode(), desk.answers.append)


def test_noise_is_heard_by_the_listening_radio_for_as_long_as_it_lasts() -> None:
    desk = started()
    desk.well("interfere", freq_hz=868.1e6, dbm=-60, seconds=1.0)
    listener = desk.board.sx1261
    for opcode, args in ((0xD9, ""), (0x86, "364147ae"), (0x9A, "0b02cba001")):
        listener.command(opcode, bytes.fromhex(args))
    desk.board.clock.sleep(0.5)
    desk.board.advance()
    assert listener.busy(desk.board.agenda.now_ns)
    desk.board.clock.sleep(1)
    desk.board.advance()
    assert not listener.busy(desk.board.agenda.now_ns)


def test_a_frame_on_a_channel_is_received_with_the_levels_asked_for() -> None:
    desk = started()
    transmit(desk, rssi_dbm=-101, snr_db=3.25)
    assert desk.answers == []
    desk.board.clock.sleep(1)
    raw = desk.fifo()
    (answer,) = desk.answers
    assert answer["ok"] and answer["verdict"] == "received" and answer["channel"] == 0
    assert raw[3] == 0 and raw[9:14].hex() == "40aabbccdd"
    assert raw[15] == 13 and round(raw[16] - 215.4 + 1.02) == -101


def test_a_frame_beside_every_channel_is_lost() -> None:
    desk = started()
    transmit(desk, freq_hz=868.9e6)
    desk.board.clock.sleep(1)
    assert desk.fifo() == b"" and desk.answers[0]["received"] is False


def test_a_frame_below_the_noise_is_lost() -> None:
    desk = started()
    transmit(desk, rssi_dbm=-100, snr_db=-25)
    desk.board.clock.sleep(1)
    assert desk.fifo() == b"" and desk.answers[0]["received"] is False


def test_of_two_equal_frames_at_once_none_survives_whole() -> None:
    desk = started()
    transmit(desk, who="a", rssi_dbm=-80)
    transmit(desk, who="b", rssi_dbm=-80)
    desk.board.clock.sleep(1)
    desk.board.advance()
    assert [answer["verdict"] == "received" for answer in desk.answers] == [False, False]


def test_the_board_is_deaf_while_it_transmits() -> None:
    desk = started()
    host: Any = Host()
    host.board, host.clock = desk.board, desk.board.clock
    host.program()
    host.trigger(IMMEDIATE)
    host.sleep_us(10_000)
    transmit(desk, rssi_dbm=-60)
    desk.board.clock.sleep(1)
    assert desk.fifo() == b"" and desk.answers[0]["verdict"] == "gateway transmitting"


def test_faults_of_the_board_are_set_and_taken_back() -> None:
    desk = Desk()
    faults = desk.board.faults
    desk.well("set", reads_as=255, flips_over=100, dead_radios=[0, 2], counter_stands=True)
    assert (faults.reads_as, faults.flips_over) == (255, 100)
    assert faults.dead_radios == {0, 2} and faults.counter_stands
    desk.well("set", reads_as=None, flips_over=None, dead_radios=[], counter_stands=False)
    assert not faults.on_reads and not faults.dead_radios and not faults.counter_stands


def test_a_host_on_the_bridge_reads_what_the_fault_says() -> None:
    desk = Desk()
    desk.well("set", reads_as=0)
    answer = desk.bridge.feed(message(5, read(0x5606, 1)))
    assert answer[-1] == 0
    desk.well("set", reads_as=None)
    assert desk.bridge.feed(message(5, read(0x5606, 1)))[-1] == 0x10
