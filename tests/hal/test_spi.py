from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.clock import ManualClock
from hal.errors import DeviceBusy, TransportError
from hal.gpio import BoardLines
from hal.transport.base import Command, Modify, Op, Read, Target, Write
from hal.transport.spi import SpiDevice, SpiTransport, cannot_open
from tests.hal.bus_models import (
    ByteChip,
    Chip,
    GoldenChip,
    SpiWire,
    golden_answers,
    golden_lines,
    golden_ops,
)
from tests.hal.test_mcu import operations
from tests.shared import shared

KERNEL_LIMIT = 4096  # bytes that spidev takes in one transfer


class WireDevice:
    """A spidev node on a wire; counts as open until it is closed."""

    def __init__(self, wire: SpiWire, select: int) -> None:
        self._wire = wire
        self._select = select
        self.transfers: list[bytes] = []
        self.closed = False
        self.fault: OSError | None = None
        self.close_fault: OSError | None = None
        self.cut = 0

    def transfer(self, out: bytes) -> bytes:
        assert len(out) <= KERNEL_LIMIT and not self.closed
        if self.fault:
            raise self.fault
        self.transfers.append(out)
        answer = self._wire.transfer(self._select, out)
        return answer[: len(answer) - self.cut]

    def close(self) -> None:
        self.closed = True
        if self.close_fault:
            raise self.close_fault


class Bench:
    """A board with both chip selects, and what was opened of it."""

    def __init__(self, chip: Chip, tmp: Path) -> None:
        self._wire = SpiWire(chip)
        self.path = str(tmp / "spidev0.0")
        self.sx1261_path = str(tmp / "spidev0.1")
        self.opened: dict[str, WireDevice] = {}
        self.speeds: set[int] = set()

    def open_device(self, path: str, speed_hz: int) -> WireDevice:
        self.speeds.add(speed_hz)
        self.opened[path] = WireDevice(self._wire, int(path.endswith(".1")))
        return self.opened[path]

    def transport(self, *, sx1261: bool = True) -> SpiTransport:
        return SpiTransport(
            self.path,
            sx1261_path=self.sx1261_path if sx1261 else None,
            i2c_path="/dev/no-i2c",
            clock=ManualClock(),
            open_device=self.open_device,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(ByteChip(), tmp_path)


@pytest.fixture
def spi(bench: Bench) -> Iterator[SpiTransport]:
    transport = bench.transport()
    yield transport
    transport.close()


def test_the_recorded_start_up_expands_into_the_recorded_spi_transactions(tmp_path: Path) -> None:
    usb = golden_lines(shared("golden/startup-EU868.jsonl"))
    chip = GoldenChip(golden_lines(shared("golden/startup-EU868-spi.jsonl")))
    transport = Bench(chip, tmp_path).transport()
    assert transport.transfer(golden_ops(usb)) == golden_answers(usb)
    assert chip.done
    transport.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
def test_operations_over_the_wire_do_what_they_do_one_by_one(tmp_path: Path, ops: list[Op]) -> None:
    direct, wired = ByteChip(), ByteChip()
    transport = Bench(wired, tmp_path).transport()
    assert transport.transfer(ops) == [direct.do(op) for op in ops]
    assert (wired.memory, wired.commands) == (direct.memory, direct.commands)
    transport.close()


def test_the_bytes_of_every_kind_of_frame(bench: Bench, spi: SpiTransport) -> None:
    spi.transfer(
        [
            Write(0x5643, b"\x01"),
            Read(0x5606, 2),
            Modify(0x5601, 0x10, 0x10),
            Command(Target.RADIO_B, 0xC0, b"\0"),
            Command(Target.SX1261, 0xC0, b"\0"),
        ]
    )
    assert [out.hex() for out in bench.opened[bench.path].transfers] == [
        "00d64301",
        "005606000000",
        "0056010000",
        "00d60110",
        "02c000",
    ]
    assert [out.hex() for out in bench.opened[bench.sx1261_path].transfers] == ["c000"]


def test_bursts_are_cut_at_1024_bytes_and_the_fifo_stands_still(
    bench: Bench, spi: SpiTransport
) -> None:
    spi.transfer([Write(0x2000, bytes(2000)), Read(0x4000, 2000)])
    heads = [(out[:3].hex(), len(out)) for out in bench.opened[bench.path].transfers]
    assert heads == [("00a000", 1027), ("00a400", 979), ("004000", 1028), ("004000", 980)]


def test_a_node_that_fails_its_close_does_not_keep_the_board_locked(bench: Bench) -> None:
    transport = bench.transport()
    bench.opened[bench.path].close_fault = OSError(errno.EIO, "Input/output error")
    transport.close()
    bench.transport().close()


def test_two_megahertz_unless_told_otherwise(bench: Bench, spi: SpiTransport) -> None:
    assert bench.speeds == {2_000_000}


def test_the_sx1261_is_opened_when_it_is_spoken_to(bench: Bench, spi: SpiTransport) -> None:
    assert bench.sx1261_path not in bench.opened
    spi.transfer([Command(Target.SX1261, 0xC0, b"\0")])
    assert bench.sx1261_path in bench.opened


def test_a_board_without_sx1261_says_what_to_add(bench: Bench) -> None:
    transport = bench.transport(sx1261=False)
    with pytest.raises(TransportError, match=r"add sx1261=/dev/spidev0.1"):
        transport.transfer([Command(Target.SX1261, 0xC0, b"\0")])
    transport.close()


def test_a_failed_transfer_names_the_operation(bench: Bench, spi: SpiTransport) -> None:
    bench.opened[bench.path].fault = OSError(errno.EIO, "Input/output error")
    with pytest.raises(TransportError, match=r"change of 0x5601, bits 0x01 to 0x00.*Input/output"):
        spi.transfer([Modify(0x5601, 1, 0)])


def test_a_transfer_that_comes_back_short_is_an_error(bench: Bench, spi: SpiTransport) -> None:
    bench.opened[bench.path].cut = 1
    with pytest.raises(TransportError, match="5 bytes expected back, 4 came"):
        spi.transfer([Read(0x5606, 1)])


def test_no_sensor_is_no_temperature_and_is_told_once(
    spi: SpiTransport, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert spi.temperature_c() is None
        assert spi.temperature_c() is None
    assert caplog.text.count("no temperature sensor") == 1


def test_lines_that_are_not_driven_are_no_reset_either(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    lines = BoardLines(gps_reset=25)
    transport = SpiTransport(bench.path, lines=lines, open_device=bench.open_device)
    transport.reset()
    transport.close()
    assert "not reset; name the board" in caplog.text


def test_a_reset_without_lines_says_that_nothing_was_reset(
    spi: SpiTransport, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        spi.reset()
    assert "not reset; name the board" in caplog.text


def test_close_closes_every_chip_select_and_twice_is_quiet(bench: Bench) -> None:
    transport = bench.transport()
    transport.transfer([Command(Target.SX1261, 0xC0, b"\0")])
    transport.close()
    transport.close()
    assert all(device.closed for device in bench.opened.values())
    with pytest.raises(TransportError, match="is closed"):
        transport.transfer([Read(0, 1)])


def test_a_second_user_of_the_bus_is_told_who_has_it(bench: Bench, spi: SpiTransport) -> None:
    with pytest.raises(DeviceBusy, match=r"in use by .*\(pid \d+\)"):
        bench.transport()


def test_a_device_that_does_not_open_leaves_no_lock_behind(bench: Bench) -> None:
    def refuse(path: str, speed_hz: int) -> WireDevice:
        raise cannot_open(path, OSError(errno.EACCES, "Permission denied"))

    with pytest.raises(TransportError, match="group spi"):
        SpiTransport(bench.path, open_device=refuse)
    bench.transport().close()


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOENT, "dtparam=spi=on"), (errno.EPERM, "group spi"), (errno.EIO, "cannot be opened")],
)
def test_why_a_node_does_not_open(number: int, words: str) -> None:
    assert words in str(cannot_open("/dev/spidev0.0", OSError(number, "why")))


def test_without_spidev_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "spidev", None)
    with pytest.raises(TransportError, match=r"pip install 'edgemast\[pi\]'"):
        SpiTransport(str(tmp_path / "spidev0.0"))


