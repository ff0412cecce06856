"""The whole driver on the simulated board, in simulated time: start, receive, health, stop."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hal
from hal import (
    AtCounter,
    FirmwareError,
    HalError,
    LoRa,
    StartError,
    TransportError,
    TxRefused,
)
from hal.sim.rx_encode import Record
from hal.transport.base import Op, Read
from tests.hal.boards import a_concentrator, wait
from tests.hal.concentrator_bench import COUNTERS, HEARD, HELLO, LEVEL, hear, started
from tests.hal.configs import EU868, EU868_FINE

# Start.


def test_after_the_start_eui_and_model_are_known() -> None:
    concentrator, _, clock = started(model="sx1303")
    assert (concentrator.eui, concentrator.model) == ("0016c001ff10a235", "SX1303")
    assert clock.now_ns() < 1.5e9


def test_a_failed_start_is_tried_once_more_with_a_longer_reset() -> None:
    concentrator, bus, _ = a_concentrator()
    bus.tamper = lambda op, answer: (
        b"\x00" if op == Read(0x5606, 1) and len(bus.resets) == 1 else answer
    )
    concentrator.start()
    assert bus.resets == [0.1, 0.5]
    assert concentrator.eui


def test_a_start_that_fails_twice_tells_why() -> None:
    concentrator, bus, _ = a_concentrator()
    bus.tamper = lambda op, answer: b"\xff" if op == Read(0x5606, 1) else answer
    with pytest.raises(StartError, match="SPI is off"):
        concentrator.start()
    assert bus.resets == [0.1, 0.5]


def test_a_bus_that_fails_once_during_the_start_gets_a_second_chance() -> None:
    concentrator, bus, _ = a_concentrator()
    bus.board.faults.fail_next.extend([0] * 40 + [1])
    concentrator.start()
    assert len(bus.resets) == 2


def test_after_a_failed_start_the_next_one_works() -> None:
    concentrator, bus, _ = a_concentrator()
    bus.board.faults.unplugged = True
    with pytest.raises(TransportError):
        concentrator.start()
    concentrator.stop()
    bus.board.faults.unplugged = False
    concentrator.start()
    hear(bus)
    assert [frame.payload for frame in concentrator.receive().frames] == [b"hello"]


def test_a_configuration_that_cannot_work_touches_nothing() -> None:
    broken = replace(EU868, clock_source=3)
    concentrator, bus, _ = a_concentrator(broken)
    with pytest.raises(ValueError, match="clksrc 3"):
        concentrator.start()
    assert not bus.ops and not bus.resets


def test_a_real_board_without_firmware_is_told_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("EDGEMAST_DATA", str(tmp_path))
    monkeypatch.setattr("hal.firmware_store.SYSTEM_DIR", tmp_path)
    concentrator, bus, _ = a_concentrator()
    bus.uri = "spi:/dev/spidev0.0"
    with pytest.raises(FirmwareError, match="edgemast firmware import"):
        concentrator.start()
    assert not bus.resets


# Receive.


def test_an_idle_poll_is_one_transfer_and_a_frame_costs_one_more() -> None:
    concentrator, bus, _ = started()
    before = bus.transfers
    assert concentrator.receive().frames == []
    assert bus.transfers == before + 1
    hear(bus)
    assert len(concentrator.receive().frames) == 1
    temperature = 1  # once a second at most
    assert bus.transfers == before + 1 + 2 + temperature


def test_a_frame_comes_out_with_all_that_the_chip_knows() -> None:
    concentrator, bus, _ = started()
    hear(bus, replace(HEARD, snr_raw=-20, rssi_channel=90, freq_offset_raw=1000))
    (frame,) = concentrator.receive().frames
    assert frame.freq_hz == 868_500_000 and frame.modulation == LoRa(7)
    assert (frame.if_chain, frame.rf_chain, frame.modem, frame.snr_db) == (2, 1, 2, -5.0)
    assert frame.rssi_channel_dbm == pytest.approx(-215.4 + 90 + 1.02, abs=0.01)
    assert frame.freq_offset_hz == 119


def test_the_larger_of_two_readings_of_the_level_counts() -> None:
    concentrator, bus, _ = started()
    hear(bus)
    answers = iter((b"\x00\x00",))
    bus.tamper = lambda op, answer: next(answers, answer) if op is LEVEL else answer
    assert len(concentrator.receive().frames) == 1


def test_a_level_beyond_the_buffer_is_cut_and_counted() -> None:
    concentrator, bus, _ = started()
    hear(bus)
    bus.tamper = lambda op, answer: b"\x1f\xff" if op is LEVEL else answer
    reception = concentrator.receive()
    assert [frame.payload for frame in reception.frames] == [b"hello"]
    assert (reception.damage[-1].offset, reception.damage[-1].size) == (4096, 8191 - 4096)
    assert max(op.size for op in bus.ops if isinstance(op, Read)) == 4096


@pytest.mark.parametrize("half", [0, 4], ids=["at the PPS edge", "running"])
def test_a_counter_that_turns_over_between_two_readings_is_read_again(half: int) -> None:
    concentrator, bus, _ = started()
    first, second = bytearray(8), bytearray(8)
    first[half : half + 4], second[half : half + 4] = b"\x01\x00\x00\x00", b"\x00\xff\xff\xff"
    torn = iter((bytes(first), bytes(second)))
    bus.tamper = lambda op, answer: next(torn, answer) if op is COUNTERS else answer
    expected = bus.board.counter.ticks() // 32
    before = bus.transfers
    assert concentrator.receive().now_us == expected
    assert bus.transfers == before + 2


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=200), st.just(Record(b"good").encode()))))
def test_nothing_in_the_buffer_can_raise(pieces: list[bytes]) -> None:
    concentrator, bus, _ = SHARED
    for piece in pieces:
        bus.board.fifo.store(piece)
    concentrator.receive()
    assert not len(bus.board.fifo)


SHARED = started()


def test_damage_is_told_and_the_good_frames_stay() -> None:
    concentrator, bus, _ = started()
    broken = bytearray(Record(b"broken").encode())
    broken[12] ^= 1
    hear(bus, Record(b"first"))
    bus.board.fifo.store(bytes(broken))
    hear(bus, Record(b"last"))
    reception = concentrator.receive()
    assert [frame.payload for frame in reception.frames] == [b"first", b"last"]
    assert reception.damage


def test_the_line_goes_on_over_wraps_of_the_counter() -> None:
    concentrator, _, clock = started()
    before, began_ns = concentrator.now_us(), clock.now_ns()
    for _ in range(100):
        wait(clock, 60)
        now_us = concentrator.receive().now_us
    assert now_us - before == (clock.now_ns() - began_ns) // 1000
    assert now_us > 1 << 32


def test_a_new_session_goes_on_where_it_is_told() -> None:
    concentrator, bus, clock = started(line_start_us=10**12)
    assert concentrator.receive().now_us == 10**12
    wait(clock, 0.5)
    hear(bus)
    (frame,) = concentrator.receive().frames
    assert frame.counter_us == pytest.approx(10**12 + 500_000, abs=1000)


def test_reception_tells_when_the_counter_was_read_and_where_the_pps_edge_was() -> None:
    concentrator, _, clock = started()
    assert concentrator.receive().pps_us is None
    wait(clock, 1.5)
    reception = concentrator.receive()
    assert reception.at_ns == clock.now_ns()
    assert reception.pps_us is not None
    assert 0 <= reception.now_us - reception.pps_us < 1_000_000


def test_fine_timestamps_come_once_sixteen_edges_were_seen() -> None:
    concentrator, bus, clock = started(EU868_FINE, model="sx1303")
    found = []
    for _ in range(20):
        wait(clock, 1.0)
        concentrator.receive()
        hear(bus, replace(HEARD, timing_set=True, metrics=bytes(8)))
        found += [frame.fine_time_ns is not None for frame in concentrator.receive().frames]
    assert found == [False] * 15 + [True] * 5


def test_without_pps_there_is_no_fine_timestamp_even_a_whole_turn_of_the_counter_later() -> None:
    concentrator, bus, clock = started(EU868_FINE, model="sx1303")
    for _ in range(18):
        wait(clock, 1.0)
        concentrator.receive()
    bus.board.counter.set_pps(False)
    found = []
    for _ in range(140):  # the counter turns after 134 s, and an old edge looks new again
        wait(clock, 1.0)
        concentrator.receive()
        hear(bus, replace(HEARD, timing_set=True, metrics=bytes(8)))
        found += [frame.fine_time_ns for frame in concentrator.receive().frames]
    assert found[1:] == [None] * 139


# Temperature.


def test_without_a_sensor_there_is_one_warning_and_a_stated_fallback(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    concentrator, bus, clock = started()
    monkeypatch.setattr(bus, "temperature_c", lambda: None)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            wait(clock, 2)
            hear(bus)
            (frame,) = concentrator.receive().frames
    assert [record.getMessage() for record in caplog.records] == [
        "this board has no temperature sensor; RSSI is compensated for 25 °C"
    ]
    assert frame.rssi_channel_dbm == pytest.approx(-215.4 + 100 + 1.02, abs=0.01)


def test_a_change_of_temperature_shows_in_the_next_frame() -> None:
    concentrator, bus, _ = started()
    levels = []
    for temperature_c in (25.0, 60.0):
        bus.board.temperature_c = temperature_c
        hear(bus)
        levels += [frame.rssi_channel_dbm for frame in concentrator.receive().frames]
    assert levels[1] - levels[0] == pytest.approx(2.08, abs=0.05)


def test_a_sensor_that_fails_costs_no_frame_and_is_told_at_the_next_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    concentrator, bus, _ = started()

    def failing() -> float:
        raise TransportError("the bridge restarted")

    monkeypatch.setattr(bus, "temperature_c", failing)
    hear(bus)
    assert len(concentrator.receive().frames) == 1
    with pytest.raises(TransportError, match="restarted"):
        concentrator.receive()
    assert concentrator.receive().frames == []


# Health and stop.


def test_a_working_chip_has_no_faults() -> None:
    concentrator, _, clock = started()
    for _ in range(3):
        assert concentrator.health().faults() == []
        wait(clock, 5)


def test_a_chip_that_was_reset_is_found() -> None:
    concentrator, bus, _ = started()
    bus.board.reset()
    assert concentrator.health().faults() == ["the chip was reset: its configuration is gone"]


@pytest.mark.parametrize(
    ("read", "answer", "fault"),
    [
        (Read(0x5606, 1), b"\x00", "does not answer"),
        (Read(0x5606, 1), b"\xff", "does not answer"),
        (Read(0x5605, 1), b"\x0e", "demodulators"),
        (Read(0x5780, 2), b"\x11\x00", "AGC firmware has a parity"),
        (Read(0x6080, 2), b"\x21\x00", "ARB firmware has a parity"),
    ],
)
def test_what_is_wrong_is_named(read: Op, answer: bytes, fault: str) -> None:
    concentrator, bus, _ = started()
    bus.tamper = lambda op, came: answer if op == read else came
    (found,) = concentrator.health().faults()
    assert fault in found


def test_a_counter_that_stands_still_is_found_at_the_second_look() -> None:
    concentrator, bus, clock = started()
    bus.tamper = lambda op, answer: bytes(8) if op is COUNTERS else answer
    assert concentrator.health().faults() == []
    wait(clock, 1)
    assert concentrator.health().faults() == ["the chip's counter stands still"]


def test_a_snapshot_shows_the_registers_by_name_as_they_are() -> None:
    concentrator, bus, _ = started()
    registers = concentrator.snapshot()
    assert registers["Common.VERSION"] == 0x10 and registers["TxTopA.TX_STATUS"] == 0x80
    assert registers["Gpio.OUT_L_OUT_VALUE"] & 1 and len(registers) > 100
    bus.board.reset()
    assert concentrator.snapshot()["Gpio.OUT_L_OUT_VALUE"] == 0


def test_a_stop_ends_what_is_on_the_air_and_lets_go() -> None:
    concentrator, bus, _ = started()
    concentrator.send(replace(HELLO, start=AtCounter(concentrator.now_us() + 50_000)))
    concentrator.stop()
    assert bus.closed
    assert bus.board.registers.memory[0x5200] & 7 == 0


@pytest.mark.parametrize("begun", [False, True])
def test_a_stop_never_raises(begun: bool) -> None:
    concentrator, bus, _ = started() if begun else a_concentrator()
    bus.board.faults.unplugged = True
    concentrator.stop()
    concentrator.stop()
    assert bus.closed


def test_after_a_stop_nothing_is_decoded() -> None:
    concentrator, bus, _ = started()
    concentrator.stop()
    hear(bus)
    assert concentrator.receive().frames == []


# The package.


@pytest.mark.parametrize("name", hal.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(hal, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Gateway'"):
        _ = hal.Gateway


def test_every_failure_of_hardware_is_a_hal_error() -> None:
    assert all(issubclass(kind, HalError) for kind in (StartError, TransportError, TxRefused))
