"""The observer in a loop: it comes last, costs nobody a frame, and tells when it can."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from forwarder.edge.errors import EnvelopeRefused
from forwarder.edge.lifecycle import Enrolment
from forwarder.edge.local import LocalMode
from forwarder.edge.observer import A_TURN, MOST, EdgeObserver
from forwarder.edge.publisher import Publisher
from forwarder.edge.session import Device
from forwarder.edge.store import Store
from forwarder.edge.values import (
    Envelope,
    KeyHandle,
    KeyNews,
    KeyOrigin,
    MicState,
    PayloadState,
    Record,
)
from forwarder.packets import RadioCounters, Uplink
from forwarder.uplinks import Uplinks
from hal.frames import Crc, RxFrame
from hal.modulation import LoRa

from .devices import Node, PlainVault

PATIENCE_S = 10.0


class Listener:
    """A sink that keeps what it is told, for who waits."""

    name = "listener"

    def __init__(self) -> None:
        self.told: asyncio.Queue[Record] = asyncio.Queue()

    async def run(self) -> None:
        await asyncio.Event().wait()

    def publish(self, record: Record) -> None:
        self.told.put_nowait(record)

    def status(self) -> dict[str, object]:
        return {}

    async def next(self) -> Record:
        async with asyncio.timeout(PATIENCE_S):
            return await self.told.get()


class Asker:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []

    def ask(self, dev_eui: str, join_eui: str, session_id: bytes) -> None:
        self.asked.append((dev_eui, join_eui, session_id))


def uplink(frame: bytes, crc: Crc = Crc.OK) -> Uplink:
    facts = (868_100_000, LoRa(7), crc, 0, 0, 8, -60.0, -60.0, 9.5, 0)
    return Uplink(RxFrame(frame, 1000, *facts))


def run(
    story: Callable[[EdgeObserver, Listener], Coroutine[Any, Any, None]],
    *devices: Device,
    store: Store | None = None,
) -> None:
    async def whole() -> None:
        vault = PlainVault()
        listener = Listener()
        observer = EdgeObserver(
            LocalMode(Enrolment(devices, vault), vault),
            Publisher([listener]),
            store,
            sinks=[listener],
        )
        running = asyncio.create_task(observer.run())
        try:
            await story(observer, listener)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(whole())


def test_nothing_is_done_with_a_frame_before_every_link_has_all_of_its_batch() -> None:
    node = Node()

    async def story(observer: EdgeObserver, listener: Listener) -> None:
        order: list[str] = []

        class Server(Listener):
            def uplink(self, uplink: Uplink) -> None:
                order.append("server")
                assert not observer.mode.counters, "local mode was there first"

        uplinks = Uplinks(RadioCounters(), [Server(), Server()])
        uplinks.observers.append(observer)
        observer.key_news(node.news())
        uplinks.received([uplink(node.send(0)).frame, uplink(node.send(1)).frame])
        assert order == ["server"] * 4
        assert [(await listener.next()).fcnt for _ in range(2)] == [0, 1]

    run(story, node.device())


def test_frames_with_a_bad_crc_are_the_links_business_only() -> None:
    node = Node()

    async def story(observer: EdgeObserver, listener: Listener) -> None:
        observer.key_news(node.news())
        observer.uplink(uplink(node.send(0), Crc.BAD))
        observer.uplink(uplink(node.send(1)))
        assert (await listener.next()).fcnt == 1

    run(story, node.device())


def test_a_bug_in_local_mode_costs_one_record(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node = Node()

    async def story(observer: EdgeObserver, listener: Listener) -> None:
        observer.key_news(node.news())
        with monkeypatch.context() as broken:
            broken.setattr(observer.mode, "frame", lambda *_: 1 // 0)
            observer.uplink(uplink(node.send(0)))
            observer._turn()
        observer.uplink(uplink(node.send(1)))
        assert (await listener.next()).fcnt == 1
        assert "going on" in caplog.text

    run(story, node.device())


def test_a_burst_is_bounded_and_leaves_the_loop_its_turns() -> None:
    node = Node()

    async def story(observer: EdgeObserver, listener: Listener) -> None:
        for _ in range(MOST + 100):
            observer.uplink(uplink(Node(2).send(0)))
        assert observer.status()["dropped"] == 100
        observer._turn()
        assert MOST - A_TURN <= len(observer._frames) < MOST

    run(story, node.device())


def test_a_key_told_from_a_thread_reads_the_frame_that_waited() -> None:
    node = Node()

    async def story(observer: EdgeObserver, listener: Listener) -> None:
        observer.uplink(uplink(node.send(0, b"early")))
        await asyncio.to_thread(observer.tell, node.news())
        record = await listener.next()
        assert (record.payload, record.late) == (b"early", True)

    run(story, node.device())


def test_a_session_known_by_its_id_is_asked_for() -> None:
    node = Node()

    async def story(observer: EdgeObserver, listener: Listener) -> None:
        asker = Asker()
        observer.asker = asker
        observer.key_news(node.news(application=False))
        observer.uplink(uplink(node.send(0, b"early")))
        assert (await listener.next()).payload_state is PayloadState.PENDING_KEY
        assert asker.asked == [(node.dev_eui, "", node.session_id)]
        answer: KeyNews = node.news(network=False, addressed=False, origin=KeyOrigin.APP_S_KEY_REQ)
        observer.key_news(answer)
        record = await listener.next()
        assert (record.payload, record.mic, record.late) == (b"early", MicState.OK, True)

    run(story, node.device())


def test_a_record_goes_out_when_its_counter_is_on_disk(tmp_path: Path) -> None:
    node = Node()
    store = Store(tmp_path / "edge.sqlite3")

    async def story(observer: EdgeObserver, listener: Listener) -> None:
        observer.key_news(node.news())
        observer.uplink(uplink(node.send(7)))
        await listener.next()
        (on_disk,) = Store(tmp_path / "edge.sqlite3").load({node.dev_eui: node.device()})
        assert on_disk.last == 7

    run(story, node.device(), store=store)


def test_what_was_heard_last_is_on_disk_and_told_when_the_gateway_stops(tmp_path: Path) -> None:
    node = Node()
    listeners = []

    async def story(observer: EdgeObserver, listener: Listener) -> None:
        listeners.append(listener)
        observer.key_news(node.news())
        observer.uplink(uplink(node.send(7)))
        await asyncio.to_thread(int)  # the observer has begun

    run(story, node.device(), store=Store(tmp_path / "edge.sqlite3"))
    assert listeners[0].told.get_nowait().fcnt == 7
    (on_disk,) = Store(tmp_path / "edge.sqlite3").load({node.dev_eui: node.device()})
    assert on_disk.last == 7


def test_without_a_disk_records_go_out_and_the_state_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node = Node()
    (tmp_path / "file").write_text("in the way")

    async def story(observer: EdgeObserver, listener: Listener) -> None:
        observer.key_news(node.news())
        for fcnt in range(3):
            observer.uplink(uplink(node.send(fcnt)))
            assert (await listener.next()).fcnt == fcnt
        assert str(observer.status()["state"]).startswith("degraded: ")

    run(story, node.device(), store=Store(tmp_path / "file" / "edge.sqlite3"))
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == 1


class SlowVault(PlainVault):
    """A token that takes its time: until `answer` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answer = threading.Event(), threading.Event()

    def open(self, envelope: Envelope, source: str) -> KeyHandle:
        self.asked.set()
        if not self.answer.wait(PATIENCE_S):
            raise EnvelopeRefused("nobody let the token answer: it holds the loop up")
        return super().open(envelope, source)


