"""Local mode in the gateway's loop: frames and key news in, commits, records out.

    uplink ──▶ queue ──▶ LocalMode ──▶ commit (a thread) ──▶ Publisher ──▶ sinks
    key_news ──▶ ┘

The links have had a frame before its turn here, and their sends before any of this runs. A record
goes out when its counter is on disk; when that cannot be, it goes out all the same.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from hal.frames import Crc, RxFrame

from ..files.database import StoreFault
from ..packets import Uplink
from ..supervisor import end_all, keep_running
from .errors import EdgeError
from .local import LocalMode
from .publisher import Publisher
from .records import radio_facts
from .session import Session
from .store import Batch, Store, Writer
from .values import KeyAsker, KeyNews, KeySource, Record, Sink

log = logging.getLogger(__name__)

Work = Callable[[list[Record]], None]  # adds the records that it makes

MOST = 4096  # frames that wait for their turn; a radio hears some hundreds a second at most
NEWS_MOST = 200_000
A_TURN = 16  # frames or news between two looks at the rest of the loop
A_TURN_S = 0.002  # and no more begin after so long: many sessions may share a DevAddr
TICK_S = 1.0
STORE_PAUSE_S = 10.0  # between tries to use a store that failed
LOG_MOST = 20  # lines about sessions in one turn


class EdgeObserver:
    """A Link (links.base) that is no server: it looks at what the others were given."""

    name = "edge"

    def __init__(
        self,
        mode: LocalMode,
        publisher: Publisher,
        store: Store | None = None,
        *,
        sinks: Sequence[Sink] = (),
        reserve: int = 0,
        slow_keys: bool = False,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`slow_keys` are those in a token, which may take its time: turns are in a thread then."""
        self.mode = mode
        self.publisher = publisher
        self.sources: list[KeySource] = []
        self.asker: KeyAsker | None = None
        self._sinks = sinks
        self._store = store
        self._writer = Writer(reserve=reserve)
        self._wall_ns = wall_ns
        self._loop = asyncio.get_running_loop()
        self._frames: deque[tuple[Uplink, int]] = deque()
        self._news: deque[KeyNews] = deque()
        self._scheduled = False
        self._slow_keys = slow_keys
        self._arrived = asyncio.Event()
        self._turn_to_think = asyncio.Lock()
        self._at_keys = threading.Lock()
        self._dropped = 0
        self._records: list[Record] = []
        self._told: list[Record] = []  # the last turn's, until the loop follows
        self._work = asyncio.Event()
        self._turn_to_commit = asyncio.Lock()
        self._store_from_s = 0.0
        if store is not None:
            self._load(store)

    def _load(self, store: Store) -> None:
        gc.disable()  # a hundred thousand sessions, and no garbage among them to look for
        try:
            for session in store.load(self.mode.enrolment.devices):
                self.mode.enrolment.restore(session)
                self._writer.loaded(session)
        finally:
            gc.enable()

    # What comes in.

    def uplink(self, uplink: Uplink) -> None:
        if uplink.frame.crc is not Crc.OK:
            return
        if len(self._frames) >= MOST:
            self._dropped += 1
            return
        self._frames.append((uplink, uplink.utc_ns or self._wall_ns()))
        self._wake()

    def key_news(self, news: KeyNews) -> None:
        """Take what a source tells; from the loop's thread (`tell` is for others)."""
        if len(self._news) >= NEWS_MOST:
            self._dropped += 1
            return
        self._news.append(news)
        self._wake()

    def tell(self, news: KeyNews) -> None:
        """`key_news` for sources, which may live in a thread."""
        self._loop.call_soon_threadsafe(self.key_news, news)

    def forged(self, frame: RxFrame) -> bool:
        """Whether the servers may be spared a frame (`drop_forged`). No while a thread is at it."""
        if frame.crc is not Crc.OK or not self._at_keys.acquire(blocking=False):
            return False
        try:
            return self.mode.forged(frame.payload, self._wall_ns() / 1e9)
        finally:
            self._at_keys.release()

    # Turns.

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            if self._slow_keys:
                self._arrived.set()
            else:
                self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Some frames and some news; the rest of the loop comes between two turns."""
        self._scheduled = False
        self._think(self._some)
        self._follow()
        if self._frames or self._news:
            self._wake()

    async def _turns_aside(self) -> None:
        """Turns in a thread, one after the other."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._scheduled = False
            await asyncio.shield(self._aside(self._some))
            if self._frames or self._news:
                self._wake()

    async def _aside(self, work: Work) -> None:
        async with self._turn_to_think:
            await asyncio.to_thread(self._think, work)
            self._follow()

    def _think(self, work: Work) -> None:
        """`work` on sessions and keys. What a thread made is seen by the loop when all is done."""
        told: list[Record] = []
        with self._at_keys:
            try:
                work(told)
            except Exception:  # a bug here costs what it was about, and never a frame's way up
                log.exception("local mode failed on one frame or one key; going on")
        self._told.extend(told)

    def _some(self, told: list[Record]) -> None:
        until_s = self._loop.time() + A_TURN_S
        for _ in range(min(A_TURN, len(self._news))):
            told += self.mode.news(self._news.popleft(), self._wall_ns() / 1e9)
            if self._loop.time() > until_s:
                return
        for _ in range(min(A_TURN, len(self._frames))):
            self._frame(told, *self._frames.popleft())
            if self._loop.time() > until_s:
                return

    def _frame(self, told: list[Record], uplink: Uplink, time_ns: int) -> None:
        record = self.mode.frame(
            uplink.frame.payload, radio_facts(uplink), time_ns, self._wall_ns() / 1e9
        )
        if record is not None:
            told.append(record)

    def _follow(self) -> None:
        """What a turn changed: to the log, to who can be asked, and towards the store."""
        enrolment = self.mode.enrolment
        self._records += self._told
        self._told.clear()
        for text in enrolment.events[:LOG_MOST]:
            log.info("%s", text)
        if len(enrolment.events) > LOG_MOST:
            log.info("and %d more changes of sessions", len(enrolment.events) - LOG_MOST)
        enrolment.events.clear()
        for ask in self.mode.asks:
            self._ask(*ask)
        self.mode.asks.clear()
        if self._collect() or self._records:
            self._work.set()

    def _collect(self) -> bool:
        enrolment, writer = self.mode.enrolment, self._writer
        changed = bool(enrolment.changed or enrolment.gone)
        writer.forget(enrolment.gone)
        for session in enrolment.changed.values():
            writer.change(session)
        for session in enrolment.counted:
            changed |= writer.count(session)
        enrolment.changed.clear()
        enrolment.counted.clear()
        enrolment.gone.clear()
        return changed

    def _ask(self, dev_eui: str, join_eui: str, session_id: bytes) -> None:
        if self.asker is None:
            self.mode.counters["not asked"] += 1
            return
        try:
            self.asker.ask(dev_eui, join_eui, session_id)
        except EdgeError as error:
            log.warning("%s: the key cannot be asked for: %s", dev_eui, error)

    # What goes out.

    async def run(self) -> None:
        """Commit and publish until cancelled; runs the sources and the sinks."""
        parts = [asyncio.create_task(self.publisher.run()), asyncio.create_task(self._ticks())]
        if self._slow_keys:
            parts.append(asyncio.create_task(self._turns_aside()))
        parts += [
            asyncio.create_task(keep_running(part.name, part.run), name=part.name)
            for part in (*self._sinks, *self.sources)
        ]
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                await asyncio.shield(self._commit_and_publish())
        finally:
            await self._end(parts)

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if self._slow_keys:
                await asyncio.shield(self._aside(self._tick))
            else:
                self._think(self._tick)
                self._follow()

    def _tick(self, told: list[Record]) -> None:
        told += self.mode.tick(self._wall_ns() / 1e9)

    async def _commit_and_publish(self) -> None:
        """One after the other: what a cancelled one has begun, the next waits for."""
        async with self._turn_to_commit:
            records, self._records = self._records, []
            batch = self._batch()
            if batch is not None:
                await self._commit(batch)
            for record in records:
                self.publisher.publish(record)

    def _batch(self) -> Batch | None:
        if self._store is None or self._loop.time() < self._store_from_s:
            return None
        return self._writer.take() or None

    async def _commit(self, batch: Batch) -> None:
        assert self._store is not None
        try:
            await asyncio.to_thread(self._store.commit, batch)
        except StoreFault:  # said by the store
            self._writer.again(batch)
            self._store_from_s = self._loop.time() + STORE_PAUSE_S

    async def _end(self, parts: list[asyncio.Task[None]]) -> None:
        while self._frames or self._news:
            if self._slow_keys:
                await self._aside(self._some)
            else:
                self._turn()
        async with self._turn_to_commit:
            self._writer.settle(self._sessions())
        self._store_from_s = 0.0
        await self._commit_and_publish()
        if self._store is not None:
            self._store.close()
        await self.publisher.close()
        await end_all(parts)

    def _sessions(self) -> list[Session]:
        devices = self.mode.enrolment.devices.values()
        return [session for device in devices for session in device.sessions]

    def status(self) -> dict[str, object]:
        enrolment = self.mode.enrolment
        fault = self._store.fault if self._store is not None else ""
        return {
            "state": f"degraded: {fault}" if fault else "observing",
            "devices": len(enrolment.devices),
            "dev_addrs": len(enrolment.table),
            "held": len(self.mode.hold),
            "hold_dropped": self.mode.hold.dropped,
            "dropped": self._dropped,
            "frames": dict(self.mode.counters),
            "news_of_strangers": enrolment.strangers,
            **self.publisher.status(),
            "sources": {source.name: source.status() for source in self.sources},
            "sinks": {sink.name: sink.status() for sink in self._sinks},
        }
