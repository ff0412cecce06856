"""The simulated board behind the driver's seam, with no bridge or wire between."""

from __future__ import annotations

from collections.abc import Sequence

from ..ad5338r import Ad5338r, probe
from ..clock import Clock
from ..errors import TransportError
from ..transport.base import POWER_OFF_S, Command, Modify, Op, Read, Write
from .board import POWER_PIN, RESET_PIN, SX1261_RESET_PIN, SimBoard
from .faults import Faults

_FAIL = {1: "failed", 2: "had a wrong parameter", 3: "timed out"}


class _I2c:
    """The board's I2C bus, as the driver of the DAC wants it."""

    def __init__(self, board: SimBoard) -> None:
        self._board = board

    def send(self, device: int, data: bytes) -> None:
        self._board.i2c(device, data)

    def close(self) -> None:
        """Nothing to let go of."""


class SimTransport:
    """A board of its own unless one is given. `faults` are those of the board."""

    def __init__(self, board: SimBoard | None = None, *, clock: Clock | None = None) -> None:
        self.board = board or SimBoard(clock)
        self.uri = "sim:"
        self.transfers = 0
        self._dac: Ad5338r | None = None
        self._registers = self.board.registers

    @property
    def faults(self) -> Faults:
        return self.board.faults

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        self._reach_board()
        return [self._do(op) for op in ops]

    def reset(self, hold_s: float = 0.1) -> None:
        self._reach_board()
        board = self.board
        self._dac = None
        if hold_s >= POWER_OFF_S:
            board.set_line(POWER_PIN, 0)
        board.set_line(POWER_PIN, 1)
        for level in (1, 0):
            board.set_line(RESET_PIN, level)
            board.set_line(SX1261_RESET_PIN, 1 - level)
            board.clock.sleep(hold_s)
            board.advance()

    def temperature_c(self) -> float | None:
        self._reach_board()
        return self.board.temperature_c

    def bias_amplifier(self, volts: float) -> bool:
        self.board.advance()
        if self._dac is None:
            self._dac = probe(_I2c(self.board))
        return self._dac is not None and self._dac.set_volts(volts)

    def close(self) -> None:
        """Nothing to let go of."""

    def _reach_board(self) -> None:
        faults = self.board.faults
        if faults.unplugged:
            raise TransportError("the simulated board is unplugged: plug it in again")
        if faults.mute:
            raise TransportError("the simulated board does not answer: it was told to be mute")
        if faults.latency_us:
            self.board.clock.sleep(faults.latency_us / 1e6)
        self.transfers += 1
        self.board.advance()

    def _do(self, op: Op) -> bytes:
        if self.board.faults.fail_next:
            self._fail_if_told(op)
        if isinstance(op, Read):
            return self.board.read(op.address, op.size)
        if isinstance(op, Write):
            self._registers.write(op.address, op.data)
            return b""
        if isinstance(op, Modify):
            return bytes([self._registers.modify(op.address, op.mask, op.value)[0]])
        return self.board.command(op.target, op.opcode, op.args)

    def _fail_if_told(self, op: Op) -> None:
        status = self.board.faults.next_status()
        if status:
            what = "command" if isinstance(op, Command) else "access"
            raise TransportError(f"a simulated {what} {_FAIL.get(status, f'gave status {status}')}")
