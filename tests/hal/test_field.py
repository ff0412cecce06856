from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.sx1302.field import Access, Block, Field, ro, rw


class Example(Block, base=0x100):
    LOW = rw(0x00, 3, 0, reset=5)
    HIGH = rw(0x00, 7, 4)
    WIDE = rw(0x01, 12, 0, signed=True)
    SWAPPED = rw(0x03, 15, 0, lsb_first=True)
    SEEN = ro(0x05, 6)


@st.composite
def fields(draw: st.DrawFn) -> Field:
    msb = draw(st.integers(0, 31))
    lsb = draw(st.integers(0, msb))
    return rw(0, msb, lsb, signed=draw(st.booleans()), lsb_first=draw(st.booleans()))


@given(fields(), st.data())
def test_what_is_inserted_is_extracted_and_the_neighbours_stay(
    field: Field, draw: st.DataObject
) -> None:
    lowest = -(1 << (field.width - 1)) if field.signed else 0
    value = draw.draw(st.integers(lowest, lowest + (1 << field.width) - 1))
    around = draw.draw(st.integers(0, (1 << (8 * field.size)) - 1))
    word = field.insert(around, value)
    data = word.to_bytes(field.size, "little" if field.lsb_first else "big")
    assert field.extract(data) == value
    assert word & ~field.mask == around & ~field.mask


@given(fields(), st.integers(-(1 << 40), 1 << 40))
def test_a_value_that_does_not_fit_is_refused(field: Field, value: int) -> None:
    lowest = -(1 << (field.width - 1)) if field.signed else 0
    if lowest <= value < lowest + (1 << field.width):
        return
    with pytest.raises(ValueError, match="takes"):
        field.insert(0, value)


def test_a_block_places_and_names_its_fields() -> None:
    assert (Example.LOW.address, Example.LOW.name) == (0x100, "Example.LOW")
    assert [field.name for field in Example.fields()] == [
        "Example.HIGH",
        "Example.LOW",
        "Example.WIDE",
        "Example.SWAPPED",
        "Example.SEEN",
    ]


def test_the_same_block_at_another_place_has_its_own_addresses_and_resets() -> None:
    class Floating(Block, base=0):
        ONE = rw(0x02, 7, 0, reset=1)

    there = Floating.at(0x200, "There", {"ONE": 9})
    assert (there.ONE.address, there.ONE.reset, there.ONE.name) == (0x202, 9, "There.ONE")
    assert (Floating.ONE.address, Floating.ONE.reset) == (0x02, 1)


def test_wide_fields_go_byte_by_byte_most_significant_first() -> None:
    assert list(Example.WIDE.parts(-2)) == [(0x101, 0x1F, 0x1F), (0x102, 0xFF, 0xFE)]


def test_a_field_with_the_least_significant_byte_first_says_so() -> None:
    assert list(Example.SWAPPED.parts(0x0102)) == [(0x103, 0xFF, 0x02), (0x104, 0xFF, 0x01)]


def test_a_field_of_the_chips_own_is_marked() -> None:
    assert Example.SEEN.access is Access.RO and Example.SEEN.mask == 0x40
