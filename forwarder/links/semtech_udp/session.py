"""One gateway's conversation with one Semtech UDP server, without sockets and without a clock.

Three headings: what the gateway says, what the server says, what time does. Whatever goes out on
the pull socket waits in `datagrams()`; a PUSH_DATA is handed back at once, because nothing may
stand between a frame and the network. What happened waits in `events()`. Times are seconds on any
monotonic clock.

Source: semtech-udp.md 1.1, 2.1, 2.3. Unlike Semtech's forwarder it counts late answers, answers
every PULL_RESP exactly once, and asks for new sockets where the other one exits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import count

from ...packets import Answer, Downlink, Refused
from . import txpk, wire
from .acks import AckTable
from .profiles import tx_ack_text
from .settings import UdpSettings
from .wire import Datagram, Kind, ProtocolError

LOST_AFTER = 3  # keepalives without an answer until the path counts as lost
RECONNECT_AFTER = 6  # and until new sockets and a fresh address are worth a try
# The network may deliver one PULL_RESP twice. Longer than that it is the server speaking again:
# ChirpStack sends the frame for the second window under the token of the first.
REPEATED_WITHIN_S = 1.0
ANSWERS_KEPT = 64


@dataclass(frozen=True, slots=True)
class PathOpened:
    """The server answers."""


@dataclass(frozen=True, slots=True)
class PathLost:
    """The server answered once and has stopped; `silent` keepalives went without an answer."""

    silent: int


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Silence for so long that new sockets and a fresh look at the name may help."""

    silent: int


@dataclass(frozen=True, slots=True)
class StatDue:
    """Time for a report; only the caller can know what stands in it."""


@dataclass(frozen=True, slots=True)
class PushTaken:
    """The server has the datagram with this token."""

    token: int


@dataclass(frozen=True, slots=True)
class DownlinkRequested:
    """A PULL_RESP that could be read; give this back to `Session.answer`, exactly once."""

    downlink: Downlink
    body: bytes


@dataclass(frozen=True, slots=True)
class DownlinkUnreadable:
    """A PULL_RESP that could not be read; the server has been told already."""

    token: int
    detail: str


Event = (
    PathOpened | PathLost | Reconnect | StatDue | PushTaken | DownlinkRequested | DownlinkUnreadable
)


