"""Which board is this? What a HAT's EEPROM and the USB devices say of themselves.

A board is certain when one of them names it, and only it. All else is a proposal, and nobody runs
on a proposal: gain tables and reset lines of another board do harm. The EEPROM is read by the
Raspberry Pi's firmware, which shows it in the device tree (raspberrypi/hats, eeprom-format.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from . import boards, data

HAT = "proc/device-tree/hat"
SERIAL = "dev/serial/by-id"
ROOT = Path("/")

# Of every STM32 that plays a serial port, and so of every USB concentrator (ST's own numbers).
BRIDGE = ("0483", "5740")


@dataclass(frozen=True, slots=True)
class Hat:
    """The EEPROM's words; empty where it has none."""

    vendor: str
    product: str
    product_id: str = ""
    product_ver: str = ""
    uuid: str = ""

    def __str__(self) -> str:
        version = f", version {self.product_ver}" if self.product_ver else ""
        return f"HAT EEPROM: {self.vendor or 'no vendor'}, {self.product or 'no product'}{version}"


@dataclass(frozen=True, slots=True)
class UsbSerial:
    """A serial device on USB: `path` is its name that stays, `ids` vendor and product in hex."""

    path: str
    ids: tuple[str, str]
    manufacturer: str
    product: str

    def __str__(self) -> str:
        words = " ".join(word for word in (self.manufacturer, self.product) if word)
        return f"{self.path} ({':'.join(self.ids)} {words or 'nameless'})"


@dataclass(frozen=True, slots=True)
class Proposal:
    """`board` and, for USB, its `radio` where they are certain; else who it may be."""

    board: str | None
    why: str
    radio: str = ""
    candidates: tuple[str, ...] = ()

    def advice(self) -> str:
        """What to write instead of "auto"."""
        if not self.candidates:
            return 'name the board, as in board = "rak2287" (edgemast boards lists them)'
        names = " or ".join(f'board = "{name}"' for name in self.candidates)
        radio = f' with concentrator.radio = "{self.radio}"' if self.radio else ""
        return f"if it is one of these, write {names}{radio}"


def detect(root: Path = ROOT) -> Proposal:
    """Look at this machine, or at a folder that looks like one."""
    return propose(hat(root), list(usb_devices(root)), known())


def choose(root: Path = ROOT) -> Proposal:
    """The certain board. Raises ConfigError with what was found and what to write."""
    found = detect(root)
    if found.board is None:
        raise ConfigError(
            f'board = "auto" finds no board for certain: {found.why}; {found.advice()}'
        )
    return found


def known() -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Every real board: its bus, name and other names."""
    files = {name: boards.read(name) for name in data.names("boards")}
    return {
        name: (boards.bus(board), board.name, board.models)
        for name, board in files.items()
        if boards.bus(board) != "sim"
    }


def propose(
    hat: Hat | None,
    usb: list[UsbSerial],
    known: Mapping[str, tuple[str, str, tuple[str, ...]]],
) -> Proposal:
    """Decide by what was read. Pure."""
    named = [(name, str(hat), "") for name in _named(hat.product, "SPI", known)] if hat else []
    for device in usb:
        found = _named(device.product, "USB", known)
        named += [(name, str(device), f"usb:{device.path}") for name in found]
    seen = (
        "; ".join(str(one) for one in (hat, *usb) if one) or "no HAT EEPROM, no USB serial device"
    )
    if len(named) == 1:
        board, why, radio = named[0]
        return Proposal(board, why, radio)
    if named:
        return Proposal(
            None, f"{seen}: more than one fits", "", tuple(name for name, _, _ in named)
        )
    bridges = [device for device in usb if device.ids == BRIDGE]
    if len(bridges) == 1:
        names = tuple(name for name, (bus, _, _) in known.items() if bus == "USB")
        why = f"{seen}: a bridge as on every USB concentrator, which does not say its model"
        return Proposal(None, why, f"usb:{bridges[0].path}", names)
    return Proposal(None, f"{seen}: none of them names a board of our table")


def _named(
    product: str, bus: str, known: Mapping[str, tuple[str, str, tuple[str, ...]]]
) -> list[str]:
    """The boards on `bus` whose name stands in `product` as words of its own; longest only."""
    said = words(product)
    fits: dict[str, int] = {}
    for board, (on, name, models) in known.items():
        for model in (name.removesuffix(" USB"), *models):
            if on == bus and f" {words(model)} " in f" {said} ":
                fits[board] = max(fits.get(board, 0), len(model))
    longest = max(fits.values(), default=0)
    return [board for board, length in fits.items() if length == longest]


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


# What is read.


def hat(root: Path = ROOT) -> Hat | None:
    """The HAT's EEPROM as the firmware found it; None without one."""
    folder = root / HAT
    if not folder.is_dir():
        return None
    names = ("vendor", "product", "product_id", "product_ver", "uuid")
    return Hat(*(_text(folder / name) for name in names))


def usb_devices(root: Path = ROOT) -> Iterator[UsbSerial]:
    """Every serial device on USB, by the names that stay with it."""
    for link in sorted((root / SERIAL).glob("*")):
        tty = link.resolve().name
        device = (root / "sys/class/tty" / tty / "device").resolve().parent
        ids = _text(device / "idVendor").lower(), _text(device / "idProduct").lower()
        yield UsbSerial(
            f"/{link.relative_to(root)}",
            ids,
            _text(device / "manufacturer"),
            _text(device / "product"),
        )


def _text(path: Path) -> str:
    try:
        return path.read_bytes().rstrip(b"\0\n").decode("utf-8", "replace").strip()
    except OSError:
        return ""
