"""The RX buffer's record format, and what is left of it when bytes are damaged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.sx1302.rx_record import SHORTEST, Damage, RxRecord, parse

from .records import rx_record

HELLO = rx_record(b"hello")
# Long enough for damage of any kind, and free of the first sync byte, which noise may have by
# chance in the real world too.
NOISE = st.binary(max_size=40).map(lambda noise: noise.replace(b"\xa5", b"\x5a"))
RECORDS = st.builds(
    rx_record,
    st.binary(max_size=60),
    chan=st.integers(0, 8),
    modem=st.integers(0, 16),
    sf=st.integers(5, 12),
    coding_rate=st.integers(0, 7),
    freq_error=st.integers(-(1 << 19), (1 << 19) - 1),
    snr_qdb=st.integers(-128, 127),
    ticks=st.integers(0, 2**32 - 1),
    metrics=st.binary(max_size=32).map(lambda data: data[: len(data) // 2 * 2]),
)


def records(buffer: bytes) -> list[RxRecord]:
    return [item for item in parse(buffer) if isinstance(item, RxRecord)]


def damage(buffer: bytes) -> list[Damage]:
    return [item for item in parse(buffer) if isinstance(item, Damage)]


def test_every_field_comes_from_its_place() -> None:
    (record,) = parse(
        rx_record(
            b"\x01\x02\x03",
            chan=7,
            modem=15,
            sf=12,
            coding_rate=3,
            crc=False,
            timing_set=True,
            freq_error=-2,
            snr_qdb=-81,
            rssi_channel=200,
            rssi_signal=100,
            ticks=0xFEDCBA98,
            crc_value=0x1234,
            metrics=b"\x7f\x80\x01\xff",
        )
    )
    assert record == RxRecord(
        offset=0,
        size=SHORTEST + 3 + 4,
        payload=b"\x01\x02\x03",
        if_chain=7,
        modem=15,
        sf=12,
        coding_rate=3,
        crc_present=False,
        crc_error=False,
        timing_set=True,
        freq_error=-2,
        snr_qdb=-81,
        rssi_channel=200,
        rssi_signal=100,
        timestamp=0xFEDCBA98,
        crc16=0x1234,
        metrics=b"\x7f\x80\x01\xff",
    )


def test_the_payload_crc_flag_is_read() -> None:
    (record,) = records(rx_record(b"x", crc_error=True))
    assert record.crc_error and record.crc_present and not record.timing_set


@pytest.mark.parametrize("raw", [-(1 << 19), -1, 0, 1, (1 << 19) - 1])
def test_the_frequency_error_has_twenty_signed_bits(raw: int) -> None:
    (record,) = records(rx_record(b"x", freq_error=raw))
    assert record.freq_error == raw


def test_nothing_holds_nothing() -> None:
    assert list(parse(b"")) == []


@pytest.mark.parametrize("size", [0, 1, 255])
def test_payloads_of_any_length_are_found(size: int) -> None:
    one = rx_record(bytes(size))
    assert [record.payload for record in records(one + one)] == [bytes(size)] * 2


def test_noise_between_records_costs_only_the_noise() -> None:
    match list(parse(HELLO + b"\x00\xff\x00" + HELLO)):
        case [RxRecord(), Damage(size=3, why="no sync word", offset=offset), RxRecord()]:
            assert offset == len(HELLO)
        case other:
            raise AssertionError(other)


def test_a_flipped_bit_costs_one_record_and_is_reported_once() -> None:
    broken = bytearray(HELLO)
    broken[10] ^= 1
    match list(parse(HELLO + bytes(broken) + HELLO)):
        case [RxRecord(), Damage(size=size, why="checksum"), RxRecord()]:
            assert size == len(HELLO)
        case other:
            raise AssertionError(other)


def test_a_record_that_claims_more_than_there_is_does_not_swallow_the_next() -> None:
    longer = bytearray(HELLO)
    longer[2] = 255
    match list(parse(bytes(longer) + HELLO)):
        case [Damage(size=size, why="truncated"), RxRecord(payload=b"hello")]:
            assert size == len(HELLO)
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize("missing", range(1, len(HELLO)))
def test_a_record_cut_anywhere_is_damage_and_spares_the_one_before(missing: int) -> None:
    match list(parse(HELLO + HELLO[:-missing])):
        case [RxRecord(), Damage(size=size)]:
            assert size == len(HELLO) - missing
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"modem": 18}, "modem 18"),
        ({"chan": 10}, "IF chain 10"),
        ({"sf": 4}, "SF4"),
        ({"sf": 13}, "SF13"),
        ({"sf": 0, "modem": 17, "chan": 3}, "SF0"),
        ({"sf": 0, "modem": 3, "chan": 9}, "SF0"),
    ],
)
def test_what_no_demodulator_can_write_is_damage_and_spares_its_neighbours(
    changes: dict[str, Any], why: str
) -> None:
    impossible = rx_record(b"impossible", **changes)
    match list(parse(HELLO + impossible + HELLO)):
        case [RxRecord(), Damage(offset=offset, size=size, why=reason), RxRecord()]:
            assert (offset, size) == (len(HELLO), len(impossible))
            assert reason.startswith(why)
        case other:
            raise AssertionError(other)


def test_an_fsk_record_needs_no_spreading_factor() -> None:
    (record,) = records(rx_record(b"fsk", chan=9, modem=17, sf=0, coding_rate=0))
    assert record.payload == b"fsk"


def test_a_buffer_full_of_sync_words_ends() -> None:
    assert sum(item.size for item in damage(b"\xa5\xc0" * 2048)) == 4096


@given(buffer=st.binary(max_size=600))
def test_any_bytes_are_accounted_for_once_and_in_order(buffer: bytes) -> None:
    at = 0
    for item in parse(buffer):
        assert item.offset == at
        assert item.size > 0
        at += item.size
    assert at == len(buffer)


@given(data=st.data(), good=st.lists(RECORDS, max_size=5))
def test_good_records_are_found_in_any_noise(data: st.DataObject, good: list[bytes]) -> None:
    pieces = [data.draw(NOISE)]
    for record in good:
        pieces += [record, data.draw(NOISE)]
    buffer = b"".join(pieces)
    found = [buffer[record.offset : record.offset + record.size] for record in records(buffer)]
    assert found == good


@given(good=st.lists(RECORDS, min_size=1, max_size=4), data=st.data())
def test_one_changed_byte_costs_at_most_the_record_that_it_is_in(
    good: list[bytes], data: st.DataObject
) -> None:
    victim = data.draw(st.integers(0, len(good) - 1))
    broken = bytearray(good[victim])
    broken[data.draw(st.integers(0, len(broken) - 1))] ^= data.draw(st.integers(1, 255))
    buffer = b"".join([*good[:victim], broken, *good[victim + 1 :]])
    found = [buffer[record.offset : record.offset + record.size] for record in records(buffer)]
    before, after = good[:victim], good[victim + 1 :]
    assert found[: len(before)] == before
    assert found[len(found) - len(after) :] == after
