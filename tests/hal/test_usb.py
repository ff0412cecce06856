from __future__ import annotations

import logging
import os
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hal.clock import ManualClock
from hal.errors import DeviceBusy, TransportError
from hal.transport.base import POWER_OFF_S, Command, Modify, Read, Target, Write
from hal.transport.usb import UsbTransport
from tests.hal.bus_models import (
    BridgeModel,
    GoldenChip,
    golden_answers,
    golden_lines,
    golden_ops,
)
from tests.shared import shared

RESET = [(0, 1, 1), (0, 2, 1), (0, 2, 0), (0, 8, 0), (0, 8, 1)]
SHORT_S = 0.3  # a silent board costs a test this long; a busy machine answers well within

Twist = Callable[[bytes], bytes | None]  # an answer to what goes out instead; None unplugs


class Board:
    """A bridge on a pseudo-terminal, served by a thread until it is unplugged."""

    def __init__(self, bridge: BridgeModel) -> None:
        self.bridge = bridge
        self.twist: Twist = lambda answer: answer
        self._master, slave = os.openpty()
        tty.setraw(self._master)
        self.path = os.ttyname(slave)
        self._slave = slave
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def say(self, data: bytes) -> None:
        """Send bytes that nobody asked for."""
        os.write(self._master, data)

    def unplug(self) -> None:
        os.write(self._stop_write, b"x")
        self._thread.join()

    def _serve(self) -> None:
        held = b""
        while True:
            ready, _, _ = select.select([self._master, self._stop_read], [], [])
            if self._stop_read in ready:
                break
            held += os.read(self._master, 8192)
            while len(held) >= 4 and len(held) >= (end := 4 + int.from_bytes(held[1:3], "big")):
                request, held = held[:end], held[end:]
                answer = self.twist(self.bridge.answer(request))
                if answer is None:
                    self._close()
                    return
                while answer:
                    answer = answer[os.write(self._master, answer) :]
        self._close()

    def _close(self) -> None:
        os.close(self._slave)
        os.close(self._master)


@contextmanager
def plugged(bridge: BridgeModel | None = None) -> Iterator[Board]:
    board = Board(bridge or BridgeModel())
    try:
        yield board
    finally:
        board.unplug()


@pytest.fixture
def board() -> Iterator[Board]:
    with plugged() as board:
        yield board


@contextmanager
def opened(board: Board, timeout_s: float = 1.0) -> Iterator[UsbTransport]:
    transport = UsbTransport(board.path, timeout_s=timeout_s, clock=ManualClock())
    try:
        yield transport
    finally:
        transport.close()


def test_operations_come_back_in_order(board: Board) -> None:
    with opened(board) as usb:
        assert usb.transfer(
            [
                Write(0x5600, b"\x0f"),
                Modify(0x5600, 0xF0, 0x30),
                Read(0x5600, 2),
                Command(Target.RADIO_A, 0xC0, b"\x21"),
                Command(Target.SX1261, 0xC0, b"\x41"),
            ]
        ) == [b"", b"\x0f", b"\x3f\0", b"\x22", b"\x42"]


def test_a_list_of_operations_is_one_message(board: Board) -> None:
    with opened(board) as usb:
        before = board.bridge.messages
        usb.transfer([Write(0x5600, b"\0")] * 100)
        assert board.bridge.messages == before + 1


def test_a_firmware_passes_the_terminal_in_both_directions() -> None:
    image = bytes(i * 5 & 0xFF for i in range(8192))
    with plugged() as board, opened(board) as usb:
        assert usb.transfer([Write(0x2000, image), Read(0x2000, 8192)]) == [b"", image]


def test_the_recorded_start_up_runs_over_the_terminal() -> None:
    lines = golden_lines(shared("golden/startup-EU868.jsonl"))
    chip = GoldenChip(lines)
    with plugged(BridgeModel(chip)) as board, opened(board) as usb:
        answers = [usb.transfer([op])[0] for op in golden_ops(lines)]
    assert answers == golden_answers(lines)
    assert chip.done


