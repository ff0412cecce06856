"""The STM32 bridge of a USB board, from the device's side: messages in, answers out (section 1.2).

A message is   id, payload size (two bytes, most significant first), command, payload
and so is an answer. Damage is answered with the error code where there is an id to answer to, and
what is buffered is dropped: a host has one request outstanding, so nothing good is lost.
"""

from __future__ import annotations

from collections.abc import Callable

from ..transport.base import Target
from .board import SimBoard
from .log import TransactionLog

MOST_PAYLOAD = 4200
_HEADER_SIZE = 4
_ANSWER = 0x40  # added to a command
_ERROR = 0xFF
_PING, _STATUS, _BOOT_LOADER, _RESET, _GPIO, _SPI = range(6)
_PAYLOAD_SIZES = {
    _PING: (0, 0),
    _STATUS: (0, 0),
    _BOOT_LOADER: (0, 0),
    _RESET: (1, 1),
    _GPIO: (3, 3),
    _SPI: (1, MOST_PAYLOAD),
}
_UNIQUE_ID = bytes.fromhex("0046003b3438510835383531")
_VERSION = b"V01.00.00"

_RAW, _MODIFY = 1, 2
_OK, _WRONG_PARAMETER = 0, 2
_ON_SX1302, _ON_SX1261 = 0, 1


class DamagedMessage(Exception):
    """The payload is not what its command says."""


