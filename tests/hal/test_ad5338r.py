"""The DAC that biases the amplifier of full duplex CN490 boards: on the simulated board, on I2C."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal import ad5338r, i2c
from hal.concentrator import Concentrator
from hal.frames import TxFrame
from hal.modulation import LoRa
from hal.transport.spi import SpiTransport
from tests.hal.boards import Bus, a_concentrator
from tests.hal.concentrator_bench import emissions
from tests.hal.configs import SX1255

VECTOR = json.loads((Path(__file__).parents[1] / "data" / "startup_sx125x.json").read_text())
FRAME = TxFrame(b"hello", 505_300_000, 14, LoRa(7))


def started(*, fitted: bool = True) -> tuple[Concentrator, Bus]:
    concentrator, bus, _ = a_concentrator(SX1255)
    bus.board.dac.fitted = fitted
    concentrator.start()
    return concentrator, bus


def test_what_is_said_is_what_the_vendors_program_says() -> None:
    concentrator, bus = started()
    concentrator.send(FRAME)
    assert [command.hex() for command in bus.board.dac.commands] == VECTOR["dac"]


def test_the_amplifier_is_off_after_the_start_and_biased_for_a_frame() -> None:
    concentrator, bus = started()
    assert bus.board.dac.volts == 0
    heard = emissions(bus)
    concentrator.send(FRAME)
    assert bus.board.dac.volts == pytest.approx(2.51, abs=0.005)
    assert heard[0].power_dbm > 0


def test_an_amplifier_without_bias_sends_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    concentrator, bus = started()
    monkeypatch.setattr(bus, "bias_amplifier", lambda volts: True)
    heard = emissions(bus)
    concentrator.send(FRAME)
    assert heard[0].power_dbm < -30


def test_a_board_without_the_dac_is_told_of_once_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    concentrator, bus = started(fitted=False)
    heard = emissions(bus)
    concentrator.send(FRAME)
    told = [record.message for record in caplog.records if "AD5338R" in record.message]
    assert len(told) == 1 and "no AD5338R answers on I2C" in told[0]
    assert len(heard) == 1


def test_a_dac_that_falls_silent_is_told_of_once_and_the_frame_goes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    concentrator, bus = started()
    bus.board.dac.fitted = False
    for _ in range(2):
        concentrator.send(FRAME)
        concentrator.abort()
    told = [record for record in caplog.records if "does not answer any more" in record.message]
    assert len(told) == 1


def test_after_a_reset_it_is_set_up_anew() -> None:
    concentrator, bus = started()
    bus.board.dac.commands.clear()
    concentrator.start()
    assert [command.hex() for command in bus.board.dac.commands] == VECTOR["dac"][:4]


def test_half_duplex_boards_never_hear_of_it() -> None:
    concentrator, bus, _ = a_concentrator(replace(SX1255, full_duplex=False))
    bus.board.dac.fitted = True
    concentrator.start()
    concentrator.send(FRAME)
    assert bus.board.dac.commands == []


class FakeI2c:
    """Linux's I2C bus; None answers nobody."""

    sent: list[tuple[int, str]]

    def __init__(self, path: str) -> None:
        self.path = path

    def send(self, device: int, data: bytes) -> None:
        FakeI2c.sent.append((device, data.hex()))

    def close(self) -> None:
        FakeI2c.sent.append((0, "closed"))


class Silent:
    def __init__(self, path: str, speed_hz: int) -> None: ...

    def transfer(self, out: bytes) -> bytes:
        return bytes(len(out))

    def close(self) -> None: ...


def a_transport(tmp_path: Path) -> SpiTransport:
    device = tmp_path / "spidev0.0"
    device.touch()
    return SpiTransport(str(device), i2c_path=str(tmp_path / "i2c-1"), open_device=Silent)


def test_an_spi_board_has_it_on_i2c_at_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeI2c.sent = []
    monkeypatch.setattr("hal.transport.spi.LinuxI2c", FakeI2c)
    transport = a_transport(tmp_path)
    assert transport.bias_amplifier(0.0) and transport.bias_amplifier(2.51)
    transport.close()
    assert [data for device, data in FakeI2c.sent if device == 0x0C] == VECTOR["dac"]
    assert FakeI2c.sent[-1] == (0, "closed")


def test_an_spi_board_without_i2c_has_none(tmp_path: Path) -> None:
    transport = a_transport(tmp_path)
    assert not transport.bias_amplifier(2.51)
    transport.close()


def test_the_bus_addresses_whom_it_speaks_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    addressed: list[tuple[int, int]] = []
    monkeypatch.setattr(
        "hal.i2c.fcntl.ioctl", lambda fd, request, device: addressed.append((request, device))
    )
    path = tmp_path / "i2c-1"
    path.touch()
    bus = i2c.LinuxI2c(str(path))
    bus.send(0x0C, b"\x39\x80\x80")
    bus.close()
    assert addressed == [(0x0703, 0x0C)] and path.read_bytes() == b"\x39\x80\x80"


@given(st.floats(0.0, 4.99))
def test_a_voltage_is_met_within_a_step(volts: float) -> None:
    command, high, low = ad5338r.output(volts)
    set_volts = (high << 8 | low) / 0x10000 * 5.0
    assert command == 0x39 and volts - 5 / 1024 <= set_volts <= volts + 1e-9