def test_a_reset_is_five_levels_each_held(board: Board) -> None:
    clock = ManualClock()
    usb = UsbTransport(board.path, clock=clock)
    usb.reset(hold_s=0.1)
    assert board.bridge.gpio == RESET
    assert clock.now_ns() == 500_000_000
    usb.close()


def test_a_reset_that_is_held_long_takes_the_power_away_first(board: Board) -> None:
    with opened(board) as usb:
        usb.reset(POWER_OFF_S)
        assert board.bridge.gpio == [(0, 1, 0), *RESET]


def test_closing_leaves_the_chip_reset_and_twice_is_quiet(board: Board) -> None:
    usb = UsbTransport(board.path)
    usb.close()
    usb.close()
    assert board.bridge.gpio == RESET
    with pytest.raises(TransportError, match="is closed"):
        usb.transfer([Read(0, 1)])


def test_temperature_is_the_bridges(board: Board) -> None:
    with opened(board) as usb:
        assert usb.temperature_c() == 25.12


def test_a_bridge_that_restarted_is_an_error_once(board: Board) -> None:
    with opened(board) as usb:
        usb.temperature_c()
        board.bridge.uptime_ms = 20
        with pytest.raises(TransportError, match="restarted"):
            usb.temperature_c()
        assert usb.temperature_c() == 25.12


def test_uptime_may_wrap_after_49_days() -> None:
    bridge = BridgeModel()
    bridge.uptime_ms = 0xFFFFFFFE
    with plugged(bridge) as board, opened(board) as usb:
        assert usb.temperature_c() == 25.12
        assert bridge.uptime_ms & 0xFFFFFFFF < 10


def test_another_version_of_the_bridge_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    bridge = BridgeModel()
    bridge.version = b"V02.00.00"
    with caplog.at_level(logging.WARNING), plugged(bridge) as board, opened(board):
        assert "V02.00.00" in caplog.text


# Things that go wrong.


def test_an_answer_that_never_comes_is_an_error_at_the_deadline(board: Board) -> None:
    with opened(board, SHORT_S) as usb:
        board.twist = lambda answer: b""
        with pytest.raises(TransportError, match=r"no answer to a SPI request within 0\.3 s"):
            usb.transfer([Read(0x5606, 1)])
        board.twist = lambda answer: answer
        assert usb.transfer([Read(0x5606, 1)]) == [b"\0"]


def test_an_answer_that_comes_after_its_deadline_is_not_taken_for_the_next(board: Board) -> None:
    with opened(board, SHORT_S) as usb:
        late: list[bytes] = []

        def keep(answer: bytes) -> bytes:
            late.append(answer)
            return b""

        board.twist = keep
        with pytest.raises(TransportError):
            usb.transfer([Read(0x4000, 1)])
        board.twist = lambda answer: late.pop() + answer
        assert usb.transfer([Read(0x4000, 1)]) == [b"\1"]
        board.twist = lambda answer: answer


def test_half_an_answer_does_not_spoil_the_next(board: Board) -> None:
    with opened(board, SHORT_S) as usb:
        board.twist = lambda answer: answer[:7]
        with pytest.raises(TransportError):
            usb.transfer([Read(0x4000, 4)])
        board.twist = lambda answer: answer
        assert usb.transfer([Read(0x4000, 1)]) == [b"\4"]


def test_an_answer_in_single_bytes_is_an_answer(board: Board) -> None:
    with opened(board) as usb:

        def dribble(answer: bytes) -> bytes:
            for at in range(len(answer)):
                board.say(answer[at : at + 1])
            return b""

        board.twist = dribble
        assert usb.transfer([Read(0x4000, 3)]) == [b"\0\1\2"]


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [(0, 254, "254 came"), (3, 0x41, "0x41 came"), (3, 0xFF, "refused"), (6, 3, "timed out")],
)
def test_a_wrong_answer_is_told_and_the_next_works(
    board: Board, at: int, value: int, words: str
) -> None:
    def spoil(answer: bytes) -> bytes:
        return answer[:at] + bytes((value,)) + answer[at + 1 :]

    with opened(board) as usb:
        board.twist = spoil
        with pytest.raises(TransportError, match=words):
            usb.transfer([Read(0x4000, 1)])
        board.twist = lambda answer: answer
        assert usb.transfer([Read(0x4000, 1)]) == [b"\1"]


