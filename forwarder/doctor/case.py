"""What is examined: the computer, the configuration if there is one, and the radio to ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import hal.gpio
from hal.clock import Clock, SystemClock
from hal.gpio import BoardLines

from ..config import GatewayConfig
from .machine import Machine


@dataclass(slots=True)
class Case:
    """`uri` is None when nobody said which radio.

    What checks find out for those after them: `chip_eui`, and `running`, the gateway that has the
    board while it is examined.
    """

    machine: Machine = field(default_factory=Machine)
    path: Path | None = None
    config: GatewayConfig | None = None
    problem: str = ""  # why there is no configuration
    uri: str | None = None
    gpio: hal.gpio.Machine = hal.gpio.THIS_MACHINE
    clock: Clock = field(default_factory=SystemClock)
    board_name: str = ""  # of --board
    board_lines: BoardLines | None = None  # of --board, instead of the configuration's
    chip_eui: str | None = None
    running: str = ""

    @property
    def board(self) -> str | None:
        """The name of its file, where it is known."""
        return self.board_name or (self.config.board if self.config else None)

    @property
    def scheme(self) -> str:
        return (self.uri or "").partition(":")[0]

    @property
    def device(self) -> str:
        """The path in the radio's URI, without options; empty for the simulated board."""
        return (self.uri or "").partition(":")[2].partition("?")[0]

    @property
    def radio_options(self) -> str:
        """How another command is told of the same radio."""
        return f"-c {self.path}" if self.config else f"--radio '{self.uri}'"

    @property
    def lines(self) -> BoardLines | None:
        """The board's lines: the configuration's under those of the URI."""
        lines = self.board_lines or (self.config.lines if self.config else None)
        if self.scheme != "spi" or self.uri is None:
            return lines
        from hal.transport.open import lines_of

        return lines_of(self.uri, lines)
