"""`edgemast monitor`: the state as lines, from a file or a page."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.__main__ import main
from forwarder.state.monitor_lines import Screen, lines, span
from forwarder.state.state_file import NAME
from forwarder.state.status import snapshot
from tests.page.bench import a_page, hear
from tests.worlds import PATIENCE_S

NOW_MS = 1_800_000_000_000
PLAIN = Screen(100, 40, False, NOW_MS)
FRAME = {"n": 1, "at_ms": NOW_MS, "way": "up", "type": "data up", "dev_addr": "deadbeef", "fcnt": 7,
         "fport": 1, "freq_hz": 868_100_000, "rate": "SF7BW125", "rssi_dbm": -97.4, "snr_db": 4.0,
         "crc": "ok", "ghost": False}  # fmt: skip
STATE = {
    "version": "1", "at": "2027-01-15T08:00:00Z", "uptime_s": 7300, "eui": "0016c001f1500001",
    "radio": {"state": "up", "rx_total": 3, "rx_ok": 3, "rx_bad": 0, "rx_ghosts": 0, "tx_ok": 1},
    "links": [{"name": "lns", "state": "lost", "trouble": "3 keepalives without an answer",
               "forwarded": 3, "outage": {"waiting": 12}}],
    "frames": [FRAME, FRAME | {"ghost": True, "dev_addr": "0ddba115"}],
    "events": [{"at_ms": NOW_MS, "what": "link", "name": "lns", "state": "lost", "text": "why", "count": 2}],
}  # fmt: skip


def test_a_screen_says_how_radio_servers_and_frames_are() -> None:
    text = "\n".join(lines(STATE, PLAIN))
    for words in ("radio up", "server lns lost", "12 wait", "3 keepalives without an answer",
                  "data up", "deadbeef", "FCnt 7 port 1 -97 dBm 4.0 dB", "link lns lost  why (2 times)",
                  "running 2 h 1 min"):  # fmt: skip
        assert words in text
    assert "0ddba115" not in text, "a ghost is no frame of its own"


def test_an_old_state_is_called_old() -> None:
    fresh = {**STATE, "at": "2027-01-15T08:00:00Z"}
    late = Screen(100, 40, False, NOW_MS + 60_000)
    assert "this was so" not in "\n".join(lines(fresh, PLAIN))
    assert "this was so 60 s ago" in "\n".join(lines(fresh, late))


@given(st.integers(20, 200), st.integers(1, 60))
def test_it_fits_any_screen(width: int, height: int) -> None:
    shown = lines(STATE, Screen(width, height, False, NOW_MS))
    assert len(shown) <= height and all(len(line) <= width for line in shown)


def test_a_name_cannot_write_to_the_terminal() -> None:
    evil = {**STATE, "links": [{"name": "\x1b[2Jx\x07", "state": "up", "trouble": "\x9b1m"}]}
    for colour in (False, True):
        text = "\n".join(lines(evil, Screen(100, 40, colour, NOW_MS)))
        assert "\x1b[2J" not in text and "\x07" not in text and "\x9b" not in text


_JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([*FRAME, "name", "state", "outage", "waiting", "links", "bands"]), inner),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from([*STATE, "gps", "beacons", "downlinks", "warnings"]), _JUNK))
def test_a_state_of_another_version_is_no_reason_to_fail(state: dict[str, Any]) -> None:
    lines(state, PLAIN)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h 0 min"),
                           (172_800, "2 d 0 h")],
)  # fmt: skip
def test_a_duration_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def written(folder: Path) -> Path:
    (folder / NAME).write_text(json.dumps({"pid": os.getpid(), **STATE}))
    return folder


def test_once_prints_one_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", "--once", "--state", str(written(tmp_path))]) == 0
    text = capsys.readouterr().out
    assert "deadbeef" in text and "\x1b" not in text


def test_json_is_the_state_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", "--json", "--state", str(written(tmp_path) / NAME)]) == 0
    assert json.loads(capsys.readouterr().out)["frames"][0] == FRAME


def test_without_a_gateway_it_says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["monitor", "--once", "--state", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert f"{tmp_path}/state.json" in error and "systemctl status edgemast" in error


@pytest.mark.parametrize(
    "given_", [["--url", "gateway:8080"], ["--url", "http://h", "--token-file", "t"]]
)
def test_what_cannot_be_asked_is_wrong_usage(given_: list[str], tmp_path: Path) -> None:
    if "--token-file" in given_:
        token = tmp_path / "t"
        token.write_text("x\n")
        token.chmod(0o600)
        given_ = [*given_[:-1], str(token)]
    assert main(["monitor", "--once", *given_]) == 2


def test_a_page_tells_as_much_as_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    async def look() -> str:
        async with a_page() as (world, page):
            hear(world)
            while not snapshot(world.gateway)["frames"]:
                await asyncio.sleep(0.01)
            url = f"http://127.0.0.1:{page.port}/"
            assert await asyncio.to_thread(main, ["monitor", "--once", "--url", url]) == 0
        return capsys.readouterr().out

    assert "deadbeef" in asyncio.run(look())


def test_on_a_terminal_q_ends_it_and_the_screen_is_as_before(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "forwarder", "monitor", "--state", str(written(tmp_path))]
    running = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    try:
        assert b"deadbeef" in _until(ours, b"what changed")
        os.write(ours, b"q")
        assert running.wait(PATIENCE_S) == 0
        assert b"\x1b[?1049l" in _until(ours, b"\x1b[?1049l")
    finally:
        running.kill()
        running.wait()
        os.close(ours)
        os.close(theirs)


def _until(terminal: int, mark: bytes) -> bytes:
    seen, end_s = b"", time.monotonic() + PATIENCE_S
    while mark not in seen:
        assert time.monotonic() < end_s, seen
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65_536)
    return seen
