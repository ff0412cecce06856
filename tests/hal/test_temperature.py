from __future__ import annotations

import logging

import pytest

from hal.temperature import find_sensor, probe

ST = {0xFD: 0, 0xFE: 0x53, 0xFF: 1}


class FakeBus:
    """I2C devices by address, each a table of registers; whoever is not there gives EIO."""

    def __init__(self, devices: dict[int, dict[int, int]]) -> None:
        self.devices = devices
        self.reads: list[int] = []
        self.closed = False

    def read(self, device: int, register: int) -> int:
        self.reads.append(register)
        if device not in self.devices:
            raise OSError(121, "Remote I/O error")
        return self.devices[device][register]

    def write(self, device: int, register: int, value: int) -> None:
        if device not in self.devices:
            raise OSError(121, "Remote I/O error")
        self.devices[device][register] = value

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("address", [0x39, 0x3B, 0x38])
def test_the_sensor_is_found_at_each_of_its_addresses_and_set_up(address: int) -> None:
    bus = FakeBus({address: dict(ST)})
    assert probe(bus) is not None
    assert bus.devices[address][0x03] == 0x8C
    assert bus.devices[address][0x04] == 4


@pytest.mark.parametrize(
    ("high", "low", "celsius"),
    [(25, 0x80, 25.5), (0, 0, 0.0), (0xFF, 0x00, -1.0), (0xF6, 0x40, -9.75)],
)
def test_the_reading_is_signed_and_fine(high: int, low: int, celsius: float) -> None:
    bus = FakeBus({0x39: ST | {0x00: high, 0x02: low}})
    sensor = probe(bus)
    assert sensor is not None and sensor.read_c(0) == celsius
    assert bus.reads[-2:] == [0x02, 0x00]  # low byte first


@pytest.mark.parametrize(
    "registers", [ST | {0xFD: 2}, ST | {0xFE: 0x54}], ids=["another product", "another maker"]
)
def test_another_chip_at_that_address_is_left_alone(registers: dict[int, int]) -> None:
    bus = FakeBus({0x39: dict(registers)})
    assert probe(bus) is None
    assert bus.devices[0x39] == registers


def test_a_sensor_that_falls_silent_gives_no_reading() -> None:
    bus = FakeBus({0x39: ST | {0: 20, 2: 0}})
    sensor = probe(bus)
    assert sensor is not None
    bus.devices.clear()
    assert sensor.read_c(0) is None
    sensor.close()
    assert bus.closed


def test_the_slow_bus_is_asked_once_a_second() -> None:
    bus = FakeBus({0x39: ST | {0: 20, 2: 0}})
    sensor = probe(bus)
    assert sensor is not None and sensor.read_c(0) == 20.0
    bus.devices[0x39][0] = 30
    assert [sensor.read_c(999_999_999), sensor.read_c(1_000_000_000)] == [20.0, 30.0]


def test_no_bus_is_no_sensor_and_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert find_sensor("/dev/no-i2c") is None
    assert [record.message for record in caplog.records] == [
        "no temperature sensor: /dev/no-i2c: No such file or directory"
    ]
