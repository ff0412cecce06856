"""LoRa Basics Station's station.conf: the board part of it. Pure.

lorabasics/basicstation 2.0.6, src-linux and examples: the channels, and whether a radio is on, come
from the server, so there are none here and the region has to be named.
"""

from __future__ import annotations

import re

from ..jsonc import parse
from ..names import shown
from ..out import Out
from ..section import Document, Section, document
from ..semtech import BOARDS, one_board_name, reset_lines
from ..semtech_radio import coefficients, gains
from .document import root
from .draft import Draft

STATION_KEYS = {"routerid", "gps", "pps", "radio_init", "nocca", "nodc", "nodwell", "device"}
LOG_KEYS = {"log_file", "log_level", "log_size", "log_rotate"}
RADIO_KEYS = {
    "type", "rssi_offset", "rssi_tcomp", "tx_enable", "antenna_gain", "antenna_type",
    "tx_gain_lut", "freq", "enable",
}  # fmt: skip
UNLIMITED = ("nocca", "nodc", "nodwell")
ID6_GROUPS = 4
MAC_BITS = 48


def station_document(text: str, name: str) -> Document:
    """Raises ConfigError for a text that is not JSON."""
    source = document(parse(text, name))
    one_board_name(source)
    return source


def read(source: Document, draft: Draft, script: tuple[str, str] | None, *, board: str) -> None:
    """Fill `draft`. `script` is name and text of a `reset_lgw.sh` beside the file.

    With a `board` named by the caller, its radios and lines are taken and not the file's.
    Raises ConfigError for a value that nothing can be made of.
    """
    whole = root(source)
    whole.check({BOARDS[0], "station_conf"}, {"extra"})
    conf = whole.section(BOARDS[0]) or Section(source, (BOARDS[0],), {})
    if "SX1301_conf" in source.boards and not board:
        conf.warn("", "was written for an SX1301: name the new board with --board")
    else:
        _bus(conf, draft, board=board)
    if board:
        conf.warn("", f"radios, gains and lines are those of the board {board}")
    elif "SX1301_conf" not in source.boards:
        _radios(conf, draft)
        if str(draft.get("concentrator.radio")).startswith("spi:"):
            _lines(source, draft, script)
    _gain(conf, draft)
    if station := whole.section("station_conf"):
        _station(station, draft)


def _bus(conf: Section, draft: Draft, *, board: str) -> None:
    device = conf.text("device", "")
    if device.startswith(("spi:", "usb:")):
        draft.put("concentrator.radio", device)
    elif device.startswith("/dev/"):
        draft.put("concentrator.radio", f"{'spi' if 'spidev' in device else 'usb'}:{device}")
    elif not board:
        conf.warn("device", f"{shown(device)} is no device: name the board with --board")
    if not conf.flag("lorawan_public", True):
        draft.put("concentrator.public", False)
    if clock := conf.integer("clksrc", 0, 0, 1):
        draft.put("concentrator.clock_source", clock)
    if conf.flag("full_duplex", False):
        draft.put("concentrator.full_duplex", True)


def _radios(conf: Section, draft: Draft) -> None:
    for index in (0, 1):
        radio = conf.section(f"radio_{index}")
        if radio is None:
            continue
        radio.check(RADIO_KEYS)
        kind = radio.text("type", "SX1250")
        transmits = radio.flag("tx_enable", False)
        draft.put(f"radio_{index}.type", kind)
        draft.put(
            f"radio_{index}.rssi_offset_db", float(radio.number("rssi_offset", 0.0, -400, 400))
        )
        draft.put(f"radio_{index}.rssi_tcomp", coefficients(radio))
        draft.put(f"radio_{index}.tx_enable", transmits)
        if transmits:
            draft.put(f"radio_{index}.tx_gains", gains(radio, kind, []))


def _gain(conf: Section, draft: Draft) -> None:
    """The antenna's gain stands in each radio there; one antenna is one gain here."""
    radios = [conf.section(f"radio_{index}") for index in (0, 1)]
    found = [radio.number("antenna_gain", 0, -128, 127) for radio in radios if radio]
    if any(found):
        draft.put("concentrator.antenna_gain_dbi", float(max(found)))


def _lines(source: Document, draft: Draft, script: tuple[str, str] | None) -> None:
    out = Out()
    reset_lines(source, out, script)
    for key, value in out.layer().table.items():
        draft.table[key] = value


def _station(station: Section, draft: Draft) -> None:
    station.check(STATION_KEYS, LOG_KEYS | {key for key in station if key.upper() == key})
    _router(station, draft)
    if tty := station.text("gps", ""):
        draft.put("gateway.gps", True)
        draft.put("gateway.gps_tty", tty)
    if "pps" in station:
        station.warn("pps", "edges are used wherever the board has them, with gateway.gps")
    if "radio_init" in station:
        station.warn("radio_init", "no script is run: the board's lines are in [lines]")
    for key in UNLIMITED:
        if station.flag(key, False):
            station.warn(key, "is not taken over: what the region demands is kept ([limits])")


def _router(station: Section, draft: Draft) -> None:
    eui = eui_of(station.text("routerid", ""))
    if eui:
        draft.put("gateway.eui", eui)
    else:
        station.warn(
            "routerid",
            "tells no whole EUI: compare `edgemast whoami` with what the server shows, and set "
            "gateway.eui to that",
        )


def eui_of(text: str) -> str:
    """16 hex digits of a router id in one of its forms; empty for a short one or a file's name.

    id6 is four groups of 16 bits, `::` for those that are zero (basics-station.md 5.4). An id of
    48 bits is a MAC, and what is put into it depends on `euiprefix`.
    """
    if re.fullmatch(r"[0-9a-fA-F]{16}", text):
        return text.lower()
    if not re.fullmatch(r"[0-9a-fA-F:]+", text) or ":" not in text or text.count("::") > 1:
        return ""
    head, gap, tail = text.partition("::")
    front, back = ([group for group in side.split(":") if group] for side in (head, tail))
    missing = ID6_GROUPS - len(front) - len(back)
    groups = [*front, *["0"] * (missing if gap else 0), *back]
    if len(groups) != ID6_GROUPS or any(len(group) > 4 for group in groups):
        return ""
    eui = "".join(group.rjust(4, "0") for group in groups).lower()
    return eui if int(eui, 16) >> MAC_BITS else ""
