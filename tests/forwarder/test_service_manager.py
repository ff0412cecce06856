"""What systemd hears: ready in time, alive only while the radio's thread gets round."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from forwarder.service.service_manager import (
    READY_AT_LATEST_S,
    Condition,
    Notifier,
    Readiness,
    ServiceManager,
)
from tests.worlds import a_gateway


def condition(
    *, radio: bool = True, server: bool = False, servers: bool = True, beats: int = 0
) -> Condition:
    return Condition(radio, server, servers, beats, "text")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The service manager's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.setblocking(False)
        yield end


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(tmp_path / "notify"), **more}


def heard(end: socket.socket) -> list[list[str]]:
    found = []
    while True:
        try:
            found.append(end.recv(4096).decode().split("\n"))
        except BlockingIOError:
            return found


def test_ready_waits_for_a_first_server_but_not_for_ever() -> None:
    answered = Readiness()
    assert not answered.is_ready(condition(radio=False, server=True), 0.0)
    assert not answered.is_ready(condition(), 1.0)
    assert answered.is_ready(condition(server=True), 2.0)
    assert not answered.is_ready(condition(server=True), 3.0), "it is said once"
    silent = Readiness()
    assert not silent.is_ready(condition(), 1.0)
    assert not silent.is_ready(condition(), 1.0 + READY_AT_LATEST_S - 0.1)
    assert silent.is_ready(condition(), 1.0 + READY_AT_LATEST_S)


def test_a_gateway_without_servers_is_ready_with_its_radio() -> None:
    assert Readiness().is_ready(condition(servers=False), 0.0)


def test_the_watchdog_hears_nothing_while_the_radios_thread_stands_still(
    tmp_path: Path, manager: socket.socket
) -> None:
    beats = 7
    told = ServiceManager(
        Notifier(environ(tmp_path, WATCHDOG_USEC="60000000")),
        lambda: condition(server=True, beats=beats),
    )
    told.tell(0.0)
    assert heard(manager) == [["READY=1", "WATCHDOG=1", "STATUS=text"]]
    told.tell(15.0)
    assert heard(manager) == []
    beats += 1
    told.tell(30.0)
    assert heard(manager) == [["WATCHDOG=1"]]


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "2000000"}, 2.0),
        ({"WATCHDOG_USEC": "x"}, None),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 2.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_it_names(
    more: dict[str, str], seconds: float | None
) -> None:
    assert Notifier(more).watchdog_s == seconds


def test_without_a_service_manager_nothing_is_sent_and_one_that_is_gone_is_no_fault() -> None:
    assert not Notifier({}).wanted
    Notifier({}).send(READY=1)
    Notifier({"NOTIFY_SOCKET": "/nowhere/notify"}).send(READY=1)
    Notifier({"NOTIFY_SOCKET": "@edgemast-nobody"}).send(READY=1)


def test_a_gateway_says_ready_alive_and_stopping(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ(tmp_path, WATCHDOG_USEC="40000").items():
        monkeypatch.setenv(name, value)

    async def run() -> list[str]:
        async with a_gateway():
            words: list[str] = []
            while "READY=1" not in words or words.count("WATCHDOG=1") < 3:
                words += [word for datagram in heard(manager) for word in datagram]
                await asyncio.sleep(0.005)
        return words + [word for datagram in heard(manager) for word in datagram]

    words = asyncio.run(run())
    assert words[-1] == "STOPPING=1"
    assert any(word.startswith("STATUS=radio up, 1 of 1 servers up") for word in words)
