"""`edgemast run` on `edgemast sim` with an SX1261: what Semtech's forwarder was recorded to do.

The channel is made busy by noise on the air above the board, not by a switch in it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from benchmarks.world import Subject
from hal.config import LbtChannel, ScanConfig, Sx1261Config
from tests.hal.configs import AS923
from tests.scenarios.test_golden import OF_THE_MOMENT, Row, wait_programmed
from tests.semtech import semtech_json
from tests.shared import shared

CHANNELS = tuple(
    LbtChannel(freq_hz, 125_000, scan_time_us=5000, transmit_time_ms=4000)
    for freq_hz in (920_600_000, 923_200_000, 923_400_000)
)
SX1261 = Sx1261Config(
    lbt_enable=True,
    lbt_channels=CHANNELS,
    scan=ScanConfig(923_200_000, 2, readings=200, pace_s=1),
)


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    configuration = partial(semtech_json, replace(AS923, sx1261=SX1261))
    with Subject(configuration=configuration) as running:
        yield running


@pytest.fixture(scope="module")
def row() -> Row:
    lines = shared("golden/tx.jsonl").read_text().splitlines()
    (found,) = [row for row in map(json.loads, lines) if row["name"] == "as923-lbt-busy"]
    return dict(found)


def ask(subject: Subject, txpk: Row) -> Row:
    subject.server.drain()
    subject.board.call(cmd="programmed")
    subject.board.call(cmd="transmitted")
    subject.server.ask(txpk)
    return dict(subject.server.wait(5).body)


def wait_transmitted(subject: Subject) -> Row:
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        if frames := subject.board.call(cmd="transmitted")["tx"]:
            return dict(frames[0])
    raise AssertionError(f"nothing was sent; the forwarder said: {subject.log()[-2000:]}")


def test_a_busy_channel_holds_back_the_recorded_frame(subject: Subject, row: Row) -> None:
    subject.board.call(cmd="interfere", freq_hz=923.2e6, dbm=-60, seconds=600)
    assert ask(subject, row["txpk"]) == (row["ack"] or {}), subject.log()
    (frame,) = wait_programmed(subject)
    same = {key: value for key, value in row["tx"].items() if key not in OF_THE_MOMENT}
    assert {key: frame.get(key) for key in same} == same
    assert wait_transmitted(subject)["blocked"] is row["blocked_by_lbt"] is True


def test_beside_the_noise_the_channel_is_free(subject: Subject, row: Row) -> None:
    assert ask(subject, row["txpk"] | {"freq": 923.4}) == {}
    assert wait_transmitted(subject)["blocked"] is False


def test_what_is_no_listening_channel_is_refused_at_once(subject: Subject, row: Row) -> None:
    answer = ask(subject, row["txpk"] | {"freq": 923.0})
    assert answer == {"txpk_ack": {"error": "UNKNOWN"}}
    assert "923000000 Hz at 125000 Hz is no listening channel" in subject.log()
