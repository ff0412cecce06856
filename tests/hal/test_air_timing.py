"""The air's own time on air, against the published table and against the driver's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.airtime import airtime_us
from hal.modulation import LoRa
from hal.sim.air.timing import default_preamble, lora_timing

# 125 kHz, CR 4/5, explicit header, CRC, preamble 8; milliseconds by SF, from SF7 (radio-sim.md 2.4;
# LoRaSim, ns-3 and The Things Stack agree where they have the value).
TABLE_MS = {
    12: (41.216, 82.432, 144.384, 288.768, 577.536, 1155.072),
    20: (56.576, 102.912, 185.344, 370.688, 741.376, 1318.912),
    23: (61.696, 113.152, 205.824, 370.688, 823.296, 1482.752),
    51: (102.656, 184.832, 328.704, 616.448, 1314.816, 2465.792),
}


@pytest.mark.parametrize("size", TABLE_MS)
def test_time_on_air_is_the_published_one(size: int) -> None:
    ours = [lora_timing(sf, 125_000, 1, size, 8, True, False).end_ns for sf in range(7, 13)]
    assert ours == [round(ms * 1e6) for ms in TABLE_MS[size]]


def test_low_data_rate_follows_the_symbol_and_not_the_spreading_factor() -> None:
    assert lora_timing(11, 250_000, 1, 20, 8, True, False).end_ns == 329_728_000


@given(
    sf=st.integers(5, 12),
    bw_hz=st.sampled_from([125_000, 250_000, 500_000]),
    coding_rate=st.integers(1, 4),
    size=st.integers(0, 255),
    preamble=st.integers(6, 20),
    crc=st.booleans(),
    implicit=st.booleans(),
)
@settings(max_examples=300, derandomize=True, deadline=None, database=None)
def test_the_driver_and_the_air_agree_to_the_microsecond(
    sf: int, bw_hz: int, coding_rate: int, size: int, preamble: int, crc: bool, implicit: bool
) -> None:
    ours = lora_timing(sf, bw_hz, coding_rate, size, preamble, crc, implicit)
    theirs = airtime_us(
        LoRa(sf, bw_hz, coding_rate), size, preamble=preamble, crc=crc, implicit_header=implicit
    )
    assert abs(ours.end_ns / 1000 - theirs) <= 1
    assert 0 < ours.preamble_ns < ours.header_ns <= ours.end_ns


def test_preambles_have_the_default_of_their_spreading_factor() -> None:
    assert [default_preamble(sf) for sf in (5, 6, 7, 12)] == [12, 12, 8, 8]
