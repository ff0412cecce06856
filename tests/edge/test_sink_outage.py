"""Sinks that go away for long: real ones, a real disk, a real kill."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
import pytest
from msgspec.structs import replace

from forwarder.edge.sinks import jsonl
from forwarder.edge.sinks.jsonl import JsonlSettings, JsonlSink
from forwarder.edge.sinks.kept_records import Records, SinkOutage
from forwarder.edge.sinks.mqtt import MqttSink, MqttSinkSettings
from forwarder.edge.sinks.webhook import WebhookSettings, WebhookSink
from forwarder.edge.values import Record
from forwarder.files.database import Database
from forwarder.spool.spool import Spool

from .brokers import a_broker, free_port
from .devices import Node
from .site import Files, a_site
from .test_sinks_net import BASE, a_hook, next_message, running, taken, within
from .test_sinks_pure import RECORD

ROOT = Path(__file__).parents[2]
AT_ONCE = SinkOutage(disk_after_s=0, replay_per_s=1000)


async def short_pause(_: float) -> None:
    """Long enough: a thousand tries at a closed port, and one of them connects to itself."""
    await asyncio.sleep(0.02)


def a_spool(folder: Path) -> Spool[Record]:
    (folder / "run").mkdir(exist_ok=True)
    return Spool(RECORD.gateway, Records(), folder=folder, runtime=folder / "run")


def files(folder: Path) -> list[str]:
    """What is on disk; `run` stands for a file system in memory."""
    return sorted(path.name for path in folder.glob("*") if path.is_file())


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.to_thread(lambda: None)


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def outage(sink: Any) -> dict[str, Any]:
    told = sink.status()["outage"]
    assert isinstance(told, dict)
    return told


def killed_with(folder: Path, port: int, count: int) -> None:
    """A gateway's sink that has so many records on disk, and ends by kill -9."""
    command = [sys.executable, "-m", "tests.edge.sink_victim", str(folder), str(port), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None and process.stdout.readline() == b"on disk\n"
        process.send_signal(signal.SIGKILL)


async def over_a_kill(folder: Path) -> None:
    port = free_port()
    await asyncio.to_thread(killed_with, folder, port, 12)
    spool = a_spool(folder)
    settings = MqttSinkSettings(server=f"mqtt://127.0.0.1:{port}", outage=AT_ONCE)
    sink = MqttSink(settings, RECORD.gateway, spool=spool, pause=short_pause)
    spool.start()
    async with (
        a_broker(folder / "run", port),
        aiomqtt.Client("127.0.0.1", port) as client,
    ):
        await client.subscribe(f"{BASE}/+/up", qos=1)
        async with running(sink):
            bodies = [(await next_message(client))[1] for _ in range(12)]
            await until(lambda: sink.status()["waiting"] == 0 and outage(sink)["on_disk"] == 0)
    await spool.end()
    assert [body["fcnt"] for body in bodies] == list(range(12))
    assert all("waited_s" in body for body in bodies)
    assert bodies[0]["payload_hex"] == "01" and bodies[0]["decoded"] == RECORD.decoded
    assert spool.gaps == [] and outage(sink)["dropped"] == {}


def test_what_a_broker_missed_comes_in_order_after_a_kill_and_leaves_no_file(
    tmp_path: Path,
) -> None:
    within(over_a_kill, tmp_path)
    assert files(tmp_path) == []


async def lost_and_found(folder: Path) -> None:
    port = free_port()
    spool = a_spool(folder)
    settings = MqttSinkSettings(server=f"mqtt://127.0.0.1:{port}", outage=AT_ONCE)
    sink = MqttSink(settings, RECORD.gateway, spool=spool, pause=short_pause)
    spool.start()
    async with running(sink):
        async with a_broker(folder / "run", port):
            await sink.broker.connected.wait()
        await until(lambda: not sink.broker.connected.is_set())
        for fcnt in range(3):
            sink.publish(replace(RECORD, fcnt=fcnt))
        await until(lambda: outage(sink)["on_disk"] == 3)
        async with a_broker(folder / "run", port):
            await until(lambda: sink.status()["delivered"] == 3)
            await until(lambda: outage(sink)["on_disk"] == 0)
    await spool.end()


def test_a_broker_that_goes_away_while_connected_has_its_records_kept(tmp_path: Path) -> None:
    within(lost_and_found, tmp_path)
    assert files(tmp_path) == []


async def hook_away(folder: Path) -> None:
    with a_hook() as gone:
        url = gone.url
    spool = a_spool(folder)
    sink = WebhookSink(
        WebhookSettings(url=url, outage=AT_ONCE), RECORD.gateway, spool=spool, pause=short_pause
    )
    spool.start()
    with ExitStack() as back:  # to end after its client
        async with running(sink):
            for fcnt in range(5):
                sink.publish(replace(RECORD, fcnt=fcnt))
            await until(lambda: outage(sink)["on_disk"] == 5)
            hook = back.enter_context(a_hook(port=port_of(url)))
            seen = [json.loads((await taken(hook))[1])["fcnt"] for _ in range(5)]
            await until(lambda: sink.status()["waiting"] == 0 and outage(sink)["on_disk"] == 0)
            assert hook.requests.empty()
    await spool.end()
    assert seen == list(range(5))


def test_a_hook_that_comes_back_gets_each_record_once_and_in_order(tmp_path: Path) -> None:
    within(hook_away, tmp_path)
    assert files(tmp_path) == []


async def full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_: Database) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    with a_hook() as gone:
        url = gone.url
    spool = a_spool(folder)
    sink = WebhookSink(
        WebhookSettings(url=url, outage=AT_ONCE), RECORD.gateway, spool=spool, pause=short_pause
    )
    with monkeypatch.context() as patch, ExitStack() as back:
        patch.setattr(Database, "open", no_room)
        spool.start()
        async with running(sink):
            for fcnt in range(5):
                sink.publish(replace(RECORD, fcnt=fcnt))
            await until(lambda: "is full" in spool.trouble)
            hook = back.enter_context(a_hook(port=port_of(url)))
            seen = [json.loads((await taken(hook))[1])["fcnt"] for _ in range(5)]
            await until(lambda: sink.status()["waiting"] == 0)
    assert seen == list(range(5)) and sink.status()["dropped"] == 0
    await spool.end()


