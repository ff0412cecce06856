"""Records as bytes for the disk, and the hand that a sink delivers from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from forwarder.edge.records import to_json
from forwarder.edge.sinks.hand import Hand
from forwarder.edge.sinks.kept_records import Records, SinkOutage
from forwarder.edge.values import KeyOrigin, MicState, PayloadState, Record
from forwarder.spool.kind import Unreadable
from forwarder.spool.spool import Spool

from .test_sinks_pure import RECORD

KIND = Records()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
RECORDS = st.builds(
    replace,
    st.just(RECORD),
    mic=st.sampled_from(MicState),
    payload_state=st.sampled_from(PayloadState),
    raw=st.binary(max_size=255),
    dev_eui=st.none() | st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    fcnt=st.none() | st.integers(0, 2**32 - 1),
    payload=st.none() | st.binary(max_size=242),
    decoded=JSON,
    codec_warnings=st.lists(st.text(max_size=9), max_size=2).map(tuple),
    key_origin=st.none() | st.sampled_from(KeyOrigin),
    late=st.booleans(),
    extra=st.dictionaries(st.just("codec"), st.text(max_size=64), max_size=1),
)


@given(RECORDS)
def test_a_sink_is_told_the_same_after_the_disk(record: Record) -> None:
    assert to_json(KIND.decode(KIND.encode(record), None)) == to_json(record)


@given(RECORDS)
def test_the_lane_of_any_device_fits_the_store(record: Record) -> None:
    lane = KIND.lane(record)
    assert lane is not None and 0 <= lane < 2**63


def test_two_devices_have_two_lanes() -> None:
    assert KIND.lane(RECORD) != KIND.lane(replace(RECORD, dev_eui="fd4706f1288e96a1"))
    assert KIND.lane(replace(RECORD, dev_eui=None)) == 0x26C3D3AB


@given(st.binary(max_size=200))
def test_bytes_from_anywhere_are_a_record_or_refused(data: bytes) -> None:
    with suppress(Unreadable):
        KIND.decode(data, None)


@pytest.mark.parametrize("size", [0, 1, 60, 200])
def test_half_a_row_is_refused(size: int) -> None:
    with pytest.raises(Unreadable):
        KIND.decode(KIND.encode(RECORD)[:size], None)


def test_a_late_record_says_how_long_it_waited_and_keeps_its_time() -> None:
    late = json.loads(to_json(KIND.late(RECORD, 3599.7, None)))
    assert late.pop("waited_s") == 3600
    assert late == json.loads(to_json(RECORD))


# The hand.


class Bench:
    """A hand and its keeper on a clock that the test sets."""

    def __init__(self, **outage: float) -> None:
        self.now = 1000.0
        spool = Spool("gw", Records(), folder=None, runtime=None, clock=lambda: self.now)
        self.hand = Hand("sink", SinkOutage(**outage), spool)  # type: ignore[arg-type]

    def publish(self, *fcnts: int) -> None:
        for fcnt in fcnts:
            self.hand.publish(replace(RECORD, fcnt=fcnt))

    def deliver(self) -> list[int | None]:
        """All that is in hand; what comes by it included."""
        gone = []
        while (held := self.hand.first()) is not None:
            gone.append(held.record.fcnt)
            self.hand.done(held)
        return gone

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.hand._courier._advance()


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


@in_a_loop
async def test_what_is_published_is_in_hand_at_once_while_the_sink_takes_it() -> None:
    bench = Bench()
    bench.hand.opened()
    bench.publish(0, 1)
    assert bench.hand.more.is_set() and bench.deliver() == [0, 1]
    assert bench.hand.status()["waiting"] == 0 and bench.hand.status()["delivered"] == 2


@in_a_loop
async def test_a_closed_sink_is_tried_with_one_record_and_no_other_is_in_hand() -> None:
    bench = Bench()
    bench.hand.opened()
    bench.publish(0, 1, 2)
    bench.hand.closed()
    bench.publish(3)
    held = bench.hand.first()
    assert held is not None and held.record.fcnt == 0 and bench.hand.some() == [held]
    bench.hand.closed()  # it failed again
    assert bench.hand.first() is held and bench.hand.status()["waiting"] == 4


@in_a_loop
async def test_the_record_of_the_try_that_succeeds_is_not_delivered_again() -> None:
    bench = Bench()
    bench.hand.opened()
    bench.publish(0, 1, 2)
    bench.hand.closed()
    bench.now += 60.0
    held = bench.hand.first()
    assert held is not None
    bench.hand.done(held)
    gone = bench.deliver()
    for _ in range(20):
        bench.later(0.1)
        gone += bench.deliver()
    assert gone == [1, 2]
    assert bench.hand.status()["delivered"] == 3 and bench.hand.status()["waiting"] == 0


@in_a_loop
async def test_after_an_outage_records_come_paced_in_order_and_a_live_one_of_another_at_once() -> (
    None
):
    bench = Bench(replay_per_s=2.0)
    bench.publish(*range(6))
    bench.later(60.0)
    bench.hand.opened()
    gone = bench.deliver()
    bench.hand.publish(replace(RECORD, dev_eui="fd4706f1288e9600", fcnt=77))
    gone += bench.deliver()
    assert gone == [0, 77]
    for _ in range(5):
        bench.later(0.5)
        gone += bench.deliver()
    assert gone == [0, 77, 1, 2, 3, 4, 5]


@in_a_loop
async def test_a_slow_sink_has_few_in_hand_and_the_rest_say_that_they_waited() -> None:
    bench = Bench()
    bench.hand.opened()
    for number in range(KIND.window + 1):
        bench.hand.publish(replace(RECORD, dev_eui=f"{number:016x}"))
    assert len(bench.hand.some()) == KIND.window
    bench.later(30.0)
    last = None
    while (held := bench.hand.first()) is not None:
        bench.hand.done(held)
        last = held
    assert last is not None and last.record.extra == {"waited_s": 30}


@in_a_loop
async def test_a_live_record_does_not_overtake_those_of_its_device() -> None:
    bench = Bench(replay_per_s=0.1)
    bench.publish(0, 1)
    bench.later(60.0)
    bench.hand.opened()
    gone = bench.deliver()
    bench.publish(2)
    for _ in range(5):
        bench.later(0.1)
        gone += bench.deliver()
    assert gone == [0, 1, 2]


@in_a_loop
async def test_beyond_its_limits_the_oldest_go_and_are_counted_by_reason() -> None:
    bench = Bench(memory_records=16, max_age_h=1.0)
    bench.publish(*range(20))
    status = bench.hand.status()
    assert (status["waiting"], status["dropped"]) == (16, 4)
    bench.later(3601.0)
    outage = bench.hand.status()["outage"]
    assert isinstance(outage, dict) and outage["dropped"] == {"full": 4, "expired": 16}


def test_two_sinks_of_one_name_are_told_apart() -> None:
    spool = Spool("gw", Records(), folder=None, runtime=None)
    names = [Hand("mqtt x", SinkOutage(), spool).name for _ in range(3)]
    assert names == ["mqtt x", "mqtt x#2", "mqtt x#3"]
