"""A started concentrator on the simulated board, in simulated time, for tests."""

from __future__ import annotations

from dataclasses import replace

from hal import (
    Concentrator,
    ConcentratorConfig,
    LoRa,
    ManualClock,
    TxFrame,
)
from hal.concentrator import POLL_OPS
from hal.sim.rx_encode import Record
from hal.sim.values import Emission
from tests.hal.boards import Bus, a_concentrator
from tests.hal.configs import EU868

LEVEL = POLL_OPS[0]
COUNTERS = POLL_OPS[2]
HEARD = Record(b"hello", channel=2, modem=2)
HELLO = TxFrame(b"hello", 868_100_000, 14, LoRa(7))


def started(
    config: ConcentratorConfig = EU868, *, model: str = "sx1302", line_start_us: int | None = None
) -> tuple[Concentrator, Bus, ManualClock]:
    concentrator, bus, clock = a_concentrator(config, model=model, line_start_us=line_start_us)
    concentrator.start()
    return concentrator, bus, clock


def hear(bus: Bus, record: Record = HEARD) -> None:
    """Puts `record` into the buffer, received just now."""
    bus.board.advance()
    bus.board.inject(replace(record, ticks=bus.board.counter.ticks() & 0xFFFFFFFF))


def emissions(bus: Bus) -> list[Emission]:
    heard: list[Emission] = []
    bus.board.on_transmit.append(heard.append)
    return heard
