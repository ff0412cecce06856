"""The JSON of records: the documented example, and nothing that is not documented."""

from __future__ import annotations

import json
import re
from pathlib import Path

from forwarder.edge.records import as_dict, to_json
from forwarder.edge.values import (
    FcntState,
    KeyOrigin,
    MicState,
    PayloadState,
    RadioFacts,
    Record,
)

DOCUMENT = (Path(__file__).parents[2] / "docs" / "local-mode.md").read_text(encoding="utf-8")
RECORD = Record(
    gateway="0016c001f1500812",
    time_ns=1_795_429_230_123_456_789,
    dev_addr="26011bda",
    mic=MicState.OK,
    payload_state=PayloadState.DECRYPTED,
    fcnt_state=FcntState.NEW,
    raw=bytes.fromhex("40da1b01268071 1102deadbeefc0ffee42"),
    radio=RadioFacts(3512348611, 868_100_000, "SF7BW125", "4/5", -97, 4.5, 2, 0),
    dev_eui="0011223344556677",
    device_name="cellar",
    fcnt=70001,
    fport=2,
    payload=bytes.fromhex("08345678"),
    decoded={"temperature": 21.0},
    key_origin=KeyOrigin.TUNNEL,
    session="5f0e7ad1c6b2a934",
    dedup="da1b0126807111c0ffee42",
)


def test_the_documented_example_is_what_is_written() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    assert json.loads(example) == json.loads(to_json(RECORD))
    assert list(json.loads(example)) == list(as_dict(RECORD))


def test_every_field_and_every_state_is_documented() -> None:
    for name in as_dict(RECORD):
        assert f"`{name}`" in DOCUMENT
    for state in (*MicState, *PayloadState, *FcntState, *KeyOrigin):
        assert f"`{state.value}`" in DOCUMENT, state


def test_what_a_codec_made_that_json_does_not_have_does_not_cost_the_record() -> None:
    from msgspec.structs import replace

    odd = replace(RECORD, decoded={"a": {1, 2}, "b": object()})
    assert json.loads(to_json(odd))["dev_eui"] == RECORD.dev_eui
