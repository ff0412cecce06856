"""Fine timestamps: PPS history, crystal, preamble, metrics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hal.sx1302.fine_time import HISTORY, PpsHistory, dc_notch_delay, fine_time_ns

from ..shared import shared

SECOND = 32_000_000
WRAP = 1 << 32
DATA = Path(__file__).parents[1] / "data"
NO_SHIFT = bytes(4)
HEADER_SF7 = 256 * 128 * 12 + 256 * 31 - 2138  # ticks from the preamble's end to the timestamp


def edges(newest: int, *, count: int = HISTORY, period: int = SECOND) -> PpsHistory:
    history = PpsHistory()
    for age in range(count - 1, -1, -1):
        history.capture((newest - age * period) % WRAP)
    return history


def fine(ticks: int, pps: PpsHistory, *, sf: int = 7, metrics: bytes = NO_SHIFT) -> int | None:
    """With no frequency error and a channel outside the notch."""
    return fine_time_ns(ticks % WRAP, sf, metrics, 0.0, 200_000, pps)


def test_the_end_of_the_preamble_is_told_in_nanoseconds_since_the_edge() -> None:
    assert fine(10 * SECOND + HEADER_SF7 + 3_200, edges(10 * SECOND)) == 100_000


def test_fifteen_edges_are_too_few() -> None:
    at = 10 * SECOND + HEADER_SF7 + 3_200
    assert fine(at, edges(10 * SECOND, count=15)) is None
    assert fine(at, edges(10 * SECOND, count=16)) is not None


def test_reading_the_same_edge_again_adds_nothing() -> None:
    history = edges(10 * SECOND, count=15)
    for _ in range(10):
        history.capture(10 * SECOND)
    assert history.reference(10 * SECOND + 5) is None


def test_a_frame_older_than_the_newest_edge_counts_from_its_own() -> None:
    at = 9 * SECOND + HEADER_SF7 + 3_200
    assert fine(at, edges(10 * SECOND)) == 100_000


def test_a_frame_in_the_second_before_the_newest_edge_has_that_seconds_crystal() -> None:
    history = edges(9 * SECOND)
    history.capture(10 * SECOND + 3_200)  # this second had 100 ppm more ticks
    assert history.reference(9 * SECOND + 5) == (9 * SECOND, SECOND / (SECOND + 3_200))
    assert history.reference(10 * SECOND + 3_205) == (
        10 * SECOND + 3_200,
        SECOND / (SECOND + 3_200),
    )
    assert history.reference(8 * SECOND + 5) == (8 * SECOND, 1.0)


def test_a_frame_older_than_the_whole_history_has_no_fine_time() -> None:
    assert edges(20 * SECOND).reference(4 * SECOND) is None


def test_the_counter_may_wrap_between_edge_and_frame() -> None:
    assert fine(HEADER_SF7 + 3_100, edges(WRAP - 100)) == 100_000


def test_a_fast_crystal_is_corrected() -> None:
    period = SECOND + 320  # 10 ppm
    at = 10 * SECOND + period // 2
    assert fine(at + HEADER_SF7, edges(10 * SECOND, period=period)) == 500_000_000


def test_a_missed_edge_gives_no_fine_time() -> None:
    history = edges(9 * SECOND)
    history.capture(11 * SECOND)
    assert fine(11 * SECOND + HEADER_SF7 + 5, history) is None


def test_the_metrics_shift_by_the_mean_of_their_running_sum() -> None:
    # 1, 0, -2, -2 are the running sums of 1, -1, -2, 0: the mean is -0.75 ticks.
    shifted = fine(
        10 * SECOND + HEADER_SF7 + 3_200, edges(10 * SECOND), metrics=b"\x01\xff\xfe\x00"
    )
    assert shifted == int((3_200 - 0.75) * 31.25)


@pytest.mark.parametrize(("sf", "pairs"), [(12, 4), (11, 8), (10, 16), (9, 32), (5, 32)])
def test_only_the_first_metrics_count_for_slow_symbols(sf: int, pairs: int) -> None:
    at, pps = 10 * SECOND + SECOND // 2, edges(10 * SECOND)
    quiet = fine(at, pps, sf=sf, metrics=bytes(2 * pairs))
    assert quiet is not None
    assert fine(at, pps, sf=sf, metrics=bytes(2 * pairs) + b"\x7f" * 2) == quiet
    assert fine(at, pps, sf=sf, metrics=bytes(2 * pairs - 1) + b"\x7f" * 3) != quiet


def test_without_metrics_there_is_no_fine_time() -> None:
    assert fine(10 * SECOND + HEADER_SF7, edges(10 * SECOND), metrics=b"") is None


def test_a_frame_sent_off_frequency_had_another_header_length() -> None:
    pps = edges(10 * SECOND)
    at = 10 * SECOND + HEADER_SF7 + 3_200
    exact = fine_time_ns(at, 7, NO_SHIFT, 0.0, 200_000, pps)
    fast = fine_time_ns(at, 7, NO_SHIFT, 1e-5, 200_000, pps)
    assert exact is not None and fast is not None
    assert exact - fast == pytest.approx((HEADER_SF7 + 2138) * 1e-5 * 31.25, abs=32)


def test_the_notch_filter_delays_as_in_the_c_library() -> None:
    for row in json.loads((DATA / "codec.json").read_text())["dc_notch_delay"]:
        assert dc_notch_delay(row["if_khz"] * 1000) == pytest.approx(row["ticks"], abs=1e-9)


def test_the_notch_filter_delays_as_in_every_row_of_the_c_library() -> None:
    for row in json.loads(shared("golden/misc.json").read_text())["dc_notch_delay"]:
        assert dc_notch_delay(row["if_khz"] * 1000) == pytest.approx(row["ticks"], abs=1e-9)


def test_the_notch_delays_channels_near_the_centre_only() -> None:
    pps, at = edges(10 * SECOND), 10 * SECOND + HEADER_SF7 + 3_200
    centre = fine_time_ns(at, 7, NO_SHIFT, 0.0, 0, pps)
    assert centre == int((3_200 + 10.2922) * 31.25)
