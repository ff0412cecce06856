"""The USB bridge's messages, from the host's side: requests out, answers in. Pure.

A message is   id | payload size, 2 bytes big-endian | code | payload,   both ways, one request at a
time; the answer has the same id and the request's code + 0x40. The payload of a "multiple SPI"
request is a row of entries, and so is its answer's:

    id | 1 | chip select | size:2 | bytes out        ->  id | 1 | status | size:2 | bytes in
    id | 2 | address:2 | mask | value                ->  id | 2 | status | old | new

(sx1302_hal: loragw_mcu; the bridge's firmware answers into a buffer of the request's size.) An
answer is damaged in as many ways as a cable is bad: all of them raise TransportError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from ..errors import TransportError
from .base import Modify, Op
from .spi_frames import Frame, check_modify, describe, frames

MAX_PAYLOAD = 4200  # bytes, either way
MAX_ENTRIES = 255  # in one multiple SPI request; the host's library has this limit too
CHUNK = 4096  # data bytes of one burst
IDS = 255  # the host picks 0 to 254

HEADER = struct.Struct(">BHB")
RAW = struct.Struct(">BBBH")
CHANGE = struct.Struct(">BBHBB")
CHANGED = struct.Struct(">BBBBB")
RAW_KIND, CHANGE_KIND = 1, 2

SPI_STATUS = {1: "failed", 2: "wrong parameter", 3: "timed out"}


class Code(IntEnum):
    """What the host can ask."""

    PING = 0x00
    STATUS = 0x01
    BOOT_LOADER = 0x02
    RESET = 0x03
    GPIO = 0x04
    SPI = 0x05


ANSWER = 0x40  # added to a request's code
ERROR = 0xFF
ANSWERS = frozenset({*range(0x40, 0x47), ERROR})


@dataclass(frozen=True, slots=True)
class Message:
    ident: int
    code: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ping:
    """Who the bridge is: 24 hex digits of its own, and its version, "V01.00.00" so far."""

    unique_id: str
    version: str


@dataclass(frozen=True, slots=True)
class Status:
    uptime_ms: int  # 32 bits, so it wraps after 49 days
    temperature_c: float


def encode(ident: int, code: int, payload: bytes = b"") -> bytes:
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(payload)} bytes; the bridge takes {MAX_PAYLOAD}")
    return HEADER.pack(ident, len(payload), code) + payload


def decode_ping(payload: bytes) -> Ping:
    if len(payload) != 21:
        raise TransportError(f"21 bytes of ping answer expected, {len(payload)} came")
    return Ping(payload[:12].hex(), payload[12:].decode("ascii", "replace").rstrip("\0"))


def decode_status(payload: bytes) -> Status:
    if len(payload) != 6:
        raise TransportError(f"6 bytes of status expected, {len(payload)} came")
    uptime_ms, hundredths = struct.unpack(">Ih", payload)
    return Status(uptime_ms, hundredths / 100)


def check_done(payload: bytes, what: str) -> None:
    """Raise TransportError unless a GPIO or reset answer says ok."""
    if payload != b"\0":
        raise TransportError(f"{what}: status 00 expected, the bridge answered {payload.hex()!r}")


class Reader:
    """Bytes in, messages out, in whatever pieces they come; what cannot be a header is skipped."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.skipped = 0  # stale bytes that belonged to no message

    def feed(self, data: bytes) -> None:
        self._held += data

    def clear(self) -> None:
        self._held.clear()

    def next_message(self) -> Message | None:
        """The next whole message, or None until more bytes come."""
        held = self._held
        while len(held) >= HEADER.size:
            ident, size, code = HEADER.unpack_from(held)
            if size > MAX_PAYLOAD or code not in ANSWERS or ident >= IDS:
                del held[0]
                self.skipped += 1
                continue
            end = HEADER.size + size
            if len(held) < end:
                return None
            message = Message(ident, code, bytes(held[HEADER.size : end]))
            del held[:end]
            return message
        return None


