from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest

from hal.concentrator import Concentrator
from hal.config import LbtChannel, Sx1261Config
from hal.errors import TransportError, TxRefusal, TxRefused
from hal.frames import AtCounter, OnPps, TxFrame, TxState
from hal.modulation import LoRa
from hal.sx1302 import bringup
from hal.sx1302.lbt import LbtCount
from hal.transport.base import Command, Op, Read, Target
from tests.hal.boards import Bus, Tamper, a_concentrator, brought_up, commands, wait
from tests.hal.concentrator_bench import hear
from tests.hal.configs import AS923
from tests.shared import shared

CHANNELS = tuple(
    LbtChannel(freq_hz, 125_000, scan_time_us=5000, transmit_time_ms=4000)
    for freq_hz in (923_200_000, 923_400_000)
)
CONFIG = replace(
    AS923, sx1261=Sx1261Config(lbt_enable=True, lbt_rssi_target_dbm=-80, lbt_channels=CHANNELS)
)
FRAME = TxFrame(b"hello", 923_200_000, 14, LoRa(7))
# What the recorded forwarder says before and after the frame, opcode and arguments.
LISTEN = ["0d089b00", "c1", "8639b33333", "0d089b14", "8a00", "8b001400000a02e90f"]
LISTEN += ["8c002005200001ff0000", "82ffffff", "9a0b02cba001"]
STOP = ["0d089b00", "c1"]


def started() -> tuple[Concentrator, Bus]:
    concentrator, bus, _ = a_concentrator(CONFIG)
    concentrator.start()
    bus.ops.clear()
    return concentrator, bus


def refused(concentrator: Concentrator, frame: TxFrame) -> str:
    with pytest.raises(TxRefused) as caught:
        concentrator.send(frame)
    assert caught.value.reason is TxRefusal.LBT
    return str(caught.value)


def test_a_start_patches_calibrates_and_prepares_the_sx1261() -> None:
    bus, _ = brought_up(CONFIG)
    said = commands(bus, Target.SX1261)
    assert said[:3] == ["8000", "c000", "0d061010"]
    assert [line[:6] for line in said if line.startswith("0d8")][-1] == f"0d{0x8000 + 4 * 385:04x}"
    assert said[389:393] == ["0d061000", "d9", "1d0320" + "00" * 16, "c000"]
    assert said[393:] == ["98e1e9", "17000000", "8000", "c000", "8f8080", "0d08accb"]


def unpatched(op: Op, answer: bytes) -> bytes:
    """As an SX1268 does, which takes the patch and runs none (sx1302_hal issue 44)."""
    return answer.replace(b"2D06", b"0000")


def absent(op: Op, answer: bytes) -> bytes:
    away = isinstance(op, Command) and op.target is Target.SX1261
    return bytes(len(answer)) if away else answer


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        pytest.param(unpatched, "patch version 2D06, read '0000'", id="refuses the patch"),
        pytest.param(absent, "standby RC and ready, read 0x00", id="is not there"),
    ],
)
def test_without_its_sx1261_a_gateway_receives_and_sends_nothing(
    tamper: Tamper, words: str
) -> None:
    concentrator, bus, _ = a_concentrator(CONFIG)
    bus.tamper = tamper
    concentrator.start()
    assert words in concentrator.sx1261_fault
    assert words in refused(concentrator, FRAME)
    assert not bus.board.agc.lbt
    hear(bus)
    assert len(concentrator.receive().frames) == 1


def test_at_the_owners_risk_it_sends_without_listening() -> None:
    assert CONFIG.sx1261 is not None
    config = replace(CONFIG, sx1261=replace(CONFIG.sx1261, lbt_needed=False))
    concentrator, bus, _ = a_concentrator(config)
    bus.tamper = absent
    concentrator.start()
    bus.board.lbt_busy = True
    concentrator.send(replace(FRAME, start=AtCounter(concentrator.now_us() + 5_000)))
    assert concentrator.tx_state() is TxState.SCHEDULED


def test_a_bus_that_fails_at_the_sx1261_and_the_chip_too_ends_the_start() -> None:
    concentrator, bus, _ = a_concentrator(CONFIG)

    def cut(op: Op, answer: bytes) -> bytes:
        if isinstance(op, Command) and op.target is Target.SX1261:
            bus.faults.unplugged = True
            raise TransportError("gone")
        return answer

    bus.tamper = cut
    with pytest.raises(TransportError, match="unplugged"):
        concentrator.start()


def test_a_chip_select_that_is_not_there_is_a_missing_radio_and_no_dead_board() -> None:
    concentrator, bus, _ = a_concentrator(CONFIG)

    def no_node(op: Op, answer: bytes) -> bytes:
        if isinstance(op, Command) and op.target is Target.SX1261:
            raise TransportError("/dev/spidev0.1 does not exist")
        return answer

    bus.tamper = no_node
    concentrator.start()
    assert "/dev/spidev0.1 does not exist" in refused(concentrator, FRAME)


def test_a_missing_patch_image_is_told_and_is_no_reason_to_stop() -> None:
    bus, bench = brought_up(AS923)
    bus.reset()
    bench.config = CONFIG
    bench.firmware = replace(bench.firmware, sx1261_patch=None)
    bringup.run(bench)
    assert "sx1261-pram is not installed" in bench.sx1261_fault
    assert commands(bus, Target.SX1261) == []


def test_what_listening_found_is_counted_by_channel() -> None:
    concentrator, bus = started()
    for busy in (False, True, False):
        bus.board.lbt_busy = busy
        with suppress(TxRefused):
            concentrator.send(FRAME)
        bus.board.clock.sleep(0.1)
    counts = concentrator.lbt_counts()
    assert counts[923_200_000, 125_000] == LbtCount(free=2, busy=1)
    assert counts[923_400_000, 125_000] == LbtCount()


