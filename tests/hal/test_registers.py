from __future__ import annotations

import json

import pytest

from hal.sim import map as sim_map
from hal.sx1302.field import Access, Block
from hal.sx1302.registers import IF_FREQ, MAP, TX_BUFFER, TX_TOP
from tests.shared import shared

BLOCKS = pytest.mark.parametrize("block", MAP, ids=lambda block: block.__name__)


def reset_bytes(block: type[Block]) -> dict[int, tuple[int, int]]:
    """Address to (mask, reset bits) of everything that the block declares."""
    found: dict[int, tuple[int, int]] = {}
    for field in block.fields():
        word = (field.reset << field.lsb).to_bytes(
            field.size, "little" if field.lsb_first else "big"
        )
        masks = [mask for _, mask, _ in field.parts(0)]
        for address, (mask, bits) in enumerate(zip(masks, word, strict=True), field.address):
            old_mask, old_bits = found.get(address, (0, 0))
            found[address] = (old_mask | mask, old_bits | bits & mask)
    return found


@BLOCKS
def test_every_reset_value_is_that_of_the_chip(block: type[Block]) -> None:
    golden = json.loads(shared("golden/reset-values.json").read_text())["reset"]
    for address, (mask, bits) in reset_bytes(block).items():
        assert bits == golden.get(f"0x{address:04x}", 0) & mask, hex(address)


@BLOCKS
def test_every_field_that_only_the_chip_writes_is_read_only_there(block: type[Block]) -> None:
    golden = json.loads(shared("golden/reset-values.json").read_text())["read_only_mask"]
    for field in block.fields():
        for address, mask, _ in field.parts(0):
            theirs = golden.get(f"0x{address:04x}", 0) & mask
            assert theirs == (mask if field.access is Access.RO else 0), field.name


@BLOCKS
def test_map_and_simulated_chip_were_written_apart_and_agree_on_resets(block: type[Block]) -> None:
    for address, (mask, bits) in reset_bytes(block).items():
        assert bits == sim_map.RESET[address] & mask, hex(address)


@BLOCKS
def test_no_two_fields_share_a_bit_unless_one_holds_the_other(block: type[Block]) -> None:
    seen: dict[int, int] = {}
    for field in block.fields():
        if field.name.endswith((".TX_TRIG", ".MAIL_BOX_RD", ".MAIL_BOX_RD_BYTE0")):
            continue  # these are given as a whole and in parts
        for address, mask, _ in field.parts(0):
            assert not seen.get(address, 0) & mask, field.name
            seen[address] = seen.get(address, 0) | mask


def test_both_transmit_chains_have_the_same_registers_0x200_apart() -> None:
    a, b = (top.fields() for top in TX_TOP)
    assert [field.address + 0x200 for field in a] == [field.address for field in b]
    assert [field.mask for field in a] == [field.mask for field in b]
    assert (TX_TOP[0].base + 0x100, TX_TOP[1].base + 0x100) == TX_BUFFER


def test_the_channels_intermediate_frequencies_are_in_order() -> None:
    assert [field.address for field in IF_FREQ] == list(range(0x5800, 0x5810, 2))
