"""A small network server for the devices of one site. Pure: no clock, no file, no network.

    core.uplink(...), core.join_granted(...), core.enqueue(...), core.tick(...)   what happens
    batch = core.take()                what is to be written now (None: nothing)
    records = core.done(batch, stored) only now frames are answered and records go out
    core.take_asks(), core.take_states(), core.take_events()

What a crash must not lose or repeat is on disk first: a join-accept leaves when its session is
stored, a record when its FCntUp is, and a downlink takes a counter that was reserved. `now_s` are
seconds that only grow, `wall_s` and `time_ns` are since 1970. Ref: TS001-1.0.4, LoRaWAN 1.1.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from ...links.base import Schedule
from ...lorawan.frame import (
    DataFrame,
    FrameError,
    JoinRequest,
    RejoinRequest,
    SealedJoinAccept,
    parse,
)
from ...lorawan.region import Region
from ..errors import EnvelopeRefused
from ..frame_crypto import same_key
from ..session import Device
from ..values import Envelope, KeyNews, LocalDownlink, RadioFacts, Record, Vault
from . import data, mac
from .hold import Heard, Hold
from .joins import Asked, Joins
from .sender import Sender
from .session import NETWORK_KEYS, NetSession, begun
from .sessions import Sessions
from .settings import Adr, StandaloneSettings
from .values import (
    Accept,
    Batch,
    DownlinkState,
    JoinAsk,
    KeyAsk,
    Nonce,
    Reply,
    State,
    Stored,
)
from .windows import margin_db

COPY_US = 500_000  # the same bytes within this are one transmission, heard twice
COPIES_KEPT = 256
REPEAT_ACKS = 15  # of one frame; a device repeats it no more often


class StandaloneCore:
    """`in_charge` False: joins are a network server's, sessions made here are still served.

    `random` gives a number below its argument.
    """

    def __init__(
        self,
        settings: StandaloneSettings,
        region: Region,
        devices: Mapping[str, Device],
        vault: Vault,
        schedule: Schedule,
        random: Callable[[int], int],
    ) -> None:
        self.gateway = ""
        self.in_charge = True
        self.counters: Counter[str] = Counter()
        self.join_margin_ms: float | None = None  # of the last join-accept; negative was too late
        self.fault = ""  # why nothing can be stored
        self.restored = False
        self._settings, self._region = settings, region
        self._devices, self._vault = devices, vault
        self._cf_list = settings.cf_list(region)
        rx2_dr = region.rx2_dr if settings.rx2_dr is None else settings.rx2_dr
        self._dl_settings = settings.rx1_dr_offset << 4 | rx2_dr
        self._asks: list[JoinAsk | KeyAsk] = []
        self._states: list[DownlinkState] = []
        self._events: list[str] = []
        self.sessions = Sessions(
            queue_most=settings.queue_most,
            tries=settings.confirmed_tries,
            tell=lambda state: self._states.append(state),
        )
        power_dbm = settings.power_dbm
        self._sender = Sender(
            region,
            schedule,
            self.sessions,
            power_dbm=float(region.max_eirp_dbm) if power_dbm is None else power_dbm,
            class_c=frozenset(eui.lower() for eui in settings.class_c),
            counters=self.counters,
            tell=self._tell,
        )
        taken = self.sessions.at
        self._joins = Joins(settings.addresses(), random, lambda address: bool(taken(address)))
        self._copies: OrderedDict[bytes, int] = OrderedDict()
        self._latest: dict[str, int] = {}  # the last join that was granted, by device
        self._batch = Batch()
        self._hold = Hold()

    def restore(self, rows: Iterable[Stored], nonces: Iterable[Nonce]) -> None:
        """Go on after a restart. More counters are reserved with the next batch.

        Before this nothing is served: without its counters a session must not go on.
        """
        self.restored = True
        for nonce in nonces:
            self._joins.restore(nonce)
        for row in rows:
            device = self._devices.get(row.dev_eui)
            if device is None or NETWORK_KEYS[0] not in row.keys:
                self.sessions.gone.append(row.ident)
            else:
                self.sessions.add(self._session(device, row))

    # What happens.

    def uplink(
        self,
        raw: bytes,
        radio: RadioFacts,
        *,
        time_ns: int,
        now_s: float,
        gps_ns: int | None = None,
    ) -> None:
        """A frame with a good CRC. `gps_ns` is its end in GPS time, if somebody knows that."""
        if not self.restored:
            self.counters["too early"] += 1
            return
        if self._is_copy(raw, radio.tmst):
            self.counters["copies"] += 1
            return
        try:
            frame = parse(raw)
        except FrameError:
            self.counters["no LoRaWAN"] += 1
            return
        if isinstance(frame, JoinRequest):
            self._join(frame, raw, radio, now_s)
        elif isinstance(frame, DataFrame) and frame.header.mtype.uplink:
            self._data(frame, radio, time_ns, now_s, gps_ns)
        elif isinstance(frame, RejoinRequest):
            self.counters["rejoins"] += 1  # not served: the device joins when it hears nothing
        else:
            self.counters["others"] += 1

    def join_granted(
        self, number: int, phy_payload: bytes, news: KeyNews, *, now_s: float, wall_s: float
    ) -> None:
        """The Join Server lets a device in; `number` is the JoinAsk's."""
        asked = self._joins.answered(number)
        if asked is None or number < self._latest.get(asked.ask.dev_eui, 0):
            self.counters["joins overtaken"] += 1
            return
        if not self.in_charge:
            self._refuse(asked.ask.dev_eui, "a server answers again, it may have let the device in")
            return
        try:
            session = self._begin(asked, phy_payload, news, wall_s)
        except ValueError as error:  # FrameError is one
            self._refuse(asked.ask.dev_eui, str(error))
            return
        self._latest[asked.ask.dev_eui] = number
        self._batch.nonces.append(asked.nonce)
        self._joins.restore(asked.nonce)
        self.sessions.changed(session)
        self._batch.accepts.append(
            Accept(session.ident, number, asked.radio, phy_payload, now_s - asked.heard_s)
        )
        if news.app_s_key is None:
            self._asks.append(KeyAsk(asked.ask.dev_eui, asked.ask.join_eui, news.session_id))
        if len(session.to_store().keys) < len(session.key_names()):
            self._tell(f"{asked.ask.dev_eui}: its keys came in clear and are not kept on disk")

    def join_failed(self, number: int, why: str) -> None:
        asked = self._joins.answered(number)
        if asked is not None:
            self._refuse(asked.ask.dev_eui, why)

    def app_s_key(
        self, dev_eui: str, session_id: bytes, key: Envelope, source: str, now_s: float
    ) -> bool:
        """The answer to a KeyAsk, or a key that `source` had unasked; whether it is of use here."""
        wanted = False
        with suppress(EnvelopeRefused):  # opening it says why
            # It is opened as one of the source that let the device join, which has other defaults.
            key = self._vault.pinned(key, source)
        for session in self.sessions.of(dev_eui):
            if session_id and session.session_id == session_id:
                session.learn(key)
                self.sessions.changed(session)
                self._batch.records += self._hold.opened(session.ident, self.gateway, now_s)
                wanted = True
        return wanted

    def enqueue(self, downlink: LocalDownlink, now_s: float) -> None:
        """Send something to a device: class A after its next uplink, class C at once."""
        dev_eui = downlink.dev_eui.lower()
        if not self.sessions.of(dev_eui):
            why = "this device has no session here: it is not enrolled, or has not joined"
            self._states.append(DownlinkState(downlink, State.FAILED, why))
            return
        self.sessions.queue(dev_eui).put(downlink)
        self._sender.class_c(now_s)

    def tick(self, now_s: float, wall_s: float) -> None:
        """What time alone brings: sessions that are over, class C devices that stay silent."""
        for session in [one for one in self.sessions if one.over(wall_s)]:
            self._tell(f"{session.device.dev_eui}: the session's lifetime is over")
            self.sessions.end(session)
        self._hold.forget(now_s)
        self._sender.silent(now_s)
        self._sender.class_c(now_s)

    # What is to be done about it.

    def take(self) -> Batch | None:
        """What is to be written before `done`; one at a time."""
        batch, self._batch = self._batch, Batch()
        batch.rows = [session.to_store() for session in self.sessions.take_dirty()]
        batch.gone += self.sessions.take_gone()
        return batch if batch else None

    def done(self, batch: Batch, *, stored: bool, now_s: float, fault: str = "") -> list[Record]:
        """Answer what waited for the disk; the records to publish."""
        if stored:
            self._kept(batch)
        else:
            self._not_kept(batch, fault)
        for accept in batch.accepts:
            self._accept(accept, stored=stored)
        for reply in batch.replies:
            session = self.sessions.get(reply.ident)
            if session is not None:
                self._sender.reply(session, reply, now_s)
        self._sender.class_c(now_s)
        return batch.records

    def take_asks(self) -> list[JoinAsk | KeyAsk]:
        taken, self._asks = self._asks, []
        return taken

    def take_states(self) -> list[DownlinkState]:
        taken, self._states = self._states, []
        return taken

    def take_events(self) -> list[str]:
        """Lines for a person."""
        taken, self._events = self._events, []
        return taken

    def owns(self, dev_addr: int) -> bool:
        """Whether a session made here has this address."""
        return bool(self.sessions.at(dev_addr))

    # Joins.

    def _join(self, request: JoinRequest, raw: bytes, radio: RadioFacts, now_s: float) -> None:
        dev_eui = f"{request.dev_eui:016x}"
        device = self._devices.get(dev_eui)
        if device is None:
            self.counters["joins of strangers"] += 1
            return
        for session in self.sessions.of(dev_eui):
            session.joining = True
        if not self.in_charge:
            self.counters["joins left to a server"] += 1
            return
        why = self._joins.fault(device, request, raw, now_s)
        if why:
            self._refuse(dev_eui, why)
            return
        ask = self._joins.ask(
            device,
            request,
            raw,
            radio,
            now_s,
            dl_settings=self._dl_settings,
            rx_delay=self._settings.rx_delay_s,
            cf_list=self._cf_list,
        )
        if ask is None:
            self._refuse(dev_eui, "no DevAddr is free: widen dev_addrs")
            return
        self.counters["joins asked"] += 1
        self._asks.append(ask)

    def _begin(self, asked: Asked, phy_payload: bytes, news: KeyNews, wall_s: float) -> NetSession:
        """The new session, waiting for its first frame. Raises ValueError."""
        if not isinstance(parse(phy_payload), SealedJoinAccept):
            raise ValueError("the Join Server's PHYPayload is no join-accept")
        ask = asked.ask
        session = self._session(
            self._devices[ask.dev_eui], begun(ask, asked.nonce.value, news, wall_s)
        )
        if not session.usable():
            raise ValueError(session.fault or "the Join Server's network keys are not complete")
        older = self.sessions.of(ask.dev_eui)
        if any(_same_network_key(session, other) for other in older):
            raise ValueError("the Join Server sent the keys of an older session")
        for other in older:
            if not other.proven:
                self.sessions.end(other)
        self.sessions.add(session)
        return session

    def _accept(self, accept: Accept, *, stored: bool) -> None:
        session = self.sessions.get(accept.ident)
        if session is None:
            return
        dev_eui = session.device.dev_eui
        if not stored:
            self.sessions.end(session)
            self._refuse(dev_eui, "the session could not be stored, so no join-accept is sent")
            return
        placed = self._sender.join_accept(accept.radio, accept.phy_payload)
        self.join_margin_ms = placed.last_ms
        took = f"the Join Server took {accept.took_s:.1f} s"
        if placed.window is None:
            self.sessions.end(session)
            self.counters["joins lost"] += 1
            late_ms = -(placed.last_ms or 0.0)
            why = f"{late_ms:.0f} ms too late for RX2; {took}" if late_ms > 0 else "no window free"
            self._refuse(dev_eui, f"its join-accept is lost, {why}")
            return
        self.counters["joins"] += 1
        missed_ms = -(placed.margins_ms[0] or 0.0)
        slow = f"; RX1 missed by {missed_ms:.0f} ms, {took}" if missed_ms > 0 else ""
        self._tell(
            f"{dev_eui}: joins as {session.dev_addr:08x} in RX{placed.window.number}, "
            f"{placed.last_ms or 0:.0f} ms to spare{slow}"
        )

    def _refuse(self, dev_eui: str, why: str) -> None:
        self.counters["joins refused"] += 1
        self._tell(f"{dev_eui}: does not join: {why}")

    # Data.

    def _data(
        self, frame: DataFrame, radio: RadioFacts, time_ns: int, now_s: float, gps_ns: int | None
    ) -> None:
        match = data.owner(self.sessions.at(frame.dev_addr), frame, radio, self._region)
        if match is None:
            known = "bad MIC" if self.sessions.at(frame.dev_addr) else "other networks"
            self.counters[known] += 1
            return
        session = match.session
        if session.over(time_ns / 1e9):
            self.counters["after the end"] += 1
        elif match.repeat:
            self._repeated(match, frame, radio)
        else:
            self._new(match, frame, radio, time_ns, now_s, gps_ns)

    def _repeated(self, match: data.Match, frame: DataFrame, radio: RadioFacts) -> None:
        """A frame that was accepted: its acknowledgement was lost, or somebody replays it."""
        session = match.session
        self.counters["repeated"] += 1
        if frame.header.mtype.confirmed and session.acks < REPEAT_ACKS:
            session.acks += 1
            self._batch.replies.append(
                Reply(session.ident, radio, True, match.fcnt, b"", wanted=True)
            )

    def _new(
        self,
        match: data.Match,
        frame: DataFrame,
        radio: RadioFacts,
        time_ns: int,
        now_s: float,
        gps_ns: int | None,
    ) -> None:
        session = match.session
        session.up, session.acks = match.fcnt, 0
        session.joining = False
        session.snrs.append(margin_db(radio))
        self._prove(session)
        self.sessions.changed(session)
        session.queue.answered(ack=frame.ack)
        said = data.commands(match, frame)
        answers = mac.answers(said, radio, gps_ns)
        extra = mac.heard(session, said)
        answers += self._wishes(session, frame, radio, now_s, mac.FOPTS_SIZE - len(answers))
        self.counters["frames"] += 1
        heard = Heard(match, frame, radio, time_ns, extra)
        self._batch.records.append(self._hold.tell(heard, self.gateway, now_s))
        confirmed = frame.header.mtype.confirmed
        wanted = bool(confirmed or answers or frame.adr_ack_req)
        self._batch.replies.append(
            Reply(session.ident, radio, confirmed, match.fcnt, answers, wanted)
        )

    def _wishes(
        self, session: NetSession, frame: DataFrame, radio: RadioFacts, now_s: float, room: int
    ) -> bytes:
        """What we ask of the device, if it fits beside the answers."""
        found = b""
        if frame.adr and self._settings.adr is Adr.SIMPLE:
            asked = mac.adr(session, self._region, radio, self._settings.adr_margin_db)
            found += asked if len(asked) <= room else b""
        every_s = self._settings.dev_status_every_s
        due = session.status_s is None or now_s - session.status_s >= every_s
        if every_s and due and len(found) < room:
            session.status_s = now_s
            found += bytes([mac.DEV_STATUS])
        return found

    def _prove(self, session: NetSession) -> None:
        """The first frame under new keys proves a join; only then do older sessions go."""
        if session.proven:
            return
        session.proven = True
        for other in [
            one for one in self.sessions.of(session.device.dev_eui) if one is not session
        ]:
            self.sessions.end(other)

    # What is kept.

    def _kept(self, batch: Batch) -> None:
        if self.fault:
            self._tell("sessions and counters can be stored again")
            self.fault = ""
        for row in batch.rows:
            session = self.sessions.get(row.ident)
            if session is not None:
                session.stored(row)

    def _not_kept(self, batch: Batch, fault: str) -> None:
        """Tried again with what comes next. Until then reserved counters are all there are."""
        if not self.fault:
            self._tell(
                f"{fault or 'the store fails'}: nobody joins until that is mended, and downlinks "
                "end with the counters that are reserved: to send more could use one twice"
            )
        self.fault = fault or "the store fails"
        for row in batch.rows:
            session = self.sessions.get(row.ident)
            if session is not None:
                self.sessions.changed(session)
        self._batch.nonces += batch.nonces
        self.sessions.gone += batch.gone

    def _session(self, device: Device, row: Stored) -> NetSession:
        queue = self.sessions.queue(device.dev_eui)
        return NetSession(device, row, self._region, self._vault, queue)

    def _is_copy(self, raw: bytes, tmst: int) -> bool:
        before = self._copies.get(raw)
        self._copies[raw] = tmst
        self._copies.move_to_end(raw)
        if len(self._copies) > COPIES_KEPT:
            self._copies.popitem(last=False)
        if before is None:
            return False
        apart = (tmst - before) & 0xFFFFFFFF
        return min(apart, 0x100000000 - apart) < COPY_US

    def _tell(self, words: str) -> None:
        self._events.append(words)


def _same_network_key(one: NetSession, other: NetSession) -> bool:
    """Whether two sessions share a key: counters that begin anew would then be used twice."""
    a, b = one.key(NETWORK_KEYS[0]), other.key(NETWORK_KEYS[0])
    return a is not None and b is not None and same_key(a, b)