def test_a_free_channel_lets_the_frame_go_and_reception_goes_on() -> None:
    concentrator, bus = started()
    receipt = concentrator.send(replace(FRAME, start=AtCounter(concentrator.now_us() + 40_000)))
    assert receipt.power_dbm <= 14
    assert commands(bus, Target.SX1261) == LISTEN + STOP
    assert not bus.board.sx1261.listening
    assert concentrator.health().agc_status == 0
    concentrator.receive()


def test_an_immediate_frame_is_sensed_for_too() -> None:
    concentrator, bus = started()
    concentrator.send(FRAME)
    assert commands(bus, Target.SX1261) == LISTEN + STOP


def test_what_is_said_is_what_the_recorded_forwarder_says() -> None:
    lines = shared("golden/tx.jsonl").read_text().splitlines()
    (row,) = [row for row in map(json.loads, lines) if row["name"] == "as923-lbt-busy"]
    recorded = [op["code"][2:] + op["tx"] for op in row["spi"] if op["op"] == "cmd"]
    assert recorded == LISTEN + STOP


def test_a_busy_channel_holds_the_frame_back_and_the_next_one_is_free_to_go() -> None:
    concentrator, bus = started()
    bus.board.lbt_busy = True
    assert "the channel is busy" in refused(concentrator, FRAME)
    assert concentrator.tx_state() is TxState.FREE
    bus.board.lbt_busy = False
    concentrator.send(FRAME)


def test_each_chain_has_its_own_verdict() -> None:
    radios = (AS923.radios[0], replace(AS923.radios[0], freq_hz=923_100_000))
    concentrator, bus, _ = a_concentrator(replace(CONFIG, radios=radios))
    concentrator.start()
    bus.board.lbt_busy = True
    assert "the channel is busy" in refused(concentrator, replace(FRAME, rf_chain=1))
    bus.board.lbt_busy = False
    concentrator.send(replace(FRAME, rf_chain=1))


@pytest.mark.parametrize(("allowed_ms", "goes"), [(33, True), (32, False)])
def test_the_time_on_the_air_includes_the_sensing_before(allowed_ms: int, goes: bool) -> None:
    channel = replace(CHANNELS[0], transmit_time_ms=allowed_ms)
    sx1261 = Sx1261Config(lbt_enable=True, lbt_channels=(channel,))
    concentrator, _, _ = a_concentrator(replace(CONFIG, sx1261=sx1261))
    concentrator.start()
    if goes:
        assert concentrator.send(FRAME).airtime_us == 30_976
    else:
        assert "30976 us on the air, 30500 are allowed" in refused(concentrator, FRAME)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        pytest.param(replace(FRAME, freq_hz=923_000_000), "no channel", id="frequency"),
        pytest.param(replace(FRAME, modulation=LoRa(7, 250_000)), "no channel", id="bandwidth"),
        pytest.param(
            replace(FRAME, payload=bytes(200), modulation=LoRa(12)), "are allowed", id="too long"
        ),
    ],
)
def test_what_cannot_be_sensed_for_is_refused_without_a_word_to_the_radio(
    frame: TxFrame, words: str
) -> None:
    concentrator, bus = started()
    assert words in refused(concentrator, frame)
    assert commands(bus, Target.SX1261) == []
    assert concentrator.tx_state() is TxState.FREE


def test_a_frequency_ten_kilohertz_off_is_the_channel() -> None:
    concentrator, _ = started()
    refused(concentrator, replace(FRAME, freq_hz=923_210_001))
    concentrator.send(replace(FRAME, freq_hz=923_210_000))


def test_a_firmware_that_never_tries_costs_a_tenth_of_a_second_and_the_frame_is_called_off() -> (
    None
):
    concentrator, bus, clock = a_concentrator(CONFIG)
    concentrator.start()
    bus.tamper = lambda op, answer: b"\0" if op == Read(0x5781, 1) else answer
    before_ns = clock.now_ns()
    assert "did not try" in refused(concentrator, FRAME)
    assert clock.now_ns() - before_ns < 0.3e9
    assert concentrator.tx_state() is TxState.FREE


def test_a_frame_too_near_to_be_sensed_for_is_late() -> None:
    concentrator, _ = started()
    with pytest.raises(TxRefused) as caught:
        concentrator.send(replace(FRAME, start=AtCounter(concentrator.now_us() + 20_000)))
    assert caught.value.reason is TxRefusal.LATE


def test_channels_that_the_sx1261_cannot_sense_are_named_before_the_start() -> None:
    wide = LbtChannel(923_200_000, 500_000, scan_time_us=5000, transmit_time_ms=4000)
    slow = replace(CHANNELS[0], scan_time_us=1000)
    config = replace(CONFIG, sx1261=Sx1261Config(lbt_enable=True, lbt_channels=(wide, slow)))
    assert len(bringup.faults(config)) == 2
    assert bringup.faults(CONFIG) == []


def test_a_frame_on_an_edge_is_sensed_for_and_leaves_on_that_edge() -> None:
    concentrator, bus, clock = a_concentrator(CONFIG)
    concentrator.start()
    wait(clock, 1.5)
    pps_us = concentrator.receive().pps_us
    assert pps_us is not None
    edge_us = pps_us + 2_000_000
    wait(clock, (edge_us - concentrator.now_us()) / 1e6 - 0.1)
    concentrator.receive()
    receipt = concentrator.send(replace(FRAME, start=OnPps(edge_us)))
    assert 0 <= receipt.start_us - edge_us <= 1_500
    bus.board.lbt_busy = True
    wait(clock, 0.9)
    concentrator.receive()
    assert "busy" in refused(concentrator, replace(FRAME, start=OnPps(edge_us + 1_000_000)))
