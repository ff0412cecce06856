"""SX1255 and SX1257 boards: the driver on the simulated chip, beside what the vendor's program did."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.clock import ManualClock
from hal.concentrator import Concentrator
from hal.config import ConcentratorConfig, RadioKind
from hal.errors import StartError
from hal.frames import AtCounter, TxFrame
from hal.modulation import LoRa
from hal.radio import sx125x
from hal.sim.air import Air, Transmission
from hal.sim.air.propagation import path_loss_db
from hal.sim.board import SimBoard
from hal.sim.calibration import Calibration
from hal.sim.sx125x import RX_LOCKED, TX_LOCKED, Sx125x
from hal.sim.transport import SimTransport
from hal.sx1302 import bringup, calibration
from hal.sx1302.calibration_results import Carrier, Image, best_carrier, best_image, ratio_db
from hal.sx1302.chip import Unexpected
from hal.transport.base import Op, Read, Target
from tests.hal.air_board import clear
from tests.hal.boards import Bus, SpiLike, a_concentrator, brought_up, commands, peek, wait
from tests.hal.concentrator_bench import emissions, hear, started
from tests.hal.configs import EU868, SX1255, SX1257

VECTOR = json.loads((Path(__file__).parents[1] / "data" / "startup_sx125x.json").read_text())
KINDS = pytest.mark.parametrize(("kind", "config"), [("SX1257", SX1257), ("SX1255", SX1255)])
FREQS_HZ = {"SX1257": 868_100_000, "SX1255": 505_300_000}


def radio(bus: Bus, index: int) -> Sx125x:
    found = bus.board.radios[index]
    assert isinstance(found, Sx125x)
    return found


def bench(bus: Bus) -> Calibration:
    assert bus.board.agc.calibration is not None
    return bus.board.agc.calibration


@KINDS
@pytest.mark.parametrize("bus", [Bus, SpiLike])
def test_every_register_ends_as_under_the_vendors_program(
    kind: str, config: ConcentratorConfig, bus: type[Bus]
) -> None:
    transport, _ = brought_up(config, bus=bus)
    held = {a: f"{peek(transport, int(a, 16)):02x}" for a in VECTOR[kind]["registers"]}
    assert held == VECTOR[kind]["registers"]


@KINDS
@pytest.mark.parametrize(("name", "index"), [("radio_a", 0), ("radio_b", 1)])
def test_each_radio_ends_as_under_the_vendors_program(
    kind: str, config: ConcentratorConfig, name: str, index: int
) -> None:
    transport, _ = brought_up(config)
    wanted = VECTOR[kind][name]
    found = radio(transport, index)
    held = {address: f"{found.registers[int(address, 16)]:02x}" for address in wanted}
    # The reset after the calibration undoes what only the calibration sets.
    undone = {"04", "05", "06"}
    assert {a: v for a, v in held.items() if a not in undone} == {
        a: v for a, v in wanted.items() if a not in undone
    }
    assert found.freq_hz == pytest.approx(config.radios[index].freq_hz, abs=62)


@KINDS
def test_a_frame_is_programmed_as_by_the_vendors_program(
    kind: str, config: ConcentratorConfig
) -> None:
    concentrator, bus, _ = started(config)
    heard = emissions(bus)
    frame = TxFrame(
        b"hello", FREQS_HZ[kind], 14, LoRa(7), AtCounter(concentrator.now_us() + 20_000)
    )
    concentrator.send(replace(frame, invert_polarity=True))
    (attempt,) = bus.board.tx.programmed
    told = attempt.describe()
    assert {key: told[key] for key in VECTOR[kind]["sent"]} == VECTOR[kind]["sent"]
    assert heard[0].freq_hz == pytest.approx(FREQS_HZ[kind], abs=100)


@pytest.mark.parametrize("temperature_c", [-20.0, 25.0, 60.0])
def test_a_frame_is_received_with_its_level_at_any_temperature(temperature_c: float) -> None:
    concentrator, bus, clock = started(SX1257)
    bus.board.temperature_c = temperature_c
    air = Air(1, rules=clear())
    air.attach(bus.board, name="gw")
    air.transmit(
        Transmission(
            "d", b"hello", clock.now_ns(), 868.1e6, 7, power_dbm=14.0, at=(500.0, 0.0, 0.0)
        )
    )
    wait(clock, 1.0)
    (frame,) = concentrator.receive().frames
    level_dbm = 14.0 - path_loss_db(clear(), (500.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert frame.rssi_signal_dbm == pytest.approx(level_dbm, abs=1.0)


def test_nothing_leaves_the_board_while_it_calibrates() -> None:
    concentrator, bus, _ = a_concentrator(SX1257)
    heard = emissions(bus)
    concentrator.start()
    assert heard == []


def test_the_senders_are_corrected_with_what_their_receivers_found() -> None:
    bus, _ = brought_up(SX1257)
    assert set(bench(bus).corrections) == {(0, 3, -5)}


def test_what_does_not_send_is_not_calibrated_to_send() -> None:
    silent = replace(SX1257.radios[0], tx_enable=False, tx_gains=())
    bus, made = brought_up(replace(SX1257, radios=(silent, SX1257.radios[1])))
    assert bench(bus).corrections == [] and made.config.radios[0] == silent


def test_a_single_radio_hears_itself() -> None:
    off = replace(SX1257.radios[1], enable=False)
    channels = tuple(replace(ch, radio=0) for ch in SX1257.multi_sf)
    alone = replace(
        SX1257,
        radios=(SX1257.radios[0], off),
        multi_sf=channels,
        lora_std=replace(SX1257.lora_std, enable=False),
        fsk=replace(SX1257.fsk, enable=False),
    )
    bus, _ = brought_up(alone)
    assert (peek(bus, 0x5709), peek(bus, 0x570A)) == (3, -5 & 0x3F)
    assert (peek(bus, 0x5716), peek(bus, 0x5717)) == (0, 0)


def test_where_the_other_radio_is_no_help_each_hears_itself() -> None:
    concentrator, bus, _ = a_concentrator(SX1257)
    bench(bus).flaws.rejection_db = 40
    concentrator.start()
    assert (peek(bus, 0x5709), peek(bus, 0x570A)) == (3, -5 & 0x3F)


def test_an_image_that_cannot_be_calibrated_is_told_and_the_gateway_receives(
    caplog: pytest.LogCaptureFixture,
) -> None:
    concentrator, bus, _ = a_concentrator(SX1257)
    bench(bus).flaws.rejection_db = bench(bus).flaws.loopback_rejection_db = 40
    concentrator.start()
    told = [record.message for record in caplog.records if "image could not" in record.message]
    assert len(told) == 2 and "40 dB at SNR 60" in told[0]
    assert (peek(bus, 0x5709), peek(bus, 0x570A)) == (0, 0)
    hear(bus)
    assert len(concentrator.receive().frames) == 1


def test_a_carrier_that_cannot_be_calibrated_is_told_and_the_gateway_sends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    concentrator, bus, _ = a_concentrator(SX1257)
    bench(bus).flaws.carrier_db = 5
    concentrator.start()
    assert any("its carrier at DAC gain 3" in record.message for record in caplog.records)
    concentrator.send(TxFrame(b"hello", 868_100_000, 14, LoRa(7)))
    assert bus.board.tx.programmed[0].describe()["i_offset"] == 0


@pytest.mark.parametrize(("locks", "which"), [(TX_LOCKED, "receive"), (RX_LOCKED, "transmit")])
def test_a_pll_that_does_not_lock_ends_the_start_with_its_name(locks: int, which: str) -> None:
    concentrator, bus, _ = a_concentrator(SX1257)
    radio(bus, 1).locks = locks
    with pytest.raises(StartError, match=f"radio B: its {which} PLL to lock"):
        concentrator.start()


def test_a_pll_that_fails_after_the_calibration_is_tried_five_times() -> None:
    bus, made = brought_up(SX1257)
    radio(bus, 0).locks = 0
    bus.ops.clear()
    with pytest.raises(Unexpected, match="not locked after 5 attempts"):
        bringup.set_up_radios(made)
    starts = [line for line in commands(bus, Target.RADIO_A) if line == "8003"]
    assert len(starts) == 5


def test_without_its_firmware_the_start_says_what_to_import() -> None:
    _, made = brought_up(SX1257)
    made.firmware = replace(made.firmware, calibration=None)
    with pytest.raises(Unexpected, match="the calibration firmware"):
        bringup.calibrate_radios(made)


def test_a_radio_that_is_not_there_ends_the_start_with_its_name() -> None:
    concentrator, bus, _ = a_concentrator(SX1257)
    bus.faults.dead_radios.add(0)
    with pytest.raises(StartError, match="radio A: register 0x01 to hold"):
        concentrator.start()


def test_another_kind_of_radio_ends_the_start_with_what_to_look_at() -> None:
    clock = ManualClock()
    board = SimBoard(clock, radios="SX1257")
    sx1250_wanted = Concentrator(SimTransport(board, clock=clock), EU868, clock=clock)
    with pytest.raises(StartError, match="another kind of radio is fitted than configured"):
        sx1250_wanted.start()


def test_a_firmware_of_another_release_ends_the_start() -> None:
    concentrator, bus, _ = a_concentrator(SX1257)

    def tamper(op: Op, answer: bytes) -> bytes:
        return b"\0\0\0\x02" if op == Read(0x578D, 4) else answer

    bus.tamper = tamper
    with pytest.raises(StartError, match="calibration firmware version 1, read 2"):
        concentrator.start()


def test_a_calibration_that_hangs_costs_seconds_and_says_where() -> None:
    concentrator, bus, clock = a_concentrator(SX1257)
    # The firmware shows status 3 and nothing after it.
    bus.tamper = lambda op, answer: (
        b"\x03" if op == Read(0x5781, 1) and answer >= b"\x06" else answer
    )
    with pytest.raises(StartError, match="of the calibration after code 0x04 within 5 s"):
        concentrator.start()
    assert clock.now_ns() < 15e9


# Pure.


@pytest.mark.parametrize(
    ("kind", "freq_hz", "word"),
    [
        (RadioKind.SX1257, 867_500_000, "d8e000"),
        (RadioKind.SX1257, 868_750_000, "d93000"),
        (RadioKind.SX1255, 472_000_000, "ec0000"),
        (RadioKind.SX1255, 473_000_000, "ec8000"),
    ],
)
def test_frequencies_are_the_vendors_words(kind: RadioKind, freq_hz: int, word: str) -> None:
    assert f"{sx125x.freq_word(kind, freq_hz):06x}" == word


GOOD = Image(3, -5, 55, 60)


@pytest.mark.parametrize(
    ("change", "usable"),
    [
        ({}, True),
        ({"amplitude": 7}, True),
        ({"amplitude": 8}, False),
        ({"phase": -10}, False),
        ({"rejection_db": 50}, True),
        ({"rejection_db": 49}, False),
        ({"snr_db": 49}, False),
    ],
)
def test_an_image_must_repeat_and_be_clear(change: dict[str, int], usable: bool) -> None:
    found = [GOOD, replace(GOOD, rejection_db=57), replace(GOOD, **change)]
    best = best_image(found)
    assert (best is not None) is usable
    if best is not None:
        assert best.rejection_db == 57


@pytest.mark.parametrize(
    ("third", "usable"),
    [
        (Carrier(4, -4, 10), True),
        (Carrier(5, 0, 30), False),
        (Carrier(0, 5, 30), False),
        (Carrier(0, 0, 9), False),
    ],
)
def test_a_carriers_offsets_must_repeat_and_help(third: Carrier, usable: bool) -> None:
    found = [Carrier(0, 0, 30), Carrier(0, 0, 34), third]
    assert (best_carrier(found) is not None) is usable


@given(st.integers(0, 65_535), st.integers(0, 65_535))
def test_no_level_breaks_the_ratio(signal: int, rest: int) -> None:
    assert 0 <= ratio_db(signal, rest) <= 97


@given(
    st.lists(
        st.tuples(
            st.sampled_from([sx125x.TX_DAC_GAIN, sx125x.TX_MIX_GAIN, sx125x.MODE]),
            st.integers(0, 255),
        )
    )
)
def test_merged_settings_are_the_last_ones_and_touch_nothing_else(
    settings: list[sx125x.Setting],
) -> None:
    bytes_ = {address: (mask, bits) for address, mask, bits in sx125x.merged(settings)}
    last = dict(settings)
    for register, value in last.items():
        mask, bits = bytes_[register.address]
        assert bits & register.mask == value << register.lsb & register.mask
        assert bits & ~mask == 0


def test_the_tone_is_what_the_firmware_takes_for_250_khz() -> None:
    assert calibration.TONE == 16


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x5780, 0x5789, 0x578A, 0x578B, 0x578C, 0x571B, 0x5220]),
            st.integers(0, 255),
        ),
        max_size=60,
    ),
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=3)), max_size=20),
)
def test_whatever_a_host_says_the_simulated_radios_and_their_calibration_go_on(
    writes: list[tuple[int, int]], commands_: list[tuple[int, bytes]]
) -> None:
    board = SimBoard(ManualClock(), radios="SX1257")
    board.registers.write(0x5780, b"\x0c")  # the host has the front ends, the controller is held
    board.registers.write(0x5780, b"\x08")
    for opcode, args in commands_:
        assert len(board.command(Target.RADIO_A, opcode, args)) == len(args)
    for address, value in writes:
        board.registers.write(address, bytes((value,)))
    assert 0 <= board.agc.status <= 0xFF
