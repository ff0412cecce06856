"""The air against published figures: pure ALOHA's curve and runs of LoRaSim 0.2.1.

Each reference is run with the rules of its author (radio-sim.md section 5; row numbers in the
tests). The tolerances are the table's, with more where fewer frames are sent than it assumes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from hal.sim.air import Air, Outcome, Rules, Transmission
from hal.sim.air.timing import timing_of

from .air_board import FakeBoard

CARRIERS_HZ = (868.1e6, 867.3e6, 867.7e6)
PERIOD_NS = 1e12  # a node's mean pause, 1e6 ms
DISC_M = 99.0


def share_received(rules: Rules, frames: Iterator[Transmission]) -> float:
    """Frames that came out of the board, of all that were sent."""
    air = Air(1, rules=rules, keep=16)
    board = FakeBoard()
    air.attach(board, name="gw")
    sent = 0
    for frame in frames:
        air.advance(frame.start_ns)
        air.transmit(frame)
        sent += 1
    air.advance(frame.end_ns + 10**12)
    return air.counts["gw", frame.sf, Outcome.RECEIVED] / sent


def poisson(load: float, count: int, rng: random.Random) -> Iterator[Transmission]:
    """Equal frames on one channel at `load` of its time."""
    frame = Transmission(
        who="all", payload=bytes(20), start_ns=0, freq_hz=868.1e6, sf=7, at=(20.0, 0.0, 0.0)
    )
    airtime_ns, at_ns = timing_of(frame).end_ns, 0.0
    for _ in range(count):
        at_ns += rng.expovariate(load / airtime_ns)
        yield replace(frame, start_ns=int(at_ns))


def lorasim(
    nodes: int, count: int, rng: random.Random, *, coding_rate: int = 1, carriers: int = 1
) -> Iterator[Transmission]:
    """Nodes spread over LoRaSim's disc; each sends SF12 after an exponential pause, and again."""
    frame = Transmission(
        who="", payload=bytes(20), start_ns=0, freq_hz=868.1e6, sf=12, coding_rate=coding_rate
    )
    airtime_ns = timing_of(frame).end_ns
    places = []
    for _ in range(nodes):
        radius, angle = DISC_M * math.sqrt(rng.random()), math.tau * rng.random()
        places.append((radius * math.cos(angle), radius * math.sin(angle), 0.0))
    hz = [rng.choice(CARRIERS_HZ[:carriers]) for _ in range(nodes)]
    due = [(rng.expovariate(1 / PERIOD_NS), node) for node in range(nodes)]
    until_ns = count / nodes * (PERIOD_NS + airtime_ns)
    sends = []
    for at_ns, node in due:
        while at_ns < until_ns:
            sends.append((int(at_ns), node))
            at_ns += airtime_ns + rng.expovariate(1 / PERIOD_NS)
    for at_ns, node in sorted(sends):
        yield replace(frame, who=f"n{node}", start_ns=at_ns, at=places[node], freq_hz=hz[node])


LORASIM = Rules.named("lorasim")
SIMPLE = replace(LORASIM, matrix="aloha", preamble_needed=None)  # any overlap destroys both


@cache
def lorasim_share(rules: Rules, nodes: int, coding_rate: int = 1, carriers: int = 1) -> float:
    frames = lorasim(nodes, 4000, random.Random(nodes), coding_rate=coding_rate, carriers=carriers)
    return share_received(rules, frames)


@pytest.mark.parametrize("load", [0.1, 0.25, 0.5, 0.75, 1.0, 2.0])
def test_equal_frames_under_aloha_rules_follow_its_curve(load: float) -> None:
    frames = poisson(load, 4000, random.Random(round(100 * load)))  # row 1
    share = share_received(Rules.named("aloha"), frames)
    assert load * share == pytest.approx(load * math.exp(-2 * load), abs=0.01)


@pytest.mark.parametrize(
    ("nodes", "expected"), [(100, 0.770), (200, 0.591), (400, 0.349), (800, 0.122)]
)
def test_lorasims_simple_collisions(nodes: int, expected: float) -> None:
    assert lorasim_share(SIMPLE, nodes) == pytest.approx(expected, abs=0.02)  # row 2


@pytest.mark.parametrize(
    ("nodes", "expected"), [(50, 0.907), (100, 0.814), (200, 0.663), (400, 0.447), (800, 0.220)]
)
def test_lorasims_full_collisions(nodes: int, expected: float) -> None:
    assert lorasim_share(LORASIM, nodes) == pytest.approx(expected, abs=0.02)  # row 4


@pytest.mark.parametrize(("nodes", "expected"), [(100, 0.908), (400, 0.693), (800, 0.490)])
def test_lorasims_three_carriers(nodes: int, expected: float) -> None:
    share = lorasim_share(LORASIM, nodes, coding_rate=4, carriers=3)  # row 5
    assert share == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("nodes", "gain"), [(100, 0.044), (200, 0.071), (400, 0.098), (800, 0.098)]
)
def test_capture_gains_what_lorasim_gains(nodes: int, gain: float) -> None:
    gained = lorasim_share(LORASIM, nodes) - lorasim_share(SIMPLE, nodes)  # row 8
    assert gained == pytest.approx(gain, abs=0.02)
