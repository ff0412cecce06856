"""The lines that power and reset an SPI board, through whichever GPIO library is installed.

The GPIO chip is found by its label and never by its number, which kernels have moved. sysfs is not
used: it is gone. `gpiod` (2.x) comes first; `RPi.GPIO`, or `rpi-lgpio` under the same name, serves
images that have only that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from .clock import Clock
from .errors import DeviceBusy, TransportError
from .transport.base import POWER_OFF_S

log = logging.getLogger(__name__)

# The chip behind the 40-pin header, by model of Raspberry Pi. BCM numbers are its line offsets.
HEADER_CHIPS = (
    "pinctrl-rp1",  # 5
    "pinctrl-bcm2711",  # 4, CM4, 400
    "pinctrl-bcm2835",  # Zero, 1, 2, 3, CM3
)
CONSUMER = "edgemast"


def _chip_paths() -> list[str]:
    return sorted(str(path) for path in Path("/dev").glob("gpiochip*"))


@dataclass(frozen=True, slots=True)
class Machine:
    """Where libraries and GPIO chips are found; a test gives one with its own."""

    importer: Callable[[str], Any] = import_module
    chip_paths: Callable[[], list[str]] = _chip_paths


THIS_MACHINE = Machine()


@dataclass(frozen=True, slots=True)
class BoardLines:
    """BCM numbers of a board's lines; None where the board has no such line.

    `gps_reset` is here so that nobody takes it for another line; a reset leaves the GPS alone.
    """

    power_enable: int | None = None
    sx1302_reset: int | None = None
    sx1261_reset: int | None = None
    ad5338r_reset: int | None = None
    gps_reset: int | None = None

    def resting(self) -> dict[int, bool]:
        """The level of every line that we drive while the board works."""
        levels = {
            self.power_enable: True,
            self.sx1302_reset: False,
            self.sx1261_reset: True,
            self.ad5338r_reset: True,
        }
        return {line: level for line, level in levels.items() if line is not None}

    def reset_steps(self, *, power_off: bool = False) -> list[tuple[int, bool]]:
        """Line and level, in order (sx1302_hal: tools/reset_lgw.sh); `power_off` comes first."""
        steps = (
            (self.power_enable if power_off else None, False),
            (self.power_enable, True),
            (self.sx1302_reset, True),
            (self.sx1302_reset, False),
            (self.sx1261_reset, False),
            (self.sx1261_reset, True),
            (self.ad5338r_reset, False),
            (self.ad5338r_reset, True),
        )
        return [(line, level) for line, level in steps if line is not None]


class Outputs(Protocol):
    """Lines that are ours until they are closed."""

    def set(self, line: int, level: bool) -> None: ...

    def close(self) -> None: ...


class BoardReset:
    """Holds a board's lines from the first `pulse` to `close`: a line let go may float."""

    def __init__(self, lines: BoardLines, clock: Clock, machine: Machine = THIS_MACHINE) -> None:
        self._lines = lines
        self._clock = clock
        self._machine = machine
        self._outputs: Outputs | None = None

    def pulse(self, hold_s: float) -> None:
        """Power on and reset, each level held for `hold_s`; from POWER_OFF_S on, power off first.

        Raises TransportError, DeviceBusy.
        """
        if self._outputs is None:
            self._outputs = claim(self._lines.resting(), self._machine)
        for line, level in self._lines.reset_steps(power_off=hold_s >= POWER_OFF_S):
            self._outputs.set(line, level)
            self._clock.sleep(hold_s)

    def close(self) -> None:
        if self._outputs is not None:
            self._outputs.close()
            self._outputs = None


def claim(levels: Mapping[int, bool], machine: Machine = THIS_MACHINE) -> Outputs:
    """Make outputs of the lines in `levels`, at these levels.

    Raises DeviceBusy if another program has one, and TransportError if there is no library, no
    known chip or no permission.
    """
    problems = []
    for make in (_with_gpiod, _with_rpi_gpio):
        try:
            return make(levels, machine)
        except ImportError as error:
            problems.append(str(error))
        except (DeviceBusy, TransportError):
            raise
        except Exception as error:  # each library has its own kinds, such as lgpio.error
            raise TransportError(
                f"GPIO lines {_listed(levels)} cannot be driven: {error}; "
                "is your user in the group gpio?"
            ) from error
    raise TransportError(
        "no GPIO library to reset the board with: pip install 'edgemast[pi]' "
        f"({'; '.join(problems)})"
    )


@dataclass(frozen=True, slots=True)
class Header:
    """The chip behind the 40-pin header, and who holds which of the lines that were asked for."""

    path: str
    label: str
    used: Mapping[int, str]  # by line: the consumer's name, "the kernel" for one without