def test_a_token_that_takes_its_time_holds_up_nobody_else() -> None:
    node = Node()

    async def story() -> None:
        vault, listener = SlowVault(), Listener()
        mode = LocalMode(Enrolment([node.device()], vault), vault)
        observer = EdgeObserver(mode, Publisher([listener]), sinks=[listener], slow_keys=True)
        running = asyncio.create_task(observer.run())
        observer.key_news(node.news())
        frame = uplink(node.send(0, b"read"))
        observer.uplink(frame)
        assert await asyncio.to_thread(vault.asked.wait, PATIENCE_S)
        assert not observer.forged(frame.frame), "nor does it wait for the token to judge a frame"
        vault.answer.set()
        assert (await listener.next()).payload == b"read"
        observer.uplink(uplink(node.send(1, b"last")))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (await listener.next()).payload == b"last"

    asyncio.run(story())


def test_a_turn_ends_in_time_however_long_a_frame_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node()

    async def story(observer: EdgeObserver, listener: Listener) -> None:
        monkeypatch.setattr("forwarder.edge.observer.A_TURN_S", -1.0)
        for fcnt in range(A_TURN):
            observer.uplink(uplink(node.send(fcnt)))
        observer._turn()
        assert len(observer._frames) == A_TURN - 1

    run(story, node.device())
