"""The receiver's device in the loop: serial or gpsd, there, gone, and there again."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from forwarder.config.model import GpsSettings
from forwarder.timing import leap_file, service
from forwarder.timing.service import GpsService
from forwarder.timing.source import SourceLost, host_port, open_source
from hal.clock import SystemClock
from hal.gps.leap import LeapTable
from hal.sim.board import SimBoard
from hal.sim.gps_pty import GpsOnPty
from hal.sim.pty import Pty
from tests.hal.gps_lines import LINES
from tests.worlds import PATIENCE_S

LEAPS = LeapTable(((0, 18),), 1 << 40)


class Radio:
    """A radio whose edges are always there."""

    edge_us: int | None = 0

    def now_us(self) -> int | None:
        return 100_000


def a_service(source: str, kind: str = "auto") -> GpsService:
    return GpsService(GpsSettings(source, kind), Radio(), SystemClock(), leaps=LEAPS)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.005)


def with_running(gps: GpsService, story: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        task = asyncio.create_task(gps.run())
        try:
            await story()
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_a_receiver_on_a_serial_port_is_read_and_asked() -> None:
    pty = Pty(None)
    gps = a_service(pty.path)

    async def story() -> None:
        asked = b""

        def was_asked() -> bool:
            nonlocal asked
            asked += pty.read() or b""
            return bytes.fromhex("B562 0601 0300 0120") in asked

        await until(was_asked)
        pty.write(b"".join(LINES))
        await until(lambda: gps.state.time_fix and gps.state.position_fix)
        assert (gps.state.protocol, gps.state.satellites) == ("NMEA", 9)
        position = gps.position()
        assert position is not None and position.altitude_m == 519

    with_running(gps, story)
    pty.close()


def test_a_receiver_that_is_pulled_out_is_found_again_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "backoff", lambda: iter(lambda: 0.01, None))
    link = tmp_path / "gps"
    first = Pty(link)
    gps = a_service(str(link))

    async def story() -> None:
        await until(lambda: first.in_use)
        first.write(b"".join(LINES))
        await until(lambda: gps.state.connected)
        first.close()
        await until(lambda: not gps.state.connected)
        await asyncio.sleep(0.1)
        second = Pty(link)
        await until(lambda: second.in_use)
        second.write(b"".join(LINES))
        await until(lambda: gps.state.connected)
        second.close()

    with caplog.at_level(logging.WARNING):
        with_running(gps, story)
    told = [one.getMessage() for one in caplog.records if "no GPS receiver" in one.getMessage()]
    assert len(told) <= 4, told


def test_a_receiver_that_was_never_there_costs_the_gateway_nothing() -> None:
    gps = a_service("/dev/there-is-none")

    async def story() -> None:
        await asyncio.sleep(0.05)
        assert gps.state.reason == "the receiver at /dev/there-is-none cannot be read"

    with_running(gps, story)


def test_gpsd_is_asked_to_watch_and_read() -> None:
    heard: list[bytes] = []
    ends: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)
        writer.write(b'{"class":"VERSION","release":"3.25"}\n')
        heard.append(await reader.readline())
        tpv = {"class": "TPV", "mode": 3, "time": "2026-11-28T10:11:12.000Z", "lat": 1, "lon": 2}
        writer.write(json.dumps(tpv).encode() + b"\n")
        await writer.drain()

    async def story() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        gps = a_service(f"gpsd://127.0.0.1:{port}", "gpsd")
        task = asyncio.create_task(gps.run())
        await until(lambda: gps.state.time_fix)
        assert gps.state.protocol == "gpsd"
        assert heard and heard[0].startswith(b"?WATCH={")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for writer in ends:
            writer.close()
            await writer.wait_closed()
        server.close()

    asyncio.run(story())


def test_a_gpsd_that_is_not_there_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def story() -> None:
        with pytest.raises(SourceLost):
            async with open_source(GpsSettings(f"gpsd://127.0.0.1:{port}", "gpsd")):
                pass

    asyncio.run(story())


def test_the_real_gpsd_reads_the_simulated_receiver() -> None:
    daemon = shutil.which("gpsd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if daemon is None:
        pytest.skip("needs gpsd: apt install gpsd")
    board = SimBoard()
    receiver = GpsOnPty(board)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [daemon, "-N", "-n", "-b", "-S", str(port), receiver.path]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            asyncio.run(_ask_gpsd(port, board))
        finally:
            process.kill()
    receiver.close()


async def _ask_gpsd(port: int, board: SimBoard) -> None:
    gps = a_service(f"gpsd://127.0.0.1:{port}", "gpsd")
    task = asyncio.create_task(gps.run())
    try:
        async with asyncio.timeout(3 * PATIENCE_S):
            while not (gps.state.time_fix and gps.state.position_fix):
                board.advance()
                await asyncio.sleep(0.01)
        position = gps.position()
        assert position is not None and (position.latitude_deg, position.altitude_m) == (
            48.137,
            519,
        )
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("localhost", ("localhost", 2947)),
        ("pi.local:3000", ("pi.local", 3000)),
        ("[::1]:3000", ("::1", 3000)),
        ("[::1]", ("::1", 2947)),
    ],
)
def test_an_address_of_gpsd_may_leave_the_port_out(address: str, found: tuple[str, int]) -> None:
    assert host_port(address) == found


# Leap seconds on disk.


def list_file(path: Path, expires_s: int) -> Path:
    path.write_text(f"#@ {expires_s + 2_208_988_800}\n3692217600 37\n")
    return path


def test_of_two_tables_the_one_that_expires_last_is_used(tmp_path: Path) -> None:
    ours = list_file(tmp_path / "ours", 1_800_000_000)
    newer = list_file(tmp_path / "newer", 1_900_000_000)
    assert leap_file.load(ours, newer).expires_s == 1_900_000_000
    assert leap_file.load(newer, ours).expires_s == 1_900_000_000
    assert leap_file.load(ours, tmp_path / "none").expires_s == 1_800_000_000


def test_a_damaged_table_of_the_system_is_passed_over(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(b"\xff\xfe")
    assert leap_file.load(list_file(tmp_path / "ours", 1), bad).expires_s == 1


def test_without_any_table_gps_still_works_and_says_that_it_is_out_of_date(tmp_path: Path) -> None:
    table = leap_file.load(tmp_path / "none", tmp_path / "none")
    assert table.of_gps(1_440_000_000) == 18
    assert leap_file.expired(table, time.time()) is not None


def test_an_expired_table_is_told_with_what_to_do() -> None:
    table = LeapTable(((0, 18),), 1_000)
    assert leap_file.expired(table, 999) is None
    assert "update tzdata" in (leap_file.expired(table, 1_000) or "")


def test_the_table_that_ships_has_not_expired_a_release_ago() -> None:
    assert leap_file.load(system=Path("/none")).expires_s > time.time() - 365 * 86_400
