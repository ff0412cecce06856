"""One link's connection to its broker, without sockets and without a clock.

What the shell does is told here (`dialled`, `connack`, `subscribed`, `heard`, `ended`); what it is
to do waits in `events()`; `next_tick` is when time has something to say, and is always finite.
Times are seconds on any monotonic clock. There is one owner of reconnecting, and it is this.

Rules (mqtt-backends.md 5.1, 5.6): full jitter between 0 and a ceiling that doubles up to
`most_backoff_s`, and starts low again only after a stable minute; subscriptions are part of being
connected; whoever is refused, or has a twin, waits minutes; a clock that is wrong, seconds. A
broker that answers pings and acknowledges nothing (a node cut off from its cluster) is as good as
gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from .reasons import Failure, Trouble


class State(Enum):
    """What an operator sees of a link."""

    STARTING = "starting"
    NO_ADDRESS = "no address"
    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    SUBSCRIBING = "subscribing"
    UP = "up"
    LOST = "lost"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    TWIN = "another client uses this id"


BUSY = {State.CONNECTING, State.AUTHENTICATING, State.SUBSCRIBING, State.UP}
ENDS = {
    Trouble.ADDRESS: State.NO_ADDRESS,
    Trouble.REFUSED: State.REFUSED,
    Trouble.CERTIFICATE: State.REFUSED,
    Trouble.TWIN: State.TWIN,
}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. `dial_s` is for name, TCP and TLS together, `answer_s` for CONNACK and SUBACK."""

    dial_s: float = 45.0
    answer_s: float = 15.0
    steady_s: float = 60.0  # a connection that lived this long has proved itself
    first_ceiling_s: float = 1.0  # of the pause before the first new try
    clock_s: float = 3.0
    doubted_refusals: int = 6  # whoever was let in before is refused by a cluster that is ill
    first_refused_s: float = 30.0
    most_refused_s: float = 600.0
    first_twin_s: float = 60.0
    most_twin_s: float = 900.0
    twin_losses: int = (
        3  # closed so many times in a row by one broker and no other trouble between,
    )
    twin_within_s: float = 10.0  # each so soon after CONNACK
    route_s: float = 15.0
    silent_keepalives: float = 1.5  # without a byte from the broker
    unacknowledged_s: float = 45.0  # for the oldest message under way


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect to address number `address`; `turn` says which of its IP addresses comes first."""

    address: int
    turn: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Ask for the subscriptions; tell `subscribed`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Connected, subscribed: messages may flow."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Nothing was said for a keepalive: ask the broker whether it is there."""


@dataclass(frozen=True, slots=True)
class LookAtRoute:
    """Time to see whether packets to the broker would still leave from the same address."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Drop the connection, or the try. `was_open` says whether it was up; `pause_s` follows."""

    failure: Failure
    was_open: bool
    pause_s: float


Event = Dial | Subscribe | Opened | Ping | LookAtRoute | Ended


