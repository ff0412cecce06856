"""The chip's checks: the real driver on the simulated board, one fault a test.

The name of a test is the diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from forwarder.commands.radio import eu868
from forwarder.doctor.case import Case
from forwarder.doctor.chain import checks
from forwarder.doctor.chip import Session
from forwarder.doctor.values import Check, Finding, Verdict
from forwarder.doctor.walk import Walk
from hal.clock import ManualClock
from hal.config import ConcentratorConfig, LbtChannel, RadioKind, Sx1261Config
from hal.errors import TransportError
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport

CHIP = (
    "open", "reset", "chip version", "EUI and model", "firmware files", "radios", "SX1261",
    "firmware", "receive cycle", "temperature", "PPS",
)  # fmt: skip
LBT = replace(
    eu868(),
    sx1261=Sx1261Config(
        lbt_enable=True, lbt_channels=(LbtChannel(868_100_000, 125_000, 5000, 4000),)
    ),
)


class Patient:
    """A simulated board and everything that the doctor finds on it."""

    def __init__(self, config: ConcentratorConfig | None = None, uri: str = "sim:") -> None:
        self.clock = ManualClock()
        self.board = SimBoard(self.clock)
        self.transport = SimTransport(self.board, clock=self.clock)
        self.case = Case(uri=uri, clock=self.clock)
        self.session = Session(self.case, config or eu868(), lambda: self.transport)

    def examined(self) -> dict[str, Finding]:
        walk = Walk(self.table())
        while begin := walk.ready():
            for check in begin:
                walk.done(check, check.run())
        return walk.found

    def table(self) -> list[Check]:
        table = checks(Case(uri="sim:", clock=self.clock), self.session)
        return [check for check in table if check.name in CHIP]

    def first_failure(self) -> tuple[str, Finding]:
        found = self.examined()
        name = next(name for name in CHIP if found[name].verdict is Verdict.FAIL)
        later = CHIP[CHIP.index(name) + 1 :]
        independent = ("firmware files",)
        wrong = [one for one in later if found[one].verdict is Verdict.FAIL]
        wrong = [one for one in wrong if one not in independent]
        assert not wrong, f"{wrong} failed too, though {name} explains them"
        return name, found[name]


@pytest.fixture
def patient() -> Patient:
    return Patient()


def test_a_board_that_works_passes_every_check(patient: Patient) -> None:
    found = patient.examined()
    assert set(found) == set(CHIP)
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert patient.case.chip_eui == "0016c001ff10a235"
    assert "AGC and ARB" in found["firmware"].read


def test_version_0x00_no_chip_answers_power_or_reset(patient: Patient) -> None:
    patient.board.faults.reads_as = 0x00
    name, finding = patient.first_failure()
    assert name == "chip version" and "0x00" in finding.read
    assert "held in reset or has no power" in finding.causes[0]


def test_version_0xff_nobody_drives_the_bus(patient: Patient) -> None:
    patient.board.faults.reads_as = 0xFF
    name, finding = patient.first_failure()
    assert name == "chip version" and "0xff" in finding.read
    assert "SPI is off" in finding.causes[0]


def test_version_0x67_something_else_answers_or_the_bus_is_too_fast(patient: Patient) -> None:
    patient.board.faults.reads_as = 0x67
    name, finding = patient.first_failure()
    assert name == "chip version" and "no SX1302" in finding.read
    assert "too fast" in finding.causes[0]


def test_the_reset_line_is_another_pin(patient: Patient) -> None:
    patient.board.faults.reset_ignored = True
    patient.case.uri = "spi:/dev/spidev0.0?reset=25"
    name, finding = patient.first_failure()
    assert name == "reset" and "another pin" in finding.causes[0]
    assert finding.next == "edgemast boards"


def test_no_reset_line_is_configured(patient: Patient) -> None:
    patient.board.faults.reset_ignored = True
    patient.case.uri = "spi:/dev/spidev0.0"
    name, finding = patient.first_failure()
    assert name == "reset" and finding.causes[0] == "no reset line is configured"


@pytest.mark.parametrize(("number", "name"), [(0, "radio A"), (1, "radio B")])
def test_a_radio_without_power_is_not_in_standby(patient: Patient, number: int, name: str) -> None:
    patient.board.faults.dead_radios = {number}
    at, finding = patient.first_failure()
    assert at == "radios" and name in finding.expected and "standby" in finding.expected
    assert "no power or is not fitted" in finding.causes[0]


def test_the_firmware_was_never_imported(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("EDGEMAST_DATA", str(tmp_path))
    monkeypatch.setattr("hal.firmware_store.SYSTEM_DIR", tmp_path)
    patient.case.uri = "usb:/dev/ttyACM0"
    name, finding = patient.first_failure()
    assert name == "firmware files" and finding.next.startswith("edgemast firmware import")


def test_radios_that_a_firmware_calibrates_are_not_tried_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("EDGEMAST_DATA", str(tmp_path))
    monkeypatch.setattr("hal.firmware_store.SYSTEM_DIR", tmp_path)
    radios = tuple(replace(radio, kind=RadioKind.SX1257) for radio in eu868().radios)
    patient = Patient(replace(eu868(), radios=(radios[0], radios[1])), "usb:/dev/ttyACM0")
    found = patient.examined()
    assert found["firmware files"].verdict is Verdict.FAIL
    assert found["radios"].read == "not tried, because of: firmware files"
    assert found["EUI and model"].verdict is Verdict.OK


def test_the_firmware_reads_back_otherwise_the_bus_flips_bits(patient: Patient) -> None:
    patient.board.faults.flips_over = 100
    name, finding = patient.first_failure()
    assert name == "firmware" and "8192 bytes differ" in finding.read
    assert "lower its speed" in finding.causes[0]
    assert finding.next == "edgemast bus-test --radio 'sim:'"


def test_the_counter_stands_still_the_chip_has_no_clock(patient: Patient) -> None:
    patient.board.faults.counter_stands = True
    name, finding = patient.first_failure()
    assert name == "receive cycle" and "counter stands still" in finding.read
    assert "clock_source" in finding.causes[0]


def test_no_sx1261_is_no_fault_without_listen_before_talk(patient: Patient) -> None:
    patient.board.faults.dead_radios = {2}
    found = patient.examined()
    assert found["SX1261"].verdict is Verdict.SKIPPED
    assert found["receive cycle"].verdict is Verdict.OK


def test_no_sx1261_is_a_fault_with_listen_before_talk() -> None:
    patient = Patient(LBT)
    patient.board.faults.dead_radios = {2}
    name, finding = patient.first_failure()
    assert name == "SX1261" and "standby RC and ready" in finding.read
    assert "nothing is sent" in finding.expected


def test_no_temperature_sensor_is_a_warning(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient.transport, "temperature_c", lambda: None)
    found = patient.examined()
    assert found["temperature"].verdict is Verdict.WARN
    assert found["receive cycle"].verdict is Verdict.OK


def test_a_temperature_that_cannot_be_is_a_warning(patient: Patient) -> None:
    patient.board.temperature_c = 127.0
    assert patient.examined()["temperature"].verdict is Verdict.WARN


def test_no_pps_edge_is_no_fault_without_gps(patient: Patient) -> None:
    patient.board.counter.set_pps(False)
    assert patient.examined()["PPS"].verdict is Verdict.SKIPPED


def test_a_device_that_does_not_open_stops_the_chips_checks() -> None:
    def refuse() -> SimTransport:
        raise TransportError("/dev/ttyACM0: no permission")

    patient = Patient()
    patient.session = Session(patient.case, eu868(), refuse)
    name, finding = patient.first_failure()
    assert (name, finding.read) == ("open", "/dev/ttyACM0: no permission")


@pytest.mark.parametrize("name", ["reset", "chip version", "radios", "firmware", "temperature"])
def test_a_board_that_is_unplugged_meanwhile_is_told_where_it_was(
    patient: Patient, name: str
) -> None:
    def unplug(run: Callable[[], Finding]) -> Finding:
        patient.board.faults.unplugged = True
        return run()

    walk = Walk(patient.table())
    while begin := walk.ready():
        for check in begin:
            walk.done(check, unplug(check.run) if check.name == name else check.run())
    assert walk.found[name].verdict is Verdict.FAIL
    assert "unplugged" in walk.found[name].read
