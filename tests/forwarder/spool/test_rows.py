"""An uplink as bytes for the disk."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.packets import Uplink
from forwarder.spool.kind import Unreadable
from forwarder.spool.rows import Row, decode, encode
from hal.frames import Crc, RxFrame
from hal.modulation import Fsk, LoRa

from . import makers

WHOLE = st.integers(-(2**62), 2**62)
LEVEL = st.floats(-200, 100)
FRAMES = st.builds(
    RxFrame,
    payload=st.binary(max_size=255),
    counter_us=WHOLE,
    freq_hz=st.integers(0, 2**32),
    modulation=st.builds(LoRa, st.integers(5, 12)) | st.builds(Fsk, st.integers(500, 250_000)),
    crc=st.sampled_from(Crc),
    if_chain=st.integers(0, 9),
    rf_chain=st.integers(0, 1),
    modem=st.integers(0, 255),
    rssi_channel_dbm=LEVEL,
    rssi_signal_dbm=LEVEL | st.none(),
    snr_db=LEVEL | st.none(),
    freq_offset_hz=WHOLE,
    fine_time_ns=WHOLE | st.none(),
)
UPLINKS = st.builds(
    Uplink,
    FRAMES,
    utc_ns=WHOLE | st.none(),
    gps_ms=WHOLE | st.none(),
    ghost=st.booleans(),
    session=st.binary(max_size=4),
)


@given(UPLINKS)
def test_what_comes_back_is_what_went(uplink: Uplink) -> None:
    back = decode(encode(uplink), received_ns=7)
    assert back == replace(uplink, received_ns=7)


def test_no_field_of_an_uplink_is_forgotten() -> None:
    known = {field.name for kind in (Uplink, RxFrame) for field in fields(kind)}
    assert known - {"frame", "received_ns"} == set(Row.__struct_fields__)


@given(st.binary(max_size=200))
def test_bytes_from_anywhere_are_an_uplink_or_refused(data: bytes) -> None:
    with suppress(Unreadable):
        decode(data, received_ns=None)


@pytest.mark.parametrize("size", [0, 1, 20, 60])
def test_half_a_row_is_refused(size: int) -> None:
    with pytest.raises(Unreadable):
        decode(encode(makers.uplink())[:size], received_ns=None)
