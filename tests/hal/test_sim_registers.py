"""The simulated chip's register file: what it holds, what it guards, when it acts."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hal.sim.map import READ_ONLY, RESET, RX_FIFO, SIZE
from hal.sim.registers import RegisterFile

from ..shared import shared


def test_reset_values_and_read_only_bits_are_the_recorded_ones() -> None:
    recorded = json.loads(shared("golden/reset-values.json").read_text())
    for name, image in (("reset", RESET), ("read_only_mask", READ_ONLY)):
        expected = {int(address, 16): value for address, value in recorded[name].items()}
        assert {at: value for at, value in enumerate(image) if value} == expected


def test_some_reset_values_of_the_reference() -> None:
    """sx1302-chip.md section 2: version, radio mode, both controllers, the TX start delay."""
    assert (RESET[0x5606], RESET[0x5601], RESET[0x5780], RESET[0x6080]) == (0x10, 0x0B, 0x14, 0x24)
    assert RESET[0x5205:0x5207] == RESET[0x5405:0x5407] == (48000).to_bytes(2, "big")


def test_a_partial_write_leaves_the_other_bits() -> None:
    registers = RegisterFile()
    assert registers.modify(0x5601, 0x10, 0x10) == (0x0B, 0x1B)
    assert registers.modify(0x5601, 0x03, 0x00) == (0x1B, 0x18)


@given(st.integers(0x5600, SIZE - 1), st.integers(0, 255))
def test_read_only_bits_never_change(address: int, value: int) -> None:
    registers = RegisterFile()
    registers.write(address, bytes([value]))
    fixed = READ_ONLY[address]
    assert registers.peek(address) & fixed == RESET[address] & fixed
    assert registers.peek(address) & ~fixed == value & ~fixed


@given(st.integers(0, 0xFFFF), st.integers(0, 300), st.binary(max_size=300))
def test_no_access_is_out_of_bounds(address: int, size: int, data: bytes) -> None:
    registers = RegisterFile()
    registers.write(address, data)
    assert len(registers.read(address, size)) == size
    assert len(registers.memory) == SIZE


def test_a_refresh_runs_once_a_read() -> None:
    registers, calls = RegisterFile(), []
    registers.on_read(range(0x6101, 0x6109), lambda: calls.append(1))
    registers.read(0x6101, 8)
    registers.read(0x6104, 1)
    assert len(calls) == 2


def test_the_fifo_window_does_not_advance_the_address() -> None:
    registers = RegisterFile()
    taken: list[int] = []

    def give(size: int) -> bytes:
        taken.append(size)
        return bytes(size)

    registers.fifo(give)
    registers.read(RX_FIFO, 300)
    assert taken == [300]