def test_a_terminal_that_takes_a_message_in_pieces_gets_all_of_it(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    with opened(board) as usb, monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write(fd, data[:100]))
        data = bytes(i & 0xFF for i in range(1000))
        assert usb.transfer([Write(0x1000, data), Read(0x1000, 1000)]) == [b"", data]


def test_a_terminal_that_takes_nothing_is_an_error_at_the_deadline(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: bytes) -> int:
        raise BlockingIOError

    with opened(board, SHORT_S) as usb, monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(TransportError, match="takes no more bytes"):
            usb.transfer([Read(0, 1)])


def test_a_stream_of_rubbish_ends_at_the_deadline_too(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(board, SHORT_S) as usb, monkeypatch.context() as patch:
        ours, read = usb._fd, os.read
        patch.setattr(os, "read", lambda fd, n: b"\xff" * 64 if fd == ours else read(fd, n))
        patch.setattr(usb, "_readable", lambda timeout_s: True)
        with pytest.raises(TransportError, match="no answer to a SPI request"):
            usb.transfer([Read(0, 1)])


def test_stale_bytes_at_open_are_drained(board: Board) -> None:
    board.say(b"\x01\x00\x10\x41 and other leftovers")
    with opened(board) as usb:
        assert usb.transfer([Read(0x4000, 1)]) == [b"\0"]


def test_a_device_that_talks_without_end_is_no_bridge(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(board, SHORT_S) as usb:
        board.twist = lambda answer: b""
        with pytest.raises(TransportError):
            usb.transfer([Read(0, 1)])
        with monkeypatch.context() as patience:
            patience.setattr("hal.transport.usb.DRAIN_S", -1.0)
            board.say(b"$GPGGA,")
            with pytest.raises(TransportError, match="sends without being asked"):
                usb.transfer([Read(0, 1)])
        board.twist = lambda answer: answer


def test_unplugged_while_waiting_is_told_at_once_and_close_is_quiet() -> None:
    with plugged() as board:
        usb = UsbTransport(board.path, timeout_s=30.0)
        board.twist = lambda answer: None
        with pytest.raises(TransportError, match="is gone, unplugged or without power"):
            usb.transfer([Read(0x5606, 1)])
        with pytest.raises(TransportError, match="is gone"):
            usb.temperature_c()
        usb.close()


def test_what_never_answers_is_no_concentrator(board: Board) -> None:
    board.twist = lambda answer: b""
    with pytest.raises(TransportError, match="no answer to a PING"):
        UsbTransport(board.path, timeout_s=SHORT_S)
    board.twist = lambda answer: answer
    UsbTransport(board.path).close()


def test_a_device_that_does_not_exist_asks_whether_it_is_plugged_in() -> None:
    with pytest.raises(TransportError, match="does not exist; is the board plugged in"):
        UsbTransport("/dev/no-such-board")


def test_a_second_user_of_the_board_is_told_who_has_it(board: Board) -> None:
    with opened(board), pytest.raises(DeviceBusy, match=rf"in use by .*\(pid {os.getpid()}\)"):
        UsbTransport(board.path)


def test_a_board_that_was_closed_can_be_opened_again(board: Board) -> None:
    for _ in range(3):
        with opened(board) as usb:
            usb.transfer([Write(0x5600, b"\0")])


def test_no_file_descriptor_is_left_behind(board: Board) -> None:
    def count() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    with opened(board):
        pass
    before = count()
    with opened(board):
        pass
    board.twist = lambda answer: b""
    for _ in range(3):
        with pytest.raises(TransportError):
            UsbTransport(board.path, timeout_s=0.01)
    assert count() == before
