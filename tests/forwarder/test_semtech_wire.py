"""The worked examples of the protocol, and everything that is no datagram."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.semtech_udp import wire
from forwarder.links.semtech_udp.wire import Datagram, Kind, ProtocolError, parse_json

from .semtech_makers import GATEWAY

# semtech-udp.md 1.8
EXAMPLES = [
    pytest.param(wire.push_ack(0x3AC1), "023ac101", id="PUSH_ACK"),
    pytest.param(wire.pull_data(0x7710, GATEWAY), "027710020016c001f1500812", id="PULL_DATA"),
    pytest.param(wire.pull_ack(0x7710), "02771004", id="PULL_ACK"),
    pytest.param(wire.tx_ack(0xBEEF, GATEWAY), "02beef050016c001f1500812", id="TX_ACK"),
    pytest.param(
        wire.tx_ack(0xBEEF, GATEWAY, '{"txpk_ack":{"error":"TOO_LATE"}}'),
        "02beef050016c001f1500812" + b'{"txpk_ack":{"error":"TOO_LATE"}}'.hex(),
        id="TX_ACK refused",
    ),
    pytest.param(
        wire.push_data(0x3AC1, GATEWAY, "{}"), "023ac1000016c001f15008127b7d", id="PUSH_DATA"
    ),
    pytest.param(wire.pull_resp(0xBEEF, "{}"), "02beef037b7d", id="PULL_RESP"),
]


@pytest.mark.parametrize(("datagram", "expected"), EXAMPLES)
def test_datagrams_are_those_of_the_worked_examples(datagram: bytes, expected: str) -> None:
    assert datagram.hex() == expected


@given(
    st.sampled_from(Kind), st.integers(0, 0xFFFF), st.binary(min_size=8, max_size=8), st.binary()
)
def test_what_is_encoded_is_decoded(kind: Kind, token: int, gateway: bytes, body: bytes) -> None:
    from_gateway = kind in (Kind.PUSH_DATA, Kind.PULL_DATA, Kind.TX_ACK)
    datagram = Datagram(
        kind,
        token,
        gateway if from_gateway else b"",
        b"" if kind is Kind.PULL_DATA else body.rstrip(b"\0"),
    )
    assert Datagram.decode(datagram.encode()) == datagram


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x02\x00\x00", id="three bytes"),
        pytest.param(b"\x00\x00\x00\x03{}", id="version 0"),
        pytest.param(b"\x03\x00\x00\x03{}", id="version 3"),
        pytest.param(b"\x02\x00\x00\x06", id="unknown kind"),
        pytest.param(b"\x02\x00\x00\x00\x01\x02", id="half an EUI"),
        pytest.param(b"\x02\x00\x00\x02" + bytes(9), id="PULL_DATA of 13 bytes"),
        pytest.param(b"\x02\x00\x00\x02" + bytes(7), id="PULL_DATA of 11 bytes"),
    ],
)
def test_what_is_no_datagram_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Datagram.decode(data)


def test_a_pull_resp_of_version_1_is_read() -> None:
    assert Datagram.decode(b"\x01\x00\x00\x03{}") == Datagram(Kind.PULL_RESP, 0, b"", b"{}", 1)


def test_a_string_terminator_is_no_part_of_the_json() -> None:
    assert Datagram.decode(b"\x02\x00\x00\x03{}\0\0").body == b"{}"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_datagram_or_a_protocol_error(data: bytes) -> None:
    try:
        Datagram.decode(data)
    except ProtocolError as error:
        assert str(error)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"NaN", b"1e999", b'"\xff"', b"{} x", b"[" * 60_000, b'{"a":' * 10_000],
    ids=["empty", "half", "NaN", "too large", "no UTF-8", "more", "deep array", "deep object"],
)
def test_what_is_no_json_is_a_protocol_error(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_json(text)


@given(st.binary(max_size=100))
def test_any_body_is_json_or_a_protocol_error(text: bytes) -> None:
    try:
        parse_json(text)
    except ProtocolError as error:
        assert str(error)
