"""Asks Join Servers: AppSKeyReq as an application server, JoinReq as a network server.

    client = JoinServerClient(settings, tell)
    client.ask(dev_eui, join_eui, session_id)     the key comes through `tell`, now or much later
    await client.join(facts, within_s)            the join-accept and the keys, or JoinFailed

`run` asks what waits; the plan (ask_plan.py) says when. Bodies are never logged.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..errors import EdgeError
from ..values import KeyNews
from .answer_listener import AnswerListener
from .ask_plan import Ask, AskPlan
from .join_server_peer import Peer
from .join_server_settings import JoinServerSettings, PrefixTable, ServerSettings
from .js_answers import NoAnswer, asked_news, joined_news
from .ts002 import (
    AppSKeyAns,
    AppSKeyReq,
    Header,
    JoinAns,
    JoinReq,
    MessageError,
    Reaction,
    RejoinReq,
    ResultCode,
    parse,
)

__all__ = ["JoinServerClient", "JoinServerSettings", "ServerSettings"]

log = logging.getLogger(__name__)

ASKS_AT_ONCE = 2
THREADS = 6  # joins have a deadline on the air: asks never take all of them
NARROW_S = 1.0  # a join answered with less time left than this is worth a warning


@dataclass(frozen=True, slots=True)
class JoinRequestFacts:
    """A (re)join-request heard on the air and what the network offers. EUIs are 16 hex digits."""

    phy_payload: bytes
    dev_eui: str
    join_eui: str
    dev_addr: int
    mac_version: str
    dl_settings: int = 0
    rx_delay: int = 1
    cf_list: bytes = b""
    rejoin: bool = False


@dataclass(frozen=True, slots=True)
class JoinAnswer:
    """`phy_payload` is the join-accept to send; `news` has the keys, wrapped; `took_s` the wait."""

    phy_payload: bytes
    news: KeyNews
    took_s: float


class JoinFailed(EdgeError):
    """No join-accept. `code` is None when no answer came; `reaction` says if another try helps."""

    def __init__(self, words: str, reaction: Reaction, code: ResultCode | None = None) -> None:
        super().__init__(words)
        self.reaction = reaction
        self.code = code


class JoinServerClient:
    """A KeySource and a KeyAsker. All of it lives in one event loop."""

    def __init__(
        self,
        settings: JoinServerSettings,
        tell: Callable[[KeyNews], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        jitter: Callable[[], float] = lambda: os.urandom(1)[0] / 255,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._tell = tell
        self._clock = clock
        self._table = PrefixTable(settings.server)
        self._plan = AskPlan(jitter)
        self._wake = asyncio.Event()
        self._no_server = 0
        self._strays = 0
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="join-server")
        self._peers = [
            Peer(
                one,
                threads,
                nsid=settings.ns_id.lower() or None,
                allow_clear=settings.allow_clear,
                clock=clock,
                wall=wall,
            )
            for one in settings.server
        ]
        self.listener = None if settings.http is None else AnswerListener(settings, self.deliver)

    def serves(self, join_eui: str) -> bool:
        """Whether a server is named for this JoinEUI."""
        return self._table.find(join_eui) is not None

    def bits(self, join_eui: str) -> int | None:
        """How many bits of this JoinEUI a server is named for; None if none is."""
        return self._table.bits(join_eui)

    def ask(self, dev_eui: str, join_eui: str, session_id: bytes) -> None:
        """Want the AppSKey of a session. Asking twice is asking once; never blocks."""
        server = self._table.find(join_eui) if join_eui else None
        if server is None or not self._settings.as_id or not session_id:
            self._no_server += 1
            log.debug("no AppSKeyReq for %s: no server for JoinEUI %s", dev_eui, join_eui)
            return
        if self._plan.add(Ask(dev_eui, join_eui, session_id, server), self._clock()):
            self._wake.set()

    def forget(self, dev_eui: str) -> None:
        """Stop asking for a device."""
        self._plan.forget(dev_eui)

    def deliver(self, body: bytes) -> bool:
        """An answer that a server sent as a request of its own (`answers = "async"`).

        False if nobody waits for it: it is counted and dropped.
        """
        try:
            transaction = parse(body).header.transaction
        except MessageError:
            transaction = -1
        if any(peer.deliver(transaction, body) for peer in self._peers):
            return True
        self._strays += 1
        return False

    async def run(self) -> None:
        """Ask what is to be asked, and hear answers that come later, until cancelled."""
        if self.listener is None:
            await self._ask_all()
            return
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._ask_all())
            parts.create_task(self.listener.run())

    async def _ask_all(self) -> None:
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._wake.clear()
                for task in [task for task in tasks if task.done()]:
                    tasks.remove(task)
                    task.result()  # a bug of ours is the supervisor's to report
                self._start(tasks)
                await self._rest(full=len(tasks) >= ASKS_AT_ONCE)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for peer in self._peers:
                peer.close()

    def _start(self, tasks: set[asyncio.Task[None]]) -> None:
        while len(tasks) < ASKS_AT_ONCE and (ask := self._plan.take(self._clock())):
            task = asyncio.create_task(self._fetch(ask))
            task.add_done_callback(lambda _: self._wake.set())
            tasks.add(task)

    async def _rest(self, *, full: bool) -> None:
        """Until something is due or new, or a place is free."""
        due_s = None if full else self._plan.next_s()
        try:
            async with asyncio.timeout(None if due_s is None else max(0, due_s - self._clock())):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _fetch(self, ask: Ask) -> None:
        """One AppSKeyReq, and what its answer means for the plan."""
        peer = self._peers[ask.server]

        def request(header: Header) -> AppSKeyReq:
            return AppSKeyReq(header, ask.dev_eui, ask.session_id)

        as_id = self._settings.as_id
        try:
            answer = await peer.converse(as_id, ask.join_eui, request, peer.settings.timeout_s)
        except NoAnswer as error:
            self._plan.server_failed(ask, self._clock(), refuses=error.refuses)
            return
        code = answer.result.code
        if code is not ResultCode.SUCCESS:
            peer.counts["refused"] += 1
            self._refused(ask, code.reaction, f"{code.value} {answer.result.description}".strip())
        elif peer.refuses_clear(answer):
            self._refused(ask, Reaction.CONFIG_ERROR, "key in clear")
        else:
            assert isinstance(answer, AppSKeyAns)
            peer.counts["granted"] += 1
            self._plan.answered(ask)
            self._tell(asked_news(self.name, ask, answer))

    def _refused(self, ask: Ask, reaction: Reaction, words: str) -> None:
        pause_s = self._plan.refuse(ask, reaction, self._clock())
        then = "not asked again" if pause_s is None else f"asked again in {pause_s:.0f} s"
        log.warning("AppSKey of %s refused: %s; %s", ask.dev_eui, words, then)

    async def join(self, facts: JoinRequestFacts, within_s: float = 4.0) -> JoinAnswer:
        """Let a device join; an answer after `within_s` seconds is of no use. Raises JoinFailed."""
        server = self._table.find(facts.join_eui)
        if server is None or not self._settings.net_id:
            self._no_server += 1
            raise JoinFailed(f"no server for JoinEUI {facts.join_eui}", Reaction.CONFIG_ERROR)
        peer = self._peers[server]
        started_s = self._clock()
        sent: list[JoinReq] = []

        def request(header: Header) -> JoinReq:
            sent.append(_join_req(header, facts))
            return sent[-1]

        try:
            answer = await peer.converse(self._settings.net_id, facts.join_eui, request, within_s)
        except NoAnswer as error:
            reaction = Reaction.CONFIG_ERROR if error.refuses else Reaction.RETRY_LATER
            raise JoinFailed(f"join of {facts.dev_eui}: {error}", reaction) from None
        took_s = self._clock() - started_s
        self._margin(peer, facts.dev_eui, within_s - took_s)
        assert isinstance(answer, JoinAns)
        code = answer.result.code
        if code is not ResultCode.SUCCESS:
            peer.counts["refused"] += 1
            words = f"join of {facts.dev_eui} refused: {code.value} {answer.result.description}"
            raise JoinFailed(words.strip(), code.reaction, code)
        if peer.refuses_clear(answer):
            raise JoinFailed(f"join of {facts.dev_eui}: key in clear", Reaction.CONFIG_ERROR, code)
        peer.counts["granted"] += 1
        news = joined_news(self.name, facts.join_eui, sent[-1], answer)
        return JoinAnswer(answer.phy_payload, news, took_s)

    def _margin(self, peer: Peer, dev_eui: str, left_s: float) -> None:
        worst_s = peer.join_margin_s
        peer.join_margin_s = left_s if worst_s is None else min(worst_s, left_s)
        if left_s < NARROW_S:
            log.warning(
                "Join Server %s answered the join of %s with %.1f s to spare",
                peer.settings.host,
                dev_eui,
                left_s,
            )

    def status(self) -> dict[str, object]:
        return {
            "type": "join_server",
            "wanted": len(self._plan),
            "dropped": self._plan.refused,
            "no_server": self._no_server,
            "strays": self._strays,
            "servers": [peer.status() for peer in self._peers],
        }


def _join_req(header: Header, facts: JoinRequestFacts) -> JoinReq:
    kind = RejoinReq if facts.rejoin else JoinReq
    return kind(
        header,
        facts.mac_version,
        facts.phy_payload,
        facts.dev_eui,
        facts.dev_addr,
        facts.dl_settings,
        facts.rx_delay,
        facts.cf_list,
    )
