"""Queues, topics and announcements of sinks: without a broker."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from forwarder.edge.sinks.home_assistant import MOST_VALUES, Discovery
from forwarder.edge.sinks.topics import Topics, read_down
from forwarder.edge.values import (
    FcntState,
    LocalDownlink,
    MicState,
    PayloadState,
    RadioFacts,
    Record,
)

DEVICE = "fd4706f1288e96a0"
RECORD = Record(
    gateway="0016c001f1500812",
    time_ns=1_780_000_000_000_000_000,
    dev_addr="26c3d3ab",
    mic=MicState.OK,
    payload_state=PayloadState.DECRYPTED,
    fcnt_state=FcntState.NEW,
    raw=b"\x40",
    radio=RadioFacts(1, 868_100_000, "SF7BW125", "4/5", -80, 9.5, 0, 0),
    dev_eui=DEVICE,
    device_name="greenhouse",
    fcnt=7,
    fport=2,
    payload=b"\x01",
    decoded={"temperature": 21.5, "door": True, "mode": "eco", "raw": [1, 2]},
)


def test_records_stand_under_their_device_and_strangers_under_their_address() -> None:
    topics = Topics("edgemast", RECORD.gateway)
    assert topics.up(RECORD) == f"edgemast/{RECORD.gateway}/{DEVICE}/up"
    assert topics.up(replace(RECORD, dev_eui=None)) == f"edgemast/{RECORD.gateway}/26c3d3ab/up"
    assert topics.device(f"edgemast/{RECORD.gateway}/{DEVICE.upper()}/down") == DEVICE


@pytest.mark.parametrize(
    ("body", "downlink"),
    [
        ({"fport": 2, "payload_hex": "0a0B"}, LocalDownlink(DEVICE, 2, b"\x0a\x0b")),
        ({"fport": 2, "payload": "CgE="}, LocalDownlink(DEVICE, 2, b"\x0a\x01")),
        ({"fport": 2, "payload": ""}, LocalDownlink(DEVICE, 2, b"")),
        (
            {"fport": 9, "object": {"on": True}, "confirmed": True, "reference": "r1"},
            LocalDownlink(DEVICE, 9, None, {"on": True}, True, "r1"),
        ),
    ],
    ids=["hex", "base64", "empty", "object"],
)
def test_a_downlink_is_read_in_each_of_its_forms(
    body: dict[str, object], downlink: LocalDownlink
) -> None:
    assert read_down(DEVICE, json.dumps(body).encode()) == downlink


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"fport":1}', id="no payload"),
        pytest.param(b'{"fport":1,"payload":"AA==","payload_hex":"00"}', id="two payloads"),
        pytest.param(b'{"fport":0,"payload":"AA=="}', id="port 0 is the network's"),
        pytest.param(b'{"fport":224,"payload":"AA=="}', id="port too high"),
        pytest.param(b'{"fport":1,"payload":"A"}', id="no base64"),
        pytest.param(b'{"fport":1,"payload_hex":"0"}', id="half a byte"),
        pytest.param(b'{"fport":1,"payload_hex":"' + b"00" * 243 + b'"}', id="too long"),
        pytest.param(b'{"fport":1,"payload":"AA==","colour":1}', id="unknown field"),
        pytest.param(b'{"fport":1,"object":' + b"[" * 8000, id="too deep"),
        pytest.param(b" " * 20_000, id="too much"),
    ],
)
def test_a_downlink_that_cannot_be_sent_is_refused_with_words(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|cannot be read"):
        read_down(DEVICE, data)


@given(st.binary(max_size=200))
def test_no_downlink_request_does_worse_than_a_value_error(data: bytes) -> None:
    try:
        read_down(DEVICE, data)
    except ValueError as error:
        assert str(error)


def test_each_value_is_announced_once_with_its_unit() -> None:
    discovery = Discovery()
    told = dict(discovery.announce(RECORD, "up", "state"))
    sensor = json.loads(told[f"homeassistant/sensor/edgemast_{DEVICE}_temperature/config"])
    assert sensor["unit_of_measurement"] == "°C" and sensor["device_class"] == "temperature"
    assert sensor["value_template"] == '{{ value_json.decoded["temperature"] }}'
    assert sensor["device"]["name"] == "greenhouse"
    assert f"homeassistant/binary_sensor/edgemast_{DEVICE}_door/config" in told
    assert len(told) == 3, "a list is no sensor"
    assert dict(discovery.announce(RECORD, "up", "state")) == {}


def test_a_codec_cannot_fill_the_broker() -> None:
    many = replace(RECORD, decoded={f"v{n}": n for n in range(1000)})
    assert len(list(Discovery().announce(many, "up", "state"))) == MOST_VALUES


@given(st.dictionaries(st.text(max_size=20), st.integers() | st.text(max_size=5), max_size=8))
def test_no_name_breaks_out_of_its_topic(decoded: dict[str, object]) -> None:
    for topic, body in Discovery().announce(replace(RECORD, decoded=decoded), "up", "state"):
        assert topic.count("/") == 3 and not set(topic) & set("+#\0")
        json.loads(body)
