"""The way to one broker: does what session.py decides, for as long as the link lives.

It needs no network, no broker and no right clock to start, and none to go on. A new connection is
made for every try, with the password and the certificates that the files hold then.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...errors import ConfigError
from ...files.token_file import CREDENTIAL, read_token
from ..meter import TCP, TLS, Meter
from .client import Connection, Plan
from .dialect import Message
from .reasons import FAILED, Failure, Trouble, refused_publish, refused_subscription
from .session import (
    Dial,
    Ended,
    Event,
    LookAtRoute,
    Opened,
    Ping,
    Session,
    State,
    Subscribe,
    Timing,
)
from .settings import BrokerAddress, MqttSettings

if TYPE_CHECKING:
    import ssl

    from .tls import TlsFiles

WATCH_S = 10.0  # between two looks at the files of certificates and password
WARN_AGAIN_S = 86_400.0
MOVED_LOOKS = 2  # so often in a row a route must look changed

log = logging.getLogger(__name__)


def fair_chance() -> float:
    """From 0 to 1. Not `random`: importing it costs a megabyte that nothing else here needs."""
    return int.from_bytes(os.urandom(4), "big") / 0xFFFFFFFF


def _tls_files(settings: MqttSettings) -> TlsFiles | None:
    if not settings.wants_tls:
        return None
    from .tls import TlsFiles  # and OpenSSL, of which other links have nothing

    return TlsFiles(settings)


class PathUser(Protocol):
    """What a path tells whoever uses it."""

    def opened(self, quota: int | None) -> None:
        """Messages may flow; `quota` is how many the broker allows unacknowledged, if it says."""
        ...

    def closed(self) -> None: ...
    def message(self, topic: str, payload: bytes, *, retained: bool) -> None: ...
    def published(self, number: int, *, code: int, name: str) -> None:
        """The broker has taken the message `number`, or refused it: `code` is not 0 then."""
        ...


class BrokerPath:
    """`keep` it. `will` and `topics` are asked for at each connection."""

    def __init__(
        self,
        settings: MqttSettings,
        user: PathUser,
        *,
        client_id: str,
        username: str,
        will: Callable[[], Message | None],
        topics: Sequence[tuple[str, int]],
        meter: Meter,
        timing: Timing | None = None,
        chance: Callable[[], float] = fair_chance,
    ) -> None:
        self._settings = settings
        self._user = user
        self._client_id = client_id
        self._username = username
        self._will = will
        self._topics = topics
        self._timing = timing or Timing()
        self._chance = chance
        self._session = self._new_session()
        self._connection: Connection | None = None
        self._address: BrokerAddress = settings.addresses[0]
        self._timer: asyncio.TimerHandle | None = None
        self._tls = _tls_files(settings)
        self._quota: int | None = None
        self._moves = 0
        self._told = ""
        self._told_tls = ""
        self._told_plain = False
        self._told_refusals: set[str] = set()
        self._password_stamp: object = None
        self._warn_at = 0.0
        self._meter = meter
        self.connections = self.failures = 0
        self.since_s: float | None = None

    # What the link calls.

    @property
    def state(self) -> State:
        return self._session.state

    @property
    def is_up(self) -> bool:
        return self.state is State.UP

    async def keep(self) -> None:
        """Have a connection until cancelled."""
        self._session = self._new_session()
        self._advance()
        try:
            while True:
                await asyncio.sleep(WATCH_S)
                self._watch_files()
        finally:
            self.drop()

    def publish(self, message: Message) -> int | None:
        """The number under which `published` is told; None when it cannot leave now."""
        if self._connection is None or self.state is not State.UP:
            return None
        self._session.sent(self._now())
        number = self._connection.publish(message)
        if message.qos and number is not None:
            self._session.owed(number, self._now())
        return number

    def renew(self, words: str) -> None:
        """A new connection instead of this one; `words` say why."""
        self.ended(Failure(Trouble.RENEWED, words))

    def drop(self, *, politely: bool = False) -> None:
        """No connection any more. `politely` tells the broker that we leave on purpose."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connection is not None:
            self._connection.close(politely=politely)
            self._connection = None
        self._session = self._new_session()

    def days_left(self) -> dict[str, float]:
        """Until each certificate ends; empty without TLS."""
        return self._tls.days_left(time.time()) if self._tls is not None else {}

    def status(self) -> dict[str, object]:
        session, trouble = self._session, self._session.trouble
        return {
            "state": session.state.value,
            "broker": str(self._settings.addresses[session.address]),
            "peer": (self._connection.peer if self._connection else "") or None,
            "client_id": self._client_id,
            "since": self.since_s,
            "connections": self.connections,
            "tries": session.tries,
            "errors": self.failures,
            "trouble": trouble.words if trouble else "",
            "certificate_days": self.days_left(),
            "certificate_trouble": self._tls.error if self._tls is not None else "",
        }

    # What the connection tells.

    def dialled(self) -> None:
        self._session.dialled(self._now())
        self._meter.connected()
        if self._connection is not None:
            self._warn_if_plain(self._connection.peer)
        self._act()

    def connack(self, keepalive_s: float | None, window: int | None) -> None:
        self._quota = window
        self._session.connack(self._now(), keepalive_s=keepalive_s)
        self._act()

    def suback(self, codes: Sequence[int]) -> None:
        for (topic, _), code in zip(self._topics, codes, strict=False):
            if code >= FAILED:
                self._session.ended(refused_subscription(topic, self._user_words()), self._now())
                break
        else:
            self._session.subscribed(self._now())
        self._act()

    def heard(self) -> None:
        self._session.heard(self._now())

    def message(self, topic: str, payload: bytes, *, retained: bool) -> None:
        self._user.message(topic, payload, retained=retained)

    def published(self, mid: int, code: int, name: str) -> None:
        self._session.paid(mid, self._now())
        self._user.published(mid, code=code if code >= FAILED else 0, name=name)

    def ended(self, failure: Failure) -> None:
        self._session.ended(failure, self._now())
        self._act()

    def refused(self, topic: str, code: int, name: str, *, vital: bool) -> None:
        """The broker did not take a message; where it was `vital` the connection is of no use."""
        failure = refused_publish(topic, self._user_words(), code, name)
        if vital:
            self.ended(failure)
        elif failure.words not in self._told_refusals:
            self._told_refusals.add(failure.words)
            log.warning("%s: %s", self._settings.name, failure.words)

    # What the session says.

    def _advance(self) -> None:
        self._timer = None
        self._session.tick(self._now())
        self._act()

    def _act(self) -> None:
        while events := self._session.events():
            for event in events:
                self._do(event)
        self._set_timer()

    def _do(self, event: Event) -> None:
        match event:
            case Dial(address, turn):
                self._dial(self._settings.addresses[address], turn)
            case Subscribe():
                self._subscribe()
            case Opened():
                self._opened()
            case Ping():
                if self._connection is not None:
                    self._connection.ping()
            case LookAtRoute():
                self._look_at_route()
            case Ended(failure, was_open, pause_s):
                self._ended(failure, was_open=was_open, pause_s=pause_s)

    def _dial(self, address: BrokerAddress, turn: int) -> None:
        self._address = address
        context: ssl.SSLContext | Failure | None = None
        if address.tls and self._tls is not None:
            context = self._tls.context()
        if isinstance(context, Failure):
            self._session.ended(context, self._now())
            return
        try:
            password = self._password()
        except ConfigError as error:
            self._session.ended(Failure(Trouble.REFUSED, str(error)), self._now())
            return
        settings, timing = self._settings, self._timing
        plan = Plan(
            address=address,
            turn=turn,
            protocol=settings.protocol,
            client_id=self._client_id,
            username=self._username,
            password=password,
            keepalive_s=settings.keepalive_s,
            will=self._will(),
            context=context,
            limit_s=timing.dial_s * 2 / 3,
            silence_s=timing.silent_keepalives * settings.keepalive_s,
        )
        self._meter.overhead = TLS if address.tls else TCP
        self._connection = Connection(plan, self, self._meter)
        self._connection.start()

    def _subscribe(self) -> None:
        if self._connection is None or not self._topics:
            self._session.subscribed(self._now())
        else:
            self._connection.subscribe(self._topics)

    def _opened(self) -> None:
        self.connections += 1
        self.since_s = time.time()
        self._moves = 0
        self._told = ""
        if self._tls is not None and self._connection is not None:
            self._tls.seen(self._connection.server_certificate())
        log.info("%s: connected to %s", self._settings.name, self._address)
        self._warn_of_certificates()
        self._user.opened(self._quota)

    def _ended(self, failure: Failure, *, was_open: bool, pause_s: float) -> None:
        self.failures += 1
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if was_open:
            self.since_s = time.time()
        # Once for every new reason: a broker that is away for a day is one line.
        level = logging.WARNING if was_open or failure.words != self._told else logging.DEBUG
        if failure.kind in (Trouble.RENEWED, Trouble.MOVED):
            level = logging.INFO
        self._told = failure.words
        log.log(
            level,
            "%s: %s: %s; next try in %.0f s",
            self._settings.name,
            self.state.value,
            failure.words,
            pause_s,
        )
        if was_open:
            self._user.closed()

    def _look_at_route(self) -> None:
        moved = self._connection is not None and self._connection.moved()
        self._moves = self._moves + 1 if moved else 0
        if self._moves >= MOVED_LOOKS:
            words = "packets to the broker would now leave from another address; connecting anew"
            self._session.ended(Failure(Trouble.MOVED, words), self._now())

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay_s = max(self._session.next_tick() - self._now(), 0.0)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._advance)

    # Files.

    def _watch_files(self) -> None:
        stamp = self._stamp_of_password()
        renewed = stamp != self._password_stamp
        if self._tls is not None:
            renewed_tls = self._tls.refresh()
            self._tell_tls_trouble(self._tls.error)
            if renewed_tls:
                words = "the certificate files have changed; connecting with what they hold now"
                self._session.ended(Failure(Trouble.RENEWED, words), self._now())
            renewed = renewed or renewed_tls
            self._warn_of_certificates()
        if renewed:
            self._password_stamp = stamp
            self._session.retry(self._now())
            self._act()

    def _tell_tls_trouble(self, words: str) -> None:
        if words and words != self._told_tls:
            log.warning("%s: %s; what was loaded before stays in use", self._settings.name, words)
        self._told_tls = words

    def _warn_of_certificates(self) -> None:
        now = self._now()
        if self._tls is None or now < self._warn_at:
            return
        for line in self._tls.warnings(time.time()):
            self._warn_at = now + WARN_AGAIN_S
            log.warning("%s: %s", self._settings.name, line)

    def _password(self) -> str:
        place = self._settings.password_file
        self._password_stamp = self._stamp_of_password()
        return read_token(place, f"{self._settings.name} password_file") if place else ""

    def _stamp_of_password(self) -> object:
        place = self._settings.password_file
        if not place or place.startswith(CREDENTIAL):
            return None
        try:
            facts = Path(place).stat()
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size, facts.st_ino, facts.st_mode

    # Others.

    def _warn_if_plain(self, peer: str) -> None:
        if self._address.tls or self._told_plain or peer.startswith("127.") or peer == "::1":
            return
        self._told_plain = True
        log.warning(
            "%s: %s is not encrypted: whoever is between can read and send as this gateway, "
            "password and all; use mqtts:// (docs/mqtt.md)",
            self._settings.name,
            self._address,
        )

    def _user_words(self) -> str:
        return f"user '{self._username}'" if self._username else f"'{self._client_id}'"

    def _new_session(self) -> Session:
        return Session(
            len(self._settings.addresses),
            keepalive_s=self._settings.keepalive_s,
            most_backoff_s=self._settings.most_backoff_s,
            chance=self._chance,
            timing=self._timing,
        )

    def _now(self) -> float:
        return time.monotonic()
