"""kill -9 of a real process with a real file, at moments that nobody chose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from random import Random

RUNS = 5
ROOT = Path(__file__).parents[3]


def run(folder: Path, seed: int, *more: str, kill_after: int | None) -> dict[str, list[int]]:
    """What the process told; it is killed with its `kill_after`-th word."""
    command = [sys.executable, "-m", "tests.forwarder.spool.victim", str(folder), str(seed), *more]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    told: dict[str, list[int]] = defaultdict(list)
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environ) as process:
        assert process.stdout is not None
        for index, line in enumerate(process.stdout):
            kind, number = line.split()
            told[kind.decode()].append(int(number))
            if index == kill_after:
                process.send_signal(signal.SIGKILL)
    if kill_after is None:
        assert process.returncode == 0
    return told


def test_after_any_kill_each_frame_has_arrived_or_is_among_those_reported(tmp_path: Path) -> None:
    chance = Random(20261128)
    runs = [
        run(tmp_path, seed, kill_after=chance.randrange(40, 400)) for seed in range(1, RUNS + 1)
    ]
    runs.append(run(tmp_path, 0, "drain", kill_after=None))
    arrived = {number for told in runs for number in told["D"]}
    for earlier, later in pairwise(runs):
        lost = set(earlier["T"]) - arrived
        assert len(lost) <= sum(later["G"])
    assert sum(len(told["T"]) for told in runs) > 300
    assert any(set(earlier["T"]) & set(later["D"]) for earlier, later in pairwise(runs))
    assert any(told["G"] for told in runs)
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert left == ["uplinks-0016c001f1500812.lock"]
