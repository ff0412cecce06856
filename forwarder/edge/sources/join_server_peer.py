"""One Join Server as the client sees it: an exchange, its time limit, and what is counted.

Bodies are never logged. Lives in the event loop; HTTP itself is done in threads (js_channel.py).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from .join_server_settings import Answers, ServerSettings
from .js_answers import DAY_S, NoAnswer, days_left, expiry_words, fitting, in_clear, judge
from .js_channel import Channel, ChannelError, Fault, Flight
from .ts002 import Header, Reaction, Version, encode
from .ts002_values import Answer, Request

log = logging.getLogger(__name__)

GRACE_S = 0.5  # for a thread to notice that its time is over
Make = Callable[[Header], Request]

COUNTERS = (
    *("requests", "granted", "refused", "timeouts", "unreachable", "tls_errors", "http_errors"),
    *("garbage", "too_large", "strays", "clear_keys", "clear_refused"),
)
_COUNTED = {
    Fault.CONNECT: "unreachable",
    Fault.CLOSED: "unreachable",
    Fault.TLS: "tls_errors",
    Fault.SETTINGS: "tls_errors",
    Fault.TIMEOUT: "timeouts",
    Fault.TOO_LARGE: "too_large",
    Fault.NOT_HTTP: "garbage",
}


class Peer:
    """`sender` and `nsid` are who we are; `clock` gives monotonic, `wall` seconds since 1970."""

    def __init__(
        self,
        settings: ServerSettings,
        threads: Executor,
        *,
        nsid: str | None,
        allow_clear: bool,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.version = settings.version
        self.counts = dict.fromkeys(COUNTERS, 0)
        self.answer_s: float | None = None
        self.join_margin_s: float | None = None
        self.fault = ""
        self._threads = threads
        self._nsid = nsid
        self._allow_clear = allow_clear
        self._clock = clock
        self._wall = wall
        self._channel = Channel(settings)
        self._waiting: dict[int, tuple[Request, asyncio.Future[Answer]]] = {}
        self._told_expiry_s = 0.0

    async def converse(self, sender: str, receiver: str, make: Make, within_s: float) -> Answer:
        """One request and its answer; the other protocol version is tried once if need be.

        Raises NoAnswer, which is counted and logged already.
        """
        until_s = self._clock() + within_s
        answer = await self._exchange(sender, receiver, make, within_s)
        if answer.result.code.reaction is not Reaction.TRY_OTHER_VERSION:
            return answer
        self.version = self.version.other
        left_s = max(0.0, until_s - self._clock())
        second = await self._exchange(sender, receiver, make, left_s)
        if second.result.code.reaction is Reaction.TRY_OTHER_VERSION:
            self.version = self.settings.version
        return second

    def deliver(self, transaction: int, body: bytes) -> bool:
        """An answer that came as a request of its own. False if nobody waits for it."""
        request, future = self._waiting.get(transaction, (None, None))
        if request is None or future is None or future.done():
            return False
        try:
            future.set_result(fitting(body, request))
        except NoAnswer as error:
            future.set_exception(error)
        return True

    def close(self) -> None:
        self._channel.close()

    def status(self) -> dict[str, object]:
        ends = self._channel.certificates
        now_s = self._wall()
        return {
            "server": self.settings.host,
            "version": self.version.value,
            **self.counts,
            "fault": self.fault,
            "answer_ms": _ms(self.answer_s),
            "join_margin_ms": _ms(self.join_margin_s),
            "certificate_days": days_left(ends.server_ends_s, now_s),
            "client_certificate_days": days_left(ends.client_ends_s, now_s),
        }

    async def _exchange(self, sender: str, receiver: str, make: Make, within_s: float) -> Answer:
        header = Header(
            sender,
            receiver,
            self._transaction(),
            self.version,
            sender_nsid=self._nsid if self.version is Version.V1_1 else None,
        )
        request = make(header)
        self.counts["requests"] += 1
        started_s = self._clock()
        try:
            answer = await self._carried(request, within_s)
        except ChannelError as error:
            fault = error.fault
            raise self._failed(
                NoAnswer(_COUNTED[fault], str(error), refuses=fault.refuses)
            ) from None
        except NoAnswer as error:
            raise self._failed(error) from None
        finally:
            self._tell_expiry()
        self.answer_s = self._clock() - started_s
        self._worked()
        return answer

    async def _carried(self, request: Request, within_s: float) -> Answer:
        loop = asyncio.get_running_loop()
        transaction = request.header.transaction
        later: asyncio.Future[Answer] = loop.create_future()
        self._waiting[transaction] = (request, later)
        try:
            async with asyncio.timeout(within_s + GRACE_S):
                status, body = await self._posted(request, within_s)
                if self.settings.answers is Answers.ASYNC and 200 <= status < 300:
                    return await later
                return judge(status, body, request)
        except TimeoutError:
            raise ChannelError(Fault.TIMEOUT, "no answer in time") from None
        finally:
            del self._waiting[transaction]
            later.cancel()

    async def _posted(self, request: Request, limit_s: float) -> tuple[int, bytes]:
        """The HTTP status and body. However it ends, the thread is not left waiting."""
        loop = asyncio.get_running_loop()
        flight = Flight(limit_s)
        timer = loop.call_later(limit_s, flight.abort)
        post = partial(self._channel.post, type(request).__name__, encode(request), flight)
        done = False
        try:
            response = await loop.run_in_executor(self._threads, post)
            done = True
        finally:
            timer.cancel()
            if not done:
                flight.abort()
        return response.status, response.body

    def _transaction(self) -> int:
        while (number := int.from_bytes(os.urandom(4), "big")) in self._waiting:
            pass
        return number

    # What is told.

    def _failed(self, error: NoAnswer) -> NoAnswer:
        self.counts[error.counter] += 1
        if str(error) != self.fault:
            self.fault = str(error)
            log.warning("Join Server %s: %s", self.settings.host, error)
        return error

    def _worked(self) -> None:
        if self.fault:
            self.fault = ""
            log.info("Join Server %s answers again", self.settings.host)

    def refuses_clear(self, answer: Answer) -> bool:
        """Whether its keys came unwrapped and may not; either way it is told loudly."""
        if not in_clear(answer):
            return False
        if self._allow_clear:
            self.counts["clear_keys"] += 1
            log.warning("Join Server %s sent a key in clear (allow_clear)", self.settings.host)
            return False
        self.counts["clear_refused"] += 1
        log.error(
            "Join Server %s sent a key in clear, refused: have it wrapped under a KEK, or set "
            "allow_clear = true",
            self.settings.host,
        )
        return True

    def _tell_expiry(self) -> None:
        now_s = self._wall()
        if now_s < self._told_expiry_s + DAY_S:
            return
        ends = self._channel.certificates
        for whose, ends_s in (("its", ends.server_ends_s), ("our", ends.client_ends_s)):
            if words := expiry_words(whose, ends_s, now_s):
                self._told_expiry_s = now_s
                log.warning("Join Server %s: %s", self.settings.host, words)


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000 * seconds)
