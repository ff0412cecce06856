"""What stands behind the buses in tests: small chips, an SPI wire, the USB bridge.

Written from the reference of the chip's transports (SPI frames, bridge messages) and sharing no
code with the transports under test.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from hal.transport.base import Command, Modify, Op, Read, Target, Write

GoldenLine = dict[str, Any]


class Chip(Protocol):
    def write(self, address: int, data: bytes) -> None: ...
    def read(self, address: int, size: int) -> bytes: ...
    def modify(self, address: int, mask: int, value: int) -> int: ...
    def command(self, target: int, opcode: int, args: bytes) -> bytes: ...


class ByteChip:
    """Plain memory; the FIFO window counts up; radios answer each byte plus one."""

    def __init__(self) -> None:
        self.memory = bytearray(0x8000)
        self.commands: list[tuple[int, int, bytes]] = []
        self._fifo = 0

    def write(self, address: int, data: bytes) -> None:
        self.memory[address : address + len(data)] = data

    def read(self, address: int, size: int) -> bytes:
        if address == 0x4000:
            self._fifo += size
            return bytes(i & 0xFF for i in range(self._fifo - size, self._fifo))
        return bytes(self.memory[address : address + size])

    def modify(self, address: int, mask: int, value: int) -> int:
        old = self.memory[address]
        self.memory[address] = old & ~mask | value
        return old

    def command(self, target: int, opcode: int, args: bytes) -> bytes:
        self.commands.append((target, opcode, args))
        return bytes((byte + 1) & 0xFF for byte in args)

    def do(self, op: Op) -> bytes:
        match op:
            case Write(address, data):
                self.write(address, data)
                return b""
            case Read(address, size):
                return self.read(address, size)
            case Modify(address, mask, value):
                return bytes((self.modify(address, mask, value),))
            case Command(target, opcode, args):
                return self.command(target, opcode, args)


class GoldenChip:
    """Demands a recorded list of transactions, in order, and answers each as recorded."""

    def __init__(self, lines: list[GoldenLine]) -> None:
        self._lines = lines
        self.at = 0
        self._piece = 0  # bytes of a firmware image that have passed
        self._image = b""

    @property
    def done(self) -> bool:
        return self.at == len(self._lines)

    def write(self, address: int, data: bytes) -> None:
        if self._lines[self.at]["op"] == "w_image":
            self._image = self._image[: self._piece] + data
            return self._pass_image("w_image", address, len(data))
        line = self._next("w", address)
        assert line["data"] == data.hex(), line
        return None

    def read(self, address: int, size: int) -> bytes:
        if self._lines[self.at]["op"] == "r_image":
            at = self._piece
            self._pass_image("r_image", address, size)
            return self._image[at : at + size]
        line = self._next("r", address)
        assert line["len"] == size, line
        return bytes.fromhex(line["data"])

    def modify(self, address: int, mask: int, value: int) -> int:
        line = self._next("rmw", address)
        assert (line["mask"], line["value"]) == (f"{mask:02x}", f"{value:02x}"), line
        return int(line["old"], 16)

    def command(self, target: int, opcode: int, args: bytes) -> bytes:
        line = self._lines[self.at]
        self.at += 1
        assert line["op"] == "cmd" and line["tgt"] == Target(target).name.lower(), line
        assert (int(line["code"], 16), line["tx"]) == (opcode, args.hex()), line
        return bytes.fromhex(line.get("rx", "00" * len(args)))

    def _next(self, op: str, address: int) -> GoldenLine:
        line = self._lines[self.at]
        self.at += 1
        assert line["op"] == op and int(line["addr"], 16) == address, (op, hex(address), line)
        return line

    def _pass_image(self, op: str, address: int, size: int) -> None:
        line = self._lines[self.at]
        assert line["op"] == op and int(line["addr"], 16) + self._piece == address, line
        self._piece += size
        if self._piece == line["len"]:
            self._piece = 0
            self.at += 1


class SpiWire:
    """Both chip selects of a board: bytes in, as many bytes out."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip

    def transfer(self, select: int, out: bytes) -> bytes:
        if select == 1:
            return b"\xaa" + self.chip.command(Target.SX1261, out[0], out[1:])
        if out[0] in (1, 2):
            return b"\xaa\xaa" + self.chip.command(out[0], out[1], out[2:])
        address = (out[1] & 0x7F) << 8 | out[2]
        if out[1] & 0x80:
            self.chip.write(address, out[3:])
            return b"\xaa" * len(out)
        return b"\xaa" * 4 + self.chip.read(address, len(out) - 4)


