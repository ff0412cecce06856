"""What the little radio tools share: the radio's URI, a configuration, a started concentrator."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hal.clock import Clock
from hal.config import (
    ConcentratorConfig,
    FskChannel,
    LoraStdChannel,
    MultiSfChannel,
    RadioConfig,
    TxGain,
)

from ..errors import ConfigError

if TYPE_CHECKING:
    from hal.concentrator import Concentrator
    from hal.config import Sx1261Config
    from hal.gpio import BoardLines
    from hal.transport.base import Transport

# dBm, PA, power index: CoreCell's table for 863 to 870 MHz (sx1302_hal: global_conf, EU868).
CORECELL_GAINS = tuple(
    TxGain(rf_power_dbm, pa_gain, pwr_idx)
    for rf_power_dbm, pa_gain, pwr_idx in (
        (12, 0, 15), (13, 0, 16), (14, 0, 17), (15, 0, 19), (16, 0, 20), (17, 0, 22),
        (18, 1, 1), (19, 1, 2), (20, 1, 3), (21, 1, 4), (22, 1, 5), (23, 1, 6),
        (24, 1, 7), (25, 1, 9), (26, 1, 11), (27, 1, 14),
    )
)  # fmt: skip

# The usual plan of EU868: radio, offset from its centre.
EU868_CHANNELS = (
    (1, -400_000),
    (1, -200_000),
    (1, 0),
    (0, -400_000),
    (0, -200_000),
    (0, 0),
    (0, 200_000),
    (0, 400_000),
)


def add_radio(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--radio",
        default="sim:",
        metavar="URI",
        help="spi:/dev/spidev0.0[?reset=BCM...], usb:/dev/ttyACM0 or sim: (default)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def add_board(parser: argparse.ArgumentParser) -> None:
    """Three ways to say which board: see `chosen`."""
    parser.add_argument(
        "--radio",
        metavar="URI",
        help="spi:/dev/spidev0.0[?reset=BCM...], usb:/dev/ttyACM0 or sim: (default)",
    )
    parser.add_argument(
        "--board",
        metavar="NAME",
        help='bus and reset lines of this board (see edgemast boards), or "auto"',
    )
    parser.add_argument(
        "-c", dest="config", metavar="FILE", help="bus and reset lines from this configuration"
    )


def chosen(args: argparse.Namespace) -> tuple[str, BoardLines | None]:
    """URI and reset lines by -c, --board and --radio; the last wins. Raises ConfigError."""
    if args.board is not None:
        return board_radio(args.board, args.radio)[1:]
    if args.config is not None:
        from ..config import load

        config = load(Path(args.config))
        return args.radio or config.radio_uri, config.lines
    return args.radio or "sim:", None


def board_radio(name: str, radio: str | None) -> tuple[str, str, BoardLines | None]:
    """Name, URI and lines of a board, or of the one that says its name. Raises ConfigError."""
    from ..config import boards, detect

    found = detect.choose() if name.lower() == "auto" else None
    if found:
        print(f"board {found.board}, because of the {found.why}", file=sys.stderr)
    name = (found.board or name) if found else name
    board = boards.read(name)
    uri = radio or (found.radio if found else "") or board.radio
    return name, uri, boards.board_lines(board) if uri.startswith("spi:") else None


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", dest="config", metavar="FILE", help="channels, gains and pins from this configuration"
    )


def open_radio(
    uri: str, lines: BoardLines | None = None, sx1261: Sx1261Config | None = None
) -> Transport:
    """Raises ConfigError for a URI that is none, TransportError from the device."""
    from hal.transport.open import open_transport

    try:
        return open_transport(uri, lines=lines, sx1261_path=sx1261.spi_path if sx1261 else None)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def plan(path: str | None) -> tuple[ConcentratorConfig, BoardLines | None]:
    """What the file at `path` says of the board, or EU868 on a CoreCell board without one."""
    if path is None:
        return eu868(), None
    from ..config import load

    config = load(Path(path))
    return config.concentrator, config.lines


@contextmanager
def started(
    transport: Transport, config: ConcentratorConfig, clock: Clock
) -> Iterator[Concentrator]:
    """A concentrator that runs, and is stopped in the end. Raises what its `start` does."""
    from hal.concentrator import Concentrator

    radio = Concentrator(transport, config, clock=clock)
    try:
        radio.start()
        yield radio
    except ValueError as error:
        raise ConfigError(str(error)) from error
    finally:
        radio.stop()


def eu868() -> ConcentratorConfig:
    return ConcentratorConfig(
        radios=(corecell_radio(867_500_000, transmit=True), corecell_radio(868_500_000)),
        multi_sf=tuple(MultiSfChannel(True, radio, if_hz) for radio, if_hz in EU868_CHANNELS),
        lora_std=LoraStdChannel(True, radio=1, if_hz=-200_000, bw_hz=250_000, sf=7),
        fsk=FskChannel(True, radio=1, if_hz=300_000),
    )


def corecell_radio(freq_hz: int, *, transmit: bool = False) -> RadioConfig:
    return RadioConfig(
        enable=True,
        freq_hz=freq_hz,
        tx_enable=transmit,
        tx_freq_min_hz=freq_hz - 5_000_000,
        tx_freq_max_hz=freq_hz + 5_000_000,
        tx_gains=CORECELL_GAINS if transmit else (),
    )
