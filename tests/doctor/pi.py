"""A Raspberry Pi as a folder: device tree, devices, processes; and its GPIO library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hal.gpio
from forwarder.doctor.case import Case
from forwarder.doctor.machine import Machine

SPI = "/soc/spi@7e204000"


class Pi:
    """A Pi 4 with SPI on and a board on it, of whom a test takes away what it wants."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commands: dict[str, str] = {}
        self.forbidden: set[str] = set()
        self.used: dict[int, str] = {}
        self.write("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
        self.write("/proc/device-tree/aliases/spi0", SPI + "\0")
        self.write(f"/proc/device-tree{SPI}/status", "okay\0")
        self.write("/boot/firmware/config.txt", "# dtparam=i2c_arm=on\ndtparam=spi=on\n")
        self.write("/dev/spidev0.0")
        self.write("/run/lock/.keep")
        self.write("/tmp/.keep")

    def write(self, name: str, text: str = "") -> None:
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def remove(self, name: str) -> None:
        (self.root / name.lstrip("/")).unlink()

    def process(self, pid: int, name: str, *files: str) -> None:
        """A process that has `files` open."""
        self.write(f"/proc/{pid}/comm", name + "\n")
        folder = self.root / f"proc/{pid}/fd"
        folder.mkdir()
        for number, target in enumerate(files):
            (folder / str(number)).symlink_to(target)

    def machine(self) -> Machine:
        return Machine(
            self.root,
            run=lambda words: self.commands.get(words[0]),
            access=lambda path: "/" + str(path.relative_to(self.root)) not in self.forbidden,
        )

    def case(self, uri: str = "spi:/dev/spidev0.0?reset=17", **more: Any) -> Case:
        return Case(machine=self.machine(), uri=uri, gpio=self.gpio(), **more)

    def gpio(self) -> hal.gpio.Machine:
        return hal.gpio.Machine(self._importer(), lambda: ["/dev/gpiochip0"])

    def _importer(self) -> Callable[[str], Any]:
        chip = SimpleNamespace(
            get_info=lambda: SimpleNamespace(label="pinctrl-bcm2711"),
            get_line_info=lambda line: SimpleNamespace(
                used=line in self.used, consumer=self.used.get(line, "")
            ),
        )

        class Opened:
            def __init__(self, path: str) -> None: ...

            def __enter__(self) -> SimpleNamespace:
                return chip

            def __exit__(self, *_: object) -> None: ...

        return lambda name: SimpleNamespace(Chip=Opened, request_lines=None)
