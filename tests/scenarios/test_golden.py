"""`edgemast run` on `edgemast sim`, two processes and a UDP server: the C forwarder's recordings.

What Semtech's forwarder was recorded to send and program, ours sends and programs. Where it differs
on purpose (an immediate downlink is immediate, a late one is called late), the test says so.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from benchmarks.world import Subject
from hal.config import ConcentratorConfig
from tests.hal.configs import config_of
from tests.semtech import semtech_json
from tests.shared import shared

Row = dict[str, Any]
# What depends on when a frame was sent, or on how it was started.
OF_THE_MOMENT = {
    "timer_trig", "programmed_ns", "programmed_us", "start_ticks", "start_us", "lead_us", "mode",
    "regs",
}  # fmt: skip
# Semtech's forwarder calls a start in the past TOO_EARLY, and sends with more power than asked when
# the gain table has nothing lower; we do neither.
REFUSED_BY_US = {"reject-past": "TOO_LATE", "power10": "TX_POWER"}


@pytest.fixture(scope="module")
def subjects() -> Iterator[dict[int, Subject]]:
    """Running gateways by configuration; started when first needed."""
    with ExitStack() as stack:

        class Started(dict[int, Subject]):
            def of(self, config: ConcentratorConfig, *board: str) -> Subject:
                key = hash((config, board))
                if key not in self:
                    made = Subject(configuration=partial(semtech_json, config), board=board)
                    self[key] = stack.enter_context(made)
                return self[key]

        yield Started()


def rows(name: str) -> list[Row]:
    return [json.loads(line) for line in shared(f"golden/{name}").read_text().splitlines()]


def test_every_recorded_reception_comes_out_with_the_same_text(subjects: Any) -> None:
    for row in rows("rx.jsonl"):
        subject = subjects.of(config_of(row["name"]))
        check_reception(subject, row)


def check_reception(subject: Subject, row: Row) -> None:
    subject.server.drain()
    temperature = row["name"].removeprefix("temperature")
    subject.board.call(
        cmd="set", temperature=float(temperature) if temperature[0] in "-0123456789" else 25.0
    )
    replies = subject.board.call(cmd="inject_many", items=row["inject"])["replies"]
    got: list[Row] = []
    while len(got) < len(row["rxpk"]):
        got += subject.server.wait_uplink().body["rxpk"]
    for have, want, reply, ticks in zip(got, row["rxpk"], replies, row["ticks"], strict=True):
        correction = want["tmst"] - ticks // 32
        moment = (reply["ticks"] // 32 + correction) & 0xFFFFFFFF
        assert have == want | {"tmst": moment}, row["name"]


def test_every_recorded_downlink_programs_the_same_frame(subjects: Any) -> None:
    for row in rows("tx.jsonl"):
        if "lbt" not in row["name"]:
            check_downlink(subjects.of(config_of(row["name"])), row)


def check_downlink(subject: Subject, row: Row) -> None:
    subject.server.drain()
    subject.board.call(cmd="programmed")
    txpk = dict(row["txpk"])
    if "tmst" in txpk:
        ahead_us = recorded_lead_us(row)
        txpk["tmst"] = (subject.board.call(cmd="state")["counter_us"] + ahead_us) & 0xFFFFFFFF
    token, _ = subject.server.ask(txpk)
    ack = subject.server.wait(5)
    assert ack.token == token
    if row["name"] in REFUSED_BY_US:
        assert ack.body == {"txpk_ack": {"error": REFUSED_BY_US[row["name"]]}}
        return
    assert ack.body == (row["ack"] or {}), row["name"]
    if row["tx"] is not None:
        (frame,) = wait_programmed(subject)
        same = {key: value for key, value in row["tx"].items() if key not in OF_THE_MOMENT}
        assert {key: frame.get(key) for key in same} == same, row["name"]
        if txpk.get("imme"):
            assert frame["mode"] == "immediate"
        elif row["tx"]["modu"] == "LORA":
            assert frame["start_us"] & 0xFFFFFFFF == txpk["tmst"]
        wait_free(subject, frame)


def recorded_lead_us(row: Row) -> int:
    """How far ahead the recorded request was; rejected rows tell it by their name."""
    if "counter_us" in row:
        return int(row["txpk"]["tmst"] - row["counter_us"])
    return -1_000_000 if row["name"] == "reject-past" else 600_000_000


def wait_programmed(subject: Subject) -> list[Row]:
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        frames: list[Row] = subject.board.call(cmd="programmed")["tx"]
        if frames:
            return frames
    raise AssertionError(f"nothing was programmed; the forwarder said: {subject.log()[-2000:]}")


def wait_free(subject: Subject, frame: Row) -> None:
    """Until the frame has left the air, by the board's own counter."""
    end_us = int(frame["start_us"] + frame["airtime_us"]) + 5_000
    while (end_us - subject.board.call(cmd="state")["counter_us"]) & 0xFFFFFFFF < 1 << 31:
        pass
