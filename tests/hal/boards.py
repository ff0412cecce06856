"""The driver on the simulated board, and a bus in between that a test can tamper with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hal.clock import ManualClock
from hal.concentrator import Concentrator
from hal.config import ConcentratorConfig
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport
from hal.sx1302.bringup import Bench, run
from hal.sx1302.chip import Sx1302
from hal.sx1302.firmware import Firmware
from hal.transport.base import Modify, Op, Read, Target, Write
from tests.hal.configs import EU868

Tamper = Callable[[Op, bytes], bytes]


class Bus(SimTransport):
    """Counts and keeps what goes over it; `tamper` may change an answer."""

    def __init__(self, board: SimBoard | None = None, *, clock: ManualClock) -> None:
        super().__init__(board, clock=clock)
        self.ops: list[Op] = []
        self.resets: list[float] = []
        self.tamper: Tamper = lambda op, answer: answer
        self.closed = False

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        self.ops += ops
        return [
            self.tamper(op, answer) for op, answer in zip(ops, super().transfer(ops), strict=True)
        ]

    def reset(self, hold_s: float = 0.1) -> None:
        self.resets.append(hold_s)
        super().reset(hold_s)

    def close(self) -> None:
        self.closed = True


class SpiLike(Bus):
    """A bus without read-modify-write: the host reads and writes, as over SPI."""

    def transfer(self, ops: Sequence[Op]) -> list[bytes]:
        return [self._one(op) for op in ops]

    def _one(self, op: Op) -> bytes:
        if not isinstance(op, Modify):
            return super().transfer((op,))[0]
        (old,) = super().transfer((Read(op.address, 1),))
        super().transfer((Write(op.address, bytes((old[0] & ~op.mask | op.value,))),))
        return old


def brought_up(
    config: ConcentratorConfig = EU868, *, model: str = "sx1302", bus: type[Bus] = Bus
) -> tuple[Bus, Bench]:
    """A board that went through the start-up; its radios are those of `config`."""
    clock = ManualClock()
    kind = config.radios[0].kind.value
    transport = bus(SimBoard(clock, model=model, radios=kind), clock=clock)
    transport.reset()
    bench = Bench(Sx1302(transport), clock, config, Firmware.simulated())
    run(bench)
    return transport, bench


def a_concentrator(
    config: ConcentratorConfig = EU868, *, model: str = "sx1302", line_start_us: int | None = None
) -> tuple[Concentrator, Bus, ManualClock]:
    """One that is not started yet, on a clock that only moves when somebody waits."""
    clock = ManualClock()
    kind = config.radios[0].kind.value
    bus = Bus(SimBoard(clock, model=model, radios=kind), clock=clock)
    return Concentrator(bus, config, clock=clock, line_start_us=line_start_us), bus, clock


def wait(clock: ManualClock, seconds: float) -> None:
    """Simulated time passes."""
    clock.advance_to_ns(clock.now_ns() + round(seconds * 1e9))


def peek(bus: Bus, address: int) -> int:
    """A byte of the simulated chip, without any effect of reading it."""
    return bus.board.registers.memory[address]


def commands(bus: Bus, target: Target) -> list[str]:
    """What was said to one radio: opcode and arguments in hex."""
    return [
        f"{op.opcode:02x}{op.args.hex()}"
        for op in bus.ops
        if not isinstance(op, Read | Write | Modify) and op.target is target
    ]
