"""Every transaction on a board's bus as JSON lines (the format of golden/startup-*.jsonl).

Consecutive pieces of a firmware image are one line with the image's length and SHA-256. `m` is the
number of the bridge message that carried the transaction.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from ..transport.base import Target
from . import map as at
from .sx1250 import READING

log = logging.getLogger(__name__)

_POLLED = range(at.TIMESTAMPS, at.TIMESTAMPS + 8), range(at.RX_LEVEL, at.RX_LEVEL + 2)
_TARGETS = {Target.RADIO_A: "radio_a", Target.RADIO_B: "radio_b", Target.SX1261: "sx1261"}


class TransactionLog:
    """Open until `close`. With `polls` false the host's idle polling is left out."""

    def __init__(self, path: Path, *, polls: bool = True) -> None:
        self._file = path.open("w", encoding="ascii")
        self._polls = polls
        self._image: tuple[str, int, bytearray, int] | None = None
        self._full = False
        self.lines = 0

    def simple(self, op: str, message: int) -> None:
        """A ping or a status request."""
        self._line({"op": op, "m": message})

    def gpio(self, port: int, pin: int, value: int, message: int) -> None:
        self._line({"op": "gpio", "port": port, "pin": pin, "val": value, "m": message})

    def write(self, address: int, data: bytes, message: int) -> None:
        if address < at.RX_FIFO:
            self._piece("w_image", address, data, message)
        else:
            self._line({"op": "w", "addr": _address(address), "data": data.hex(), "m": message})

    def read(self, address: int, data: bytes, message: int) -> None:
        if address < at.RX_FIFO:
            self._piece("r_image", address, data, message)
        elif self._polls or not any(address in polled for polled in _POLLED):
            fields = {"addr": _address(address), "len": len(data), "data": data.hex()}
            self._line({"op": "r", **fields, "m": message})

    def modify(
        self, address: int, mask: int, value: int, bytes_seen: tuple[int, int], message: int
    ) -> None:
        """`bytes_seen` are the byte before and after."""
        fields = {
            "addr": _address(address),
            "mask": f"{mask:02x}",
            "value": f"{value:02x}",
            "old": f"{bytes_seen[0]:02x}",
            "new": f"{bytes_seen[1]:02x}",
        }
        self._line({"op": "rmw", **fields, "m": message})

    def command(
        self, target: Target, opcode: int, args: bytes, answer: bytes, message: int
    ) -> None:
        fields = {"tgt": _TARGETS[target], "code": f"0x{opcode:02x}", "tx": args.hex()}
        if opcode in READING:
            fields["rx"] = answer.hex()
        self._line({"op": "cmd", **fields, "m": message})

    def flush(self) -> None:
        """For whoever reads along; an image that is not whole yet stays back."""
        self._do(self._file.flush)

    def close(self) -> int:
        """Gives the number of lines written."""
        self._end_image()
        self._do(self._file.close)
        return self.lines

    def _piece(self, op: str, address: int, data: bytes, message: int) -> None:
        image = self._image
        if image is not None and image[0] == op and image[1] + len(image[2]) == address:
            image[2].extend(data)
        else:
            self._end_image()
            self._image = (op, address, bytearray(data), message)

    def _end_image(self) -> None:
        if self._image is None:
            return
        op, address, data, message = self._image
        self._image = None
        fields = {
            "tgt": "agc_mem" if address < at.ARB_MEMORY else "arb_mem",
            "addr": _address(address),
            "len": len(data),
            "sha256": sha256(data).hexdigest(),
        }
        self._line({"op": op, **fields, "m": message})

    def _line(self, fields: dict[str, object]) -> None:
        self._end_image()
        text = json.dumps({"n": self.lines, **fields}, separators=(",", ":"))
        if self._do(lambda: self._file.write(text + "\n")):
            self.lines += 1

    def _do(self, act: Callable[[], object]) -> bool:
        """Whether it worked: a full disk ends the log, and never the board."""
        if self._full:
            return False
        try:
            act()
        except OSError as error:
            log.warning("the log of transactions ends: %s", error)
            self._full = True
            with suppress(OSError):
                self._file.close()  # it tries once more to write what it holds
        return not self._full


def _address(address: int) -> str:
    return f"0x{address:04x}"
