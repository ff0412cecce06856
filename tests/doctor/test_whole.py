"""The whole walk on a Raspberry Pi that is a folder, with the simulated board behind its SPI bus."""

from __future__ import annotations

import re
from collections import namedtuple
from pathlib import Path

import pytest

from forwarder.config.load import load
from forwarder.doctor import chip, servers, storage
from forwarder.doctor.case import Case
from forwarder.doctor.chain import checks
from forwarder.doctor.text import lines
from forwarder.doctor.values import Finding, Verdict, ok
from forwarder.doctor.walk import Walk
from hal.clock import ManualClock
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport
from hal.sx1302.firmware import Firmware

from .pi import SPI, Pi

ROOT = Path(__file__).parents[2]
CONFIG = """board = "wm1302"
region = "EU868"
[gateway]
eui = "0016c001f1500812"
[[server]]
address = "192.0.2.17"
name = "chirpstack"
"""
Usage = namedtuple("Usage", "total used free")


class Gateway:
    """A Pi 4 with a WM1302, all of it well until a test spoils something."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pi = Pi(tmp_path / "pi")
        self.pi.write("/dev/i2c-1")
        self.pi.write("/sys/devices/platform/soc/soc:firmware/get_throttled", "0\n")
        self.pi.commands = {"timedatectl": "yes"}
        self.clock = ManualClock()
        self.board = SimBoard(self.clock)
        file = tmp_path / "gateway.toml"
        file.write_text(CONFIG)
        self.config = load(file)
        monkeypatch.setenv("EDGEMAST_DATA", str(tmp_path))
        monkeypatch.setattr(chip, "load_for", lambda uri, **_: Firmware.simulated())
        monkeypatch.setattr("shutil.disk_usage", lambda root: Usage(31e9, 4e9, 27e9))
        monkeypatch.setattr(storage, "data_dir", lambda: Path("/var/lib"))
        answered = ok("192.0.2.17:1700 answered PULL_DATA in 23 ms")
        monkeypatch.setattr(servers, "probe", lambda settings, eui, case: answered)

    def walked(self) -> Walk:
        case = self.case()
        radio = SimTransport(self.board, clock=self.clock)
        radio.uri = self.config.radio_uri
        session = chip.Session(case, self.config.concentrator, lambda: radio)
        walk = Walk(checks(case, session))
        while begin := walk.ready():
            for check in begin:
                walk.done(check, check.run())
        return walk

    def case(self) -> Case:
        return Case(
            machine=self.pi.machine(),
            path=Path("/etc/edgemast/gateway.toml"),
            config=self.config,
            uri=self.config.radio_uri,
            gpio=self.pi.gpio(),
            clock=self.clock,
        )

    def found(self) -> dict[str, Finding]:
        return self.walked().found


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return Gateway(tmp_path, monkeypatch)


def blamed(found: dict[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.verdict is Verdict.FAIL]


def test_a_gateway_that_is_well_has_nothing_to_look_at(gateway: Gateway) -> None:
    found = gateway.found()
    assert not [name for name, one in found.items() if one.verdict in (Verdict.FAIL, Verdict.WARN)]
    assert found["GPIO lines"].read.endswith("free on /dev/gpiochip0 (pinctrl-bcm2711)")
    assert found["server chirpstack"].verdict is Verdict.OK


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("SPI enabled", lambda g: g.pi.write(f"/proc/device-tree{SPI}/status", "disabled")),
        ("device", lambda g: g.pi.remove("/dev/spidev0.0")),
        ("permission", lambda g: g.pi.forbidden.add("/dev/spidev0.0")),
        ("board free", lambda g: g.pi.process(812, "lora_pkt_fwd", "/dev/spidev0.0")),
        ("GPIO lines", lambda g: g.pi.used.update({17: "lora-reset"})),
        ("reset", lambda g: setattr(g.board.faults, "reset_ignored", True)),
        ("chip version", lambda g: setattr(g.board.faults, "reads_as", 0x00)),
        ("radios", lambda g: g.board.faults.dead_radios.add(0)),
        ("firmware", lambda g: setattr(g.board.faults, "flips_over", 100)),
        ("receive cycle", lambda g: setattr(g.board.faults, "counter_stands", True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_fault_is_one_failure_and_all_that_hangs_on_it_names_it(
    gateway: Gateway, name: str, spoil: object
) -> None:
    assert callable(spoil)
    spoil(gateway)
    found = gateway.found()
    assert blamed(found) == [name]
    told = [one.read for one in found.values() if one.read.startswith("not tried")]
    assert set(told) == {f"not tried, because of: {name}"}
    assert found["PPS"].verdict is Verdict.SKIPPED
    assert found["server chirpstack"].verdict is found["disk"].verdict is Verdict.OK


def test_every_failure_says_what_was_expected_why_probably_and_what_to_do(
    gateway: Gateway,
) -> None:
    gateway.board.faults.reads_as = 0xFF
    finding = gateway.found()["chip version"]
    assert finding.expected and finding.causes and finding.next


def sample(gateway: Gateway) -> str:
    gateway.board.faults.reads_as = 0x00
    gateway.pi.write("/sys/devices/platform/soc/soc:firmware/get_throttled", "50000\n")
    text = "\n".join(lines(gateway.walked().results()))
    return text.replace(str(gateway.config.path), "/etc/edgemast/gateway.toml")


def test_the_sample_in_the_document_is_what_the_doctor_says(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forwarder.doctor.machine.Machine.user", lambda self: "edgemast")
    text = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n(ok .*?)\n```", text, re.DOTALL)
    assert sample(gateway).split() == shown.split()
