"""A Semtech configuration, `global_conf.json` with `local_conf.json`, as a layer of settings.

What is merged, in which order, and what is said about it: semtech-udp.md 3.1. Everything is put
explicitly, with the defaults of Semtech's program, so that ours never show through. Pure.
"""

from __future__ import annotations

import re

from ..errors import ConfigError
from . import jsonc
from .names import nearest
from .out import Out
from .section import Document, Section, document, merge
from .semtech_gateway import gateway
from .semtech_radio import board, bus

BOARDS = ("SX130x_conf", "SX1302_conf", "SX1301_conf")
SECTIONS = {"gateway_conf", "debug_conf"}

# The script with which Semtech's program resets the board names the lines; forks have other names.
SCRIPT_NAMES = {
    "SX1302_RESET_PIN": "sx1302_reset",
    "RESET_GPIO": "sx1302_reset",
    "SX1302_POWER_EN_PIN": "power_enable",
    "SX1261_RESET_PIN": "sx1261_reset",
    "AD5338R_RESET_PIN": "ad5338r_reset",
}
# sx1302_hal 2.1.0, tools/reset_lgw.sh: the CoreCell reference design.
CORECELL_LINES = {
    "power_enable": 18,
    "sx1302_reset": 23,
    "sx1261_reset": 22,
    "ad5338r_reset": 13,
}
_ASSIGNMENT = re.compile(r"^[ \t]*(\w+)=(\d{1,3})\b", re.MULTILINE)


def translate(
    text: str, name: str, local: tuple[str, str] | None, script: tuple[str, str] | None
) -> tuple[Out, list[str]]:
    """Settings and warnings from the text of a file called `name`.

    `local` is name and text of the `local_conf.json` beside it, `script` of its `reset_lgw.sh`.
    Raises ConfigError with file, line, key, value and what is allowed.
    """
    source = _read(text, name)
    if local is not None:
        merge(source, _read(local[1], local[0]))
    root = Section(source, (), source.root)
    out = Out()
    conf = _board(root, source)
    sx1301 = "SX1301_conf" in source.boards
    uri, place = bus(conf, sx1301=sx1301)
    out.put("concentrator.radio", uri, place)
    if sx1301:
        conf.warn(
            "",
            "was written for an SX1301; on an SX1302 or SX1303 the radio types, RSSI offsets, "
            f"gain table and device ({uri}) must be those of the new board: give "
            'board = "..." in a gateway.toml, or copy them from its own global_conf.json',
        )
    board(conf, out, sx1301=sx1301)
    if uri.startswith("spi:"):
        reset_lines(source, out, script)
    settings = root.section("gateway_conf") or Section(source, ("gateway_conf",), {})
    gateway(settings, out)
    if root.section("debug_conf"):
        root.warn("debug_conf", "reference payloads and log file are not used")
    return out, source.warnings


def _read(text: str, name: str) -> Document:
    source = document(jsonc.parse(text, name))
    one_board_name(source)
    return source


def one_board_name(source: Document) -> None:
    """Call the board object SX130x_conf whatever its name is; of an array take the first."""
    for found in (word for word in BOARDS if word in source.root):
        value = source.root.pop(found)
        first = isinstance(value, list)
        if isinstance(value, list):
            if len(value) > 1:
                source.warnings.append(
                    f"{source.places[(found,)]}: {found} has {len(value)} boards; only the first "
                    "is used"
                )
            value = value[0] if value else None
        source.boards.add(found)
        head = (found, 0) if first else (found,)
        source.places |= {
            (BOARDS[0], *path[len(head) :]): place
            for path, place in source.places.items()
            if path[: len(head)] == head
        }
        source.root.setdefault(BOARDS[0], value)


def _board(root: Section, source: Document) -> Section:
    known = {*BOARDS, *SECTIONS}
    root.check(known)
    conf = root.section(BOARDS[0])
    if conf is None:
        hints = [nearest(key, known) for key in source.root if nearest(key, known)]
        raise ConfigError(
            f"{source.name}: no object SX130x_conf{hints[0] if hints else ''}: expected a "
            "configuration of Semtech's packet forwarder (global_conf.json)"
        )
    if "device" in conf and "com_type" not in conf:
        raise ConfigError(
            f"{conf.place('device')}: this is a station.conf of LoRa Basics Station; its channels "
            "come from the server. `edgemast config convert` makes a gateway.toml of it"
        )
    return conf


def reset_lines(source: Document, out: Out, script: tuple[str, str] | None) -> None:
    """The reset lines of an SPI board, which Semtech's files leave to a script."""
    lines, place = dict(CORECELL_LINES), "reset lines of Semtech's CoreCell"
    found = dict(_ASSIGNMENT.findall(script[1])) if script else {}
    named = {SCRIPT_NAMES[key]: int(pin) for key, pin in found.items() if key in SCRIPT_NAMES}
    if script and named:
        lines, place = named, script[0]
    else:
        source.warnings.append(
            f"{source.name}: does not say which GPIO lines reset the board; taking those of "
            "Semtech's CoreCell (reset 23, power 18). Put your board's reset_lgw.sh beside the "
            'file, or use a gateway.toml with board = "..."'
        )
    for name, line in lines.items():
        out.put(f"lines.{name}", line, place)
