"""Beside a running gateway: its own word for radio, servers and GPS, and the chip left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from forwarder.doctor import bus, clock, live
from forwarder.doctor.case import Case
from forwarder.doctor.values import Verdict
from forwarder.state.status import FORMAT
from hal.transport.lock import DeviceLock

from .pi import Pi

RADIO = {"state": "up", "rx_total": 120, "recovery": {}, "reasons": {}}
GPS = {"position_fix": True, "time_fix": True, "pps": True, "valid": True, "reason": ""}


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


def running(pi: Pi, **state: Any) -> Case:
    """A case in which a gateway has the board and writes this state."""
    told = {"pid": os.getpid(), "format": FORMAT, "uptime_s": 90, "radio": RADIO} | state
    pi.write("/run/edgemast/state.json", json.dumps(told))
    case = pi.case()
    case.running = "edgemast run (pid 5)"
    return case


def test_a_radio_that_is_up_is_well(pi: Pi) -> None:
    finding = live.gateway(running(pi))
    assert finding.verdict is Verdict.OK
    assert finding.read.startswith("edgemast run (pid 5): radio up, up 90 s, 120 frames")


def test_a_radio_that_is_down_is_a_failure_with_the_gateways_reason(pi: Pi) -> None:
    radio = RADIO | {"state": "down", "reasons": {"the counter stands still": 3}}
    finding = live.gateway(running(pi, radio=radio))
    assert finding.verdict is Verdict.FAIL
    assert finding.causes == ("the counter stands still (3)",)


def test_a_radio_that_had_to_be_restarted_is_a_warning(pi: Pi) -> None:
    radio = RADIO | {"reasons": {"the chip does not answer": 1}, "recovery": {"reset": 2}}
    finding = live.gateway(running(pi, radio=radio))
    assert finding.verdict is Verdict.WARN and "2 recoveries" in finding.read


def test_a_gateway_that_says_nothing_is_a_warning(pi: Pi) -> None:
    case = pi.case()
    case.running = "edgemast run (pid 5)"
    assert live.gateway(case).verdict is Verdict.WARN
    assert live.server("lns", case).verdict is Verdict.SKIPPED


@pytest.mark.parametrize("text", ["[]", "{", json.dumps({"pid": 1, "format": FORMAT + 1})])
def test_a_state_that_nobody_can_read_is_none(pi: Pi, text: str) -> None:
    pi.write("/run/edgemast/state.json", text)
    assert live.state(pi.case()) is None


def test_without_a_gateway_nothing_is_said_about_it(pi: Pi) -> None:
    assert live.gateway(pi.case()).verdict is Verdict.SKIPPED


@pytest.mark.parametrize(("state", "verdict"), [("up", Verdict.OK), ("lost", Verdict.FAIL)])
def test_a_server_is_as_the_running_gateway_finds_it(pi: Pi, state: str, verdict: Verdict) -> None:
    links = [{"name": "other", "state": "up"}, {"name": "lns", "state": state}]
    assert live.server("lns", running(pi, links=links)).verdict is verdict


def test_another_gateway_with_our_name_is_told_as_the_link_found_it(pi: Pi) -> None:
    twin = "another client has connected with our client id"
    link = {"name": "lns", "state": "waiting", "trouble": twin}
    finding = live.server("lns", running(pi, links=[link]))
    assert finding.verdict is Verdict.FAIL and finding.causes == (twin,)
    steady = live.server("lns", running(pi, links=[link | {"state": "up"}]))
    assert steady.verdict is Verdict.WARN and twin in steady.read


def test_gps_is_as_the_running_gateway_finds_it(pi: Pi) -> None:
    well = live.gps(running(pi, gps=GPS))
    assert well.verdict is Verdict.OK and "position yes, time yes, PPS yes" in well.read
    no_pps = GPS | {"pps": False, "valid": False, "reason": "no PPS edge"}
    assert live.gps(running(pi, gps=no_pps)).read.endswith("PPS no: no PPS edge")


@pytest.mark.parametrize("program", ["/opt/edgemast/bin/edgemast", "/x/forwarder/__main__.py"])
def test_a_gateway_is_known_however_it_was_started(
    pi: Pi, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr("sys.argv", [program, "run"])
    lock = DeviceLock("/dev/spidev0.0", directories=[str(pi.root / "run/lock")])
    finding = bus.free(case := pi.case())
    lock.close()
    assert finding.verdict is Verdict.SKIPPED and case.running


def test_another_of_our_own_commands_is_told_to_be_stopped(
    pi: Pi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["edgemast", "rx"])
    lock = DeviceLock("/dev/spidev0.0", directories=[str(pi.root / "run/lock")])
    finding = bus.free(case := pi.case())
    lock.close()
    assert finding.verdict is Verdict.FAIL and not case.running
    assert "in use by edgemast rx (pid " in finding.read
    assert clock.gps(case).verdict is Verdict.SKIPPED
