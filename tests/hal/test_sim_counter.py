"""The simulated 32 MHz counter: linear, wrapping in its registers only, captured by PPS."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hal.clock import ManualClock
from hal.sim.board import SimBoard
from hal.sim.counter import PPS_PHASE_TICKS

SECOND = 1_000_000_000
TICKS = 32_000_000


def read_counters(board: SimBoard) -> tuple[int, int]:
    """Captured and running ticks, as a host reads them."""
    board.advance()
    data = board.registers.read(0x6101, 8)
    return int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big")


def a_board(**options: Any) -> tuple[SimBoard, ManualClock]:
    clock = ManualClock(5 * SECOND)
    board = SimBoard(clock, **options)
    board.registers.write(0x6100, b"\x03")  # PPS capture on, as the host's start-up does
    return board, clock


def test_a_second_is_32_million_ticks() -> None:
    board, clock = a_board(start_ticks=1000)
    clock.sleep(1)
    assert read_counters(board)[1] == 1000 + TICKS


def test_the_register_wraps_and_the_line_does_not() -> None:
    board, clock = a_board(start_ticks=(1 << 32) - TICKS)
    clock.sleep(2)
    assert read_counters(board)[1] == TICKS
    assert board.counter.ticks() == (1 << 32) + TICKS


def test_a_fast_crystal_counts_more_and_its_captures_show_it() -> None:
    board, clock = a_board()
    board.counter.set_xtal_ppm(10.0)
    clock.sleep(10.5)
    first, _ = read_counters(board)
    clock.sleep(1)
    second, _ = read_counters(board)
    assert second - first == TICKS + 320


def test_pps_captures_an_edge_a_second_at_its_phase() -> None:
    board, clock = a_board()
    clock.sleep(3.7)
    assert read_counters(board)[0] == 3 * TICKS + PPS_PHASE_TICKS


def test_lost_pps_holds_the_last_capture() -> None:
    board, clock = a_board()
    clock.sleep(3.7)
    board.advance()
    board.counter.set_pps(False)
    clock.sleep(5)
    assert read_counters(board)[0] == 3 * TICKS + PPS_PHASE_TICKS
    board.counter.set_pps(True)
    clock.sleep(1)
    assert read_counters(board)[0] == 9 * TICKS + PPS_PHASE_TICKS


def test_nothing_is_captured_before_the_host_enables_it() -> None:
    clock = ManualClock()
    board = SimBoard(clock)
    clock.sleep(10)
    assert read_counters(board)[0] == 0


@given(st.integers(0, 1 << 40), st.integers(-100, 100), st.integers(0, 1 << 50))
def test_ns_at_is_the_first_instant_of_a_tick(start: int, ppm: int, ahead: int) -> None:
    board = SimBoard(ManualClock(), start_ticks=start)
    board.counter.set_xtal_ppm(ppm)
    ticks = start + ahead
    when_ns = board.counter.ns_at(ticks)
    assert board.counter.ticks_at(when_ns) >= ticks
    assert board.counter.ticks_at(when_ns - 1) < ticks
