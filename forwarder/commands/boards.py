"""`edgemast boards`: every board that we know, its lines and pins, and where each fact is from."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from ..config import boards, data, detect
from ..config.boards import BoardFile, pin

HELP = "list the boards that are known, their lines and pins; or which one this is"
EXAMPLE = "edgemast boards rak2287"

LINES = {
    "power_enable": "power",
    "sx1302_reset": "reset",
    "sx1261_reset": "SX1261 reset",
    "ad5338r_reset": "AD5338R reset",
    "gps_reset": "GPS reset",
}
UNKNOWN = "no source tells"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="all that is known of one board")
    parser.add_argument("--detect", action="store_true", help="which board this machine has")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/boards.md")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    if args.detect:
        return _detect(as_json=args.json)
    names = [args.name.lower().replace("_", "-")] if args.name else data.names("boards")
    found = {name: boards.read(name) for name in names}
    if args.json:
        objects = [as_object(name, board) for name, board in found.items()]
        print(json.dumps(objects[0] if args.name else objects, indent=1))
        return 0
    if args.markdown:
        text = markdown(found)
    else:
        text = detail(names[0], found[names[0]]) if args.name else table(found)
    for line in text:
        print(line)
    return 0


def _detect(*, as_json: bool) -> int:
    found = detect.detect()
    if as_json:
        names = ("board", "why", "radio", "candidates")
        print(json.dumps({name: getattr(found, name) for name in names}))
    elif found.board:
        print(f"{found.board}, because of the {found.why}")
    else:
        print(f"not certain: {found.why}; {found.advice()}")
    return 0 if found.board else 1


def rows(found: dict[str, BoardFile]) -> Iterator[tuple[str, ...]]:
    """One board each: name, bus, lines, GPS, temperature, SX1261."""
    yield ("board", "bus", "reset", "power", "SX1261 reset", "GPS", "temperature", "SX1261")
    for name, board in found.items():
        lines = board.lines
        yield (
            name,
            board.radio,
            _line(lines.sx1302_reset),
            _line(lines.power_enable),
            _line(lines.sx1261_reset),
            " ".join(word for word in (board.gps, board.gps_tty) if word) or "?",
            board.temperature or "?",
            _sx1261(board),
        )


def table(found: dict[str, BoardFile]) -> Iterator[str]:
    """All boards, a line each."""
    cells = list(rows(found))
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        yield "  ".join(
            f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)
        ).rstrip()
    yield ""
    yield "17/11: BCM number 17, header pin 11. ?: no source tells. -: none."
    yield "Gain tables, sources and all else: edgemast boards NAME"


def markdown(found: dict[str, BoardFile]) -> Iterator[str]:
    """The same for docs/boards.md, where a test compares it."""
    first, *rest = rows(found)
    yield "| " + " | ".join(first) + " |"
    yield "|" + " --- |" * len(first)
    for row in rest:
        yield "| " + " | ".join(row) + " |"


def detail(name: str, board: BoardFile) -> Iterator[str]:
    """Everything about one board, each with its source."""
    sources = boards.sources(name)
    facts = {
        "radio": board.radio,
        "chip": board.chip,
        "type": board.type,
        "gps_tty": board.gps_tty,
        "gps": board.gps,
        "temperature": board.temperature,
        "sx1261_spi_path": board.sx1261_spi_path,
        "sx1261": {True: "yes", False: "none", None: ""}[boards.has_sx1261(board)],
    }
    yield f"{name}: {board.name}"
    if board.like:
        yield f"  gain tables and radios as {board.like}"
    for key, value in facts.items():
        yield from _fact(key, str(value) or UNKNOWN, sources.get(key, "") if value else "")
    for key, label in LINES.items():
        line = getattr(board.lines, key)
        if line >= 0:
            yield from _fact(label, pin(line), sources.get("lines", ""))
    tables = boards.sources(board.like) if board.like else sources
    for number, band in enumerate(board.band):
        yield from _fact("regions", ", ".join(band.regions), tables.get(f"band {number}", ""))
        yield f"    RSSI offset {band.rssi_offset_db} dB; dBm, pa_gain, pwr_idx:"
        gains = [f"{power} {pa} {index}" for power, pa, index in band.tx_gains]
        yield f"    {', '.join(gains)}"


def _fact(label: str, value: str, source: str) -> Iterator[str]:
    yield f"  {label:<16} {value}"
    if source:
        yield f"  {'':<16}   from {source}"


def as_object(name: str, board: BoardFile) -> dict[str, object]:
    """For programs; null where no source tells, or where there is none of it."""
    lines = {
        key: {"bcm": line, "header_pin": boards.HEADER_PINS.get(line)}
        for key in LINES
        if (line := getattr(board.lines, key)) >= 0
    }
    return {
        "board": name,
        "name": board.name,
        "bus": boards.bus(board),
        "radio": board.radio,
        "chip": board.chip or None,
        "radios": board.type,
        "lines": lines,
        "gps": board.gps or None,
        "gps_tty": board.gps_tty or None,
        "temperature": board.temperature or None,
        "sx1261": boards.has_sx1261(board),
        "sx1261_spi_path": board.sx1261_spi_path or None,
        "bands": [
            {
                "regions": list(band.regions),
                "rssi_offset_db": band.rssi_offset_db,
                "tx_gains": [list(gain) for gain in band.tx_gains],
            }
            for band in board.band
        ],
        "sources": boards.sources(name),
    }


def _line(line: int) -> str:
    if line < 0:
        return "-"
    return f"{line}/{boards.HEADER_PINS[line]}" if line in boards.HEADER_PINS else str(line)


def _sx1261(board: BoardFile) -> str:
    known = boards.has_sx1261(board)
    return board.sx1261_spi_path or {True: "yes", False: "none", None: "?"}[known]
