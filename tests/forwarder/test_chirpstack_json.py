"""Our JSON is protobuf's: the library reads it back as the message, and prints the same itself."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, Parse
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.chirpstack import gw_pb2, gw_v3_pb2
from forwarder.links.chirpstack.json_text import to_json

texts = st.text(max_size=8)
words = st.integers(0, 2**32 - 1)
lora = st.builds(
    gw_pb2.LoraModulationInfo,
    bandwidth=words,
    spreading_factor=words,
    code_rate=st.integers(0, 20),
    no_crc=st.booleans(),
)
modulations = st.builds(gw_pb2.Modulation, lora=lora) | st.builds(
    gw_pb2.Modulation, fsk=st.builds(gw_pb2.FskModulationInfo, datarate=words)
)
durations = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9 - 1)).map(
    lambda parts: {"seconds": parts[0], "nanos": parts[1]}
)
stats = st.builds(
    gw_pb2.GatewayStats,
    gateway_id=texts,
    metadata=st.dictionaries(texts, texts, max_size=3),
    rx_packets_per_frequency=st.dictionaries(words, words, max_size=3),
    rx_packets_received=words,
    tx_packets_per_modulation=st.lists(
        st.builds(gw_pb2.PerModulationCount, modulation=modulations, count=words), max_size=3
    ),
    location=st.none()
    | st.builds(
        gw_pb2.Location,
        latitude=st.floats(allow_nan=False),
        accuracy=st.floats(width=32, allow_nan=False),
        source=st.integers(0, 9),
    ),
    time=st.none() | durations,
)
rx_infos = st.builds(
    gw_v3_pb2.UplinkRxInfo,
    gateway_id=st.binary(max_size=8),
    time_since_gps_epoch=st.none() | durations,
    rssi=st.integers(-(2**31), 2**31 - 1),
    lora_snr=st.floats(allow_nan=False),
    crc_status=st.integers(0, 2),
)
v3_frames = st.builds(gw_v3_pb2.UplinkFrame, phy_payload=st.binary(), rx_info=rx_infos)
v3_acks = st.builds(
    gw_v3_pb2.DownlinkTxAck,
    token=words,
    items=st.lists(st.builds(gw_v3_pb2.DownlinkTxAckItem, status=st.integers(0, 12)), max_size=3),
)


def same(left: Any, right: Any) -> bool:
    """Equal JSON; numbers that are the same as a float of 32 bits are the same."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-6)
    return bool(left == right)


@given(stats | v3_frames | v3_acks)
def test_it_is_what_the_library_prints_and_reads(message: Message) -> None:
    text = to_json(message)
    assert same(json.loads(text), MessageToDict(message))
    again = Parse(text, type(message)())
    assert again.SerializeToString(deterministic=True) == message.SerializeToString(
        deterministic=True
    )


@given(stats | v3_frames | v3_acks)
def test_with_defaults_it_is_what_the_library_prints_with_them(message: Message) -> None:
    theirs = MessageToDict(message, always_print_fields_with_no_presence=True)
    assert same(json.loads(to_json(message, defaults=True)), theirs)


@pytest.mark.parametrize(
    ("value", "word"), [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN")]
)
def test_numbers_that_json_has_not_are_words(value: float, word: str) -> None:
    assert to_json(gw_pb2.Location(latitude=value)) == f'{{"latitude":"{word}"}}'