def look(lines: Iterable[int], machine: Machine = THIS_MACHINE) -> Header:
    """Who holds `lines`, without taking any.

    Raises TransportError without gpiod 2 (only that can tell), a known chip or permission.
    """
    try:
        gpiod = _import_gpiod(machine)
    except ImportError as error:
        raise TransportError(f"only gpiod 2 can tell who holds a GPIO line: {error}") from error
    path, label = _find_chip(gpiod, machine.chip_paths())
    try:
        with gpiod.Chip(path) as chip:
            infos = {number: chip.get_line_info(number) for number in lines}
    except (OSError, ValueError) as error:
        raise TransportError(f"the lines of {path} ({label}) cannot be read: {error}") from error
    used = {number: info.consumer or "the kernel" for number, info in infos.items() if info.used}
    return Header(path, label, used)


# gpiod 2.


def _import_gpiod(machine: Machine) -> Any:
    gpiod = machine.importer("gpiod")
    if not hasattr(gpiod, "request_lines"):
        raise ImportError("the gpiod that is installed is older than 2.0")
    return gpiod


class _GpiodOutputs:
    def __init__(self, request: Any, values: Any) -> None:
        self._request = request
        self._values = values

    def set(self, line: int, level: bool) -> None:
        try:
            self._request.set_value(line, _value(self._values, level))
        except OSError as error:
            raise TransportError(f"GPIO line {line} cannot be set: {error}") from error

    def close(self) -> None:
        self._request.release()


def _with_gpiod(levels: Mapping[int, bool], machine: Machine) -> Outputs:
    gpiod = _import_gpiod(machine)
    path, label = _find_chip(gpiod, machine.chip_paths())
    line = machine.importer("gpiod.line")
    config = {
        number: gpiod.LineSettings(
            direction=line.Direction.OUTPUT, output_value=_value(line.Value, level)
        )
        for number, level in levels.items()
    }
    try:
        request = gpiod.request_lines(path, consumer=CONSUMER, config=config)
    except OSError as error:
        raise _refused(gpiod, path, label, levels, error) from error
    log.info("GPIO lines %s on %s (%s)", _listed(levels), path, label)
    return _GpiodOutputs(request, line.Value)


def _find_chip(gpiod: Any, paths: list[str]) -> tuple[str, str]:
    """Path and label of the header's chip; the same chip may also be there under an old number."""
    found: dict[str, str] = {}
    forbidden = ""
    for path in paths:
        try:
            with gpiod.Chip(path) as chip:
                found.setdefault(chip.get_info().label, path)
        except PermissionError:
            forbidden = forbidden or path
        except OSError as error:
            log.debug("%s is no GPIO chip: %s", path, error)
    for label in HEADER_CHIPS:
        if label in found:
            return found[label], label
    if forbidden:
        raise TransportError(f"{forbidden}: no permission; add your user to the group gpio")
    have = ", ".join(f"{label} at {path}" for label, path in found.items()) or "none"
    raise TransportError(
        f"no Raspberry Pi header among the GPIO chips: {' or '.join(HEADER_CHIPS)} expected, "
        f"found {have}"
    )


def _refused(
    gpiod: Any, path: str, label: str, levels: Mapping[int, bool], error: OSError
) -> TransportError:
    with gpiod.Chip(path) as chip:
        for number in levels:
            info = chip.get_line_info(number)
            if info.used:
                return DeviceBusy(
                    f"GPIO line {number} of {label} is in use by {info.consumer or 'the kernel'}: "
                    f"stop that, or correct the board's lines{_spi_hint(info.consumer, number)}"
                )
    return TransportError(f"GPIO lines {_listed(levels)} of {label}: {error}")


def _spi_hint(consumer: str | None, number: int) -> str:
    if number in (7, 8) and "spi" in (consumer or ""):
        return (
            f"; it is an SPI chip select: dtoverlay=spi0-{'1cs' if number == 7 else '0cs'} frees it"
        )
    return ""


def _value(values: Any, level: bool) -> Any:
    return values.ACTIVE if level else values.INACTIVE


# RPi.GPIO, and rpi-lgpio, which has its name.


class _RpiOutputs:
    def __init__(self, gpio: Any, lines: list[int]) -> None:
        self._gpio = gpio
        self._lines = lines

    def set(self, line: int, level: bool) -> None:
        try:
            self._gpio.output(line, level)
        except Exception as error:  # rpi-lgpio's is no OSError and no RuntimeError
            raise TransportError(f"GPIO line {line} cannot be set: {error}") from error

    def close(self) -> None:
        self._gpio.cleanup(self._lines)


def _with_rpi_gpio(levels: Mapping[int, bool], machine: Machine) -> Outputs:
    gpio = machine.importer("RPi.GPIO")
    gpio.setwarnings(False)
    gpio.setmode(gpio.BCM)
    for number, level in levels.items():
        gpio.setup(number, gpio.OUT, initial=level)
    log.info("GPIO lines %s through RPi.GPIO", _listed(levels))
    return _RpiOutputs(gpio, list(levels))


def _listed(levels: Mapping[int, bool]) -> str:
    return ", ".join(map(str, levels))
