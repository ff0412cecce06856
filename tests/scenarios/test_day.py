"""A quarter of an hour of `benchmarks.day`: everything goes wrong once, and the account is whole.

In a process of its own, because it has the whole process go by simulated time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("chirpstack_api.gw.gw_pb2", reason="chirpstack-api is not there")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def account() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.day", "--hours", "0.25", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def test_every_frame_reaches_each_server_or_its_loss_is_explained(account: dict[str, Any]) -> None:
    assert account["unexplained"] == []
    assert account["read_by_the_driver"] > 500
    assert min(account["delivered"].values()) > 500


def test_nothing_is_delivered_that_nobody_sent(account: dict[str, Any]) -> None:
    assert account["strays"] == {}


def test_every_frame_is_stamped_with_its_end_on_the_air(account: dict[str, Any]) -> None:
    assert "wrong" not in account["timestamps"]


def test_every_accepted_downlink_is_sent_or_told_lost(account: dict[str, Any]) -> None:
    downlinks = account["downlinks"]
    ended = downlinks["emitted"] + sum(downlinks["lost"].values()) + downlinks["waiting"]
    assert downlinks["accepted"] == ended
    assert downlinks["requested"] == ended + sum(downlinks["refused"].values())
    assert downlinks["emitted"] == downlinks["triggered_in_the_chip"]


def test_time_is_known_again_after_every_loss(account: dict[str, Any]) -> None:
    assert account["gps_valid"]


def test_each_fault_happened_and_the_radio_came_back(account: dict[str, Any]) -> None:
    assert set(account["happened"].values()) == {1}
    assert sum(account["radio_restarts"].values()) >= 7
    assert account["devices"]["downlinks caught"] > 100


def test_no_task_thread_or_file_is_left(account: dict[str, Any]) -> None:
    first, last = account["sizes"][0], account["sizes"][-1]
    assert account["tasks_left"] == []
    for what in ("tasks", "threads", "files"):
        assert last[what] <= first[what]
