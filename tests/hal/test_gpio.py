from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace, TracebackType
from typing import Any

import pytest

from hal.clock import ManualClock
from hal.errors import DeviceBusy, TransportError
from hal.gpio import HEADER_CHIPS, BoardLines, BoardReset, Machine, claim, look
from hal.transport.base import POWER_OFF_S

CORECELL = BoardLines(power_enable=18, sx1302_reset=23, sx1261_reset=22, ad5338r_reset=13)


class Value(Enum):
    INACTIVE = 0
    ACTIVE = 1


class Direction(Enum):
    OUTPUT = 1


@dataclass
class Pi:
    """A machine as the gpiod library shows it: chips by path, lines in use, levels over time."""

    chips: dict[str, str]
    used: dict[int, str] = field(default_factory=dict)
    levels: list[tuple[int, bool]] = field(default_factory=list)
    initial: dict[int, bool] = field(default_factory=dict)
    path: str = ""
    released: bool = False
    forbidden: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    rpi: list[tuple[Any, ...]] = field(default_factory=list)

    def machine(self) -> Machine:
        return Machine(self._import, lambda: list(self.chips))

    def _import(self, name: str) -> Any:
        if name in self.missing:
            raise ImportError(f"No module named {name!r}")
        return {"gpiod": self._gpiod(), "gpiod.line": self._line(), "RPi.GPIO": self._rpi()}[name]

    def _line(self) -> SimpleNamespace:
        return SimpleNamespace(Value=Value, Direction=Direction)

    def _gpiod(self) -> SimpleNamespace:
        return SimpleNamespace(
            Chip=lambda path: FakeChip(self, path),
            LineSettings=lambda direction, output_value: (direction, output_value),
            request_lines=self._request,
        )

    def _request(self, path: str, consumer: str, config: dict[int, Any]) -> SimpleNamespace:
        if set(config) & set(self.used):
            raise OSError(16, "Device or resource busy")
        assert consumer == "edgemast"
        assert all(direction is Direction.OUTPUT for direction, _ in config.values())
        self.path = path
        self.initial = {line: value is Value.ACTIVE for line, (_, value) in config.items()}
        return SimpleNamespace(set_value=self._set, release=self._release)

    def _set(self, line: int, value: Value) -> None:
        assert line in self.initial and not self.released
        self.levels.append((line, value is Value.ACTIVE))

    def _release(self) -> None:
        self.released = True

    def _rpi(self) -> SimpleNamespace:
        def log(name: str) -> Callable[..., None]:
            return lambda *args, **options: self.rpi.append((name, *args, *options.values()))

        names = ("setwarnings", "setmode", "setup", "output", "cleanup")
        return SimpleNamespace(BCM=11, OUT=0, **{name: log(name) for name in names})


class FakeChip:
    def __init__(self, pi: Pi, path: str) -> None:
        if path in pi.forbidden:
            raise PermissionError(13, "Permission denied")
        self._pi = pi
        self._path = path

    def __enter__(self) -> FakeChip:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def get_info(self) -> SimpleNamespace:
        return SimpleNamespace(label=self._pi.chips[self._path])

    def get_line_info(self, line: int) -> SimpleNamespace:
        consumer = self._pi.used.get(line)
        return SimpleNamespace(used=consumer is not None, consumer=consumer or "")


def pi4() -> Pi:
    return Pi({"/dev/gpiochip0": "pinctrl-bcm2711", "/dev/gpiochip1": "raspberrypi-exp-gpio"})


def test_a_reset_is_power_then_each_line_down_and_up_each_held() -> None:
    pi, clock = pi4(), ManualClock()
    board = BoardReset(CORECELL, clock, pi.machine())
    board.pulse(0.1)
    assert pi.levels == [
        (18, True),
        (23, True),
        (23, False),
        (22, False),
        (22, True),
        (13, False),
        (13, True),
    ]
    assert clock.now_ns() == 700_000_000
    assert pi.initial == {18: True, 23: False, 22: True, 13: True}


def test_a_reset_that_is_held_long_takes_the_power_away_first() -> None:
    pi = pi4()
    BoardReset(CORECELL, ManualClock(), pi.machine()).pulse(POWER_OFF_S)
    assert pi.levels[:3] == [(18, False), (18, True), (23, True)]


def test_a_board_without_a_power_line_is_only_reset_however_long() -> None:
    pi = pi4()
    BoardReset(BoardLines(sx1302_reset=17), ManualClock(), pi.machine()).pulse(POWER_OFF_S)
    assert pi.levels == [(17, True), (17, False)]


def test_lines_stay_ours_between_resets_and_are_let_go_at_the_end() -> None:
    pi = pi4()
    board = BoardReset(CORECELL, ManualClock(), pi.machine())
    board.pulse(0.1)
    board.pulse(0.1)
    assert not pi.released
    board.close()
    board.close()
    assert pi.released


def test_only_lines_that_the_board_has_are_touched_and_never_the_gps() -> None:
    pi = pi4()
    BoardReset(BoardLines(sx1302_reset=17, gps_reset=25), ManualClock(), pi.machine()).pulse(0)
    assert pi.levels == [(17, True), (17, False)]
    assert set(pi.initial) == {17}