class NewSpiDev:
    """The library as of 3.8."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        made.append(self)

    def open_path(self, path: str) -> None:
        self.calls.append(("open_path", path))

    def xfer2(self, out: bytes) -> list[int]:
        return [byte ^ 0xFF for byte in out]

    def close(self) -> None:
        self.calls.append(("close",))


class OldSpiDev:
    """The library before: a node is two numbers."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        made.append(self)

    def open(self, bus: int, device: int) -> None:
        self.calls.append(("open", bus, device))

    def close(self) -> None:
        self.calls.append(("close",))


made: list[NewSpiDev | OldSpiDev] = []


@pytest.mark.parametrize(
    ("library", "call"),
    [(NewSpiDev, ("open_path", "/dev/spidev1.2")), (OldSpiDev, ("open", 1, 2))],
)
def test_old_and_new_spidev_open_the_node_in_mode_0(
    library: type, call: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spidev", SimpleNamespace(SpiDev=library))
    device = SpiDevice("/dev/spidev1.2", 1_000_000)
    assert made[-1].calls == [call]
    assert vars(made[-1])["mode"] == 0
    assert vars(made[-1])["max_speed_hz"] == 1_000_000
    if library is NewSpiDev:
        assert device.transfer(b"\x00\x0f") == b"\xff\xf0"
    device.close()
    assert made[-1].calls[-1] == ("close",)


def test_old_spidev_says_which_names_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spidev", SimpleNamespace(SpiDev=OldSpiDev))
    with pytest.raises(TransportError, match=r"opens /dev/spidevN\.M only"):
        SpiDevice("/dev/lora", 1_000_000)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_modify_touches_only_its_bits(tmp_path: Path, before: int, mask: int, value: int) -> None:
    chip = ByteChip()
    chip.memory[0x5601] = before
    transport = Bench(chip, tmp_path).transport()
    assert transport.transfer([Modify(0x5601, mask, value & mask)]) == [bytes((before,))]
    assert chip.memory[0x5601] == (before & ~mask) | (value & mask)
    transport.close()