class Dialogue:
    """One request, one answer. What answers a request that was given up is dropped."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._ident = 0
        self._code = Code.PING
        self._given_up: set[int] = set()

    def request(self, code: Code, payload: bytes = b"") -> bytes:
        """The bytes to send. Raises ValueError if `payload` is too long."""
        self._ident = (self._ident + 1) % IDS
        self._given_up.discard(self._ident)
        self._code = code
        return encode(self._ident, code, payload)

    def feed(self, data: bytes) -> bytes | None:
        """Take what came; the answer's payload once it is whole. Raises TransportError."""
        self._reader.feed(data)
        while (message := self._reader.next_message()) is not None:
            if message.ident in self._given_up:
                self._given_up.discard(message.ident)
            else:
                return self._accept(message)
        return None

    def give_up(self) -> None:
        """The request failed; what is left of its answer is not wanted any more."""
        self._given_up.add(self._ident)
        self._reader.clear()

    def _accept(self, message: Message) -> bytes:
        if message.code == ERROR:
            raise TransportError(f"the bridge refused a {self._code.name} request")
        if message.ident != self._ident:
            raise TransportError(
                f"answer {self._ident} expected from the bridge, {message.ident} came"
            )
        if message.code != self._code + ANSWER:
            raise TransportError(
                f"an answer with code {self._code + ANSWER:#04x} expected to a {self._code.name} "
                f"request, {message.code:#04x} came"
            )
        return message.payload


# Operations in messages.


class Batch:
    """One multiple SPI request, and the way to read its answer."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._entries: list[tuple[int, int, int]] = []  # operation, bytes of answer, skip
        self.size = 0

    @property
    def payload(self) -> bytes:
        return b"".join(self._parts)

    def add_frame(self, op: int, frame: Frame) -> bool:
        """Append an entry for operation number `op`, if there is room."""
        out = frame.out
        if not self._fits(RAW.size + len(out)):
            return False
        self._parts += (RAW.pack(len(self._entries), RAW_KIND, frame.select, len(out)), out)
        self._entries.append((op, RAW.size + len(out), RAW.size + frame.skip))
        self.size += RAW.size + len(out)
        return True

    def add_change(self, op: int, change: Modify) -> bool:
        if not self._fits(CHANGE.size):
            return False
        head = len(self._entries), CHANGE_KIND
        self._parts.append(CHANGE.pack(*head, change.address, change.mask, change.value))
        self._entries.append((op, CHANGED.size, 0))
        self.size += CHANGE.size
        return True

    def decode(self, answer: bytes, ops: Sequence[Op], results: list[bytes]) -> None:
        """Append what was read to `results`, one place each of `ops`. Raises TransportError."""
        at = 0
        for ident, (op, size, skip) in enumerate(self._entries):
            kind = CHANGE_KIND if skip == 0 else RAW_KIND
            if len(answer) < at + size:
                _fail(op, ops, f"the answer ends after {len(answer)} bytes")
            if answer[at] != ident or answer[at + 1] != kind:
                _fail(
                    op,
                    ops,
                    f"entry {ident}, kind {kind} expected, {answer[at : at + 2].hex()} came",
                )
            if status := answer[at + 2]:
                _fail(op, ops, SPI_STATUS.get(status, f"status {status}"))
            if kind == CHANGE_KIND:
                results[op] = answer[at + 3 : at + 4]
            elif answer[at + 3 : at + 5] != (size - RAW.size).to_bytes(2, "big"):
                _fail(op, ops, f"{size - RAW.size} bytes expected back")
            else:
                results[op] += answer[at + skip : at + size]
            at += size
        if at != len(answer):
            raise TransportError(
                f"{at} bytes of answer expected from the bridge, {len(answer)} came"
            )

    def _fits(self, size: int) -> bool:
        return self.size + size <= MAX_PAYLOAD and len(self._entries) < MAX_ENTRIES


def pack(ops: Iterable[Op]) -> list[Batch]:
    """`ops` in order, in as few requests as hold them. Raises ValueError for misuse."""
    batches: list[Batch] = []
    batch = Batch()
    for index, op in enumerate(ops):
        if isinstance(op, Modify):
            check_modify(op)
            if not batch.add_change(index, op):
                batches.append(batch)
                batch = Batch()
                batch.add_change(index, op)
            continue
        for frame in frames(op, CHUNK):
            if not batch.add_frame(index, frame):
                batches.append(batch)
                batch = Batch()
                batch.add_frame(index, frame)
    if batch.size:
        batches.append(batch)
    return batches


def _fail(op: int, ops: Sequence[Op], why: str) -> None:
    raise TransportError(
        f"operation {op + 1} of {len(ops)} ({describe(ops[op])}) over the bridge: {why}"
    )