class BridgeModel:
    """The STM32: one request in, one answer out."""

    def __init__(self, chip: Chip | None = None) -> None:
        self.chip = chip or ByteChip()
        self.gpio: list[tuple[int, int, int]] = []
        self.messages = 0
        self.uptime_ms = 1000
        self.version = b"V01.00.00"
        self._wire = SpiWire(self.chip)

    def answer(self, request: bytes) -> bytes:
        ident, size, code = struct.unpack_from(">BHB", request)
        assert len(request) == 4 + size
        self.messages += 1
        payload = self._payload(code, request[4:])
        return struct.pack(">BHB", ident, len(payload), code + 0x40) + payload

    def _payload(self, code: int, payload: bytes) -> bytes:
        match code:
            case 0:
                return bytes(range(12)) + self.version
            case 1:
                self.uptime_ms += 1
                return struct.pack(">Ih", self.uptime_ms & 0xFFFFFFFF, 2512)
            case 4:
                self.gpio.append((payload[0], payload[1], payload[2]))
                return b"\0"
            case 5:
                return b"".join(self._entries(payload))
            case _:
                raise AssertionError(f"request {code}")

    def _entries(self, payload: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(payload):
            ident, kind = payload[at], payload[at + 1]
            if kind == 1:
                size = int.from_bytes(payload[at + 3 : at + 5], "big")
                out = payload[at + 5 : at + 5 + size]
                assert len(out) == size
                back = self._wire.transfer(payload[at + 2], out)
                yield bytes((ident, kind, 0)) + size.to_bytes(2, "big") + back
                at += 5 + size
            else:
                assert kind == 2
                _, address, mask, value = struct.unpack_from(">BHBB", payload, at + 1)
                old = self.chip.modify(address, mask, value)
                yield bytes((ident, kind, 0, old, old & ~mask | value))
                at += 6


# Recorded start-ups (format: the README of the shared folder).


def golden_lines(path: Path) -> list[GoldenLine]:
    """The chip's transactions of a recorded start-up, without those of the bridge itself."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in lines if line["op"] not in ("ping", "status", "gpio")]


def golden_ops(lines: list[GoldenLine]) -> list[Op]:
    return [_op(line) for line in lines]


def golden_answers(lines: list[GoldenLine]) -> list[bytes]:
    """What each operation of `golden_ops` must give."""
    return [_answer(line) for line in lines]


IMAGE = bytes(i * 7 & 0xFF for i in range(8192))  # stands for a firmware; the chip does not care


def _op(line: GoldenLine) -> Op:
    address = int(line.get("addr", "0"), 16)
    match line["op"]:
        case "w":
            return Write(address, bytes.fromhex(line["data"]))
        case "r":
            return Read(address, line["len"])
        case "rmw":
            return Modify(address, int(line["mask"], 16), int(line["value"], 16))
        case "w_image":
            return Write(address, IMAGE)
        case "r_image":
            return Read(address, len(IMAGE))
        case "cmd":
            target = Target[line["tgt"].upper()]
            return Command(target, int(line["code"], 16), bytes.fromhex(line["tx"]))
    raise AssertionError(line)


def _answer(line: GoldenLine) -> bytes:
    match line["op"]:
        case "r":
            return bytes.fromhex(line["data"])
        case "rmw":
            return bytes.fromhex(line["old"])
        case "r_image":
            return IMAGE
        case "cmd":
            return bytes.fromhex(line.get("rx", "00" * (len(line["tx"]) // 2)))
    return b""
