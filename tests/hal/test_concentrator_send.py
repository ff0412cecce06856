"""The whole driver on the simulated board, in simulated time: what it sends and refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal import (
    AtCounter,
    ChipError,
    Concentrator,
    Immediate,
    ManualClock,
    OnPps,
    TxFrame,
    TxRefusal,
    TxRefused,
    TxState,
)
from hal.transport.base import Read
from tests.hal.boards import wait
from tests.hal.concentrator_bench import HELLO, emissions, started
from tests.hal.configs import EU868

# Send.


def test_a_timed_frame_leaves_at_its_microsecond() -> None:
    concentrator, bus, clock = started()
    sent = emissions(bus)
    start_us = concentrator.now_us() + 50_000
    receipt = concentrator.send(replace(HELLO, start=AtCounter(start_us)))
    assert concentrator.tx_state() is TxState.SCHEDULED
    assert (receipt.start_us, receipt.power_dbm) == (start_us, 14)
    assert sent[0].payload == b"hello"
    assert sent[0].start_ns == clock.now_ns() + 50_000_000
    assert (sent[0].end_ns - sent[0].start_ns) // 1000 == receipt.airtime_us


def test_a_timed_frame_on_a_new_line_leaves_on_that_line() -> None:
    concentrator, bus, clock = started(line_start_us=5 * 10**9)
    sent = emissions(bus)
    concentrator.send(replace(HELLO, start=AtCounter(concentrator.now_us() + 10_000)))
    assert sent[0].start_ns == pytest.approx(clock.now_ns() + 10_000_000, abs=1000)


def test_an_immediate_frame_leaves_after_the_start_delay() -> None:
    concentrator, bus, clock = started()
    sent = emissions(bus)
    receipt = concentrator.send(replace(HELLO, start=Immediate()))
    assert sent[0].start_ns - clock.now_ns() == pytest.approx(1_481_000, abs=1000)
    assert receipt.start_us == pytest.approx(concentrator.now_us() + 1_481, abs=1)


def test_a_frame_on_pps_leaves_after_the_next_edge() -> None:
    concentrator, bus, clock = started()
    wait(clock, 1.5)
    concentrator.receive()
    sent = emissions(bus)
    receipt = concentrator.send(replace(HELLO, start=OnPps()))
    now_us, now_ns = concentrator.now_us(), clock.now_ns()
    while not sent:
        wait(clock, 0.25)
        concentrator.receive()
    predicted_ns = now_ns + (receipt.start_us - now_us) * 1000
    assert sent[0].start_ns == pytest.approx(predicted_ns, abs=5_000)


def test_a_frame_on_pps_without_a_pps_is_refused_before_it_waits_for_ever() -> None:
    concentrator, bus, clock = started()
    assert refusal(concentrator, replace(HELLO, start=OnPps())) is TxRefusal.LATE
    wait(clock, 1.5)
    concentrator.receive()
    bus.board.counter.set_pps(False)
    wait(clock, 2.5)
    assert refusal(concentrator, replace(HELLO, start=OnPps())) is TxRefusal.LATE
    assert concentrator.tx_state() is TxState.FREE


def edge_in(concentrator: Concentrator, clock: ManualClock, ahead_s: float) -> int:
    """Wait until the next PPS edge is so far ahead; gives when it comes."""
    wait(clock, 1.5)
    pps_us = concentrator.receive().pps_us
    assert pps_us is not None
    wait(clock, (pps_us + 2_000_000 - concentrator.now_us()) / 1e6 - ahead_s)
    concentrator.receive()
    return pps_us + 2_000_000


def test_a_frame_for_an_edge_leaves_after_that_edge() -> None:
    concentrator, bus, clock = started()
    edge_us = edge_in(concentrator, clock, 0.1)
    sent = emissions(bus)
    receipt = concentrator.send(replace(HELLO, start=OnPps(edge_us)))
    assert receipt.start_us == edge_us + 1_481
    assert sent[0].start_ns == pytest.approx(clock.now_ns() + 101_481_000, abs=40_000)


def test_a_frame_for_an_edge_that_passes_while_it_is_programmed_is_called_off() -> None:
    concentrator, bus, clock = started()
    edge_us = edge_in(concentrator, clock, 0.0055)
    bus.board.faults.latency_us = 3_000
    assert refusal(concentrator, replace(HELLO, start=OnPps(edge_us))) is TxRefusal.LATE
    assert concentrator.tx_state() is TxState.FREE


def test_a_frame_for_an_edge_that_is_not_the_next_one_is_never_begun() -> None:
    concentrator, _, clock = started()
    edge_us = edge_in(concentrator, clock, 0.1)
    with pytest.raises(ValueError, match="not the next"):
        concentrator.send(replace(HELLO, start=OnPps(edge_us + 1_000_000)))
    assert refusal(concentrator, replace(HELLO, start=OnPps(edge_us - 1_000_000))) is TxRefusal.LATE
    assert concentrator.tx_state() is TxState.FREE


def test_programming_is_two_transfers() -> None:
    concentrator, bus, _ = started()
    before = bus.transfers
    concentrator.send(HELLO)
    assert bus.transfers == before + 2


def test_a_busy_chain_refuses_until_it_is_free_or_aborted() -> None:
    concentrator, _, clock = started()
    later = replace(HELLO, start=AtCounter(concentrator.now_us() + 50_000))
    concentrator.send(later)
    assert refusal(concentrator, HELLO) is TxRefusal.BUSY
    concentrator.abort(0)
    concentrator.send(HELLO)
    wait(clock, 0.005)
    assert concentrator.tx_state() is TxState.EMITTING
    assert refusal(concentrator, HELLO) is TxRefusal.BUSY
    wait(clock, 1.0)
    assert concentrator.tx_state() is TxState.FREE
    concentrator.send(HELLO)


def refusal(concentrator: Concentrator, frame: TxFrame) -> TxRefusal:
    with pytest.raises(TxRefused) as caught:
        concentrator.send(frame)
    return caught.value.reason


@pytest.mark.parametrize(("full_duplex", "both"), [(False, False), (True, True)])
def test_only_a_full_duplex_board_sends_on_both_chains(full_duplex: bool, both: bool) -> None:
    radios = (EU868.radios[0], replace(EU868.radios[0], freq_hz=868_500_000))
    config = replace(EU868, radios=radios, full_duplex=full_duplex)
    concentrator, bus, _ = started(config)
    sent = emissions(bus)
    concentrator.send(HELLO)
    if not both:
        assert refusal(concentrator, replace(HELLO, rf_chain=1)) is TxRefusal.BUSY
    else:
        concentrator.send(replace(HELLO, rf_chain=1))
    assert len(sent) == 1 + both


def test_two_milliseconds_ahead_are_enough() -> None:
    concentrator, bus, clock = started()
    sent = emissions(bus)
    concentrator.send(replace(HELLO, start=AtCounter(concentrator.now_us() + 2_000)))
    assert sent[0].start_ns == clock.now_ns() + 2_000_000


@pytest.mark.parametrize("ahead_us", [-(10**9), -1, 0, 1999])
def test_a_start_that_is_too_near_or_past_is_late_and_nothing_is_programmed(ahead_us: int) -> None:
    concentrator, bus, _ = started()
    sent = emissions(bus)
    frame = replace(HELLO, start=AtCounter(concentrator.now_us() + ahead_us))
    assert refusal(concentrator, frame) is TxRefusal.LATE
    assert concentrator.tx_state() is TxState.FREE and not sent


def test_a_start_beyond_one_turn_of_the_counter_is_a_mistake_of_the_caller() -> None:
    concentrator, _, _ = started()
    with pytest.raises(ValueError, match="beyond one turn"):
        concentrator.send(replace(HELLO, start=AtCounter(concentrator.now_us() + 135_000_000)))


def test_a_trigger_that_passed_while_it_was_written_is_called_off() -> None:
    concentrator, bus, _ = started()
    start_us = concentrator.now_us() + 3_000
    bus.board.faults.latency_us = 900  # the frame's transfer ends after the trigger's instant
    assert refusal(concentrator, replace(HELLO, start=AtCounter(start_us))) is TxRefusal.LATE
    assert concentrator.tx_state() is TxState.FREE


def test_an_abort_that_does_not_help_is_told_after_a_second() -> None:
    concentrator, bus, clock = started()
    bus.tamper = lambda op, answer: b"\x60" if op == Read(0x5211, 1) else answer
    before_ns = clock.now_ns()
    with pytest.raises(ChipError, match="not free"):
        concentrator.abort()
    assert clock.now_ns() - before_ns == pytest.approx(1e9, rel=0.01)
