"""What one board's receive side can do at once, and what it cannot hear."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.sim.air import Air, Rules
from hal.sim.values import ChainKind

from .air_board import CHANNELS_HZ, MS, FakeBoard, S, a_frame, an_air, clear, outcomes


def at_once(count: int, sfs: tuple[int, ...], *, dual: frozenset[int] = frozenset()) -> FakeBoard:
    """`count` frames that start together, spread over eight channels and `sfs`."""
    air, board = an_air(dual=dual)
    for i in range(count):
        air.transmit(a_frame(who=f"d{i}", freq_hz=CHANNELS_HZ[i % 8], sf=sfs[i // 8 % len(sfs)]))
    air.advance(10 * S)
    assert air.demodulators_busy("gw") == 0
    return board


def test_sixteen_of_twenty_frames_find_a_demodulator() -> None:
    board = at_once(20, (7, 8, 9, 10))
    assert len(board.stored) == 16
    assert sorted(frame.modem for frame in board.stored) == list(range(16))
    assert (len(board.detections), len(board.allocations)) == (20, 16)


def test_eight_of_twenty_slow_frames_find_a_demodulator() -> None:
    board = at_once(20, (11, 12, 11))
    assert len(board.stored) == 8
    assert {frame.modem for frame in board.stored} == set(range(8))


def test_fast_frames_leave_the_full_demodulators_to_the_slow_ones() -> None:
    air, board = an_air()
    for i in range(8):
        air.transmit(a_frame(who=f"f{i}", freq_hz=CHANNELS_HZ[i], sf=10))
        air.transmit(a_frame(who=f"s{i}", freq_hz=CHANNELS_HZ[i], sf=11, start_ns=S + 100 * MS))
    air.advance(10 * S)
    assert len(board.stored) == 16


def test_dual_demodulation_halves_the_capacity_and_stores_pairs() -> None:
    board = at_once(20, (7, 8, 9, 10), dual=frozenset(range(5, 13)))
    assert len(board.stored) == 16 and len({frame.payload for frame in board.stored}) == 1
    pairs = {(frame.chan, frame.sf) for frame in board.stored}
    assert len(pairs) == 8
    fine = [frame for frame in board.stored if frame.timing_set]
    assert len(fine) == 8 and all(frame.ts_metrics for frame in fine)


def test_high_capacity_leaves_slow_frames_single() -> None:
    board = at_once(8, (12,), dual=frozenset(range(5, 11)))
    assert len(board.stored) == 8 and not any(frame.timing_set for frame in board.stored)


def test_the_service_channel_has_one_modem_of_its_own() -> None:
    air, board = an_air()
    frame = a_frame(freq_hz=868.3e6, bw_hz=250_000)
    words = outcomes(air, frame, replace(frame, who="b", power_dbm=30.0, start_ns=S + 15 * MS))
    assert words[1] == "no demodulator" and {f.modem for f in board.stored} == {16}


def test_fsk_is_heard_by_the_fsk_modem() -> None:
    air, board = an_air()
    frame = a_frame(freq_hz=868.8e6, sf=None, bitrate_bps=50_000)
    assert outcomes(air, frame) == ["received"]
    assert (board.stored[0].modem, board.stored[0].chan, board.stored[0].sf) == (17, 9, None)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        pytest.param({"freq_hz": 868.0e6}, "off channel", id="between channels"),
        pytest.param({"freq_hz": 868.1e6 + 31_000}, "received", id="quarter of the bandwidth"),
        pytest.param({"freq_hz": 868.1e6 + 32_000}, "off channel", id="beyond a quarter"),
        pytest.param({"bw_hz": 500_000}, "off channel", id="bandwidth of no channel"),
        pytest.param({"freq_hz": 868.3e6, "bw_hz": 250_000, "sf": 9}, "spreading factor not enabled", id="service SF"),
        pytest.param({"public": False}, "wrong sync word", id="private"),
        pytest.param({"invert": True}, "inverted IQ", id="downlink"),
        pytest.param({"power_dbm": -30.0}, "below sensitivity", id="weak"),
        pytest.param({"power_dbm": -80.0}, "out of reach", id="far"),
        pytest.param({"freq_hz": 868.8e6, "sf": None, "bitrate_bps": 100_000}, "off channel", id="bit rate"),
    ],
)  # fmt: skip
def test_what_a_board_does_not_hear_has_a_reason(changes: dict[str, object], word: str) -> None:
    air, board = an_air()
    assert outcomes(air, a_frame(**changes)) == [word]
    assert len(board.stored) == (word == "received")


def test_channels_that_the_driver_sets_up_later_are_heard() -> None:
    air, board = an_air()
    channels, board.channels = board.channels, []
    assert outcomes(air, a_frame()) == ["off channel"]
    board.channels = channels
    assert outcomes(air, a_frame(start_ns=S + 200 * MS)) == ["received"]


def test_disabled_correlators_hear_nothing() -> None:
    air, board = an_air()
    board.channels = [
        replace(c, sfs=(7, 8)) if c.kind is ChainKind.MULTI else c for c in board.channels
    ]
    assert outcomes(air, a_frame(sf=9), a_frame(who="b", sf=8)) == [
        "spreading factor not enabled",
        "received",
    ]


def test_a_full_fifo_is_the_reason() -> None:
    board = FakeBoard(room=1)
    air = Air(1, rules=clear())
    air.attach(board, name="gw")
    air.advance(0)
    words = outcomes(air, a_frame(), a_frame(who="b", freq_hz=868.3e6))
    assert words == ["received", "FIFO overflow"]


def test_a_crystal_that_is_off_shows_as_frequency_offset() -> None:
    air, board = an_air()
    outcomes(air, a_frame(crystal_ppm=10.0))
    assert board.stored[0].freq_offset_hz == pytest.approx(8681.0)


def test_timestamps_jitter_by_a_few_microseconds() -> None:
    air, board = an_air()
    frames = [a_frame(start_ns=S + i * S) for i in range(50)]
    outcomes(air, *frames)
    off = [heard.end_ns - frame.end_ns for heard, frame in zip(board.stored, frames, strict=True)]
    assert -4000 <= min(off) < -2000 and 2000 < max(off) <= 4000


def test_an_air_refuses_two_boards_of_one_name() -> None:
    air, _ = an_air()
    with pytest.raises(ValueError, match="already"):
        air.attach(FakeBoard(), name="gw")


def test_noise_bursts_come_at_their_rate_with_bad_crcs() -> None:
    air, board = an_air(replace(clear(), noise_bursts_per_hour=60.0))
    for minute in range(10 * 60):
        air.advance(minute * 60 * S)
    assert 500 < len(board.stored) < 700
    assert all(f.coding_rate == 0 and f.crc_present and not f.crc_ok for f in board.stored)


def test_noise_makes_no_frames_where_no_correlator_is_on() -> None:
    air, board = an_air(replace(clear(), noise_bursts_per_hour=60.0))
    board.channels = [replace(chain, enabled=False) for chain in board.channels]
    air.advance(3600 * S)
    assert not board.stored


def test_a_gap_of_a_year_costs_nothing_and_noise_goes_on() -> None:
    air, board = an_air(replace(clear(), noise_bursts_per_hour=60.0))
    year_ns = 365 * 86_400 * S
    air.advance(year_ns)
    assert len(board.stored) < 200
    air.advance(year_ns + 1800 * S)
    assert len(board.stored) > 10


def test_rules_that_nobody_knows_are_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="croce"):
        Rules(matrix="crocce")
    with pytest.raises(ValueError, match="lorasim"):
        Rules.named("lorasym")
