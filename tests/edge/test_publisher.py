"""From records to sinks by way of a codec: in order, bounded, and a bad codec costs its own."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from forwarder.edge import publisher
from forwarder.edge.codec.host import CodecHost, missing
from forwarder.edge.codec.script import Script
from forwarder.edge.publisher import Publisher
from forwarder.edge.values import Record

from .test_observer import Listener
from .test_records import RECORD

GOOD = Script.of("function decodeUplink(i) { return {data: {first: i.bytes[0]}}; }", "good.js")
BAD = Script.of("function decodeUplink(i) { while (true) {} }", "bad.js")
PLAIN = replace(RECORD, decoded=None, dev_eui="00000000000000aa")

needs_codecs = pytest.mark.skipif(missing() is not None, reason=missing() or "")


def numbered(dev_eui: str, fcnt: int) -> Record:
    return replace(PLAIN, dev_eui=dev_eui, fcnt=fcnt)


@needs_codecs
def test_a_codec_that_loops_costs_its_own_record_and_no_order() -> None:
    async def story() -> list[Record]:
        listener = Listener()
        scripts = {"good": GOOD, "bad": BAD}
        whole = Publisher([listener], CodecHost(), scripts)
        running = asyncio.create_task(whole.run())
        for fcnt, who in enumerate(("good", "bad", "none", "good")):
            whole.publish(numbered(who, fcnt))
        told = [await listener.next() for _ in range(4)]
        running.cancel()
        await whole.close()
        return told

    told = asyncio.run(story())
    assert [record.fcnt for record in told] == [0, 1, 2, 3]
    assert [record.decoded for record in told] == [{"first": 8}, None, None, {"first": 8}]
    assert told[1].codec_error and told[1].payload == RECORD.payload
    assert told[0].extra["codec"] == GOOD.sha256 and not told[0].codec_error


def test_a_queue_that_is_full_sends_the_oldest_out_with_its_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "MOST", 3)

    async def story() -> list[int | None]:
        listener = Listener()
        whole = Publisher([listener], CodecHost(), {"good": GOOD})
        for fcnt in range(5):
            whole.publish(numbered("good", fcnt))
        assert whole.undecoded == 2
        early = [(await listener.next()).fcnt for _ in range(2)]
        await whole.close()
        return early + [(await listener.next()).fcnt for _ in range(3)]

    assert asyncio.run(story()) == [0, 1, 2, 3, 4]
