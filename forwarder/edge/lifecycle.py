"""How sessions come, take over and go: key news and verified frames in, changes out. Pure.

Ref: edge-keys.md 2.7. A session is agreed (PENDING), proven by its first frame (CURRENT), replaced
(OLD) and, after a short grace for late copies, wiped. DevAddr is no session identifier: old and new
may share one, and both are tried. Times are seconds since 1970.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from ..lorawan.crypto import DOWN
from .errors import EnvelopeRefused
from .frame_crypto import same_key
from .heard import Heard
from .session import GROUP, Device, Session, Stage, identify
from .table import Table, Verdict, candidate, nearest
from .values import FcntState, KeyNews, KeyOrigin, MicState, Scheme, Vault

GRACE_S = 60.0
JOIN_EXPECTED_S = 300.0  # after a join-request, a session may change
PENDING_MOST = 4  # a device that joins again and again
GONE_MOST = 8  # names of wiped sessions that a device keeps
SEEN_MOST = 1024  # frames of sessions without a network key, to know their repeats
BEHIND = 0x8000  # such a frame is more likely older than that far ahead
# Members as names of the module: looked up on the class, each costs a tenth of a microsecond.
NO_KEY = MicState.NO_KEY
NEW = FcntState.NEW
REPEAT = FcntState.REPEAT
PENDING = Stage.PENDING


class Enrolment:
    """Enrolled devices and their sessions.

    What changed is collected for who stores and logs: `changed` (new or with new keys), `counted`
    (only the counter moved), `gone` (idents), and `events` (a line for a person).
    """

    def __init__(self, devices: Iterable[Device], vault: Vault) -> None:
        self.devices = {device.dev_eui: device for device in devices}
        self.table = Table(vault)
        self.changed: dict[bytes, Session] = {}
        self.counted: set[Session] = set()
        self.gone: set[bytes] = set()
        self.events: list[str] = []
        self.strangers = 0  # news of devices that are not enrolled; nothing of it is kept
        self._vault = vault
        self._leaving: list[Session] = []
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    # Key news.

    def learn(self, news: KeyNews, now_s: float) -> Session | None:
        """Take what a source told; the session it is about, None for a device not enrolled."""
        device = self.devices.get(news.dev_eui)
        if device is None and news.multicast and news.dev_eui.startswith(GROUP):
            device = self.devices[news.dev_eui] = Device(news.dev_eui)  # whoever tells it, has it
        if device is None:
            self.strangers += 1
            return None
        session = _known(device, news)
        if session is None:
            idents = identify(news)
            if not idents:
                return None
            session = self._begin(device, news, idents)
        elif session.stage is Stage.GONE:
            if news.origin is not KeyOrigin.STATIC:
                return None
            self._revive(session, news)
        else:
            addressed = session.dev_addr is not None
            if session.learn(news):
                self.changed[session.ident] = session
            if session.dev_addr is not None and not addressed:
                self.table.add(session)
        if news.lifetime_s:
            session.ends_s = now_s + news.lifetime_s
            self.changed[session.ident] = session
        twin = self._twin(session)
        if twin is not None:
            self._merge(session, twin)
            session = twin
        if news.match is not None:
            session.hint = _reported(session, news.match.fcnt)
        return session

    def _begin(self, device: Device, news: KeyNews, idents: tuple[bytes, ...]) -> Session:
        session = Session(device, self._pinned(news), idents)
        device.sessions += (session,)
        if session.dev_addr is not None:
            self.table.add(session)
        self.changed[session.ident] = session
        self.gone.discard(session.ident)
        self.events.append(f"{device.dev_eui}: session {session.hash} from {news.source}")
        if session.static or session.multicast:
            self._promote(session, 0.0)
        waiting = [one for one in device.sessions if one.stage is PENDING]
        for one in waiting[:-PENDING_MOST]:
            self.forget(one)
        return session

    def _revive(self, session: Session, news: KeyNews) -> None:
        """The owner's file has a session again that it had before: its counter goes on."""
        session.learn(news)
        self.table.add(session)
        self._promote(session, 0.0)

    def _pinned(self, news: KeyNews) -> KeyNews:
        """Envelopes that cannot tell one KEK from another remember which it was."""
        if news.app_s_key is None or news.app_s_key.scheme is not Scheme.CBC0:
            return news
        try:
            return replace(news, app_s_key=self._vault.pinned(news.app_s_key, news.source))
        except EnvelopeRefused:
            return news

    def restore(self, session: Session) -> None:
        """Take back what the store had."""
        session.device.sessions += (session,)
        if session.dev_addr is not None and session.stage is not Stage.GONE:
            self.table.add(session)
        if session.stage is Stage.OLD:
            self._leaving.append(session)

    def _twin(self, session: Session) -> Session | None:
        """An older session of the device with the same keys under another name."""
        if session.dev_addr is None:
            return None
        for other in session.device.sessions:
            here = other.dev_addr == session.dev_addr and other.multicast is session.multicast
            here = here and other.stage is not Stage.GONE
            if other is not session and here and self._same(session, other):
                return other
        return None

    def _same(self, one: Session, other: Session) -> bool:
        for pick in (Session.network_key, Session.app_key):
            a, b = pick(one, self._vault), pick(other, self._vault)
            if a is not None and b is not None:
                return same_key(a, b)
        return False

    def _merge(self, session: Session, twin: Session) -> None:
        twin.absorb(session)
        self.changed[twin.ident] = twin
        self.table.remove(session)
        self._drop(session)

    # Frames.

    def judge(self, heard: Heard, now_s: float) -> Verdict | None:
        """Whose frame this is; of the only session of a DevAddr also without a network key."""
        verdict = self.table.judge(heard, now_s)
        if verdict is not None:
            return verdict
        at = [
            one
            for one in self.table.sessions(heard.dev_addr)
            if one.multicast is (heard.direction == DOWN)
        ]
        if len(at) != 1 or at[0].network_key(self._vault) is not None:
            return None
        return _unverified(at[0], heard)

    def accept(self, verdict: Verdict, heard: Heard, now_s: float) -> FcntState:
        """Let `verdict` change counters and sessions; its counter's state after all.

        NEW is told once for a counter of a session, whatever the order of calls.
        """
        session = verdict.session
        if verdict.mic is NO_KEY:
            return self._accept_unverified(verdict, heard)
        if session.last is None and (twin := self._twin(session)) is not None:
            self._merge(session, twin)
            verdict.session = session = twin
        if session.last is not None and verdict.fcnt <= session.last:
            if verdict.state is NEW:
                verdict.state = REPEAT
            if verdict.state is REPEAT or not session.device.allow_reset:
                return verdict.state
        if session.stage is PENDING:
            self._promote(session, now_s)
        session.last, session.last_mic, session.last_s = verdict.fcnt, heard.mic, now_s
        self.counted.add(session)
        return verdict.state

    def _accept_unverified(self, verdict: Verdict, heard: Heard) -> FcntState:
        """No MIC vouches for the counter, so it does not move; the same frame is new once."""
        mark = heard.raw[1:8] + heard.mic
        if mark in self._seen:
            verdict.state = REPEAT
        self._seen[mark] = None
        if len(self._seen) > SEEN_MOST:
            self._seen.popitem(last=False)
        return verdict.state

    def matched(self, session: Session, fcnt: int, now_s: float) -> None:
        """The network reported a frame that was heard here as one of `session`."""
        if session.stage is PENDING:
            self._promote(session, now_s)
        if session.last is None or fcnt > session.last:
            session.last, session.last_s = fcnt, now_s
            self.counted.add(session)

    def join_heard(self, dev_eui: str, now_s: float) -> bool:
        """A join-request: the session may change; nothing changes yet. Whether it is enrolled."""
        device = self.devices.get(dev_eui)
        if device is None:
            return False
        device.joining_until_s = now_s + JOIN_EXPECTED_S
        return True

    # Ends.

    def _promote(self, session: Session, now_s: float) -> None:
        session.stage = Stage.CURRENT
        self.changed[session.ident] = session
        before = True
        for other in session.device.sessions:
            if other is session:
                before = False
            elif other.multicast is not session.multicast or (
                session.multicast and other.dev_addr != session.dev_addr
            ):
                continue
            elif other.stage is Stage.CURRENT:
                other.stage, other.grace_end_s = Stage.OLD, now_s + GRACE_S
                self.changed[other.ident] = other
                self._leaving.append(other)
            elif other.stage is PENDING and before:
                self.forget(other)  # a join that led to nothing
        self.events.append(f"{session.device.dev_eui}: session {session.hash} is in use")

    def tick(self, now_s: float) -> None:
        """Wipe old sessions whose grace is over."""
        for session in [one for one in self._leaving if (one.grace_end_s or 0.0) <= now_s]:
            self.forget(session)

    def forget(self, session: Session) -> None:
        """Wipe a session: its keys and its place in the table. Of one that was in use, the names
        stay: the network may report it late, and must not make its old frames new again."""
        self.table.remove(session)
        session.wipe()
        if session in self._leaving:
            self._leaving.remove(session)
        self.events.append(f"{session.device.dev_eui}: session {session.hash} is wiped")
        if session.stage in (Stage.CURRENT, Stage.OLD):
            session.stage = Stage.GONE
            self.changed[session.ident] = session
            gone = [one for one in session.device.sessions if one.stage is Stage.GONE]
            for one in gone[:-GONE_MOST]:
                self._drop(one)
        else:
            self._drop(session)

    def _drop(self, session: Session) -> None:
        device = session.device
        device.sessions = tuple(one for one in device.sessions if one is not session)
        self.changed.pop(session.ident, None)
        self.counted.discard(session)
        self.gone.add(session.ident)

    def revoke(self, dev_eui: str) -> int:
        """Wipe all sessions of a device, now; how many there were."""
        device = self.devices.get(dev_eui)
        known = device.sessions if device is not None else ()
        sessions = [one for one in known if one.stage is not Stage.GONE]
        for session in sessions:
            self.forget(session)
        return len(sessions)


