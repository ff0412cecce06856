from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.errors import TransportError
from hal.transport import mcu
from hal.transport.base import Command, Modify, Op, Read, Target, Write
from tests.hal.bus_models import (
    BridgeModel,
    ByteChip,
    GoldenChip,
    golden_answers,
    golden_lines,
    golden_ops,
)
from tests.shared import shared

addresses = st.integers(0x4001, 0x7000)
writes = st.builds(Write, addresses, st.binary(min_size=1, max_size=80))
reads = st.builds(Read, addresses, st.integers(1, 80))
bursts = st.builds(Read, st.just(0x1000), st.integers(4000, 9000))
loads = st.builds(
    lambda size, fill: Write(0x0, bytes((fill,)) * size),
    st.integers(4000, 9000),
    st.integers(0, 255),
)
changes = st.builds(
    lambda a, m, v: Modify(a, m, v & m), addresses, st.integers(0, 255), st.integers(0, 255)
)
commands = st.builds(
    Command,
    st.sampled_from([Target.RADIO_A, Target.RADIO_B, Target.SX1261]),
    st.integers(0, 255),
    st.binary(max_size=20),
)
operations = st.lists(st.one_of(writes, reads, changes, commands, bursts, loads), max_size=12)


def do(ops: list[Op], bridge: Callable[[bytes], bytes]) -> list[bytes]:
    dialogue = mcu.Dialogue()
    results = [b""] * len(ops)
    for batch in mcu.pack(ops):
        answer = dialogue.feed(bridge(dialogue.request(mcu.Code.SPI, batch.payload)))
        assert answer is not None
        batch.decode(answer, ops, results)
    return results


@given(operations)
def test_operations_through_a_bridge_do_what_they_do_one_by_one(ops: list[Op]) -> None:
    direct, bridged = ByteChip(), ByteChip()
    assert do(ops, BridgeModel(bridged).answer) == [direct.do(op) for op in ops]
    assert bridged.memory == direct.memory
    assert bridged.commands == direct.commands


@given(operations)
def test_no_request_and_no_answer_is_longer_than_the_bridge_can_hold(ops: list[Op]) -> None:
    bridge = BridgeModel()
    for batch in mcu.pack(ops):
        assert batch.size == len(batch.payload) <= 4200
        assert len(bridge.answer(mcu.encode(1, 5, batch.payload))) <= 4 + len(batch.payload)


def test_what_fits_into_one_message_is_one_message() -> None:
    assert len(mcu.pack([Write(0x5600, b"\0")] * 255)) == 1
    assert len(mcu.pack([Write(0x5600, b"\0")] * 256)) == 2
    assert [batch.size for batch in mcu.pack([Write(0x5300, bytes(250))] * 17)] == [258 * 16, 258]
    assert mcu.pack([]) == []


@pytest.mark.parametrize(("size", "messages"), [(88, 1), (89, 2)])
def test_a_message_is_filled_to_its_last_byte(size: int, messages: int) -> None:
    assert len(mcu.pack([Write(0x0, bytes(4096)), Write(0x5300, bytes(size))])) == messages


def test_a_burst_is_cut_at_4096_bytes_and_its_address_advances() -> None:
    first, second = mcu.pack([Write(0x2000, bytes(8192))])
    assert first.payload[:8] == bytes.fromhex("00 01 00 1003 00a000")
    assert second.payload[:8] == bytes.fromhex("00 01 00 1003 00b000")


def test_the_fifo_keeps_its_address_through_pieces() -> None:
    first, second = mcu.pack([Read(0x4000, 4300)])
    assert first.payload[5:9] == second.payload[5:9] == bytes.fromhex("00400000")
    assert second.size == 5 + 4 + (4300 - 4096)


def test_the_layout_of_every_kind_of_entry() -> None:
    ops: list[Op] = [
        Write(0x5643, b"\x01"),
        Read(0x5606, 1),
        Modify(0x5601, 0x10, 0x10),
        Command(Target.RADIO_B, 0xC0, b"\0"),
        Command(Target.SX1261, 0xC0, b"\0"),
    ]
    (batch,) = mcu.pack(ops)
    assert batch.payload == bytes.fromhex(
        "00 01 00 0004 00 d643 01"
        "01 01 00 0005 00 5606 00 00"
        "02 02 5601 10 10"
        "03 01 00 0003 02 c0 00"
        "04 01 01 0002 c0 00"
    )


@pytest.mark.parametrize(
    "op",
    [
        pytest.param(Write(0x8000, b"\0"), id="address of 16 bits"),
        pytest.param(Read(0x7FFF, 2), id="burst over the end"),
        pytest.param(Read(-1, 1), id="negative address"),
        pytest.param(Read(0, -1), id="negative size"),
        pytest.param(Modify(0x5600, 0x0F, 0x10), id="value outside its mask"),
        pytest.param(Modify(0x5600, 0x1FF, 0), id="mask of nine bits"),
        pytest.param(Command(Target.SX1302, 0, b""), id="command to the base band chip"),
        pytest.param(Command(Target.SX1261, 0, bytes(5000)), id="endless command"),
    ],
)
def test_misuse_is_refused_before_anything_is_sent(op: Op) -> None:
    with pytest.raises(ValueError):
        mcu.pack([Write(0x5600, b"\0"), op])


# Answers that are wrong.


def spi_answer(ops: list[Op]) -> tuple[mcu.Batch, bytearray]:
    (batch,) = mcu.pack(ops)
    return batch, bytearray(BridgeModel().answer(mcu.encode(7, 5, batch.payload))[4:])


TWO: list[Op] = [Write(0x5600, b"\0"), Modify(0x5601, 1, 1)]


