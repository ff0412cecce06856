"""The simulated board behind the driver's seam."""

from __future__ import annotations

import pytest

from hal.clock import ManualClock
from hal.errors import TransportError
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport
from hal.transport.base import Command, Modify, Op, Read, Target, Transport, Write


def a_transport() -> SimTransport:
    return SimTransport(SimBoard(ManualClock()))


def test_it_is_a_transport() -> None:
    transport: Transport = a_transport()
    assert transport.uri == "sim:"


def test_each_operation_gives_what_it_read() -> None:
    ops: list[Op] = [
        Write(0x5643, b"\x05"),
        Modify(0x5643, 0x0F, 0x03),
        Read(0x5643, 1),
        Command(Target.RADIO_A, 0xC0, b"\0"),
    ]
    assert a_transport().transfer(ops) == [b"", b"\x05", b"\x03", b"\x22"]


def test_one_failure_fails_the_transfer_it_is_in() -> None:
    transport = a_transport()
    transport.faults.fail_next.extend([0, 1])
    with pytest.raises(TransportError, match="failed"):
        transport.transfer([Read(0x5606, 1), Read(0x5606, 1)])
    assert transport.transfer([Read(0x5606, 1)]) == [b"\x10"]


@pytest.mark.parametrize("fault", ["mute", "unplugged"])
def test_a_board_that_is_gone_fails_every_call(fault: str) -> None:
    transport = a_transport()
    setattr(transport.faults, fault, True)
    for call in (lambda: transport.transfer([]), transport.temperature_c, transport.reset):
        with pytest.raises(TransportError, match="board"):
            call()
    transport.close()
    setattr(transport.faults, fault, False)
    assert transport.transfer([Read(0x5606, 1)]) == [b"\x10"]


def test_latency_is_time_of_the_clock() -> None:
    transport = a_transport()
    transport.faults.latency_us = 500
    transport.transfer([Read(0x5606, 1)])
    assert transport.board.clock.now_ns() == 500_000


def test_a_reset_leaves_the_chip_as_a_power_on_does() -> None:
    transport = a_transport()
    transport.transfer([Write(0x5643, b"\x01"), Command(Target.SX1261, 0xD9, b"")])
    transport.reset(hold_s=0.1)
    assert transport.transfer([Read(0x5643, 1)]) == [b"\x00"]
    version = transport.transfer([Command(Target.SX1261, 0x1D, b"\x03\x20" + bytes(16))])[0]
    assert version[3:] == b"SX1261 V2D 0000"


def test_what_is_due_on_the_air_is_delivered_before_an_answer() -> None:
    transport = a_transport()
    seen: list[int] = []

    def deliver(now_ns: int) -> None:
        seen.append(now_ns)
        transport.board.fifo.store(b"x")

    transport.board.advance_hooks.append(deliver)
    assert transport.transfer([Read(0x58C8, 2)]) == [b"\x00\x01"]
    assert seen == [0]


def test_temperature_is_the_board_s() -> None:
    transport = a_transport()
    transport.board.temperature_c = -3.5
    assert transport.temperature_c() == -3.5
