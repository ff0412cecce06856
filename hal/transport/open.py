"""Radio URIs to transports. What a bus needs is imported when a board on that bus is opened.

spi:/dev/spidev0.0?speed=2000000&sx1261=/dev/spidev0.1&i2c=/dev/i2c-1
    and the lines, as BCM numbers: &power=18&reset=23&sx1261_reset=22&ad5338r_reset=13
usb:/dev/ttyACM0?timeout=1.0
sim:?model=sx1303&eui=0016c001f1500812
trace:FILE                     plays a recording back
trace:FILE?record=URI          records what the radio at URI does (URI is the rest, as it is)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from ..clock import Clock
from .base import Transport

if TYPE_CHECKING:
    from ..gpio import BoardLines
    from ..sim.board import SimBoard

FORMS = "spi:/dev/spidev0.0, usb:/dev/ttyACM0, sim: or trace:FILE"

LINE_OPTIONS = {
    "power": "power_enable",
    "reset": "sx1302_reset",
    "sx1261_reset": "sx1261_reset",
    "ad5338r_reset": "ad5338r_reset",
}
OPTIONS = {
    "spi": ("speed", "sx1261", "i2c", *LINE_OPTIONS),
    "usb": ("timeout",),
    "sim": ("model", "eui"),
    "trace": ("record",),
}

Options = Mapping[str, str]


def open_transport(
    uri: str,
    *,
    lines: BoardLines | None = None,
    sx1261_path: str | None = None,
    board: SimBoard | None = None,
    clock: Clock | None = None,
) -> Transport:
    """The board at `uri`.

    `lines` and `sx1261_path`, the chip select of the listening radio, are those of an SPI board
    (the URI's own come first); `board` is what `sim:` speaks to.
    Raises ValueError for a URI that is none, and TransportError or DeviceBusy from the device.
    """
    scheme, path, options = parse(uri)
    if scheme == "spi":
        return _open_spi(uri, path, options, lines, sx1261_path, clock)
    if scheme == "usb":
        return _open_usb(uri, path, options, clock)
    if scheme == "sim":
        return _open_sim(uri, path, options, board, clock)
    return _open_trace(uri, path, options, lines, sx1261_path, board, clock)


def parse(uri: str) -> tuple[str, str, dict[str, str]]:
    """Scheme, path and options of a radio URI. Raises ValueError."""
    scheme, colon, rest = uri.partition(":")
    if not colon or scheme not in OPTIONS:
        raise ValueError(f"radio {uri!r}: {FORMS} expected")
    path, _, query = rest.partition("?")
    if scheme == "trace" and query.startswith("record="):
        return scheme, path, {"record": query.removeprefix("record=")}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise ValueError(f"radio {uri!r}: option=value expected after the '?'") from error
    for name, _ in pairs:
        if name not in OPTIONS[scheme]:
            allowed = ", ".join(OPTIONS[scheme])
            raise ValueError(f"radio {uri!r}: {name!r} is no option of {scheme}: ({allowed})")
    return scheme, path, dict(pairs)


def _open_spi(
    uri: str,
    path: str,
    options: Options,
    lines: BoardLines | None,
    sx1261_path: str | None,
    clock: Clock | None,
) -> Transport:
    from .spi import I2C_PATH, SPEED_HZ, SpiTransport

    return SpiTransport(
        _path(uri, path),
        speed_hz=_number(uri, options, "speed", SPEED_HZ, lowest=10_000, highest=50_000_000),
        sx1261_path=options.get("sx1261", sx1261_path),
        i2c_path=options.get("i2c", I2C_PATH),
        lines=_lines(uri, options, lines),
        clock=clock,
    )


def lines_of(uri: str, lines: BoardLines | None = None) -> BoardLines | None:
    """The lines that an SPI board at `uri` would be reset by. Raises ValueError."""
    _, _, options = parse(uri)
    return _lines(uri, options, lines)


def _lines(uri: str, options: Options, lines: BoardLines | None) -> BoardLines | None:
    from dataclasses import replace

    from ..gpio import BoardLines

    given = {
        field: _number(uri, options, name, 0, lowest=0, highest=53)
        for name, field in LINE_OPTIONS.items()
        if name in options
    }
    return replace(lines or BoardLines(), **given) if given else lines


def _open_usb(uri: str, path: str, options: Options, clock: Clock | None) -> Transport:
    from .usb import TIMEOUT_S, UsbTransport

    try:
        timeout_s = float(options.get("timeout", TIMEOUT_S))
    except ValueError:
        timeout_s = 0.0
    if not 0.001 <= timeout_s <= 60.0:
        raise ValueError(f"radio {uri!r}: timeout takes 0.001 to 60 seconds")
    return UsbTransport(_path(uri, path), timeout_s=timeout_s, clock=clock)


def _open_sim(
    uri: str, path: str, options: Options, board: SimBoard | None, clock: Clock | None
) -> Transport:
    from ..sim.board import DEFAULT_EUI, SimBoard
    from ..sim.transport import SimTransport

    if path:
        raise ValueError(f"radio {uri!r}: sim: has no path")
    if board is None:
        eui, model = options.get("eui", DEFAULT_EUI), options.get("model", "sx1302")
        board = SimBoard(clock, eui=eui, model=model)
    elif options:
        raise ValueError(f"radio {uri!r}: this board is made already, its options are fixed")
    return SimTransport(board, clock=clock)


def _open_trace(
    uri: str,
    path: str,
    options: Options,
    lines: BoardLines | None,
    sx1261_path: str | None,
    board: SimBoard | None,
    clock: Clock | None,
) -> Transport:
    from .trace import RecordingTransport, ReplayTransport

    if "record" not in options:
        return ReplayTransport(_path(uri, path))
    file = _path(uri, path)
    inner = open_transport(
        options["record"], lines=lines, sx1261_path=sx1261_path, board=board, clock=clock
    )
    return RecordingTransport(inner, file)


def _path(uri: str, path: str) -> str:
    if not path:
        raise ValueError(f"radio {uri!r}: a path is missing; {FORMS} expected")
    return path


def _number(
    uri: str, options: Options, name: str, default: int, *, lowest: int, highest: int
) -> int:
    text = options.get(name, str(default))
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
    if not lowest <= value <= highest:
        raise ValueError(f"radio {uri!r}: {name} takes {lowest} to {highest}, not {text!r}")
    return value
