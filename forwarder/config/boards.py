"""Board files: bus, lines, radios and gain tables, turned into a layer of settings.

A board file is facts about hardware; which of its gain tables counts depends on the region. Its
form is `BoardFile`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hal.gpio import BoardLines

from ..errors import ConfigError
from . import data, toml_file
from .base import Strict
from .layers import Layer, Table
from .names import nearest, shown
from .schema import Lines

# BCM numbers and pins of the Raspberry Pi's 40-pin header (raspberrypi.com, GPIO pinout).
HEADER_PINS = {
    2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19,
    9: 21, 25: 22, 11: 23, 8: 24, 7: 26, 0: 27, 1: 28, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35,
    16: 36, 26: 37, 20: 38, 21: 40,
}  # fmt: skip


class BoardBand(Strict, frozen=True):
    """What differs between the regions. A row of `tx_gains` is dBm, pa_gain, pwr_idx."""

    regions: tuple[str, ...]
    rssi_offset_db: float
    tx_gains: Annotated[tuple[tuple[int, int, int], ...], Meta(min_length=1, max_length=16)]
    single_input: bool = False


class BoardFile(Strict, frozen=True):
    """One file of `config/boards`; `like` names another whose radios and tables it shares.

    What no source tells is empty or None: `chip`, `gps` (what it speaks, "none" without one),
    `temperature` (I2C bus and address, "bridge" behind USB, "none"), `sx1261`. `models` are what
    the board may call itself, in its EEPROM or over USB, if that is not its name.
    """

    name: str
    radio: str
    like: str = ""
    type: str = "SX1250"
    rssi_tcomp: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    gps_tty: str = ""
    sx1261_spi_path: str = ""
    chip: Literal["", "SX1302", "SX1303"] = ""
    gps: Literal["", "u-blox", "NMEA", "none"] = ""
    temperature: Annotated[str, Meta(pattern=r"^(|none|bridge|/dev/i2c-\d+ 0x[0-9A-F]{2})$")] = ""
    sx1261: bool | None = None
    models: tuple[str, ...] = ()
    lines: Lines = Lines()
    band: tuple[BoardBand, ...] = ()


def read(name: str) -> BoardFile:
    """The board file called `name`, in any case. Raises ConfigError with the nearest name."""
    stem = name.lower().replace("_", "-")
    known = data.names("boards")
    if stem not in known:
        hint = nearest(stem, known)
        raise ConfigError(f"board = {shown(name)} is not known{hint} (known: {', '.join(known)})")
    path = data.path("boards", stem)
    board = convert_file(path.name, toml_file.parse(toml_file.read_text(path), str(path)))
    if not board.like:
        return board
    model = read(board.like)
    return msgspec.structs.replace(
        board,
        type=model.type,
        rssi_tcomp=model.rssi_tcomp,
        band=model.band,
        chip=board.chip or model.chip,
    )


def convert_file(name: str, table: Table) -> BoardFile:
    """A parsed board file as values. Raises ConfigError."""
    try:
        return msgspec.convert(table, BoardFile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"boards/{name}: {error}") from error


def layer(board: BoardFile, region: str) -> Layer:
    """The settings that the board decides when it is used in `region` ("" where none is given).

    A board without a table for the region gives all but gains and offset.
    """
    place = f"board {board.name}"
    table: Table = {"concentrator": {"radio": board.radio}}
    if board.gps_tty:
        table["gateway"] = {"gps_tty": board.gps_tty}
    if board.sx1261_spi_path:
        table["sx1261"] = {"spi_path": board.sx1261_spi_path}
    lines = {name: line for name, line in msgspec.to_builtins(board.lines).items() if line >= 0}
    if lines:
        table["lines"] = lines
    band = next((band for band in board.band if region in band.regions), None)
    table["radio_0"] = _radio(board, band, transmits=True)
    table["radio_1"] = _radio(board, band, transmits=False)
    return Layer(table, lambda key: place)


def _radio(board: BoardFile, band: BoardBand | None, *, transmits: bool) -> Table:
    radio: Table = {"type": board.type, "rssi_tcomp": list(board.rssi_tcomp)}
    if band is not None:
        radio |= {"rssi_offset_db": band.rssi_offset_db, "single_input": band.single_input}
        if transmits:
            radio["tx_gains"] = [
                {"rf_power": power, "pa_gain": pa, "pwr_idx": index}
                for power, pa, index in band.tx_gains
            ]
    return radio


def board_lines(board: BoardFile) -> BoardLines:
    """The lines as the driver takes them."""
    values = (getattr(board.lines, name) for name in board.lines.__struct_fields__)
    return BoardLines(*(value if value >= 0 else None for value in values))


def bus(board: BoardFile) -> str:
    """ "SPI", "USB" or "sim"."""
    scheme = board.radio.partition(":")[0]
    return scheme if scheme == "sim" else scheme.upper()


def has_sx1261(board: BoardFile) -> bool | None:
    """Whether there is a listening radio; None where no source tells."""
    if board.sx1261 is not None:
        return board.sx1261
    return True if board.sx1261_spi_path else None  # a reset line alone may lead nowhere


def sources(name: str) -> dict[str, str]:
    """Where each fact of a board's own file is from: the comment above it, by key.

    A gain table is called `band` and its number, from 0.
    """
    text = toml_file.read_text(data.path("boards", name))
    found: dict[str, str] = {}
    comment: list[str] = []
    bands = 0
    for line in text.splitlines():
        if line.startswith("#"):
            comment.append(line.lstrip("# "))
            continue
        key = (
            line.partition("=")[0].strip().strip("[]")
            if line[:1].isalpha() or line[:1] == "["
            else ""
        )
        if key == "band":
            key, bands = f"band {bands}", bands + 1
        if key and comment:
            found[key] = (
                " ".join(comment).removeprefix("BCM numbers. ").removeprefix("BCM numbers: ")
            )
        comment = []
    return found


def regions(board: BoardFile) -> list[str]:
    """The regions that the board has a gain table for."""
    return [region for band in board.band for region in band.regions]


def pin(line: int) -> str:
    """A line as people find it on the header: "GPIO17, header pin 11"."""
    return f"GPIO{line}" + (f", header pin {HEADER_PINS[line]}" if line in HEADER_PINS else "")