def test_a_full_disk_costs_no_record_that_memory_has_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    within(full_disk, tmp_path, monkeypatch)


async def no_file_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "RETRY_S", 0.001)
    mount = folder / "usb" / "stick"
    spool = a_spool(folder)
    settings = JsonlSettings(path=str(mount / "records.jsonl"), outage=AT_ONCE)
    sink = JsonlSink(settings, RECORD.gateway, spool=spool)
    spool.start()
    async with running(sink):
        for fcnt in range(5):
            sink.publish(replace(RECORD, fcnt=fcnt))
        await until(lambda: outage(sink)["on_disk"] == 5)
        mount.mkdir(parents=True)
        await until(lambda: sink.status()["written"] == 5 and outage(sink)["on_disk"] == 0)
    await spool.end()
    lines = (mount / "records.jsonl").read_text().splitlines()
    assert [json.loads(line)["fcnt"] for line in lines] == list(range(5))


def test_a_file_whose_disk_is_away_gets_its_lines_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    within(no_file_system, tmp_path, monkeypatch)
    assert files(tmp_path) == []


async def normal_running(folder: Path) -> None:
    spool = a_spool(folder)
    with a_hook() as hook:
        settings = WebhookSettings(url=hook.url)
        sink = WebhookSink(settings, RECORD.gateway, spool=spool, pause=short_pause)
        spool.start()
        await until(lambda: spool.status()["ready"] is True)
        begun = spool.status()["written_bytes"]
        async with running(sink):
            for fcnt in range(20):
                sink.publish(replace(RECORD, fcnt=fcnt))
                await taken(hook)
            await until(lambda: sink.status()["waiting"] == 0)
        assert spool.status()["written_bytes"] == begun
        assert files(folder) == [f"records-{RECORD.gateway}.running"]
    await spool.end()


def test_nothing_is_written_while_a_sink_takes_its_records(tmp_path: Path) -> None:
    within(normal_running, tmp_path)
    assert files(tmp_path) == []


async def on_disk_only_where_wanted(folder: Path) -> None:
    spool = a_spool(folder)
    settings = MqttSinkSettings(
        server=f"mqtt://127.0.0.1:{free_port()}", outage=SinkOutage(disk_after_s=0, disk_mb=0)
    )
    sink = MqttSink(settings, RECORD.gateway, spool=spool, pause=short_pause)
    spool.start()
    async with running(sink):
        sink.publish(RECORD)
        await until(lambda: int(str(sink.status()["failures"])) > 2)
    await spool.end()
    assert sink.status()["waiting"] == 1


def test_a_sink_whose_disk_is_off_never_writes_a_payload(tmp_path: Path) -> None:
    within(on_disk_only_where_wanted, tmp_path)
    assert files(tmp_path) == []


async def gateway_with_a_sink_away(folder: Path, node: Node) -> Files:
    site_files = Files.write(folder, [node], edge="")
    state = folder / "state"
    text = (
        f'[[edge.sink]]\ntype = "mqtt"\nserver = "mqtt://127.0.0.1:{free_port()}"\n'
        "outage = { disk_after_s = 0 }\n"
    )
    async with a_site(site_files, state=state, more=text) as site:
        await site.heard(node.send(0, b"21.5 C"))
        await site.records(1)
        sinks = site.edge.status()["sinks"]
        assert isinstance(sinks, dict)
        (away,) = [sink for name, sink in sinks.items() if name.startswith("mqtt")]
        assert away["waiting"] == 1
    return site_files


def test_what_waits_at_a_gateways_end_is_for_its_owner_only_and_has_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forwarder.edge.open.harden", lambda: "left as it is, for tests")
    node = Node(3)
    site_files = asyncio.run(gateway_with_a_sink_away(tmp_path, node))
    stored = list((tmp_path / "state").glob("records-*.db*"))
    assert stored and all(path.stat().st_mode & 0o777 == 0o600 for path in stored)
    data = b"".join(path.read_bytes() for path in stored)
    assert node.dev_eui.encode() in data, "the record is there"
    for key in (node.app, node.nwk, node.s_nwk, site_files.kek):
        for form in (key, key.hex().encode(), key.hex().upper().encode()):
            assert form not in data
