"""Standalone mode in the gateway's loop: frames in, commits in a thread, answers and records out.

    uplink ──▶ core ──▶ commit (a thread) ──▶ core.done ──▶ schedule (downlinks), publish (records)
                │ JoinAsk                                        ▲
                └──▶ JoinServerClient.join ──────────────────────┘

It is a Link (links.base), so that it is given every frame, after the servers.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

from hal.frames import Crc

from ...files.database import StoreFault
from ...packets import Uplink
from ...timing.clock_sync import kernel_synchronised
from ..records import radio_facts
from ..sources.join_server import JoinAnswer, JoinFailed, JoinRequestFacts
from ..values import KeyAsker, KeyNews, LocalDownlink, Record
from .core import StandaloneCore
from .settings import TimeOf
from .store import StandaloneStore
from .values import Batch, DownlinkState, JoinAsk, State

log = logging.getLogger(__name__)

JOIN_WITHIN_S = 5.8  # after that not even RX2 can be reached
TICK_S = 1.0
STORE_PAUSE_S = 5.0  # between tries to use a store that failed
GPS_EPOCH_S = 315_964_800  # 1980-01-06 in seconds since 1970


# Makes bytes of a downlink's object; raises ValueError with words.
Encode = Callable[[LocalDownlink], Awaitable[LocalDownlink]]


class JoinAsker(Protocol):
    """What lets devices in: sources.join_server.JoinServerClient."""

    async def join(self, facts: JoinRequestFacts, within_s: float = ...) -> JoinAnswer: ...


class StandaloneServer:
    """One site's network server.

    `lns_up` says whether a server answers now; it decides in fallback mode, None is standalone
    mode. `publish` takes records, `tell` what became of downlinks.
    """

    name = "standalone"

    def __init__(
        self,
        core: StandaloneCore,
        store: StandaloneStore,
        join_server: JoinAsker,
        *,
        publish: Callable[[Record], None],
        tell: Callable[[DownlinkState], None] = lambda state: None,
        asker: KeyAsker | None = None,
        lns_up: Callable[[], bool] | None = None,
        fallback_after_s: float = 120.0,
        time_of: TimeOf = TimeOf.SYSTEM,
        leap_seconds: int = 18,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
        synchronised: Callable[[], bool] | None = None,
    ) -> None:
        self.core = core
        self._store, self._join_server, self._asker = store, join_server, asker
        self._publish, self._tell = publish, tell
        self.encode: Encode | None = None
        self._lns_up, self._fallback_after_s = lns_up, fallback_after_s
        self._time_of, self._leap_s = time_of, leap_seconds
        self._clock, self._wall_ns = clock, wall_ns
        self._synchronised = synchronised or kernel_synchronised
        self._lns_seen_s = clock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._work = asyncio.Event()
        self._store_from_s = 0.0
        self._stored = 0
        core.in_charge = lns_up is None

    # What comes in.

    def uplink(self, uplink: Uplink) -> None:
        if uplink.frame.crc is not Crc.OK or uplink.ghost:
            return
        try:
            self.core.uplink(
                uplink.frame.payload,
                radio_facts(uplink),
                time_ns=uplink.utc_ns or self._wall_ns(),
                now_s=self._clock(),
                gps_ns=self._gps_ns(uplink),
            )
        except Exception:  # a bug here costs this frame, and never another link's
            log.exception("standalone mode failed on one frame; going on")
        self._follow()

    def take(self, downlink: LocalDownlink) -> str:
        """Take something to send, and say at once "queued" or why not; the rest through `tell`."""
        if downlink.payload is None and downlink.decoded is not None and self.encode is not None:
            self._start(self._encoded(downlink, self.encode))
            return State.QUEUED.value
        self.core.enqueue(downlink, self._clock())
        told = self.core.take_states()
        first = next(one for one in told if one.downlink is downlink)
        for state in told:
            if state is not first:
                self._tell(state)
        self._follow()
        return first.why or first.state.value

    async def _encoded(self, downlink: LocalDownlink, encode: Encode) -> None:
        try:
            ready = await encode(downlink)
        except ValueError as error:
            self._tell(DownlinkState(downlink, State.FAILED, str(error)))
            return
        why = self.take(ready)
        if why != State.QUEUED.value:
            self._tell(DownlinkState(ready, State.FAILED, why))

    def key_news(self, news: KeyNews) -> bool:
        """The AppSKey that was asked for; whether a session made here wanted it."""
        if news.app_s_key is None:
            return False
        wanted = self.core.app_s_key(
            news.dev_eui, news.session_id, news.app_s_key, news.source, self._clock()
        )
        self._follow()
        return wanted

    # Turns.

    async def run(self) -> None:
        """Serve until cancelled."""
        await self._restore()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ticks())
                group.create_task(self._turns())
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.to_thread(self._store.close)

    async def _turns(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            await self._turn()

    async def _restore(self) -> None:
        """What was there before; nobody is served before that is known, or counters were used
        twice."""
        if self.core.restored:
            return
        while True:
            try:
                rows, nonces = await asyncio.to_thread(self._store.load)
            except StoreFault as error:
                log.error("%s: nobody is served before that is mended", error)
                await asyncio.sleep(STORE_PAUSE_S)
            else:
                self.core.restore(rows, nonces)
                log.info("standalone: %d sessions go on", len(self.core.sessions))
                self._work.set()
                return

    async def _turn(self) -> None:
        while (batch := self.core.take()) is not None:
            fault = await self._commit(batch)
            records = self.core.done(batch, stored=not fault, now_s=self._clock(), fault=fault)
            for record in records:
                self._publish(record)
            self._follow(wake=False)
            if fault:
                return  # the next frame or tick tries again

    async def _commit(self, batch: Batch) -> str:
        """Why it is not on disk; empty if it is."""
        if not batch.writes:
            return self.core.fault
        if self._clock() < self._store_from_s:
            return self.core.fault or "the store fails"
        try:
            await asyncio.to_thread(self._store.commit, batch)
        except StoreFault as error:
            self._store_from_s = self._clock() + STORE_PAUSE_S
            return str(error)
        self._stored += 1
        return ""

    async def _ticks(self) -> None:
        while True:
            self._decide_charge()
            self.core.tick(self._clock(), self._wall_ns() / 1e9)
            self._follow()
            await asyncio.sleep(TICK_S)

    def _decide_charge(self) -> None:
        """In fallback mode, joins are answered here once no server has for long enough."""
        if self._lns_up is None:
            return
        now_s = self._clock()
        if self._lns_up():
            self._lns_seen_s = now_s
        away_s = now_s - self._lns_seen_s
        alone = away_s >= self._fallback_after_s
        if alone and not self.core.in_charge:
            log.warning("no server for %.0f s: devices that join are served here", away_s)
        elif self.core.in_charge and not alone:
            log.warning("a server answers again: joins are left to it")
        self.core.in_charge = alone

    def _follow(self, *, wake: bool = True) -> None:
        """What the core wants told and asked."""
        for words in self.core.take_events():
            log.info("%s", words)
        for state in self.core.take_states():
            self._tell(state)
        for ask in self.core.take_asks():
            if isinstance(ask, JoinAsk):
                self._start(self._join(ask))
            elif self._asker is not None:
                self._asker.ask(ask.dev_eui, ask.join_eui, ask.session_id)
        if wake:
            self._work.set()

    def _start(self, part: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(part)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, ask: JoinAsk) -> None:
        facts = JoinRequestFacts(
            ask.phy_payload,
            ask.dev_eui,
            ask.join_eui,
            ask.dev_addr,
            ask.mac_version,
            ask.dl_settings,
            ask.rx_delay,
            ask.cf_list,
        )
        try:
            answer = await self._join_server.join(facts, JOIN_WITHIN_S)
        except JoinFailed as error:
            self.core.join_failed(ask.number, str(error))
        else:
            self.core.join_granted(
                ask.number,
                answer.phy_payload,
                answer.news,
                now_s=self._clock(),
                wall_s=self._wall_ns() / 1e9,
            )
        self._follow()

    def _gps_ns(self, uplink: Uplink) -> int | None:
        """When the frame ended in GPS time, if that can be trusted."""
        if self._time_of is TimeOf.OFF:
            return None
        if uplink.gps_ms is not None:
            return uplink.gps_ms * 1_000_000
        wall_ns = uplink.utc_ns
        if wall_ns is None and self._time_of is TimeOf.SYSTEM and self._synchronised():
            wall_ns = self._wall_ns()
        if wall_ns is None:
            return None
        return wall_ns - (GPS_EPOCH_S - self._leap_s) * 1_000_000_000

    def status(self) -> dict[str, object]:
        core = self.core
        return {
            "name": self.name,
            "kind": "standalone",
            "state": "storing fails" if core.fault else "serving" if core.in_charge else "standby",
            "fault": core.fault,
            "sessions": len(core.sessions),
            "join_margin_ms": core.join_margin_ms,
            "commits": self._stored,
            **core.counters,
        }


def random_below(limit: int) -> int:
    """The core's source of DevAddrs."""
    return secrets.randbelow(limit)