class Session:
    """`chance` gives numbers from 0 to 1; `addresses` is how many brokers there are to try."""

    def __init__(
        self,
        addresses: int,
        *,
        keepalive_s: float,
        most_backoff_s: float,
        chance: Callable[[], float],
        timing: Timing | None = None,
    ) -> None:
        self.state = State.STARTING
        self.trouble: Failure | None = None  # of the last end; None once it has been steady
        self.connections = 0
        self.tries = 0
        self.up_since: float | None = None
        self._addresses = addresses
        self._configured_keepalive_s = self._keepalive_s = keepalive_s
        self._most_s = most_backoff_s
        self._chance = chance
        self._timing = timing or Timing()
        self._events: deque[Event] = deque()
        self._address = 0
        self._turn = 0
        self._rounds = 0  # failures since the last steady connection: each doubles the pause
        self._refusals = 0
        self._twins = 0
        self._quick_losses = [0] * addresses
        self._deadline = 0.0  # of the step, or when the pause ends; unused while up
        self._connack_at = 0.0
        self._heard_at = self._sent_at = self._ping_at = self._route_at = 0.0
        self._owed: dict[int, None] = {}  # messages under way, oldest first
        self._owed_since = 0.0  # so long the oldest is

    @property
    def address(self) -> int:
        """Which of the addresses is in use or tried next."""
        return self._address

    # What the shell has seen.

    def dialled(self, now: float) -> None:
        """TCP and TLS stand and CONNECT is on its way."""
        if self.state is State.CONNECTING:
            self._step(State.AUTHENTICATING, now + self._timing.answer_s)

    def connack(self, now: float, *, keepalive_s: float | None = None) -> None:
        """The broker lets us in; `keepalive_s` is what it prescribes, if it does (MQTT 5)."""
        if self.state is not State.AUTHENTICATING:
            return
        self._keepalive_s = self._configured_keepalive_s if keepalive_s is None else keepalive_s
        self._connack_at = now
        self._step(State.SUBSCRIBING, now + self._timing.answer_s)
        self._events.append(Subscribe())

    def subscribed(self, now: float) -> None:
        """Every subscription was granted, or there are none."""
        if self.state is not State.SUBSCRIBING:
            return
        self.state = State.UP
        self.connections += 1
        self.up_since = now
        self._heard_at = self._sent_at = now
        self._owed.clear()
        self._ping_at = now + self._keepalive_s
        self._route_at = now + self._timing.route_s
        self._events.append(Opened())

    def heard(self, now: float) -> None:
        """Bytes came from the broker."""
        self._heard_at = now

    def sent(self, now: float) -> None:
        """Something was sent to it."""
        self._sent_at = now

    def owed(self, number: int, now: float) -> None:
        """A message was sent that it is to acknowledge."""
        if not self._owed:
            self._owed_since = now
        self._owed[number] = None

    def paid(self, number: int, now: float) -> None:
        """It has acknowledged one. They come in order (MQTT 3.1.1, 4.6): later ones alone are no
        sign that the oldest will be.
        """
        if number in self._owed:
            if number == next(iter(self._owed)):
                self._owed_since = now
            del self._owed[number]

    def ended(self, failure: Failure, now: float) -> None:
        """The try failed, or the connection is gone, or is to be dropped for this reason."""
        if self.state in BUSY:
            self._end(failure, now)

    def retry(self, now: float) -> None:
        """What stood in the way may have changed: do not wait for the end of a pause."""
        if self.state not in BUSY:
            self._deadline = min(self._deadline, now)

    # What time does.

    def tick(self, now: float) -> None:
        """Do what is due at `now`; call it whenever `next_tick` has passed."""
        if self.state is State.UP:
            self._tick_up(now)
        elif now >= self._deadline:
            if self.state in BUSY:
                self._end(Failure(Trouble.NETWORK, _SILENT[self.state]), now)
            else:
                self._dial(now)

    def next_tick(self) -> float:
        """When `tick` is next worth calling."""
        if self.state is not State.UP:
            return self._deadline
        return min(self._silent_at(), self._stuck_at(), self._next_ping(), self._route_at)

    def _tick_up(self, now: float) -> None:
        if now >= self._silent_at():
            silent_s = now - self._heard_at
            words = f"the broker has been silent for {silent_s:.0f} s; keepalive_s is shorter"
            self._end(Failure(Trouble.NETWORK, words), now)
            return
        if now >= self._stuck_at():
            words = (
                "the broker takes messages and has not acknowledged the oldest for "
                f"{self._timing.unacknowledged_s:.0f} s; is it cut off from its cluster, or full?"
            )
            self._end(Failure(Trouble.NETWORK, words), now)
            return
        if now >= self._next_ping():
            self._ping_at = now + self._keepalive_s / 8
            self._events.append(Ping())
        if now >= self._route_at:
            self._route_at = now + self._timing.route_s
            self._events.append(LookAtRoute())
        if self.trouble is not None and now - (self.up_since or now) >= self._timing.steady_s:
            self._prove()

    def _silent_at(self) -> float:
        if not self._keepalive_s:  # MQTT 5: a broker may switch it off
            return float("inf")
        return self._heard_at + self._timing.silent_keepalives * self._keepalive_s

    def _stuck_at(self) -> float:
        if not self._owed:
            return float("inf")
        return self._owed_since + self._timing.unacknowledged_s

    def _next_ping(self) -> float:
        """Both silences count: ours, which the broker watches, and its own."""
        if not self._keepalive_s:
            return float("inf")
        idle_at = min(self._sent_at, self._heard_at) + self._keepalive_s
        return max(idle_at, self._ping_at)

    def _dial(self, now: float) -> None:
        self.tries += 1
        self._step(State.CONNECTING, now + self._timing.dial_s)
        self._events.append(Dial(self._address, self._turn))

    def _step(self, state: State, deadline: float) -> None:
        self.state = state
        self._deadline = deadline

    # Ends and pauses.

    def _end(self, failure: Failure, now: float) -> None:
        was_open = self.state is State.UP
        was_steady = was_open and now - (self.up_since or now) >= self._timing.steady_s
        if was_steady:
            self._prove()
        failure = self._look_for_twin(failure, now)
        if self.state is not State.CONNECTING:
            self._turn += 1  # what answers there is no good: another IP address of the name first
        pause_s = self._pause(failure.kind, was_steady)
        self.up_since = None
        self.trouble = failure
        usual = State.LOST if was_open else State.UNREACHABLE
        self._step(ENDS.get(failure.kind, usual), now + pause_s)
        self._events.append(Ended(failure, was_open, pause_s))

    def _prove(self) -> None:
        """The connection has stood long enough: the next trouble begins with short pauses."""
        self.trouble = None
        self._rounds = self._refusals = self._twins = 0
        self._quick_losses = [0] * self._addresses

    def _look_for_twin(self, failure: Failure, now: float) -> Failure:
        """MQTT 3.1.1 does not say that somebody else came with our id: it just closes.

        A broker that is ill closes too; but where there are twins it lets everybody in.
        """
        if failure.kind is not Trouble.CLOSED or self.state not in (State.SUBSCRIBING, State.UP):
            if failure.kind is not Trouble.TWIN:
                self._quick_losses = [0] * self._addresses
            return failure
        quick = now - self._connack_at <= self._timing.twin_within_s
        losses = self._quick_losses[self._address] + 1 if quick else 0
        self._quick_losses[self._address] = losses
        if losses < self._timing.twin_losses:
            return failure
        return Failure(
            Trouble.TWIN,
            f"the broker has closed {losses} connections in a row right after letting "
            "us in: most likely another client uses our client id; give each gateway its own "
            "client_id. Some brokers (AWS IoT) do the same when they do not allow a topic or a "
            "retained message: see docs/mqtt.md",
        )

    def _pause(self, kind: Trouble, was_steady: bool) -> float:
        timing, chance = self._timing, self._chance()
        if kind in (Trouble.RENEWED, Trouble.MOVED):
            return chance * timing.first_ceiling_s
        if kind is Trouble.CLOCK:
            return timing.clock_s * (0.5 + chance)
        if kind is Trouble.TWIN:
            self._twins += 1
            return _long(timing.first_twin_s, timing.most_twin_s, self._twins, chance)
        last = self._next_address(first=was_steady and kind is not Trouble.NETWORK)
        if kind in (Trouble.REFUSED, Trouble.CERTIFICATE):
            self._refusals += 1
            sure = self._refusals - (timing.doubted_refusals if self.connections else 0)
            if sure > 0:
                return _long(timing.first_refused_s, timing.most_refused_s, sure, chance)
        if not last:
            return chance * timing.first_ceiling_s
        ceiling_s = min(self._most_s, timing.first_ceiling_s * 2.0 ** min(self._rounds, 32))
        self._rounds += 1
        return chance * ceiling_s

    def _next_address(self, *, first: bool) -> bool:
        """Whose turn it is; True when every address has had its turn.

        The first again when a connection that had proved itself was closed; one that went silent,
        or did not live long, may be anywhere but there.
        """
        self._address = 0 if first else (self._address + 1) % self._addresses
        return self._address == 0

    # What to do about it.

    def events(self) -> list[Event]:
        """Drain what has happened and what is to be done."""
        taken, self._events = list(self._events), deque()
        return taken


_SILENT = {
    State.CONNECTING: "no connection in time; does the network drop what goes there?",
    State.AUTHENTICATING: "the broker takes the connection and then says nothing; "
    "is it overloaded, or no MQTT broker?",
    State.SUBSCRIBING: "the broker does not answer our subscription",
}


def _long(first_s: float, most_s: float, count: int, chance: float) -> float:
    """A long pause: half of it certain, so that nobody knocks at once."""
    ceiling_s = min(most_s, first_s * 2.0 ** min(count - 1, 32))
    return ceiling_s * (0.5 + chance / 2)