class Session:
    """Tokens count up from `first_token`: all that an answer can be on its way for differ.

    `tells_taken`: each PUSH_ACK is an event, for who keeps what was not acknowledged.
    """

    def __init__(
        self, settings: UdpSettings, first_token: int = 0, *, tells_taken: bool = False
    ) -> None:
        self._settings = settings
        self._tells_taken = tells_taken
        self._gateway = settings.gateway
        self._tokens = count(first_token)
        self._outbox: deque[bytes] = deque()
        self._events: deque[Event] = deque()
        self._answers: dict[tuple[int, bytes], tuple[float, bytes]] = {}
        self._patience = RECONNECT_AFTER
        self._silent = 0  # keepalives since the server last answered
        self._pushed = False  # an uplink since the last keepalive or answer
        self._pull_at = 0.0
        self._stat_at: float | None = None
        self.is_open = False
        self.pushes = AckTable(settings.push_timeout_ms / 1000)
        self.pulls = AckTable(settings.push_timeout_ms / 1000)
        self.downlinks = 0
        self.unreadable = 0
        self.repeated = 0

    def start(self, now: float, *, patience: int | None = None) -> None:
        """New sockets are there: keepalives begin at once, reports after one interval.

        `patience` is after how many keepalives without a first answer to advise another try.
        """
        self._patience = patience or self._settings.autoquit or RECONNECT_AFTER
        self._silent = 0
        self.is_open = False
        self._pull_at = now
        if self._stat_at is None:
            self._stat_at = now + self._settings.stat_interval_s

    # What the gateway says.

    def push(self, text: str, now: float) -> bytes:
        """The PUSH_DATA that carries `text`, to be sent now from the push socket."""
        token = self._next_token()
        self.pushes.add(token, now)
        self._pushed = True
        return wire.push_data(token, self._gateway, text)

    def unsent(self, datagram: bytes) -> None:
        """The push of `datagram` did not happen."""
        self.pushes.remove(int.from_bytes(datagram[1:3], "big"))

    def answer(self, request: DownlinkRequested, answer: Answer, now: float) -> None:
        """Answer a DownlinkRequested."""
        token = request.downlink.token
        self._reply(token, request.body, tx_ack_text(answer, self._settings.dialect), now)

    # What the server says.

    def receive(self, data: bytes, now: float) -> None:
        """Take one datagram from the server. Raises ProtocolError, and changes nothing then."""
        datagram = Datagram.decode(data)
        match datagram.kind:
            case Kind.PUSH_ACK:
                # Says nothing about downlinks: where those are wanted, PULL_ACK is the judge.
                if self.pushes.match(datagram.token, now):
                    if self._tells_taken:
                        self._events.append(PushTaken(datagram.token))
                    if self._settings.uplink_only:
                        self._heard()
            case Kind.PULL_ACK:
                if self.pulls.match(datagram.token, now):
                    self._heard()
            case Kind.PULL_RESP:
                self._pull_resp(datagram, now)
            case other:
                raise ProtocolError(f"a server does not send {other.name}")

    def _pull_resp(self, datagram: Datagram, now: float) -> None:
        sent_at, earlier = self._answers.get((datagram.token, datagram.body), (0.0, b""))
        if earlier and now - sent_at <= REPEATED_WITHIN_S:
            self.repeated += 1
            self._outbox.append(earlier)
            return
        request = txpk.read(datagram.body, link=self._settings.name, token=datagram.token)
        if isinstance(request, Refused):
            self.unreadable += 1
            text = tx_ack_text(request, self._settings.dialect)
            self._reply(datagram.token, datagram.body, text, now)
            self._events.append(DownlinkUnreadable(datagram.token, request.detail))
        else:
            self.downlinks += 1
            self._events.append(DownlinkRequested(request, datagram.body))

    def _reply(self, token: int, body: bytes, text: str, now: float) -> None:
        ack = wire.tx_ack(token, self._gateway, text)
        self._outbox.append(ack)
        self._answers.pop((token, body), None)
        self._answers[token, body] = (now, ack)
        while len(self._answers) > ANSWERS_KEPT:
            del self._answers[next(iter(self._answers))]

    def fail(self) -> None:
        """The network itself said that the server cannot be reached."""
        if self.is_open:
            self._lose()

    def _heard(self) -> None:
        self._silent = 0
        self._pushed = False
        if not self.is_open:
            self.is_open = True
            self._patience = self._settings.autoquit or RECONNECT_AFTER
            self._events.append(PathOpened())

    # What time does.

    def tick(self, now: float) -> None:
        """Do what is due at `now`; call it whenever `next_tick` has passed."""
        if now >= self._pull_at:
            self._pull_at = now + self._settings.keepalive_s
            self._keepalive(now)
        if self._stat_at is not None and now >= self._stat_at:
            self._stat_at = now + self._settings.stat_interval_s
            self._events.append(StatDue())

    def next_tick(self) -> float:
        """When `tick` is next worth calling."""
        return self._pull_at if self._stat_at is None else min(self._pull_at, self._stat_at)

    def _keepalive(self, now: float) -> None:
        if self.is_open and self._silent >= min(LOST_AFTER, self._patience):
            self._lose()
        if self._silent and self._silent % self._patience == 0:
            self._events.append(Reconnect(self._silent))
        # Without a downlink there is no keepalive; what can stay unanswered then is uplinks.
        if not self._settings.uplink_only:
            token = self._next_token()
            self.pulls.add(token, now)
            self._outbox.append(wire.pull_data(token, self._gateway))
            self._silent += 1
        elif self._pushed:
            self._silent += 1
        self._pushed = False

    def _lose(self) -> None:
        self.is_open = False
        self._events.append(PathLost(self._silent))

    def _next_token(self) -> int:
        return next(self._tokens) & 0xFFFF

    # What to do about it.

    def datagrams(self) -> list[bytes]:
        """Drain what is to be sent from the pull socket."""
        taken, self._outbox = list(self._outbox), deque()
        return taken

    def events(self) -> list[Event]:
        """Drain what has happened."""
        taken, self._events = list(self._events), deque()
        return taken
