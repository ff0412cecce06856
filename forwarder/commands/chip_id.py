"""`edgemast chip-id`: the EUI and the model that the chip's maker wrote into it.

Only the bus and the reset lines are needed: no firmware, no configuration.
"""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from dataclasses import dataclass

from hal.errors import ChipError
from hal.sx1302.bringup import read_identity
from hal.sx1302.chip import Sx1302
from hal.sx1302.registers import Common
from hal.transport.base import Transport

from .radio import add_board, chosen, open_radio

HELP = "read the concentrator's EUI and model"
EXAMPLE = "edgemast chip-id --radio usb:/dev/ttyACM0"


@dataclass(frozen=True, slots=True)
class Identity:
    eui: str
    model: str
    version: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_board(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    with closing(open_radio(*chosen(args))) as transport:
        transport.reset()
        found = identify(transport)
    if args.json:
        version = f"{found.version:#04x}"
        print(json.dumps({"eui": found.eui, "model": found.model, "version": version}))
    else:
        print(f"EUI    {found.eui}\nmodel  {found.model}, chip version {found.version:#04x}")
    return 0


def identify(transport: Transport) -> Identity:
    """What a chip that has been reset says of itself. Raises ChipError if nobody answers."""
    chip = Sx1302(transport)
    version = chip.read(Common.VERSION)
    _check_version(version)
    return Identity(*read_identity(chip), version)


def _check_version(version: int) -> None:
    if version == 0x00:
        raise ChipError(
            "chip version 0x10 expected, 0x00 read: no chip answers; it is held in reset, without "
            "power, or the reset line is another one"
        )
    if version == 0xFF:
        raise ChipError(
            "chip version 0x10 expected, 0xff read: the bus floats; look at the chip select, at "
            "the seat of the board, and whether it is a USB board"
        )
