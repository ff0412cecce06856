"""Raw readings to dBm and Hz."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hal.sx1302.rssi import freq_error_hz, fsk_linear, if_error_hz, temperature_offset_db

from ..shared import shared

VECTORS = json.loads((Path(__file__).parents[1] / "data/codec.json").read_text())


def _check_temperatures(table: dict[str, object]) -> None:
    rows = table["rows"]
    assert isinstance(rows, list) and rows
    c, d = table["coeff_c"], table["coeff_d"]
    assert isinstance(c, float) and isinstance(d, float)
    for celsius, offset_db in rows:
        found = temperature_offset_db((0.0, 0.0, c, d, 0.0), celsius)
        assert found == pytest.approx(offset_db, abs=1e-6)


def test_temperature_shifts_rssi_as_in_the_c_library() -> None:
    _check_temperatures(VECTORS["rssi_temperature_offset"])


def test_temperature_shifts_rssi_in_every_row_of_the_c_library() -> None:
    golden = json.loads(shared("golden/misc.json").read_text())
    _check_temperatures(golden["rssi_temperature_offset"])


def test_every_coefficient_of_the_temperature_polynomial_counts_at_its_power() -> None:
    assert temperature_offset_db((1, 2, 3, 4, 5), 10) * 65_536 == 12_345


@pytest.mark.parametrize(
    # a0; a0 + a1 + a2 + a3; and two whose powers are round.
    ("raw", "linear"),
    [(0, 90.636423), (1, 91.064361), (100, 178.009923), (200, 251.963423)],
)
def test_fsk_readings_become_linear(raw: int, linear: float) -> None:
    assert fsk_linear(raw) == pytest.approx(linear, abs=1e-9)


@pytest.mark.parametrize(
    ("raw", "bw_hz", "error_hz"),
    [
        (0, 125_000, 0),
        (8, 125_000, 0),
        (9, 125_000, 1),
        (-9, 125_000, -1),
        (-9_000, 125_000, -1_072),
        (-524_288, 125_000, -62_500),
        (1_000, 250_000, 238),
        (-5_000, 500_000, -2_384),
        # 62499.88 in single precision, which has 1/256 Hz left up there.
        (524_287, 125_000, 62_499),
    ],
)
def test_frequency_errors_truncate_towards_zero(raw: int, bw_hz: int, error_hz: int) -> None:
    assert freq_error_hz(raw, bw_hz) == error_hz


@pytest.mark.parametrize(
    ("if_hz", "error_hz"),
    [(-400_000, -98), (400_000, 98), (200_000, 293), (-200_000, -293), (0, 0), (300_000, 196)],
)
def test_the_if_word_misses_the_if_by_up_to_488_hz(if_hz: int, error_hz: int) -> None:
    assert if_error_hz(if_hz) == error_hz
