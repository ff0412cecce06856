"""The simulated TX chains: what the registers say, when it leaves, and what stops it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.clock import ManualClock
from hal.sim.board import SimBoard
from hal.sim.power import power_dbm
from hal.sim.values import Emission

from ..shared import shared

SECOND = 1_000_000_000
FREE, WAIT_TIMER, WAIT_PPS, START_DELAY, ON_AIR = 0x80, 0x91, 0x92, 0x30, 0x60
IMMEDIATE, DELAYED, ON_PPS = 1, 2, 4

# golden/tx.jsonl, sf7-crc-noinv: 17 bytes, SF7, 125 kHz, 14 dBm.
REGS = bytes.fromhex(
    "0004849debb935000100000004110000000000000000000000000000000000000d010000006c8333020040000000"
    "00000000000000000000000000000000000f0200141a0b6897235225565365640000000000000000000000000000"
    "00000000470161110080080040641400"
    "0aa668"
)
AIRTIME_US, DELAY_TICKS = 51_456, 47_413


class Host:
    """Programs one chain through the registers, as a driver does."""

    def __init__(self, chain: int = 0, **options: Any) -> None:
        self.clock = ManualClock(SECOND)
        self.board = SimBoard(self.clock, **options)
        self.base = 0x5200 + 0x200 * chain
        self.emissions: list[Emission] = []
        self.aborted: list[tuple[Emission, int]] = []
        self.board.on_transmit.append(self.emissions.append)
        self.board.on_abort.append(lambda emission, at_ns: self.aborted.append((emission, at_ns)))

    def write(self, offset: int, data: bytes) -> None:
        self.board.advance()
        self.board.registers.write(self.base + offset, data)

    def program(self, payload: bytes = bytes(17), regs: bytes = REGS) -> None:
        self.write(1, regs[1:])
        self.write(0x07, b"\x01")
        self.write(0x100, payload)
        self.write(0x07, b"\x00")

    def trigger(self, bit: int, at_ticks: int = 0) -> None:
        self.write(0x01, (at_ticks & 0xFFFFFFFF).to_bytes(4, "big"))
        self.write(0x00, b"\x00")
        self.write(0x00, bytes([bit]))

    def sleep_us(self, microseconds: float) -> int:
        """Gives the status afterwards."""
        self.clock.sleep(microseconds / 1e6)
        return self.status()

    def status(self) -> int:
        self.board.advance()
        return self.board.registers.read(self.base + 0x11, 1)[0]


def test_every_recorded_programming_is_decoded_as_recorded() -> None:
    for line in shared("golden/tx.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["tx"] is None:
            continue
        assert decoded(row["tx"]) == row["tx"], row["name"]


def decoded(wanted: dict[str, Any]) -> dict[str, Any]:
    host = Host(int(str(wanted["rf_chain"])))
    regs = bytes.fromhex(str(wanted["regs"]))
    payload = bytes.fromhex(str(wanted["payload"]))
    if wanted["modu"] == "FSK":
        payload = bytes([len(payload)]) + payload
        deviation = int(str(wanted["agc_fdev"]))
        host.board.registers.write(0x578A, deviation.to_bytes(3, "big"))
    host.program(payload, regs)
    lead = round(float(str(wanted["lead_us"])) * 32)
    host.board.counter.preset(int(str(wanted["start_ticks"])) - lead)
    host.write(0, regs[:1])
    found = host.board.tx.programmed[-1].describe()
    assert found.pop("blocked") is False
    return found | {"programmed_ns": wanted["programmed_ns"]}


@pytest.mark.parametrize("chain", [0, 1])
def test_a_delayed_frame_walks_through_its_states(chain: int) -> None:
    host = Host(chain)
    host.program()
    assert host.status() == FREE
    host.trigger(DELAYED, 10_000 * 32)
    assert host.status() == WAIT_TIMER
    assert host.sleep_us(10_001) == START_DELAY
    assert host.sleep_us(DELAY_TICKS / 32) == ON_AIR
    assert host.board.transmitting(host.clock.now_ns())
    assert host.sleep_us(AIRTIME_US) == FREE
    (emission,) = host.emissions
    assert emission.start_ns == SECOND + (10_000 * 32 + DELAY_TICKS) * 1000 // 32 + 1
    assert emission.end_ns - emission.start_ns == AIRTIME_US * 1000
    assert (emission.sf, emission.bw_hz, emission.power_dbm) == (7, 125_000, 14.0)
    assert len(host.board.tx.transmitted) == len(host.board.tx.programmed) == 1


def test_an_immediate_frame_leaves_one_start_delay_after_the_write() -> None:
    host = Host()
    host.program()
    host.trigger(IMMEDIATE)
    assert host.status() == START_DELAY
    assert host.emissions[0].start_ns == SECOND + DELAY_TICKS * 1000 // 32 + 1
    assert host.sleep_us(1_600) == ON_AIR


def test_a_frame_on_pps_leaves_after_the_next_edge() -> None:
    host = Host()
    host.write(0x6100 - host.base, b"\x03")
    host.program()
    host.sleep_us(300_000)
    host.trigger(ON_PPS)
    assert host.status() == WAIT_PPS
    assert host.sleep_us(700_001 + 12345 / 32) == START_DELAY


def test_without_pps_a_frame_waits_until_there_is_one() -> None:
    host = Host()
    host.write(0x6100 - host.base, b"\x03")
    host.board.counter.set_pps(False)
    host.program()
    host.trigger(ON_PPS)
    assert host.sleep_us(5_000_000) == WAIT_PPS and not host.emissions
    host.board.counter.set_pps(True)
    host.sleep_us(200_000)
    assert len(host.emissions) == 1
    host.sleep_us(2_000_000)
    assert len(host.board.tx.transmitted) == 1


def test_a_trigger_time_that_has_passed_means_a_turn_of_the_counter() -> None:
    """Section 11.3: a late time is an emission 134 s later."""
    host = Host(start_ticks=1_000_000)
    host.program()
    host.trigger(DELAYED, 999_999)
    assert host.sleep_us(134_000_000) == WAIT_TIMER
    assert host.sleep_us(217_728) == START_DELAY


def test_clearing_the_triggers_calls_a_scheduled_frame_off() -> None:
    host = Host()
    host.program()
    host.trigger(DELAYED, 32_000_000)
    host.sleep_us(1000)
    host.write(0, b"\x00")
    assert host.status() == FREE
    assert host.aborted == [(host.emissions[0], SECOND + 1_000_000)]
    assert host.sleep_us(3_000_000) == FREE and not host.board.tx.transmitted


def test_clearing_the_triggers_stops_a_frame_on_the_air() -> None:
    host = Host()
    host.program()
    host.trigger(IMMEDIATE)
    assert host.sleep_us(10_000) == ON_AIR
    host.write(0, b"\x00")
    assert host.status() == FREE and len(host.aborted) == 1
    assert not host.board.transmitting(host.clock.now_ns())


def test_a_new_trigger_replaces_a_scheduled_frame() -> None:
    host = Host()
    host.program(b"first".ljust(17))
    host.trigger(DELAYED, 32_000_000)
    host.program(b"second".ljust(17))
    host.trigger(DELAYED, 16_000_000)
    host.sleep_us(3_000_000)
    assert [attempt.program.payload[:6] for attempt in host.board.tx.transmitted] == [b"second"]
    assert len(host.emissions) == 2 and len(host.aborted) == 1


def test_a_trigger_bit_that_stays_set_sends_once() -> None:
    host = Host()
    host.program()
    host.trigger(IMMEDIATE)
    host.sleep_us(100_000)
    host.write(0, bytes([IMMEDIATE]))
    assert len(host.emissions) == 1


def test_the_payload_buffer_is_closed_without_its_write_enable() -> None:
    host = Host()
    host.program(b"a" * 17)
    host.write(0x100, b"b" * 17)
    host.trigger(IMMEDIATE)
    assert host.emissions[0].payload == b"a" * 17


def test_the_payload_is_what_stood_there_at_the_trigger() -> None:
    host = Host()
    host.program(b"a" * 17)
    host.trigger(DELAYED, 32_000_000)
    host.program(b"b" * 17)
    assert host.board.tx.programmed[0].program.payload == b"a" * 17


def test_a_carrier_goes_on_until_it_is_stopped() -> None:
    host = Host()
    regs = bytearray(REGS)
    regs[0x20] &= 0xFC
    host.program(regs=bytes(regs))
    host.trigger(IMMEDIATE)
    assert host.sleep_us(3_600e6) == ON_AIR
    assert host.board.tx.transmitted[0].describe()["airtime_us"] is None
    host.write(0, b"\x00")
    assert host.status() == FREE


def test_a_reset_silences_the_board() -> None:
    host = Host()
    host.program()
    host.trigger(IMMEDIATE)
    host.sleep_us(10_000)
    host.board.reset()
    assert host.status() == FREE and len(host.aborted) == 1


def lbt_host(*, busy: bool, listening: bool = True) -> Host:
    """With the AGC running, listen before talk on, and the SX1261 listening or not."""
    host = Host()
    host.board.lbt_busy = busy
    host.board.registers.write(0x5780, b"\x10")
    for code in (0x80, 0x20, 3, 4, 5, 6, 7, 8, 9, 0x0A, 0x0B, 0x0F):
        host.board.registers.write(0x578C, b"\x01" if code == 0x0B else b"\x00")
        host.board.registers.write(0x5789, bytes([code]))
    if listening:
        host.board.sx1261.command(0xD9, b"")
        host.board.sx1261.command(0x9A, bytes.fromhex("0b02cba001"))
    host.program()
    return host


def agc_status(host: Host) -> int:
    host.board.advance()
    return host.board.registers.read(0x5781, 1)[0]


def test_a_busy_channel_blocks_at_the_trigger_and_tells_so() -> None:
    """golden/tx.jsonl, as923-lbt-busy: status 0x41 at the trigger, not before."""
    host = lbt_host(busy=True)
    host.trigger(DELAYED, 32_000)
    assert agc_status(host) == 0x00
    host.sleep_us(1_001)
    assert agc_status(host) == 0x41 and host.status() == FREE
    assert [attempt.blocked for attempt in host.board.tx.transmitted] == [True]
    assert len(host.aborted) == 1
    host.board.registers.write(0x578C, b"\xff")
    assert agc_status(host) == 0x00


@pytest.mark.parametrize(("busy", "listening"), [(False, True), (True, False)])
def test_a_free_channel_or_nobody_listening_lets_it_go(busy: bool, listening: bool) -> None:
    host = lbt_host(busy=busy, listening=listening)
    host.trigger(DELAYED, 32_000)
    host.sleep_us(10_000)
    assert agc_status(host) == 0x01 and host.status() == ON_AIR
    assert not host.board.tx.transmitted[0].blocked


def test_without_lbt_the_agc_status_stays_zero() -> None:
    host = Host()
    host.program()
    host.trigger(IMMEDIATE)
    host.sleep_us(10_000)
    assert agc_status(host) == 0


@pytest.mark.parametrize(
    ("pa_on", "index", "dbm"),
    [(False, 15, 12), (False, 17, 14), (False, 22, 17), (True, 3, 20), (True, 14, 27)],
)
def test_power_is_that_of_the_corecell_gain_table(pa_on: bool, index: int, dbm: float) -> None:
    """sx1302_hal: global_conf.json.sx1250.EU868.USB."""
    assert power_dbm(pa_on, index) == dbm


@given(st.booleans(), st.integers(0, 62))
def test_a_higher_index_never_gives_less_power(pa_on: bool, index: int) -> None:
    assert power_dbm(pa_on, index) <= power_dbm(pa_on, index + 1) <= 27.0


@given(st.binary(min_size=0x80, max_size=0x80), st.sampled_from([1, 2, 4, 8, 15]))
def test_no_register_contents_break_the_chain(regs: bytes, trigger: int) -> None:
    host = Host()
    host.program(regs=regs)
    host.trigger(trigger, 32)
    host.sleep_us(3_000_000)
    for attempt in host.board.tx.programmed:
        json.dumps(attempt.describe())
    host.write(0, b"\x00")
    assert host.status() == FREE
