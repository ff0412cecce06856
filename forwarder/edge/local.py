"""What local mode makes of a frame and of key news: records. Pure; the loop is observer.py's.

Ref: edge-keys.md 2.6 (holding frames), 4.7 (shared DevAddrs), 4.8 (states). Wall time comes as
nanoseconds since 1970 for records and as seconds `now_s` for what ends.
"""

from __future__ import annotations

from collections import Counter

from ..lorawan.frame import FrameError, JoinRequest, RejoinRequest, parse
from . import records
from .frame_crypto import crypt_payload
from .heard import Heard
from .hold import HOLD_S, Held, Hold, is_reported
from .lifecycle import Enrolment
from .session import Session, Stage
from .table import Verdict
from .values import (
    FcntState,
    KeyNews,
    KeyOrigin,
    MicState,
    PayloadState,
    RadioFacts,
    Record,
    Vault,
)

RETRY_S = 30.0  # the same bytes again within this are the device's own repetition
RELAY_PORT = 226
# Members as names of the module: looked up on the class, each costs a tenth of a microsecond.
MIC_NO_KEY = MicState.NO_KEY
NEW = FcntState.NEW
REPEAT = FcntState.REPEAT
RESET = FcntState.RESET
PENDING_KEY = PayloadState.PENDING_KEY
MULTICAST = PayloadState.MULTICAST
DECRYPTED = PayloadState.DECRYPTED


