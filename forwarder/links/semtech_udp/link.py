"""The link to one Semtech UDP server: joins session, path and outbox, and tells about them.

A frame leaves inside the call of `uplink`, and a PULL_RESP is answered inside the callback that
reads it: nothing waits for a task to be scheduled.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from ...backoff import backoff
from ...packets import Answer, Refused, Uplink
from ..base import Courier, GatewayFacts, Schedule
from ..meter import UDP, UDP_V6, Meter
from .acks import AckTable
from .kept import KeptPushes, outdated
from .outbox import BACKLOG_PER_10MS, Outbox
from .pacing import Pacer
from .path import Path
from .resolve import Peer, Resolve, resolve
from .rxpk import push_text, rxpk
from .session import (
    DownlinkRequested,
    DownlinkUnreadable,
    Event,
    PathLost,
    PathOpened,
    PushTaken,
    Reconnect,
    Session,
    StatDue,
)
from .settings import UdpSettings
from .stat import Totals, stat_text
from .wire import ProtocolError

MARGINS_KEPT = 128
QUIET_S = 60.0  # between two log lines about what a server or the network does wrongly

log = logging.getLogger(__name__)


class State(Enum):
    """What an operator sees of a link."""

    STARTING = "starting"
    NO_ADDRESS = "no address"
    WAITING = "waiting for an answer"
    UP = "up"
    LOST = "lost"


@dataclass(slots=True)
class Tally:
    """What this link has done since the process started; only ever grows."""

    forwarded: int = 0
    accepted: int = 0
    ignored: int = 0  # datagrams that no server may send
    errors: int = 0  # that the sockets reported
    refused: Counter[str] = field(default_factory=Counter)
    margins_us: deque[int] = field(default_factory=lambda: deque(maxlen=MARGINS_KEPT))


class SemtechUdpLink:
    """See `forwarder.links.base.Link`; all of it belongs to the event loop's thread."""

    def __init__(
        self,
        settings: UdpSettings,
        facts: GatewayFacts,
        schedule: Schedule,
        *,
        meter: Meter | None = None,
        courier: Courier | None = None,
        now_us: Callable[[], int | None] = lambda: None,
        resolver: Resolve = resolve,
        pauses: Callable[[], Iterator[float]] = backoff,
    ) -> None:
        self.name = settings.name
        self.state = State.STARTING
        self._settings = settings
        self._facts = facts
        self._schedule = schedule
        self._meter = meter or Meter()
        self._session = Session(
            settings, int.from_bytes(os.urandom(2), "big"), tells_taken=courier is not None
        )
        self._path = Path(settings, self, resolver, pauses)
        self._outbox = Outbox(self._push, per_10ms=settings.dialect.per_10ms, batch=settings.batch)
        self._timer: asyncio.TimerHandle | None = None
        self._courier = courier  # then frames come by `send`, whose late ones need `now_us`
        self._now_us = now_us
        self._kept = KeptPushes()
        self._pacer = Pacer(settings.dialect.per_10ms or BACKLOG_PER_10MS)
        self._tally = Tally()
        self._reported = self._totals()
        self._quiet_until = 0.0
        self._trouble = ""  # why the server cannot be reached

    # What the app calls.

    async def run(self) -> None:
        """Stay connected until cancelled."""
        await self._path.keep()

    def uplink(self, uplink: Uplink) -> None:
        """Send one frame now; keep it while it cannot leave. What is not wanted, feed.py drops."""
        self._tally.forwarded += 1
        self._outbox.put_frame(rxpk(uplink))

    def send(self, number: int, uplink: Uplink, *, late: bool) -> bool:
        """Let one frame of the keeper leave now; whether it did. A datagram of its own each."""
        now = time.monotonic()
        if self._path.push is None or now < self._pacer.ready_at():
            return False
        if late:
            uplink = outdated(uplink, self._now_us())
        token = self._push_now(push_text((rxpk(uplink),)))
        if token is None:
            return False
        self._pacer.sent(now)
        self._kept.sent(token, number)
        self._tally.forwarded += 1
        return True

    def unacknowledged(self) -> int:
        """Uplink datagrams that wait to leave or for their answer: for a sender that can wait."""
        return len(self._outbox) + self._session.pushes.waiting

    def status(self) -> dict[str, object]:
        """State, counters since the start, round trips and downlink margins; plain values."""
        session, settings, tally, path = self._session, self._settings, self._tally, self._path
        return {
            "name": self.name,
            "kind": "semtech-udp",
            "state": self.state.value,
            "trouble": self._trouble,
            "server": f"{settings.address}:{settings.port_up}/{settings.port_down}",
            "peer": path.peer.host if path.peer else None,
            "connections": path.connections,
            "errors": tally.errors,
            "forwarded": tally.forwarded,
            "waiting": len(self._outbox),
            "dropped": self._outbox.dropped,
            "ignored": tally.ignored,
            "push": _table(session.pushes),
            "pull": _table(session.pulls),
            "ackr": session.pushes.percent(),
            "rtt_ms": session.pushes.rtt_ms() or session.pulls.rtt_ms(),
            "downlinks": session.downlinks,
            "accepted": tally.accepted,
            "refused": dict(tally.refused),
            "unreadable": session.unreadable,
            "repeated": session.repeated,
            "margin_ms": _margin_ms(tally.margins_us),
        }

    # What the path calls.

    def received(self, data: bytes) -> None:
        self._meter.received(len(data))
        try:
            self._session.receive(data, time.monotonic())
        except ProtocolError as error:
            self._tally.ignored += 1
            self._complain("ignored a datagram: %s", error)
        self._flush()

    def failed(self, error: OSError, *, pull: bool) -> None:
        self._tally.errors += 1
        self._complain("%s", error)
        if self.state is not State.UP:
            self._trouble = error.strerror or str(error)
        # An error of the push socket says nothing about downlinks, unless there are none.
        if pull or self._settings.uplink_only:
            self._session.fail()
            asyncio.get_running_loop().call_soon(self._flush)

    def no_address(self, why: str) -> None:
        self._change(State.NO_ADDRESS, why)

    def opened(self, peer: Peer, *, alone: bool) -> None:
        # An address that never answered is not waited for long when there is another one.
        self._session.start(time.monotonic(), patience=None if alone else 2)
        self._change(State.WAITING, f"sending to {peer.host}")
        self._meter.overhead = UDP_V6 if ":" in peer.host else UDP
        self._advance()
        self._outbox.resume()

    def closed(self) -> None:
        self._outbox.pause()
        if self._courier is not None:
            self._courier.closed()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # What the session says.

    def _advance(self) -> None:
        self._session.tick(time.monotonic())
        self._flush()
        delay_s = max(self._session.next_tick() - time.monotonic(), 0.0)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._advance)

    def _flush(self) -> None:
        for event in self._session.events():
            self._act(event)
        for datagram in self._session.datagrams():
            if self._path.pull is not None and self._path.pull.send(datagram):
                self._meter.sent(len(datagram))

    def _act(self, event: Event) -> None:
        match event:
            case DownlinkRequested(downlink):
                answer = self._schedule(downlink)
                self._session.answer(event, answer, time.monotonic())
                self._count(answer)
            case DownlinkUnreadable(token, detail):
                self._complain("downlink %04x cannot be read: %s", token, detail)
            case StatDue():
                self._push_stat()
            case PathOpened():
                self._path.answered()
                self._change(State.UP, "the server answers")
                if self._courier is not None:
                    self._courier.opened()
            case PathLost(silent):
                self._change(State.LOST, f"{silent} keepalives without an answer, or refused")
                if self._courier is not None:
                    self._courier.closed()
            case PushTaken(token):
                number = self._kept.taken(token)
                if number is not None and self._courier is not None:
                    self._courier.acknowledged(number)
            case Reconnect():
                self._path.silent(never_answered=self.state is State.WAITING)

    def _push(self, text: str) -> bool:
        return self._push_now(text) is not None

    def _push_now(self, text: str) -> int | None:
        """The token with which `text` has left; None, and nothing is remembered of it, if not."""
        if self._path.push is None:
            return None
        datagram = self._session.push(text, time.monotonic())
        if self._path.push.send(datagram):
            self._meter.sent(len(datagram))
            return int.from_bytes(datagram[1:3], "big")
        self._session.unsent(datagram)
        return None

    def _push_stat(self) -> None:
        before, self._reported = self._reported, self._totals()
        self._outbox.put(
            stat_text(
                before,
                self._reported,
                utc_s=time.time(),
                temperature_c=self._facts.temperature_c(),
                position=self._facts.position(),
            )
        )

    def _totals(self) -> Totals:
        radio, session = self._facts.counters, self._session
        return Totals(
            received=radio.rx_total,
            received_ok=radio.rx_ok,
            emitted=radio.tx_ok,
            forwarded=self._tally.forwarded,
            pushed=session.pushes.sent,
            acknowledged=session.pushes.acknowledged,
            downlinks=session.downlinks,
        )

    def _count(self, answer: Answer) -> None:
        if isinstance(answer, Refused):
            self._tally.refused[answer.reason.name] += 1
        else:
            self._tally.accepted += 1
        if answer.margin_us is not None:
            self._tally.margins_us.append(answer.margin_us)

    def _change(self, state: State, why: str) -> None:
        if state is not self.state:
            self.state = state
            well = state in (State.UP, State.WAITING)
            self._trouble = "" if well else why
            log.log(
                logging.INFO if well else logging.WARNING,
                "%s: %s: %s",
                self.name,
                state.value,
                why,
            )

    def _complain(self, text: str, *values: object) -> None:
        """At most one line a minute: a broken server must not fill the disk."""
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            log.warning("%s: " + text, self.name, *values)


def _table(table: AckTable) -> dict[str, int]:
    return {
        "sent": table.sent,
        "acknowledged": table.acknowledged,
        "late": table.late,
        "lost": table.lost,
    }


def _margin_ms(margins_us: deque[int]) -> dict[str, float] | None:
    """How much earlier than necessary the latest downlinks came; negative is too late."""
    if not margins_us:
        return None
    ranked = sorted(margins_us)
    named = {"least": ranked[0], "median": ranked[len(ranked) // 2], "last": margins_us[-1]}
    return {name: round(value / 1000, 1) for name, value in named.items()}
