from __future__ import annotations

import pytest

from hal.clock import ManualClock
from hal.sx1302.chip import Sx1302, field_ops, one_by_one, settings_ops
from hal.sx1302.registers import AgcMcu, Common, RxTop, Timestamp
from hal.transport.base import Modify, Write
from tests.hal.boards import Bus, peek


def a_chip() -> tuple[Sx1302, Bus]:
    bus = Bus(clock=ManualClock())
    return Sx1302(bus), bus


def test_a_field_that_fills_its_byte_is_written_and_a_part_is_modified() -> None:
    assert field_ops(RxTop.CORR_EN, 3) == [Write(0x5821, b"\x03")]
    assert field_ops(Common.GLOBAL_EN, 1) == [Modify(0x5605, 0x08, 0x08)]
    assert field_ops(RxTop.IF_FREQ_0, -819) == [Modify(0x5800, 0x1F, 0x1C), Write(0x5801, b"\xcd")]


def test_settings_in_one_byte_become_one_operation() -> None:
    settings = ((AgcMcu.PA_LUT_A, 4), (AgcMcu.LNA_LUT_A, 2), (AgcMcu.PA_LUT_B, 4))
    assert settings_ops(settings) == [Write(0x5785, b"\x42"), Modify(0x5786, 0xF0, 0x40)]


def test_the_later_of_two_settings_of_one_field_holds() -> None:
    assert settings_ops(((Common.PAGE, 3), (Common.PAGE, 0))) == [Modify(0x5600, 0x03, 0x00)]


def test_what_must_be_seen_as_edges_is_not_merged() -> None:
    edges = one_by_one(((AgcMcu.MCU_CLEAR, 1), (AgcMcu.MCU_CLEAR, 0)))
    assert edges == [Modify(0x5780, 0x04, 0x04), Modify(0x5780, 0x04, 0x00)]


def test_a_field_of_the_chips_own_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="only be read"):
        field_ops(Common.VERSION, 1)
    with pytest.raises(ValueError, match="only be read"):
        settings_ops(((Timestamp.TIMESTAMP, 1),))


def test_what_is_written_is_read() -> None:
    chip, _ = a_chip()
    chip.write(RxTop.IF_FREQ_2, -819)
    chip.write(RxTop.PREAMBLE_SYMB_NB, 0x0102)
    assert chip.read(RxTop.IF_FREQ_2) == -819
    assert chip.read_all(RxTop.PREAMBLE_SYMB_NB, Common.VERSION) == [0x0102, 0x10]


def test_many_settings_are_one_transfer() -> None:
    chip, bus = a_chip()
    chip.apply((field, 0) for field in (RxTop.IF_FREQ_0, RxTop.CORR_EN, RxTop.CORR_CLK_EN))
    assert bus.transfers == 1
    assert peek(bus, 0x5820) == 0