class LocalMode:
    """`counters` counts what became of frames; `asks` are (DevEUI, JoinEUI, session id) to ask for.

    `unknown` makes records of devices that are not enrolled too; `expecting` says that sessions may
    still come from a source, so that frames without one are worth holding; `repeats` makes records
    of a device's own repetitions.
    """

    def __init__(
        self,
        enrolment: Enrolment,
        vault: Vault,
        *,
        unknown: bool = False,
        repeats: bool = False,
        expecting: bool = True,
        hold_s: float = HOLD_S,
    ) -> None:
        self.gateway = ""
        self.counters: Counter[str] = Counter()
        self.asks: list[tuple[str, str, bytes]] = []
        self.hold = Hold()
        self.enrolment = enrolment
        self._vault = vault
        self._unknown, self._repeats = unknown, repeats
        self._expecting = expecting
        self._hold_s = hold_s

    def frame(self, raw: bytes, radio: RadioFacts, time_ns: int, now_s: float) -> Record | None:
        """Take a frame with a good CRC; the record of it if there is something to tell."""
        try:
            heard = Heard(raw)
        except ValueError:
            self._no_data(raw, now_s)
            return None
        verdict = self.enrolment.judge(heard, now_s)
        if verdict is None:
            return self._nobody(heard, radio, time_ns, now_s)
        session = verdict.session
        again = heard.mic == session.last_mic and now_s - session.last_s < RETRY_S
        state = self.enrolment.accept(verdict, heard, now_s)
        if state is REPEAT and again and not self._repeats:
            self.counters["repeated"] += 1
            return None
        record = self._tell(heard, radio, time_ns, verdict, now_s, late=False)
        pending = record.payload_state is PENDING_KEY
        if pending or (verdict.mic is MIC_NO_KEY and state is NEW):
            until_s = now_s + self._hold_s
            self.hold.put(Held(heard, radio, time_ns, until_s, verdict, told=not pending))
        return record

    def news(self, news: KeyNews, now_s: float) -> list[Record]:
        """Take what a source told; late records of frames that waited for it."""
        session = self.enrolment.learn(news, now_s)
        self.counters["news" if session is not None else "news of strangers"] += 1
        if session is None:
            return []
        if session.app_s is None and session.session_id and not session.fault:
            join_eui = news.join_eui or session.device.join_eui
            self.asks.append((session.device.dev_eui, join_eui, session.session_id))
        if session.dev_addr is None:
            return []
        told = []
        for number, held in self.hold.at(session.dev_addr):
            done, record = self._awaited(held, session, news, now_s)
            if done:
                self.hold.remove(number)
            if record is not None:
                told.append(record)
        return told

    def tick(self, now_s: float) -> list[Record]:
        """End what is over; records of frames that nobody claimed in time."""
        self.enrolment.tick(now_s)
        told = []
        for held in self.hold.expired(now_s):
            if held.silent:
                continue
            self.counters["unclaimed"] += 1
            if held.verdict is not None:
                told.append(self._tell_held(held, held.verdict, now_s))
            else:
                told.append(self._unclaimed(held))
        return told

    def forged(self, raw: bytes, now_s: float) -> bool:
        """Whether a frame is for certain no enrolled device's though it has such a DevAddr.

        True only where every session of the DevAddr is of a device that has it for itself, all
        their network keys are here, and none of them is about to change its session.
        """
        try:
            heard = Heard(raw)
        except ValueError:
            return False
        at = self.enrolment.table.sessions(heard.dev_addr)
        if not at or not all(self._exclusive(one, now_s) for one in at):
            return False
        return self.enrolment.judge(heard, now_s) is None

    # Frames of nobody.

    def _no_data(self, raw: bytes, now_s: float) -> None:
        try:
            frame = parse(raw)
        except FrameError:
            self.counters["no LoRaWAN"] += 1
            return
        self.counters["no data frames"] += 1
        if isinstance(frame, JoinRequest | RejoinRequest):
            self.enrolment.join_heard(f"{frame.dev_eui:016x}", now_s)

    def _nobody(self, heard: Heard, radio: RadioFacts, time_ns: int, now_s: float) -> Record | None:
        at = self.enrolment.table.sessions(heard.dev_addr)
        keyless = [one for one in at if one.network_key(self._vault) is None]
        if self._expecting:
            held = Held(heard, radio, time_ns, now_s + self._hold_s, silent=not keyless)
            self.hold.put(held)
        if keyless:
            self.counters["owner unknown"] += 1
            return self._unopened(heard, radio, time_ns, keyless)
        if at and all(one.device.exclusive for one in at):
            self.counters["bad"] += 1
            note = "fits no session of this DevAddr: forged, damaged, or of a session not known yet"
            only = at[0] if len(at) == 1 else None
            return records.unjudged(self.gateway, heard, radio, time_ns, MicState.BAD, note, only)
        self.counters["unknown device"] += 1
        if not self._unknown:
            return None
        return records.unjudged(self.gateway, heard, radio, time_ns, MicState.UNKNOWN_DEVICE, "")

    def _unopened(
        self, heard: Heard, radio: RadioFacts, time_ns: int, keyless: list[Session]
    ) -> Record | None:
        """A frame of a session whose network key was refused says so; else a report may tell."""
        fault = next((one.fault for one in keyless if one.fault), "")
        if self._expecting and not fault:
            return None
        note = fault or "several sessions share this DevAddr and no network key tells whose"
        return records.unjudged(self.gateway, heard, radio, time_ns, MIC_NO_KEY, note)

    def _exclusive(self, session: Session, now_s: float) -> bool:
        device = session.device
        live = [one for one in device.sessions if one.stage is not Stage.GONE]
        settled = len(live) == 1 and device.joining_until_s <= now_s
        has_key = session.network_key(self._vault) is not None
        return device.exclusive and settled and has_key

    # Frames of somebody.

    def _awaited(
        self, held: Held, session: Session, news: KeyNews, now_s: float
    ) -> tuple[bool, Record | None]:
        """Whether `news` settles a frame that waits, and its late record if it has one."""
        reported = news.match is not None and is_reported(held.heard, news.match)
        first = held.verdict is None
        if held.verdict is None and not self._claim(held, session, reported, now_s):
            return held.verdict is not None, None
        verdict = held.verdict
        assert verdict is not None
        if reported and verdict.mic is MIC_NO_KEY:
            self._confirm(held, verdict, session, news.source, now_s)
        if held.told or (verdict.session is not session and not first):
            return False, None
        record = self._tell_held(held, verdict, now_s)
        if record.payload_state is PENDING_KEY:
            held.silent = True  # that it waits is told once
            return False, record if first else None
        return True, record

    def _claim(self, held: Held, session: Session, reported: bool, now_s: float) -> bool:
        """Find out whose frame this is, now that more is known; whether it is worth a record."""
        verdict = self.enrolment.judge(held.heard, now_s)
        if verdict is None and reported and session.network_key(self._vault) is None:
            fcnt = held.heard.wire if session.hint is None else session.hint
            verdict = Verdict(session, fcnt, MIC_NO_KEY, NEW)
        if verdict is None:
            return False
        again = held.heard.mic == verdict.session.last_mic
        held.verdict, held.silent = verdict, False
        state = self.enrolment.accept(verdict, held.heard, now_s)
        return not (state is REPEAT and again)

    def _confirm(
        self, held: Held, verdict: Verdict, session: Session, source: str, now_s: float
    ) -> None:
        """The network says whose frame it is, and so its whole counter."""
        fcnt = verdict.fcnt if session.hint is None else session.hint
        held.told = held.told and verdict.session is session and verdict.fcnt == fcnt
        self.enrolment.matched(session, fcnt, now_s)
        verdict.session, verdict.fcnt = session, fcnt
        verdict.note = f"no network key; {source} reported it as this device's"

    def _unclaimed(self, held: Held) -> Record:
        note = "several sessions share this DevAddr and no network key or report tells whose"
        return records.unjudged(
            self.gateway, held.heard, held.radio, held.time_ns, MIC_NO_KEY, note
        )

    def _tell_held(self, held: Held, verdict: Verdict, now_s: float) -> Record:
        return self._tell(held.heard, held.radio, held.time_ns, verdict, now_s, late=True)

    def _tell(
        self,
        heard: Heard,
        radio: RadioFacts,
        time_ns: int,
        verdict: Verdict,
        now_s: float,
        *,
        late: bool,
    ) -> Record:
        state, payload, note = self._payload(heard, verdict, now_s)
        self.counters[state._value_] += 1  # `value` costs as much as all of this line
        note = f"{verdict.note}; {note}" if note and verdict.note else note or verdict.note
        return records.judged(
            self.gateway, heard, radio, time_ns, verdict, state, payload, note, late
        )

    def _payload(
        self, heard: Heard, verdict: Verdict, now_s: float
    ) -> tuple[PayloadState, bytes | None, str]:
        session = verdict.session
        if not heard.payload:
            return PayloadState.EMPTY, None, ""
        if heard.fport == 0:
            return PayloadState.MAC_ONLY, None, ""
        if heard.fport == RELAY_PORT:
            return PayloadState.RELAY, None, ""
        allowed = verdict.state is NEW or (session.device.allow_reset and verdict.state is RESET)
        if not allowed:
            return PayloadState.REFUSED, None, "a counter that was seen is not read again"
        if session.over(now_s):
            return PayloadState.NO_KEY, None, "the session's lifetime is over"
        key = session.app_key(self._vault)
        if key is None:
            return self._keyless(session)
        fcnt = verdict.fcnt & session.device.fcnt_mask
        clear = crypt_payload(key, heard.direction, heard.dev_addr, fcnt, heard.payload)
        state = MULTICAST if session.multicast else DECRYPTED
        return state, clear, ""

    def _keyless(self, session: Session) -> tuple[PayloadState, bytes | None, str]:
        if session.fault:
            return PayloadState.NO_KEY, None, session.fault
        if self._expecting and session.origin is not KeyOrigin.STATIC:
            return PENDING_KEY, None, ""
        return PayloadState.NO_KEY, None, "the application session key is not known"
