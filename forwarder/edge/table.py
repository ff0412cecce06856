"""Whose frame is this: sessions by DevAddr, and the counters and MICs that decide. Pure.

Ref: edge-keys.md 1.7 (counters), 4.4 (long silence), 4.7 (shared DevAddrs). `judge` only
tells; what a verdict changes is `lifecycle.py`'s. A counter is a guess until a MIC confirms it.

What costs more than one CMAC a session (replays of old frames, devices that were silent for more
than 65 535 frames) is paid from a budget that time refills: a flood of forged frames spends that,
and not the processor.
"""

from __future__ import annotations

from collections.abc import Iterator
from hmac import compare_digest

from ..lorawan.counter import LAST
from ..lorawan.crypto import DOWN
from .frame_crypto import data_mic
from .heard import Heard
from .session import Session, Stage
from .values import FcntState, KeyHandle, MicState, Vault

EPOCH = 0x10000
EPOCHS_AHEAD = 64  # upward search: 4 million frames of silence
BUDGET_MOST = 4096  # CMACs; some milliseconds
BUDGET_A_SECOND = 4096.0
LATE_COPY = 16  # an ABP counter that is no further back is a late copy, and no reset
# Members as names of the module: looked up on the class, each costs a tenth of a microsecond.
HALF = MicState.OK_HALF
OK = MicState.OK
NEW = FcntState.NEW
REPEAT = FcntState.REPEAT


class Verdict:
    """The session that a frame belongs to, its 32-bit counter, and how sure that is."""

    __slots__ = ("fcnt", "mic", "note", "session", "state")

    def __init__(
        self, session: Session, fcnt: int, mic: MicState, state: FcntState, note: str = ""
    ) -> None:
        self.session = session
        self.fcnt = fcnt
        self.mic = mic
        self.state = state
        self.note = note


