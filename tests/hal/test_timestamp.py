"""Corrections from the chip's timestamp to the end of the frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hal.airtime import payload_symbols
from hal.modulation import LoRa
from hal.sx1302.timestamp import correction_us, fsk_correction_us

from ..shared import shared

VECTORS = json.loads((Path(__file__).parents[1] / "data/timestamp_corrections.json").read_text())


@pytest.mark.parametrize("row", VECTORS["rows"], ids=lambda row: f"SF{row['sf']}BW{row['bw']}")
def test_corrections_are_those_of_the_c_library(row: dict[str, Any]) -> None:
    modulation = LoRa(row["sf"], row["bw"] * 1000, row["cr"])
    crc = bool(row["crc"])
    for size, legacy, precision in zip(row["sizes"], row["legacy"], row["precision"], strict=True):
        assert correction_us(modulation, size, crc, precision=False) == legacy
        assert correction_us(modulation, size, crc, precision=True) == precision


def test_the_whole_table_of_the_c_library() -> None:
    golden = json.loads(shared("golden/timestamp-correction.json").read_text())
    for row in golden["rows"]:
        modulation = LoRa(row["sf"], row["bw"] * 1000, row["cr"])
        low_rate_of_c = row["sf"] >= 11
        for column, size in enumerate(golden["payload_sizes"]):
            assert correction_us(modulation, size, row["crc"], False) == row["legacy"][column]
            if low_rate_of_c == modulation.low_data_rate:
                found = correction_us(modulation, size, row["crc"], True)
                assert found == row["precision"][column]


@pytest.mark.parametrize(("sf", "bw_hz"), [(11, 250_000), (11, 500_000), (12, 500_000)])
def test_precision_counts_the_symbols_that_the_modem_really_used(sf: int, bw_hz: int) -> None:
    modulation = LoRa(sf, bw_hz)
    symbol_us = (1_000_000 << sf) // bw_hz
    filters_us = 16 * 125_000 / bw_hz + 2.53125
    expected = int(payload_symbols(modulation, 20) * symbol_us - filters_us)
    assert correction_us(modulation, 20, crc=True, precision=True) == expected


@pytest.mark.parametrize("coding_rate", [0, 5, 7])
def test_a_coding_rate_that_makes_no_sense_corrects_nothing(coding_rate: int) -> None:
    assert correction_us(LoRa(7, 125_000, coding_rate), 10, crc=True, precision=False) == 0


def test_fsk_depends_on_the_bit_rate_alone() -> None:
    assert fsk_correction_us(50_000) == -7
    assert fsk_correction_us(1_200) == 546
