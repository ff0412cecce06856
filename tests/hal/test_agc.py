from __future__ import annotations

import pytest

from hal.errors import StartError
from hal.sx1302 import agc, bringup, mcu
from hal.sx1302.chip import Unexpected
from hal.transport.base import Op, Read, Write
from tests.hal.boards import Bus, brought_up

STATUS = Read(0x5781, 1)
MAILBOX = Read(0x578D, 4)


def restarted(mailbox: bytes | None = None) -> Bus:
    """Starts the AGC anew, its mailbox answering as told."""
    bus, bench = brought_up()
    bus.reset()
    bus.ops.clear()

    def tamper(op: Op, answer: bytes) -> bytes:
        return mailbox if op == MAILBOX and mailbox else answer

    bus.tamper = tamper
    mcu.load(bench.chip, mcu.AGC, bench.firmware.agc)
    agc.start(bench.chip, bench.clock, lbt=False)
    return bus


def test_the_hand_shake_takes_one_transfer_a_step() -> None:
    bus, bench = brought_up()
    bus.reset()
    mcu.load(bench.chip, mcu.AGC, bench.firmware.agc)
    before = bus.transfers
    agc.start(bench.chip, bench.clock, lbt=True)
    assert bus.transfers - before == 1 + len(agc.shakes(lbt=True)) + 1


def test_the_steps_are_those_of_the_reference() -> None:
    steps = agc.shakes(lbt=False)
    assert [step.go for step in steps] == [0x80, 0x20, *range(0x03, 0x0C)]
    assert [step.status for step in steps] == [*range(0x02, 0x0C), 0x0F]
    assert [step.values for step in steps][2:9] == [
        (1, 13), (3, 12), (4, 15), (40, 80, 90), (4, 14), (52, 132), (0, 7, 4),
    ]  # fmt: skip


def test_the_steps_of_sx125x_boards_are_those_of_the_reference() -> None:
    steps = agc.shakes(lbt=False, sx1250=False, full_duplex=True)
    assert [step.go for step in steps] == [0x80, 0x20, *range(0x03, 0x09), 0x0A, 0x0B]
    assert [step.status for step in steps] == [*range(0x02, 0x0A), 0x0B, 0x0F]
    assert [step.values for step in steps][:8] == [
        (255, 255, 1), (255, 255, 1), (0, 9), (16, 35), (7, 11), (45, 100, 115), (4, 14), (52, 132),
    ]  # fmt: skip


@pytest.mark.parametrize("lbt", [False, True])
def test_listen_before_talk_is_told_to_the_firmware(lbt: bool) -> None:
    (step,) = [step for step in agc.shakes(lbt=lbt) if step.go == 0x0B]
    assert step.values == (int(lbt),)


def test_a_controller_that_never_answers_costs_a_second_and_says_so() -> None:
    bus, bench = brought_up()
    bus.reset()
    bus.tamper = lambda op, answer: b"\x00" if op == STATUS else answer
    before_ns = bench.clock.now_ns()
    mcu.load(bench.chip, mcu.AGC, bench.firmware.agc)
    with pytest.raises(Unexpected, match="AGC status 0x01 after its start within 1 s, read 0x00"):
        agc.start(bench.chip, bench.clock, lbt=False)
    assert 1.0e9 <= bench.clock.now_ns() - before_ns < 1.1e9


def test_a_hand_shake_that_stops_halfway_names_its_step() -> None:
    bus, bench = brought_up()
    bus.reset()
    bus.tamper = lambda op, answer: b"\x05" if op == STATUS and answer == b"\x06" else answer
    with pytest.raises(StartError, match="'decimator attenuation, lowest and highest'") as caught:
        bringup.run(bench)
    assert caught.value.step == "start the AGC firmware"


def test_a_wrong_version_is_told() -> None:
    with pytest.raises(Unexpected, match="AGC firmware version 10, read 6"):
        restarted(mailbox=b"\0\0\0\x06")


def test_a_wrong_echo_is_told() -> None:
    bus, bench = brought_up()
    bus.reset()
    wanted = bytes((0, 0, 12, 3))
    bus.tamper = lambda op, answer: bytes((0, 0, 13, 3)) if answer == wanted else answer
    with pytest.raises(StartError, match=r"echo \[3, 12\].*read \[3, 13\]"):
        bringup.run(bench)


def test_mailboxes_that_a_step_does_not_use_are_not_written() -> None:
    bus = restarted()
    writes = [op.address for op in bus.ops if isinstance(op, Write) and op.address >= 0x5789]
    assert writes[:3] == [0x578C, 0x578B, 0x5789]
    assert writes.count(0x578A) == 2
    assert writes[-1] == 0x5789