class Table:
    """The sessions of enrolled devices by DevAddr, the last that matched first."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        # Most sessions have their DevAddr alone, and then no tuple around them: there may be many.
        self._at: dict[int, Session | tuple[Session, ...]] = {}
        self._budget = float(BUDGET_MOST)
        self._budget_s = 0.0

    def __len__(self) -> int:
        return len(self._at)

    def add(self, session: Session) -> None:
        assert session.dev_addr is not None
        self._set(session.dev_addr, (*self.sessions(session.dev_addr), session))

    def remove(self, session: Session) -> None:
        if session.dev_addr is not None:
            left = tuple(one for one in self.sessions(session.dev_addr) if one is not session)
            self._set(session.dev_addr, left)

    def sessions(self, dev_addr: int) -> tuple[Session, ...]:
        at = self._at.get(dev_addr, ())
        return at if isinstance(at, tuple) else (at,)

    def _set(self, dev_addr: int, at: tuple[Session, ...]) -> None:
        if at:
            self._at[dev_addr] = at if len(at) > 1 else at[0]
        else:
            self._at.pop(dev_addr, None)

    def judge(self, heard: Heard, now_s: float) -> Verdict | None:
        """The session whose MIC fits; None if there is none that can tell."""
        at = self.sessions(heard.dev_addr)
        if not at:
            return None
        half: Verdict | None = None
        down = heard.direction == DOWN
        for place, session in enumerate(at):
            if session.multicast is not down:
                continue
            key = session.network_key(self._vault)
            verdict = None if key is None else _near(heard, session, key)
            if verdict is None:
                continue
            if verdict.mic is OK:
                if place:  # not where nothing moves: this is the way of nearly every frame
                    self._at[heard.dev_addr] = (session, *at[:place], *at[place + 1 :])
                return verdict
            half = half or verdict
        if half is not None:
            half.note = _weakness(at)
            return half
        return self._far(heard, at, now_s)

    def _far(self, heard: Heard, at: tuple[Session, ...], now_s: float) -> Verdict | None:
        """The counters that are unlikely, as far as the budget goes."""
        gained = max(0.0, now_s - self._budget_s) * BUDGET_A_SECOND
        self._budget, self._budget_s = min(float(BUDGET_MOST), self._budget + gained), now_s
        for session in at:
            if session.multicast is not (heard.direction == DOWN):
                continue
            key = session.network_key(self._vault)
            for fcnt, state in _unlikely(heard, session) if key is not None else ():
                if self._budget < 1:
                    return None
                self._budget -= 1
                if key is not None and _mic(heard, session, key, fcnt) is OK:
                    return Verdict(session, fcnt, OK, state, _far_note(session, fcnt))
        return None


def candidate(last: int | None, wire: int) -> tuple[int, FcntState] | None:
    """The counter that `wire` most likely is; None where the counter is at its end.

    `lorawan.counter.reconstruct` without its value, for the way of every frame.
    """
    if last is None:
        return wire, NEW
    gap = wire - last & 0xFFFF
    if not gap:
        return last, REPEAT
    return (last + gap, NEW) if last + gap <= LAST else None


def _near(heard: Heard, session: Session, key: KeyHandle) -> Verdict | None:
    first = candidate(session.last, heard.wire)
    if first is not None:
        mic = _mic(heard, session, key, first[0])
        if mic is not None:
            return Verdict(session, first[0], mic, first[1])
    if session.hint is None:
        return None
    fcnt = nearest(session.hint, heard.wire)
    if (first is not None and fcnt == first[0]) or not 0 <= fcnt <= LAST:
        return None
    mic = _mic(heard, session, key, fcnt)
    if mic is None:
        return None
    new = session.last is None or fcnt > session.last
    return Verdict(session, fcnt, mic, NEW if new else REPEAT)


def nearest(hint: int, wire: int) -> int:
    """The counter that ends in `wire` and is nearest to one that the network reported."""
    return hint + ((wire - hint + 0x8000) & 0xFFFF) - 0x8000


def _mic(heard: Heard, session: Session, key: KeyHandle, fcnt: int) -> MicState | None:
    """OK, OK_HALF where only 1.1's half can be checked, None where it does not fit."""
    fcnt &= session.device.fcnt_mask
    whole = data_mic(key, heard.body, heard.direction, heard.dev_addr, fcnt)
    if compare_digest(whole, heard.mic):
        return OK
    if session.lorawan_1_1 and compare_digest(whole[:2], heard.mic[2:]):
        return HALF
    return None


def _unlikely(heard: Heard, session: Session) -> Iterator[tuple[int, FcntState]]:
    """Older counters, which are replays, and those beyond the next 65 535.

    Not for sessions that half a MIC decides: of 65 536 guesses one fits.
    """
    if session.lorawan_1_1:
        return
    last, wire = session.last, heard.wire
    if last is not None:
        back = last - wire & 0xFFFF
        if 0 < back <= last:
            yield last - back, _backward(session, back)
        if wire <= last and wire != last - back:
            yield wire, _backward(session, last - wire)
    first = candidate(last, wire)
    if first is None or session.device.fcnt_mask != LAST:
        return
    for fcnt in range(first[0] + EPOCH, min(LAST, first[0] + EPOCH * EPOCHS_AHEAD) + 1, EPOCH):
        yield fcnt, NEW


def _backward(session: Session, back: int) -> FcntState:
    """An OTAA counter never goes back; an ABP device may have begun anew, or be replayed."""
    return FcntState.RESET if session.static and back > LATE_COPY else REPEAT


def _far_note(session: Session, fcnt: int) -> str:
    if session.last is not None and fcnt <= session.last:
        return f"its counter {fcnt} is not above the last one, {session.last}"
    before = "unknown" if session.last is None else str(session.last)
    return f"found by searching upward: the counter before was {before}"


def _weakness(at: tuple[Session, ...]) -> str:
    """What a half match is worth: with more sessions on the address, less."""
    halves = sum(1 for one in at if one.lorawan_1_1 and one.stage is not Stage.OLD)
    if halves < 2:
        return ""
    return f"weak: {halves} sessions share this DevAddr, one forged frame in {EPOCH // halves} fits"
