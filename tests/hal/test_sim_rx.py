"""Records of the simulated FIFO: their bytes, their time, their room."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.clock import ManualClock
from hal.modulation import LoRa
from hal.sim.board import SimBoard
from hal.sim.rx_encode import (
    FSK_MODEM,
    Record,
    payload_crc,
    raw_fsk_rssi,
    raw_rssi,
    raw_snr,
    temperature_offset_db,
)
from hal.sim.rx_fifo import CAPACITY
from hal.sim.timestamp import fsk_delay_us, header_lead_us, legacy_delay_us
from hal.sim.values import HeardFrame
from hal.sx1302.timestamp import correction_us

from ..shared import shared

SECOND = 1_000_000_000


def heard(payload: bytes = b"hello", **other: Any) -> HeardFrame:
    values: dict[str, Any] = {
        "end_ns": SECOND,
        "chan": 2,
        "modem": 3,
        "sf": 7,
        "bw_hz": 125_000,
        "coding_rate": 1,
        "crc_present": True,
        "crc_ok": True,
        "rssi_channel_dbm": -100.0,
        "rssi_signal_dbm": -103.0,
        "snr_db": 7.5,
        "freq_offset_hz": 0.0,
    }
    return HeardFrame(payload=payload, **(values | other))


def take(board: SimBoard) -> bytes:
    """Everything in the FIFO, as a host reads it."""
    board.advance()
    level = int.from_bytes(board.registers.read(0x58C8, 2), "big")
    return board.registers.read(0x4000, level)


def test_a_record_as_the_vendor_reads_it() -> None:
    """golden/rx.jsonl, multi-sf5."""
    record = Record(
        payload=bytes.fromhex("40f17dbe4900020001954378762b11ff0d"),
        sf=5,
        coding_rate=2,
        snr_raw=30,
        rssi_channel=112,
        rssi_signal=110,
        freq_offset_raw=-9000,
        ticks=73531865,
    )
    assert record.encode().hex() == (
        "a5c011005500d8dc0f40f17dbe4900020001954378762b11ff0d001e706e0000d9016204da070071"
    )


@pytest.mark.parametrize("name", ["rx.jsonl", "rx-ftime.jsonl", "rx-wrap.jsonl"])
def test_every_recorded_record_comes_out_byte_by_byte(name: str) -> None:
    for line in shared(f"golden/{name}").read_text().splitlines():
        row = json.loads(line)
        records = zip(row["inject"], row["ticks"], strict=True)
        assert b"".join(golden(*record) for record in records).hex() == row["fifo"], row["name"]


def golden(asked: dict[str, Any], ticks: int) -> bytes:
    from hal.sim.control import _record
    from hal.sim.control_fields import Fields

    return _record(Fields(asked), ticks).encode()


def test_the_payload_crc_of_the_vendor() -> None:
    """golden/rx-errors.jsonl, bad-checksum-then-good: bytes 19 and 20 after the payload."""
    assert payload_crc(b"0123456789") == 0xF833
    assert payload_crc(b"x" * 9) == 0xF0B1
    assert payload_crc(b"") == 0


@given(st.binary(max_size=300), st.integers(), st.integers(), st.binary(max_size=600))
def test_every_record_closes_with_its_sum(
    payload: bytes, offset: int, snr: int, metrics: bytes
) -> None:
    raw = Record(payload=payload, freq_offset_raw=offset, snr_raw=snr, metrics=metrics).encode()
    size, pairs = raw[2], raw[21 + raw[2]]
    assert len(raw) == 23 + size + 2 * pairs
    assert sum(raw[:-1]) & 0xFF == raw[-1]


# Timestamps.


def test_delays_are_the_vendor_s_corrections() -> None:
    table = json.loads(shared("golden/timestamp-correction.json").read_text())
    for row in table["rows"]:
        rate = row["sf"], row["bw"] * 1000, row["cr"]
        for place, size in enumerate(table["payload_sizes"]):
            assert legacy_delay_us(*rate, size, row["crc"]) == -row["legacy"][place]
            if LoRa(*rate).low_data_rate == (row["sf"] >= 11):  # elsewhere the vendor miscounts
                assert header_lead_us(*rate, size, row["crc"]) == row["precision"][place]


@pytest.mark.parametrize("bw_hz", [125_000, 250_000, 500_000])
@pytest.mark.parametrize("sf", range(5, 13))
def test_the_driver_takes_back_what_the_board_adds_whatever_the_rate(sf: int, bw_hz: int) -> None:
    for coding_rate, size, crc in product(range(5), (0, 1, 2, 13, 20, 255), (False, True)):
        rate = sf, bw_hz, coding_rate
        legacy_us = correction_us(LoRa(*rate), size, crc, precision=False)
        assert legacy_us == -legacy_delay_us(*rate, size, crc)
        precision_us = correction_us(LoRa(*rate), size, crc, precision=True)
        assert precision_us == header_lead_us(*rate, size, crc)


@pytest.mark.parametrize(
    ("sf", "size", "crc", "legacy_us", "header_us"),
    [(5, 0, False, 103, -18), (5, 5, False, 135, 2541)],
)
def test_some_delays(sf: int, size: int, crc: bool, legacy_us: int, header_us: int) -> None:
    """golden/timestamp-correction.json, 125 kHz, 4/5."""
    assert legacy_delay_us(sf, 125_000, 1, size, crc) == legacy_us
    if size:
        assert header_lead_us(sf, 125_000, 1, size, crc) == header_us


def test_an_fsk_stamp_is_seven_microseconds_late_at_50_kbit_s() -> None:
    assert fsk_delay_us(50_000) == 7


def test_a_record_appears_when_it_is_decoded_with_that_instant_as_its_stamp() -> None:
    clock = ManualClock()
    board = SimBoard(clock)
    board.registers.write(0x58C0, b"\x04")  # legacy stamps
    clock.advance_to_ns(SECOND)
    board.advance()
    board.store_record(heard())
    delay_us = legacy_delay_us(7, 125_000, 1, 5, True)
    clock.advance_to_ns(SECOND + delay_us * 1000 - 32)
    assert take(board) == b""
    clock.advance_to_ns(SECOND + delay_us * 1000)
    raw = take(board)
    assert int.from_bytes(raw[20:24], "little") == 32 * (1_000_000 + delay_us)


def test_a_precision_stamp_is_taken_at_the_end_of_the_header() -> None:
    clock = ManualClock()
    board = SimBoard(clock, model="sx1303")
    board.registers.write(0x58C0, b"\x00")
    clock.advance_to_ns(2 * SECOND)
    board.advance()
    board.store_record(heard())
    raw = take(board)
    lead_us = header_lead_us(7, 125_000, 1, 5, True)
    assert int.from_bytes(raw[20:24], "little") == 32 * (1_000_000 - lead_us)


# Levels.


@given(st.floats(-140, 20), st.floats(-30, 85))
def test_a_calibrated_host_reads_the_true_power(power_dbm: float, temperature_c: float) -> None:
    raw = raw_rssi(power_dbm, temperature_c)
    read_dbm = raw - 215.4 + temperature_offset_db(temperature_c)
    assert abs(read_dbm - power_dbm) <= 0.5


@given(st.floats(-120, -20))
def test_fsk_power_is_read_within_a_decibel(power_dbm: float) -> None:
    x = raw_fsk_rssi(power_dbm, 25.0)
    scaled = 90.636423 + 0.420835 * x + 0.007129 * x**2 - 0.000026 * x**3
    assert abs(scaled - 215.4 + temperature_offset_db(25.0) - power_dbm) <= 1.0


def test_snr_is_clipped_to_a_signed_byte() -> None:
    assert (raw_snr(7.5), raw_snr(-100.0), raw_snr(100.0)) == (30, -128, 127)


def test_an_fsk_frame_has_no_snr_and_no_signal_power() -> None:
    clock = ManualClock(SECOND)
    board = SimBoard(clock)
    board.store_record(
        heard(sf=None, coding_rate=0, modem=FSK_MODEM, chan=9, bitrate_bps=50_000, end_ns=0)
    )
    raw = take(board)
    assert raw[4] == 0x01 and raw[9 + 5 + 1] == 0 and raw[9 + 5 + 3] == 0


# Room.


def test_a_record_that_does_not_fit_whole_is_lost_and_counted() -> None:
    clock = ManualClock(10 * SECOND)
    board = SimBoard(clock)
    stored = [board.store_record(heard(bytes(255), end_ns=0)) for _ in range(20)]
    assert stored.count(True) == CAPACITY // 278 and board.fifo.overflows == stored.count(False)
    assert len(take(board)) == 278 * stored.count(True)


def test_reading_removes_exactly_what_is_read() -> None:
    board = SimBoard(ManualClock())
    board.fifo.store(b"abcdef")
    assert board.registers.read(0x4000, 2) == b"ab"
    assert take(board) == b"cdef"
    assert board.registers.read(0x4000, 3) == bytes(3)


def test_what_was_being_decoded_is_gone_after_a_reset() -> None:
    clock = ManualClock()
    board = SimBoard(clock)
    board.store_record(heard(end_ns=SECOND))
    board.reset()
    clock.sleep(10)
    assert take(board) == b""
    assert board.fifo.reserve(CAPACITY)
