"""The status report has the reference's fields, order and formats, and counts one interval."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.semtech_udp.stat import Totals, stat_text
from forwarder.packets import Position

BEFORE = Totals(10, 9, 3, 8, 100, 90, 4)
AFTER = Totals(15, 12, 5, 11, 108, 97, 5)


def test_the_report_is_the_references_text_with_position_and_temperature() -> None:
    text = stat_text(
        BEFORE,
        AFTER,
        utc_s=1_400_000_000.9,
        temperature_c=25.04,
        position=Position(48.137, -11.575, 519),
    )
    assert text == (
        '{"stat":{"time":"2014-05-13 16:53:20 GMT","lati":48.13700,"long":-11.57500,"alti":519,'
        '"rxnb":5,"rxok":3,"rxfw":3,"ackr":87.5,"dwnb":1,"txnb":2,"temp":25.0}}'
    )


def test_what_is_unknown_is_left_out() -> None:
    assert stat_text(BEFORE, AFTER, utc_s=0) == (
        '{"stat":{"time":"1970-01-01 00:00:00 GMT",'
        '"rxnb":5,"rxok":3,"rxfw":3,"ackr":87.5,"dwnb":1,"txnb":2}}'
    )


@pytest.mark.parametrize("reading", [float("nan"), float("inf")])
def test_a_temperature_that_is_no_number_is_left_out(reading: float) -> None:
    assert (
        "temp" not in json.loads(stat_text(BEFORE, AFTER, utc_s=0, temperature_c=reading))["stat"]
    )


@pytest.mark.parametrize(
    ("sent", "acknowledged", "ackr"), [(0, 0, 100.0), (3, 0, 0.0), (3, 1, 33.3), (3, 4, 100.0)]
)
def test_the_ack_ratio_is_a_percentage_whatever_came(
    sent: int, acknowledged: int, ackr: float
) -> None:
    text = stat_text(Totals(), Totals(pushed=sent, acknowledged=acknowledged), utc_s=0)
    assert json.loads(text)["stat"]["ackr"] == ackr
    assert f'"ackr":{ackr:.1f},' in text


@given(st.floats(0, 4e9), st.floats(-90, 90), st.floats(-180, 180), st.integers(-400, 9000))
def test_any_report_is_json_with_a_whole_altitude(
    utc_s: float, latitude: float, longitude: float, altitude: int
) -> None:
    where = Position(latitude, longitude, altitude)
    read = json.loads(stat_text(BEFORE, AFTER, utc_s=utc_s, position=where))["stat"]
    assert type(read["alti"]) is int and abs(read["lati"] - latitude) < 1e-5