def _known(device: Device, news: KeyNews) -> Session | None:
    idents = identify(news)
    for session in device.sessions:
        if session.is_called(idents):
            return session
    if idents or news.dev_addr is None:
        return None
    # A report without a name for its session: the newest one on that address.
    at = [
        one
        for one in device.sessions
        if one.dev_addr == news.dev_addr and one.stage is not Stage.GONE
    ]
    return at[-1] if at else None


def _reported(session: Session, fcnt: int) -> int:
    """A reported counter with its upper half, which some sources leave out."""
    known = session.last if session.hint is None else session.hint
    if fcnt > 0xFFFF or known is None or known <= 0xFFFF:
        return fcnt
    return max(fcnt, nearest(known, fcnt))


def _unverified(session: Session, heard: Heard) -> Verdict | None:
    note = "unverified: no network key; the only session of its DevAddr"
    if session.hint is not None:
        fcnt = nearest(session.hint, heard.wire)
        fcnt = fcnt if fcnt >= 0 else heard.wire
        old = session.last is not None and fcnt <= session.last
        state = REPEAT if old else NEW
        return Verdict(session, fcnt, NO_KEY, state, note)
    first = candidate(session.last, heard.wire)
    if first is None:
        return None
    fcnt, state = first
    if session.last is not None and fcnt - session.last > BEHIND and fcnt - 0x10000 >= 0:
        fcnt, state = fcnt - 0x10000, REPEAT
    return Verdict(session, fcnt, NO_KEY, state, note)
