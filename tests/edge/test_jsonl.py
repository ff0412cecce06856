"""Records in a file: whole lines, whatever the disk does."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from forwarder.edge.sinks import jsonl
from forwarder.edge.sinks.jsonl import JsonlSettings, JsonlSink
from forwarder.edge.sinks.kept_records import SinkOutage

from .test_records import RECORD


def run(sink: JsonlSink, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        running = asyncio.create_task(sink.run())
        await asyncio.to_thread(int)
        await story()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(whole())


def fcnts(path: Path) -> list[int]:
    return [json.loads(line)["fcnt"] for line in path.read_text().splitlines()]


def test_records_are_appended_in_order_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    for start in (0, 3):
        sink = JsonlSink(JsonlSettings(path=str(path)), "gw")

        async def story(sink: JsonlSink = sink, start: int = start) -> None:
            for fcnt in range(start, start + 3):
                sink.publish(replace(RECORD, fcnt=fcnt))
                await asyncio.to_thread(int)

        run(sink, story)
    assert fcnts(path) == list(range(6))
    assert path.stat().st_mode & 0o777 == 0o600


def test_stdout_takes_them_too(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    sink = JsonlSink(JsonlSettings(), "gw")

    async def story() -> None:
        sink.publish(RECORD)

    run(sink, story)
    assert json.loads(capfdbinary.readouterr().out)["dev_eui"] == RECORD.dev_eui


def test_a_full_disk_keeps_the_records_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "records.jsonl"
    sink = JsonlSink(JsonlSettings(path=str(path)), "gw")
    monkeypatch.setattr(jsonl, "RETRY_S", 0.001)
    real, tries = os.write, iter(range(1000))
    mended = asyncio.Event()

    def write(handle: int, data: bytes) -> int:
        if next(tries) in (0, 2, 4):
            return real(handle, data[:10])  # a part fits
        if not mended.is_set():
            raise OSError(28, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(os, "write", write)

    async def story() -> None:
        for fcnt in range(3):
            sink.publish(replace(RECORD, fcnt=fcnt))
        while next(tries) < 8:
            await asyncio.to_thread(lambda: None)
        assert str(sink.status()["state"]).startswith("failing: ")
        mended.set()
        while sink.status()["written"] != 3:
            await asyncio.to_thread(lambda: None)

    run(sink, story)
    assert fcnts(path) == [0, 1, 2]
    assert caplog.text.count("No space left") == 1


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    async def story() -> None:
        outage = SinkOutage(memory_records=20)
        sink = JsonlSink(JsonlSettings(path=str(tmp_path / "x"), outage=outage), "gw")
        for _ in range(25):
            sink.publish(RECORD)
        assert sink.status()["dropped"] == 5

    asyncio.run(story())


def test_a_file_that_has_its_size_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    for fcnt in range(4):
        sink = JsonlSink(JsonlSettings(path=str(path), max_mb=0.001), "gw")

        async def story(sink: JsonlSink = sink, fcnt: int = fcnt) -> None:
            sink.publish(replace(RECORD, fcnt=fcnt))

        run(sink, story)
    assert fcnts(tmp_path / "records.jsonl.1")[-1] >= 1
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < 3500
