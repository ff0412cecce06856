"""`edgemast sim` as a process: a serial device, a control port, and a clean end."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .test_sim_bridge import message, read

LONG_S = 20.0


class Sim:
    def __init__(self, link: Path, *options: str) -> None:
        command = [sys.executable, "-m", "forwarder", "sim", "--link", str(link)]
        self.process = subprocess.Popen(
            [*command, "--control", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        self.link = link
        assert self.process.stdout is not None
        self.told = json.loads(self.process.stdout.readline())
        self.connection = socket.create_connection(("127.0.0.1", self.told["control"]), LONG_S)
        self.control = self.connection.makefile("rwb")

    def ask(self, **request: object) -> dict[str, Any]:
        return self.lines(json.dumps(request).encode())[0]

    def lines(self, *lines: bytes) -> list[dict[str, Any]]:
        self.control.write(b"".join(line + b"\n" for line in lines))
        self.control.flush()
        return [json.loads(self.control.readline()) for _ in lines]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(LONG_S)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.control.close()
        self.connection.close()


class Device:
    """A host with the serial device open."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)

    def exchange(self, sent: bytes, size: int) -> bytes:
        os.write(self.fd, sent)
        return self.receive(size)

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size and select.select([self.fd], [], [], LONG_S)[0]:
            data += os.read(self.fd, size - len(data))
        return data

    def close(self) -> None:
        os.close(self.fd)


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Sim]:
    started = Sim(tmp_path / "board")
    yield started
    started.close()


def test_the_first_line_names_device_and_port(sim: Sim) -> None:
    assert set(sim.told) == {"pty", "control"}
    assert str(sim.link.readlink()) == sim.told["pty"]


def test_a_host_on_the_link_speaks_to_the_bridge(sim: Sim) -> None:
    device = Device(sim.link)
    assert device.exchange(message(0), 25)[-9:] == b"V01.00.00"
    assert device.exchange(message(5, read(0x5606, 1)), 14)[-1] == 0x10
    device.close()
    assert sim.ask(cmd="state")["requests"] == 2


def test_a_second_host_is_not_hurt_by_half_a_message_of_the_first(sim: Sim) -> None:
    first = Device(sim.link)
    first.exchange(message(0), 25)
    os.write(first.fd, message(5, read(0x5606, 1))[:7])
    first.close()
    sim.ask(cmd="state")  # two turns of its loop, in which it sees that the first has gone
    sim.ask(cmd="state")
    second = Device(sim.link)
    assert second.exchange(message(0), 25)[-9:] == b"V01.00.00"
    second.close()


def test_a_message_that_stops_halfway_is_given_up_with_an_error(sim: Sim) -> None:
    device = Device(sim.link)
    assert device.exchange(message(5, read(0x5606, 1))[:9], 4) == b"\x07\0\0\xff"
    assert device.exchange(message(0), 25)[-9:] == b"V01.00.00"
    device.close()


def test_an_answer_is_whole_when_its_header_is_there(sim: Sim) -> None:
    device = Device(sim.link)
    answer = device.exchange(message(5, read(0x5600, 4000)), 4 + 5 + 4004)
    assert len(answer) == 4 + 5 + 4004
    device.close()


def test_answers_come_late_when_asked_to(sim: Sim) -> None:
    assert sim.ask(cmd="set", latency_us=20_000)["ok"]
    device = Device(sim.link)
    before = sim.ask(cmd="state")["ns"]
    device.exchange(message(0), 25)
    assert sim.ask(cmd="state")["ns"] - before >= 20_000_000
    device.close()


def test_garbage_on_the_device_and_the_port_leave_it_running(sim: Sim) -> None:
    device = Device(sim.link)
    assert device.exchange(b"\xff" * 4, 4) == b"\xff\0\0\xff"
    answers = sim.lines(b"nonsense", b"[]", b'{"cmd":"inject","payload":"zz"}', b'{"cmd":"state"}')
    assert [answer["ok"] for answer in answers] == [False, False, False, True]
    assert device.exchange(message(0), 25)[-9:] == b"V01.00.00"
    device.close()


def test_answers_keep_their_order_behind_a_frame_on_the_air(sim: Sim) -> None:
    frame = b'{"cmd":"transmit","payload":"00","freq_hz":868.1e6,"sf":7}'
    first, second = sim.lines(frame, b'{"cmd":"state"}')
    assert "verdict" in first and "requests" in second


def test_a_client_that_leaves_in_the_middle_costs_nothing(sim: Sim) -> None:
    with socket.create_connection(("127.0.0.1", sim.told["control"]), LONG_S) as other:
        other.sendall(b'{"cmd":"transmit","payload":"00","freq_hz":868.1e6,"sf":12}\n{"cmd"')
    assert sim.ask(cmd="state")["ok"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_removes_the_link(sim: Sim, number: int) -> None:
    assert sim.end(number) == 0
    assert not sim.link.is_symlink()


def test_a_stale_link_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    link = tmp_path / "board"
    link.symlink_to(tmp_path / "gone")
    sim = Sim(link)
    assert str(link.readlink()) == sim.told["pty"]
    sim.end()
    sim.close()
    link.write_text("mine")
    refused = subprocess.run(
        [sys.executable, "-m", "forwarder", "sim", "--link", str(link)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert refused.returncode == 1 and "not a link" in refused.stderr
    assert link.read_text() == "mine"


@pytest.mark.parametrize(
    "option", [("--eui", "12"), ("--model", "sx1301"), ("--start-ticks", "-1")]
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    tmp_path: Path, option: tuple[str, str]
) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "forwarder", "sim", "--link", str(tmp_path / "x"), *option],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1


def test_a_receiver_beside_the_board_talks_and_does_what_it_is_told(tmp_path: Path) -> None:
    sim = Sim(tmp_path / "board", "--gps", str(tmp_path / "gps"))
    try:
        fd = os.open(tmp_path / "gps", os.O_RDWR | os.O_NOCTTY)
        assert os.ttyname(fd) == sim.told["gps"]
        assert sim.ask(cmd="gps", fix=False, satellites=3)["ok"]
        heard = b""
        while b"GNGGA" not in heard or b"\n" not in heard.split(b"GNGGA", 1)[1]:
            assert select.select([fd], [], [], LONG_S)[0]
            heard += os.read(fd, 4096)
        assert b",V," in heard
        os.close(fd)
        wrong = sim.ask(cmd="gps", fixed=True)
        assert not wrong["ok"] and "fix, silent" in wrong["error"]
        assert sim.end() == 0
        assert not (tmp_path / "gps").is_symlink()
    finally:
        sim.close()


def test_a_board_without_a_receiver_says_how_to_have_one(tmp_path: Path) -> None:
    sim = Sim(tmp_path / "board")
    try:
        assert "gps" not in sim.told
        assert "--gps PATH" in sim.ask(cmd="gps")["error"]
    finally:
        sim.close()
