"""Downlinks into receive windows: RX1, else RX2, or at once for class C. Pure.

Ref: TS001-1.0.4 section 3.3 and chapter 17. Which window is free is the scheduler's to say; a frame
that it refuses in both is lost with its counter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ...links.base import Schedule
from ...lorawan.region import Region
from ...packets import Accepted, AsSoonAsPossible, AtTmst, Downlink, When
from ..values import RadioFacts
from .downlink import Content, build
from .session import NetSession
from .sessions import Sessions
from .values import Reply
from .windows import JOIN_DELAY_S, Window, modulation, windows

LINK = "standalone"
CLASS_C_ACK_S = 30.0  # how long a class C device may take to acknowledge


@dataclass(frozen=True, slots=True)
class Placed:
    """`window` None: none took it. Margins are milliseconds to spare, by window tried."""

    window: Window | None
    margins_ms: tuple[float | None, ...]

    @property
    def last_ms(self) -> float | None:
        return self.margins_ms[-1] if self.margins_ms else None


class Sender:
    def __init__(
        self,
        region: Region,
        schedule: Schedule,
        sessions: Sessions,
        *,
        power_dbm: float,
        class_c: frozenset[str],
        counters: Counter[str],
        tell: Callable[[str], None],
    ) -> None:
        self._region, self._schedule, self._sessions = region, schedule, sessions
        self._power_dbm, self._class_c = power_dbm, class_c
        self._counters, self._tell = counters, tell
        self._token = 0

    def join_accept(self, radio: RadioFacts, payload: bytes) -> Placed:
        """RX1 five seconds after the request, RX2 after six."""
        return self._place(radio, windows(self._region, radio, delay_s=JOIN_DELAY_S), payload)

    def reply(self, session: NetSession, reply: Reply, now_s: float) -> None:
        """What is due after an uplink, and what waits for the device."""
        places = windows(
            self._region,
            reply.radio,
            delay_s=session.rx_delay_s,
            offset=session.offset,
            rx2_dr=session.rx2_dr,
        )
        content = self._content(session, reply, places)
        if content.item is not None or reply.wanted:
            fitting = [one for one in places if self._room(one) >= content.size]
            self._send(session, content, reply.radio, fitting, now_s)

    def class_c(self, now_s: float) -> None:
        """What waits for devices that always listen."""
        for dev_eui in self._class_c:
            for session in self._sessions.of(dev_eui):
                if session.proven and not session.joining:
                    self._class_c_one(session, now_s)

    def silent(self, now_s: float) -> None:
        """Class C devices that did not acknowledge in time are tried again, or given up."""
        for dev_eui in self._class_c:
            for session in self._sessions.of(dev_eui):
                item = session.queue.awaiting
                if item is not None and now_s - item.sent_s > CLASS_C_ACK_S:
                    session.queue.answered(ack=False)

    def _class_c_one(self, session: NetSession, now_s: float) -> None:
        item = session.queue.head()
        if item is None:
            return
        window = Window(2, 0, self._region.rx2_freq_hz, session.rx2_dr)
        room = self._room(window)
        if len(item.payload) > room:
            session.queue.drop(item, f"{len(item.payload)} bytes, {room} fit into RX2")
        elif session.counter(item.downlink.fport).left:
            content = Content(item=item, pending=len(session.queue) > 1)
            self._send(session, content, None, [window], now_s)

    def _content(self, session: NetSession, reply: Reply, places: list[Window]) -> Content:
        most = max(self._room(one) for one in places)
        commands = reply.commands if len(reply.commands) <= most else b""
        item = session.queue.head()
        if item is not None and len(item.payload) > most:
            why = f"{len(item.payload)} bytes, {most} fit at this device's data rate"
            session.queue.drop(item, why)
            item = None
        if item is not None and len(item.payload) + len(commands) > most:
            item = None  # the answers go first
        pending = len(session.queue) > (item is not None)
        return Content(reply.ack, reply.fcnt, commands, item, pending)

    def _room(self, window: Window) -> int:
        return self._region.payloads.get(window.dr, 0)

    def _send(
        self,
        session: NetSession,
        content: Content,
        radio: RadioFacts | None,
        places: list[Window],
        now_s: float,
    ) -> None:
        frame = build(session, content)
        if isinstance(frame, str):
            self._counters["downlinks withheld"] += 1
            self._tell(f"{session.device.dev_eui}: no downlink: {frame}")
            return
        if self._place(radio, places, frame).window is None:
            self._counters["downlinks lost"] += 1
            self._tell(f"{session.device.dev_eui}: a downlink found no window")
            return
        self._counters["downlinks"] += 1
        if content.item is not None:
            session.queue.sent(content.item, now_s)
            self._sessions.changed(session)

    def _place(self, radio: RadioFacts | None, places: list[Window], payload: bytes) -> Placed:
        """Offer it for one window after the other; without `radio`, for now."""
        margins_ms: list[float | None] = []
        for window in places:
            when: When = AsSoonAsPossible()
            if radio is not None:
                when = AtTmst((radio.tmst + window.delay_us) & 0xFFFFFFFF)
            answer = self._schedule(self._downlink(when, window, payload))
            margins_ms.append(None if answer.margin_us is None else answer.margin_us / 1000)
            if isinstance(answer, Accepted):
                return Placed(window, tuple(margins_ms))
        return Placed(None, tuple(margins_ms))

    def _downlink(self, when: When, window: Window, payload: bytes) -> Downlink:
        self._token = self._token + 1 & 0xFFFF
        return Downlink(
            LINK,
            self._token,
            when,
            payload,
            window.freq_hz,
            modulation(self._region.data_rates[window.dr]),
            self._power_dbm,
            crc=False,
            invert_polarity=True,
        )
