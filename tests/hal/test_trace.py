from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.errors import TransportError
from hal.transport.base import Command, Modify, Op, Read, Target, Write
from hal.transport.trace import RecordingTransport, ReplayTransport, TraceMismatch
from tests.hal.bus_models import ByteChip
from tests.hal.test_mcu import operations

OPS: list[Op] = [
    Write(0x5643, b"\x01"),
    Read(0x5606, 2),
    Modify(0x5601, 0x10, 0x10),
    Command(Target.RADIO_A, 0xC0, b"\0"),
]


class ChipTransport:
    """A chip model at the seam, that can be told to fail."""

    uri = "chip:"

    def __init__(self) -> None:
        self.chip = ByteChip()
        self.fails = False
        self.closed = False

    def transfer(self, ops: list[Op] | tuple[Op, ...] | object) -> list[bytes]:
        if self.fails:
            raise TransportError("the cable is out")
        assert isinstance(ops, list)
        return [self.chip.do(op) for op in ops]

    def reset(self, hold_s: float = 0.1) -> None:
        pass

    def temperature_c(self) -> float | None:
        return 21.5

    def close(self) -> None:
        self.closed = True


def recorded(path: Path, ops: list[Op]) -> list[bytes]:
    recorder = RecordingTransport(ChipTransport(), path)
    results = recorder.transfer(ops)
    recorder.close()
    return results


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(operations, st.booleans())
def test_a_recording_played_back_gives_the_same_answers(
    tmp_path: Path, ops: list[Op], one_by_one: bool
) -> None:
    results = recorded(tmp_path / "trace", ops)
    replay = ReplayTransport(tmp_path / "trace")
    if one_by_one:
        assert [replay.transfer([op])[0] for op in ops] == results
    else:
        assert replay.transfer(ops) == results
    assert replay.left == 0


def test_a_trace_is_lines_of_json_in_the_words_of_the_recorded_start_ups(tmp_path: Path) -> None:
    recorded(tmp_path / "trace", OPS)
    lines = [json.loads(line) for line in (tmp_path / "trace").read_text().splitlines()]
    assert lines == [
        {"op": "w", "addr": "0x5643", "data": "01", "m": 1},
        {"op": "r", "addr": "0x5606", "len": 2, "m": 1, "got": "0000"},
        {"op": "rmw", "addr": "0x5601", "mask": "10", "value": "10", "m": 1, "got": "00"},
        {"op": "cmd", "tgt": "radio_a", "code": "0xc0", "tx": "00", "m": 1, "got": "01"},
    ]


def test_the_first_difference_is_told_with_its_line(tmp_path: Path) -> None:
    recorded(tmp_path / "trace", OPS)
    replay = ReplayTransport(tmp_path / "trace")
    with pytest.raises(TraceMismatch, match=r"line 2: recorded r 0x5606 2, asked for r 0x5607 2"):
        replay.transfer([OPS[0], Read(0x5607, 2)])


def test_the_end_of_a_trace_is_told(tmp_path: Path) -> None:
    recorded(tmp_path / "trace", OPS[:1])
    replay = ReplayTransport(tmp_path / "trace")
    with pytest.raises(TraceMismatch, match="ends after 1 lines; asked for r 0x5606 2"):
        replay.transfer(OPS[:2])


def test_reset_temperature_and_failures_are_played_back_too(tmp_path: Path) -> None:
    inner = ChipTransport()
    recorder = RecordingTransport(inner, tmp_path / "trace")
    recorder.reset()
    recorder.temperature_c()
    inner.fails = True
    with pytest.raises(TransportError):
        recorder.transfer(OPS)
    recorder.close()
    assert inner.closed

    replay = ReplayTransport(tmp_path / "trace")
    replay.reset()
    assert replay.temperature_c() == 21.5
    with pytest.raises(TransportError, match="the cable is out"):
        replay.transfer(OPS)
    assert replay.left == 0
    replay.close()


@pytest.mark.parametrize(
    "text",
    ["not json", "[]", "{}", '{"op":"r","got":"xyz"}', "[" * 50_000, "null"],
)
def test_a_file_that_is_no_trace_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trace"
    path.write_text('{"op":"reset"}\n' + text)
    with pytest.raises(ValueError, match="line 2: not a line of a trace"):
        ReplayTransport(path)