@pytest.mark.parametrize(
    ("status", "word"), [(1, "failed"), (2, "wrong parameter"), (3, "timed out"), (9, "status 9")]
)
def test_a_status_names_the_operation_that_failed(status: int, word: str) -> None:
    batch, answer = spi_answer(TWO)
    answer[9 + 2] = status
    with pytest.raises(TransportError, match=rf"operation 2 of 2 \(change of 0x5601.*{word}"):
        batch.decode(bytes(answer), TWO, [b"", b""])


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 1), (1, 2), (4, 5), (9, 0), (10, 1)],
    ids=["id", "kind", "size", "second id", "second kind"],
)
def test_an_entry_out_of_place_is_refused(at: int, value: int) -> None:
    batch, answer = spi_answer(TWO)
    answer[at] = value
    with pytest.raises(TransportError):
        batch.decode(bytes(answer), TWO, [b"", b""])


@pytest.mark.parametrize(
    "change", [lambda a: a[:-1], lambda a: a + b"\0", lambda a: b""], ids=["short", "long", "none"]
)
def test_an_answer_of_the_wrong_length_is_refused(change: Callable[[bytes], bytes]) -> None:
    batch, answer = spi_answer(TWO)
    with pytest.raises(TransportError):
        batch.decode(change(bytes(answer)), TWO, [b"", b""])


@given(operations, st.data())
def test_a_damaged_answer_raises_transport_error_or_nothing(
    ops: list[Op], data: st.DataObject
) -> None:
    for batch in mcu.pack(ops):
        answer = bytearray(BridgeModel().answer(mcu.encode(1, 5, batch.payload))[4:])
        at = data.draw(st.integers(0, len(answer) - 1))
        answer[at] = data.draw(st.integers(0, 255))
        with suppress(TransportError):
            cut = data.draw(st.integers(at, len(answer)))
            batch.decode(bytes(answer[:cut]), ops, [b""] * len(ops))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param("01 0000 ff", "refused a PING", id="error"),
        pytest.param("02 0000 40", "answer 1 expected from the bridge, 2 came", id="another id"),
        pytest.param("01 0000 41", "0x40 expected to a PING request, 0x41 came", id="another code"),
    ],
)
def test_a_wrong_answer_says_what_came(answer: str, words: str) -> None:
    dialogue = mcu.Dialogue()
    dialogue.request(mcu.Code.PING)
    with pytest.raises(TransportError, match=words):
        dialogue.feed(bytes.fromhex(answer))


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_garbage_is_an_answer_or_a_transport_error_and_never_anything_else(
    pieces: list[bytes],
) -> None:
    dialogue = mcu.Dialogue()
    dialogue.request(mcu.Code.STATUS)
    try:
        for piece in pieces:
            payload = dialogue.feed(piece)
            assert payload is None or mcu.decode_status(payload)
    except TransportError:
        dialogue.give_up()
        dialogue.request(mcu.Code.STATUS)
        assert dialogue.feed(bytes.fromhex("02 0006 41 000003e8 09c4")) is not None


@given(st.lists(st.integers(1, 7)), st.binary(max_size=30))
def test_an_answer_arrives_whole_from_whatever_pieces(cuts: list[int], payload: bytes) -> None:
    dialogue = mcu.Dialogue()
    dialogue.request(mcu.Code.GPIO)
    rest = mcu.encode(1, 0x44, payload)
    for cut in cuts:
        if len(rest) > cut:
            assert dialogue.feed(rest[:cut]) is None
            rest = rest[cut:]
    assert dialogue.feed(rest) == payload


def test_stale_bytes_that_are_no_header_are_skipped_and_counted() -> None:
    reader = mcu.Reader()
    reader.feed(b"\xff\xff\xff" + mcu.encode(1, 0x40, b"x"))
    assert reader.next_message() == mcu.Message(1, 0x40, b"x")
    assert reader.skipped == 3
    assert reader.next_message() is None


def test_the_late_answer_to_a_request_that_was_given_up_is_dropped() -> None:
    dialogue = mcu.Dialogue()
    dialogue.request(mcu.Code.STATUS)
    dialogue.give_up()
    dialogue.request(mcu.Code.GPIO)
    late, right = mcu.encode(1, 0x41, bytes(6)), mcu.encode(2, 0x44, b"\0")
    assert dialogue.feed(late) is None
    assert dialogue.feed(right) == b"\0"


def test_ids_run_from_0_to_254() -> None:
    dialogue = mcu.Dialogue()
    ids = [dialogue.request(mcu.Code.PING)[0] for _ in range(255)]
    assert sorted(ids) == list(range(255))


def test_status_is_uptime_and_signed_hundredths_of_a_degree() -> None:
    assert mcu.decode_status(bytes.fromhex("000003e8 ff38")) == mcu.Status(1000, -2.0)


@pytest.mark.parametrize(
    ("decode", "payload"),
    [(mcu.decode_status, b"12345"), (mcu.decode_ping, b"V01")],
)
def test_a_payload_of_another_size_is_refused(
    decode: Callable[[bytes], Any], payload: bytes
) -> None:
    with pytest.raises(TransportError, match="expected"):
        decode(payload)


def test_ping_tells_who_and_which_version() -> None:
    ping = mcu.decode_ping(bytes(range(12)) + b"V01.00.00")
    assert ping == mcu.Ping("000102030405060708090a0b", "V01.00.00")


# The C library's own start-up.


def test_the_recorded_start_up_goes_through_the_bridge_as_recorded() -> None:
    lines = golden_lines(shared("golden/startup-EU868.jsonl"))
    chip = GoldenChip(lines)
    bridge = BridgeModel(chip)
    assert do(golden_ops(lines), bridge.answer) == golden_answers(lines)
    assert chip.done
    assert bridge.messages <= 12  # the C library needs 432