@pytest.mark.parametrize(
    ("chips", "path"),
    [
        (
            {"/dev/gpiochip0": "gpio-brcmstb@107d508500", "/dev/gpiochip4": "pinctrl-rp1"},
            "/dev/gpiochip4",
        ),
        ({"/dev/gpiochip0": "pinctrl-rp1", "/dev/gpiochip4": "pinctrl-rp1"}, "/dev/gpiochip0"),
        (
            {"/dev/gpiochip0": "raspberrypi-exp-gpio", "/dev/gpiochip1": "pinctrl-bcm2835"},
            "/dev/gpiochip1",
        ),
        (
            {"/dev/gpiochip0": "pinctrl-bcm2711", "/dev/gpiochip1": "raspberrypi-exp-gpio"},
            "/dev/gpiochip0",
        ),
        ({"/dev/gpiochip512": "pinctrl-bcm2835"}, "/dev/gpiochip512"),
    ],
    ids=["Pi 5, older kernel", "Pi 5, newer kernel with a link", "Pi 3", "Pi 4", "Zero 2 W"],
)
def test_the_chip_is_found_by_its_label(
    chips: dict[str, str], path: str, caplog: pytest.LogCaptureFixture
) -> None:
    pi = Pi(chips)
    with caplog.at_level(logging.INFO):
        claim({23: False}, pi.machine())
    assert pi.path == path
    assert f"{path} ({chips[path]})" in caplog.text


def test_a_machine_without_the_header_says_what_it_has() -> None:
    pi = Pi({"/dev/gpiochip0": "INT33FF:00"})
    with pytest.raises(
        TransportError, match=r"pinctrl-rp1 or .* found INT33FF:00 at /dev/gpiochip0"
    ):
        claim({23: False}, pi.machine())


def test_a_line_in_use_names_its_consumer() -> None:
    pi = pi4()
    pi.used = {23: "lora-reset"}
    with pytest.raises(DeviceBusy, match="GPIO line 23 of pinctrl-bcm2711 is in use by lora-reset"):
        claim(CORECELL.resting(), pi.machine())


def test_a_reset_line_that_is_a_chip_select_names_the_overlay() -> None:
    pi = pi4()
    pi.used = {7: "spi0 CS1"}
    with pytest.raises(DeviceBusy, match="dtoverlay=spi0-1cs"):
        claim({7: False}, pi.machine())


@pytest.mark.parametrize("used", [{7: "another-program"}, {23: "spi-bridge"}])
def test_other_lines_in_use_have_nothing_to_do_with_overlays(used: dict[int, str]) -> None:
    pi = pi4()
    pi.used = used
    with pytest.raises(DeviceBusy) as caught:
        claim(dict.fromkeys(used, False), pi.machine())
    assert "dtoverlay" not in str(caught.value)


def test_no_permission_names_the_group() -> None:
    pi = pi4()
    pi.forbidden = set(pi.chips)
    with pytest.raises(TransportError, match="group gpio"):
        claim({23: False}, pi.machine())


def test_a_chip_that_is_not_the_headers_may_be_forbidden() -> None:
    pi = pi4()
    pi.forbidden = {"/dev/gpiochip1"}
    claim({23: False}, pi.machine())
    assert pi.path == "/dev/gpiochip0"


def test_without_gpiod_the_old_library_does_it() -> None:
    pi = pi4()
    pi.missing = {"gpiod"}
    board = BoardReset(BoardLines(sx1302_reset=23), ManualClock(), pi.machine())
    board.pulse(0.1)
    board.close()
    assert pi.rpi == [
        ("setwarnings", False),
        ("setmode", 11),
        ("setup", 23, 0, False),
        ("output", 23, True),
        ("output", 23, False),
        ("cleanup", [23]),
    ]


class LgpioError(Exception):
    """What rpi-lgpio lets through: lgpio.error, which is an Exception and nothing more."""


@pytest.mark.parametrize("call", ["setup", "output"])
def test_a_line_that_rpi_lgpio_refuses_is_an_error_of_ours(call: str) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise LgpioError("GPIO busy")

    pi = pi4()
    pi.missing = {"gpiod"}
    library = pi.machine().importer("RPi.GPIO")
    setattr(library, call, refuse)

    def importer(name: str) -> Any:
        return library if name == "RPi.GPIO" else pi.machine().importer(name)

    board = BoardReset(BoardLines(sx1302_reset=23), ManualClock(), Machine(importer))
    with pytest.raises(TransportError, match=r"23 .*GPIO busy"):
        board.pulse(0.1)


def test_a_gpiod_of_the_old_interface_counts_as_none() -> None:
    pi = pi4()
    old = Machine(
        lambda name: SimpleNamespace() if name == "gpiod" else pi.machine().importer(name)
    )
    claim({23: False}, old)
    assert ("setup", 23, 0, False) in pi.rpi


def test_no_library_at_all_names_the_extra() -> None:
    pi = pi4()
    pi.missing = {"gpiod", "RPi.GPIO"}
    with pytest.raises(TransportError, match=r"pip install 'edgemast\[pi\]'"):
        claim({23: False}, pi.machine())


@pytest.mark.parametrize("label", HEADER_CHIPS)
def test_looking_at_lines_names_chip_and_holders_and_takes_none(label: str) -> None:
    pi = Pi({"/dev/gpiochip3": label})
    pi.used = {17: "lora-reset", 22: ""}
    header = look((17, 22, 23), pi.machine())
    assert (header.path, header.label) == ("/dev/gpiochip3", label)
    assert header.used == {17: "lora-reset", 22: "the kernel"}
    assert pi.initial == {} and pi.levels == []


def test_looking_needs_the_library_that_can_tell() -> None:
    pi = pi4()
    pi.missing = {"gpiod"}
    with pytest.raises(TransportError, match="only gpiod 2 can tell"):
        look((17,), pi.machine())
