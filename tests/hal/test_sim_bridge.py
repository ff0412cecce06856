"""The simulated STM32 bridge: messages by the book, and what it makes of damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.clock import ManualClock
from hal.sim.board import SimBoard
from hal.sim.bridge import Bridge
from hal.sim.log import TransactionLog

from ..shared import shared
from .sim_golden import IMAGE, rows

PING, STATUS, RESET, GPIO, SPI = 0, 1, 3, 4, 5
ERROR = 0xFF


def a_bridge() -> Bridge:
    return Bridge(SimBoard(ManualClock()))


def message(command: int, payload: bytes = b"", request_id: int = 7) -> bytes:
    return bytes([request_id]) + len(payload).to_bytes(2, "big") + bytes([command]) + payload


def raw(sent: bytes, target: int = 0, request_id: int = 0) -> bytes:
    return bytes([request_id, 1, target]) + len(sent).to_bytes(2, "big") + sent


def read(address: int, size: int) -> bytes:
    return raw(b"\0" + address.to_bytes(2, "big") + bytes(1 + size))


def write(address: int, data: bytes) -> bytes:
    return raw(b"\0" + (address | 0x8000).to_bytes(2, "big") + data)


def modify(address: int, mask: int, value: int) -> bytes:
    return b"\0\x02" + address.to_bytes(2, "big") + bytes([mask, value])


def payload(answer: bytes, command: int) -> bytes:
    """Of one whole answer to `command`."""
    assert answer[0] == 7 and answer[3] == command + 0x40
    assert len(answer) == 4 + int.from_bytes(answer[1:3], "big")
    return answer[4:]


def test_a_ping_tells_who_it_is() -> None:
    answer = payload(a_bridge().feed(message(PING)), PING)
    assert len(answer) == 21 and answer[12:] == b"V01.00.00"


def test_status_is_uptime_and_hundredths_of_degrees() -> None:
    bridge = a_bridge()
    board = bridge.board
    board.temperature_c = -20.25
    board.clock.sleep(1.5)
    answer = payload(bridge.feed(message(STATUS)), STATUS)
    assert int.from_bytes(answer[:4], "big") == 1500
    assert int.from_bytes(answer[4:], "big", signed=True) == -2025


def test_several_spi_requests_in_one_message_are_done_in_order() -> None:
    requests = write(0x5643, b"\x05") + modify(0x5643, 0x01, 0x00) + read(0x5643, 1)
    answer = payload(a_bridge().feed(message(SPI, requests)), SPI)
    assert len(answer) <= len(requests)
    assert answer[:5] == bytes([0, 1, 0, 0, 4])
    assert answer[9:14] == bytes([0, 2, 0, 5, 4])
    assert answer[-1] == 0x04 and answer[14 + 2] == 0


def test_a_radio_s_answer_starts_under_its_first_argument() -> None:
    answer = payload(a_bridge().feed(message(SPI, raw(b"\x01\xc0\x00"))), SPI)
    assert answer[5:] == b"\0\0\x22"


def test_the_sx1261_has_no_mux_byte() -> None:
    answer = payload(a_bridge().feed(message(SPI, raw(b"\xc0\x00", target=1))), SPI)
    assert answer[5:] == b"\0\x22"


def test_an_access_that_makes_no_sense_has_a_status_of_its_own() -> None:
    for sent in (b"\x09\0\0\0", b"", b"\0\x56", b"\x01"):
        answer = payload(a_bridge().feed(message(SPI, raw(sent))), SPI)
        assert answer[2] == 2 and len(answer) == 5 + len(sent)


def test_a_write_of_nothing_is_fine() -> None:
    assert payload(a_bridge().feed(message(SPI, write(0x5643, b""))), SPI)[2] == 0


def test_the_reset_line_resets_the_chip() -> None:
    bridge = a_bridge()
    bridge.feed(message(SPI, write(0x5643, b"\x01")))
    for level in (1, 0):
        assert payload(bridge.feed(message(GPIO, bytes([0, 2, level]))), GPIO) == b"\0"
    assert payload(bridge.feed(message(SPI, read(0x5643, 1))), SPI)[-1] == 0


def test_a_message_may_come_in_any_pieces_and_its_answer_in_one() -> None:
    bridge = a_bridge()
    whole = message(SPI, read(0x5606, 1))
    answers = [bridge.feed(whole[at : at + 1]) for at in range(len(whole))]
    assert answers[:-1] == [b""] * (len(whole) - 1) and answers[-1][-1] == 0x10


def test_two_messages_at_once_are_both_answered() -> None:
    assert len(a_bridge().feed(message(PING) * 2)) == 2 * 25


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(message(0x3F), id="unknown command"),
        pytest.param(b"\x07\xff\xff\x05", id="absurd size"),
        pytest.param(b"\x07\x10\x69\x05", id="one byte more than the limit of 4200"),
        pytest.param(message(PING, b"x"), id="a ping with a payload"),
        pytest.param(message(GPIO, b"\0"), id="a GPIO request too short"),
        pytest.param(message(SPI, b"\0"), id="half an SPI request"),
        pytest.param(message(SPI, b"\0\x01\0\xff\xff"), id="an SPI request that is cut off"),
        pytest.param(message(SPI, b"\0\x09\0\0\0\0"), id="an unknown kind of SPI request"),
    ],
)
def test_damage_is_answered_with_an_error_and_the_next_message_is_heard(damage: bytes) -> None:
    bridge = a_bridge()
    assert bridge.feed(damage) == bytes([7, 0, 0, ERROR])
    assert bridge.errors == 1
    payload(bridge.feed(message(PING)), PING)


def test_the_largest_message_is_done() -> None:
    requests = write(0x0000, bytes(4200 - 8))
    assert len(requests) == 4200
    assert len(payload(a_bridge().feed(message(SPI, requests)), SPI)) == 4200


def test_half_a_message_of_somebody_who_left_is_forgotten() -> None:
    bridge = a_bridge()
    bridge.feed(message(SPI, read(0x5606, 1))[:9])
    bridge.forget()
    payload(bridge.feed(message(PING)), PING)


def test_failing_on_request_fails_as_many_as_asked() -> None:
    bridge = a_bridge()
    bridge.board.faults.fail_next.extend([1, 0, 3])
    requests = read(0x5606, 1) * 2 + modify(0x5643, 1, 1) + read(0x5643, 1)
    answer = payload(bridge.feed(message(SPI, requests)), SPI)
    assert (answer[2], answer[12], answer[22]) == (1, 0, 3)
    assert answer[9] == 0 and answer[19] == 0x10 and answer[-1] == 0
    assert bridge.failed == 2


def test_a_mute_bridge_takes_requests_and_does_nothing() -> None:
    bridge = a_bridge()
    bridge.board.faults.mute = True
    assert bridge.feed(message(SPI, write(0x5643, b"\x01"))) == b""
    bridge.board.faults.mute = False
    assert payload(bridge.feed(message(SPI, read(0x5643, 1))), SPI)[-1] == 0
    assert bridge.requests == 2


def test_in_its_boot_loader_it_is_no_bridge_until_somebody_else_comes() -> None:
    bridge = a_bridge()
    assert bridge.feed(message(2)) == bytes([7, 0, 0, 0x42])
    assert bridge.feed(message(PING)) == b""
    bridge.forget()
    payload(bridge.feed(message(PING)), PING)


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_no_bytes_break_the_bridge(pieces: list[bytes]) -> None:
    bridge = a_bridge()
    for piece in pieces:
        bridge.feed(piece)
    bridge.forget()
    payload(bridge.feed(message(RESET, b"\0")), RESET)
    payload(bridge.feed(message(PING)), PING)


@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=60)), max_size=20))
def test_no_message_breaks_the_bridge(messages: list[tuple[int, bytes]]) -> None:
    bridge = a_bridge()
    for command, content in messages:
        answer = bridge.feed(message(command, content))
        assert len(answer) in (0, 4) or len(answer) == 4 + int.from_bytes(answer[1:3], "big")
    bridge.forget()
    payload(bridge.feed(message(PING)), PING)


@given(st.lists(st.binary(max_size=12), max_size=12), st.sampled_from([0, 1, 2]))
def test_no_transfer_breaks_the_board(transfers: list[bytes], target: int) -> None:
    bridge = a_bridge()
    requests = b"".join(raw(sent, target) for sent in transfers)
    if requests:
        assert len(payload(bridge.feed(message(SPI, requests)), SPI)) == len(requests)


# The log.


def as_messages(row: dict[str, object]) -> list[bytes]:
    """The bridge messages of one recorded transaction."""
    address = int(str(row.get("addr", "0")), 16)
    match row["op"]:
        case "ping":
            return [message(PING)]
        case "status":
            return [message(STATUS)]
        case "gpio":
            return [message(GPIO, bytes(int(str(row[key])) for key in ("port", "pin", "val")))]
        case "w":
            return [message(SPI, write(address, bytes.fromhex(str(row["data"]))))]
        case "r":
            return [message(SPI, read(address, int(str(row["len"]))))]
        case "rmw":
            change = modify(address, int(str(row["mask"]), 16), int(str(row["value"]), 16))
            return [message(SPI, change)]
        case "cmd":
            mux = {"radio_a": 1, "radio_b": 2}[str(row["tgt"])]
            sent = bytes([mux, int(str(row["code"]), 16)]) + bytes.fromhex(str(row["tx"]))
            return [message(SPI, raw(sent))]
        case "w_image":
            return [message(SPI, write(address + at, IMAGE[at : at + 4096])) for at in (0, 4096)]
        case _:
            return [message(SPI, read(address + at, 4096)) for at in (0, 4096)]


def test_the_log_of_the_recorded_start_up_is_the_recording(tmp_path: Path) -> None:
    expected = list(rows(shared("golden/startup-EU868.jsonl")))
    bridge = Bridge(SimBoard(ManualClock()))
    bridge.log = TransactionLog(tmp_path / "log")
    for row in expected:
        for sent in as_messages(row):
            bridge.feed(sent)
    assert bridge.log.close() == len(expected)
    for line, row in zip((tmp_path / "log").read_text().splitlines(), expected, strict=True):
        logged = json.loads(line)
        logged.pop("sha256", None), row.pop("sha256", None)  # the images are Semtech's
        assert logged == row and list(logged) == list(row)


def test_a_log_without_polls_leaves_out_counter_and_level(tmp_path: Path) -> None:
    bridge = a_bridge()
    bridge.log = TransactionLog(tmp_path / "log", polls=False)
    for address, size in ((0x6101, 8), (0x58C8, 2), (0x5606, 1)):
        bridge.feed(message(SPI, read(address, size)))
    assert bridge.log.close() == 1
    assert (tmp_path / "log").read_text() == (
        '{"n":0,"op":"r","addr":"0x5606","len":1,"data":"10","m":3}\n'
    )