class Bridge:
    """`requests` counts messages. Answers to one `feed` come in one piece."""

    def __init__(self, board: SimBoard) -> None:
        self.board = board
        self._held = bytearray()
        self._boot_loader = False
        self.requests = 0
        self.errors = 0
        self.failed = 0  # SPI requests that a fault made fail
        self.log: TransactionLog | None = None
        self._commands: dict[int, Callable[[bytes], bytes]] = {
            _PING: self._ping,
            _STATUS: self._status,
            _BOOT_LOADER: self._leave_application,
            _RESET: self._reset,
            _GPIO: self._gpio,
            _SPI: self._spi,
        }

    def forget(self) -> None:
        """The user has gone: half a message is nobody's, and the device is in its application."""
        self._held.clear()
        self._boot_loader = False

    def give_up(self) -> bytes:
        """The rest of a message does not come; gives the error that answers it."""
        if not self._held:
            return b""
        answer = self._refuse(self._held[0])
        self._held.clear()
        return b"" if self.board.faults.mute else answer

    @property
    def waiting(self) -> bool:
        """Whether half a message is held."""
        return bool(self._held)

    def feed(self, data: bytes) -> bytes:
        """Bytes from the host; gives the answers, b"" while a message is incomplete."""
        held = self._held
        held += data
        answers = b""
        while len(held) >= _HEADER_SIZE:
            size, command = held[1] << 8 | held[2], held[3]
            least, most = _PAYLOAD_SIZES.get(command, (1, 0))
            if not least <= size <= most:
                answers += self._refuse(held[0])
                held.clear()
                break
            end = _HEADER_SIZE + size
            if len(held) < end:
                break
            message = bytes(held[:end])
            del held[:end]
            answers += self._answer(message)
        return b"" if self.board.faults.mute else answers

    def _answer(self, message: bytes) -> bytes:
        self.requests += 1
        if self.board.faults.mute or self._boot_loader:
            return b""
        self.board.advance()
        try:
            payload = self._commands[message[3]](message[_HEADER_SIZE:])
        except DamagedMessage:
            return self._refuse(message[0])
        head = bytes((message[0], len(payload) >> 8, len(payload) & 0xFF, message[3] + _ANSWER))
        return head + payload

    def _refuse(self, request_id: int) -> bytes:
        self.errors += 1
        return bytes((request_id, 0, 0, _ERROR))

    # Commands.

    def _ping(self, _: bytes) -> bytes:
        if self.log:
            self.log.simple("ping", self.requests)
        return _UNIQUE_ID + _VERSION

    def _status(self, _: bytes) -> bytes:
        if self.log:
            self.log.simple("status", self.requests)
        hundredths = max(-32768, min(32767, round(self.board.temperature_c * 100)))
        uptime_ms = self.board.uptime_ms & 0xFFFFFFFF
        return uptime_ms.to_bytes(4, "big") + hundredths.to_bytes(2, "big", signed=True)

    def _leave_application(self, _: bytes) -> bytes:
        self._boot_loader = True
        return b""

    def _reset(self, payload: bytes) -> bytes:
        if payload[0] != 0:
            return bytes([_WRONG_PARAMETER])
        self.board.reset()
        return bytes([_OK])

    def _gpio(self, payload: bytes) -> bytes:
        port, pin, value = payload
        if self.log:
            self.log.gpio(port, pin, value, self.requests)
        if port == 0:
            self.board.set_line(pin, value)
        return bytes([_OK])

    def _spi(self, payload: bytes) -> bytes:
        return b"".join([self._spi_request(request) for request in _split(payload)])

    # SPI requests: each gives its result.

    def _spi_request(self, request: bytes) -> bytes:
        status = self.board.faults.next_status()
        if status:
            self.failed += 1
        if request[1] == _MODIFY:
            return self._modify(request, status)
        sent = request[5:]
        answer = None if status else self._raw(request[2], sent)
        if answer is None:
            status, answer = status or _WRONG_PARAMETER, bytes(len(sent))
        return bytes((request[0], _RAW, status)) + request[3:5] + answer

    def _modify(self, request: bytes, status: int) -> bytes:
        if status:
            return bytes((request[0], _MODIFY, status, 0, 0))
        address, mask, value = request[2] << 8 | request[3], request[4], request[5]
        seen = self.board.registers.modify(address, mask, value)
        if self.log:
            self.log.modify(address, mask, value, seen, self.requests)
        return bytes((request[0], _MODIFY, _OK, *seen))

    def _raw(self, target: int, sent: bytes) -> bytes | None:
        """A transfer's bytes, as many as were sent; None for one that makes no sense."""
        if target == _ON_SX1261 and sent:
            return b"\0" + self._command(Target.SX1261, sent)
        if target != _ON_SX1302 or not sent:
            return None
        if sent[0] == Target.SX1302:
            return self._access(sent)
        if sent[0] in (Target.RADIO_A, Target.RADIO_B) and len(sent) > 1:
            return b"\0\0" + self._command(Target(sent[0]), sent[1:])
        return None

    def _command(self, target: Target, sent: bytes) -> bytes:
        answer = self.board.command(target, sent[0], sent[1:])
        if self.log:
            self.log.command(target, sent[0], sent[1:], answer, self.requests)
        return answer

    def _access(self, sent: bytes) -> bytes | None:
        if len(sent) < 3:
            return None
        address = (sent[1] & 0x7F) << 8 | sent[2]
        if sent[1] & 0x80:
            self.board.registers.write(address, sent[3:])
            if self.log:
                self.log.write(address, sent[3:], self.requests)
            return bytes(len(sent))
        if len(sent) < 4:
            return None
        data = self.board.read(address, len(sent) - 4)
        if self.log:
            self.log.read(address, data, self.requests)
        return bytes(4) + data


def _split(payload: bytes) -> list[bytes]:
    """The SPI requests of a message; DamagedMessage unless they fill it exactly."""
    requests, at = [], 0
    while at < len(payload):
        kind = payload[at + 1] if at + 1 < len(payload) else 0
        if kind == _MODIFY:
            end = at + 6
        elif kind == _RAW and at + 5 <= len(payload):
            end = at + 5 + (payload[at + 3] << 8 | payload[at + 4])
        else:
            raise DamagedMessage
        if end > len(payload):
            raise DamagedMessage
        requests.append(payload[at:end])
        at = end
    return requests
