"""The air itself: who is on it, and the order of events. See the package for how it is used."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

from ...modulation import BANDWIDTHS_HZ, SPREADING_FACTORS
from ..values import Emission
from .chance import Chance, normal
from .interference import Signal
from .interferers import next_burst, noise_signal
from .links import Links
from .listening import Windows
from .onair import OnAir
from .receiver import AirBoard, Receiver
from .reception import Reception
from .rules import Rules
from .timing import Timing, timing_of
from .values import Interferer, Listen, Position, Transmission, check_modulation
from .verdict import Outcome, Report, Verdict, describe

HOUR_NS = 3_600_000_000_000

# Kinds of events, in the order in which those of one instant happen: what ends makes room first.
_FOLLOW, _END, _LOCK, _START, _NOISE_OFF, _NOISE_ON, _BURST, _CLOSE, _CALL = range(9)


class Air:
    """One air, one seed, one outcome. Not thread-safe: whoever owns the boards owns it.

    `keep` frames stay explainable. All times are nanoseconds on the boards' clock.
    """

    def __init__(self, seed: int = 0, *, rules: Rules | None = None, keep: int = 4096) -> None:
        self.rules = rules or Rules.default()
        self.counts: Counter[tuple[str, int | None, Outcome]] = Counter()
        self._chance = Chance(seed)
        self._receivers: dict[str, Receiver] = {}
        self._links = Links(self.rules, self._chance)
        self._windows = Windows(self.rules, self._chance)
        self._events: list[tuple[int, int, int, Any]] = []
        self._order = 0
        self._number = 0
        self._indexes: Counter[str] = Counter()
        self._on_air: dict[int, OnAir] = {}
        self._receptions: dict[int, list[tuple[Receiver, Reception]]] = {}
        self._emissions: dict[int, tuple[Emission, OnAir]] = {}
        self._reports: dict[int, Report] = {}
        self._ring: deque[int] = deque()
        self._keep = keep
        self._now_ns: int | None = None
        self._advancing = False
        self._happens: dict[int, Callable[[Any, int], None]] = {
            _START: self._start,
            _LOCK: self._lock,
            _FOLLOW: self._follow,
            _END: self._end,
            _NOISE_ON: self._noise_on,
            _NOISE_OFF: self._noise_off,
            _BURST: self._burst,
            _CLOSE: lambda entry, _: self._windows.close(entry),
            _CALL: lambda callback, when_ns: callback(when_ns),
        }

    # Who is there.

    def attach(
        self,
        board: AirBoard,
        *,
        name: str,
        at: Position = (0.0, 0.0, 0.0),
        antenna_gain_db: float = 0.0,
    ) -> None:
        """Put a board under this air; from now on its accesses drive it. ValueError: name taken."""
        if name in self._receivers:
            raise ValueError(f"a board named {name!r} is on this air already; names are unique")
        receiver = Receiver(board, name, at, self.rules, self._chance, antenna_gain_db)
        self._receivers[name] = receiver
        self._links.add(receiver)
        board.on_transmit.append(lambda emission: self._emitted(receiver, emission))
        board.on_abort.append(self._aborted)
        board.advance_hooks.append(self.advance)
        if self._now_ns is not None:
            self._next_noise_burst(receiver, 0, self._now_ns)

    def set_antenna_loss(self, board: str, loss_db: float) -> None:
        """A fault: both directions of `board` lose `loss_db`, for frames that start from now on."""
        self._receivers[board].antenna_loss_db = loss_db

    def add_interferer(self, interferer: Interferer) -> None:
        """A fault: noise on a frequency, see `Interferer`."""
        burst = next_burst(interferer, max(interferer.from_ns, self._now_ns or 0))
        if burst is not None:
            self._push(burst[0], _NOISE_ON, (interferer, burst[1]))

    def demodulators_busy(self, board: str) -> int:
        """How many demodulators of `board` work on a frame right now."""
        return len(self._receivers[board].demodulators.busy)

    # What is put on it.

    def transmit(self, frame: Transmission, on_done: Callable[[Report], None] | None = None) -> int:
        """A frame goes on the air, now or at its future start; gives its number.

        A start in the past is moved to the present: what was is decided. `on_done` gets the report
        at the frame's end, from `advance`. ValueError: no such modulation, or pinned to a board
        that is not here.
        """
        check_modulation(frame.sf, frame.bw_hz, frame.bitrate_bps)
        for name in frame.pinned or ():
            if name not in self._receivers:
                here = ", ".join(self._receivers) or "none"
                raise ValueError(f"frame is pinned to {name!r}; boards on this air: {here}")
        return self._announce(frame, timing_of(frame), on_done, None).number

    def listen(self, window: Listen) -> None:
        """Register a receive window; its `on_result` is called exactly once.

        ValueError: no such modulation.
        """
        check_modulation(window.sf, window.bw_hz)
        closes_ns, entry = self._windows.add(window)
        self._push(closes_ns, _CLOSE, entry)

    def call_at(self, when_ns: int, callback: Callable[[int], None]) -> None:
        """Call `callback(when_ns)` when the air gets there: for whoever lives on its line."""
        self._push(when_ns, _CALL, callback)

    # Time.

    def next_event_ns(self) -> int | None:
        """When `advance` next has something to do."""
        return self._events[0][0] if self._events else None

    def advance(self, now_ns: int) -> None:
        """Let everything happen that is due by `now_ns`, in order. Never goes back."""
        if self._advancing or (self._now_ns is not None and now_ns < self._now_ns):
            return
        if self._now_ns is None or now_ns - self._now_ns > 24 * HOUR_NS:
            self._restart_noise(now_ns)
        self._advancing = True
        try:
            events = self._events
            while events and events[0][0] <= now_ns:
                when_ns, kind, _, what = heappop(events)
                self._now_ns = max(when_ns, self._now_ns or when_ns)
                self._happens[kind](what, when_ns)
            self._now_ns = now_ns
        finally:
            self._advancing = False

    # Why.

    def verdicts(self, number: int) -> tuple[Verdict, ...]:
        """What the boards made of a frame; empty while it is on the air or long forgotten."""
        report = self._reports.get(number)
        return tuple(report.verdicts) if report is not None and report.done else ()

    def explain(self, which: int | Callable[[Transmission], bool]) -> str:
        """For a person: why a frame, or each frame that `which` picks, was received or lost."""
        if callable(which):
            found = [report for report in self._reports.values() if which(report.frame)]
        else:
            found = [self._reports[which]] if which in self._reports else []
        if not found:
            return f"no such frame among the last {len(self._reports)}; {self._keep} are kept"
        return "\n".join(describe(report, self._absent(report.frame)) for report in found)

    def _absent(self, frame: Transmission) -> dict[str, str]:
        """Why a board has no verdict at all."""
        told = {}
        for name, receiver in self._receivers.items():
            if frame.pinned is not None:
                told[name] = "not part of this recorded reception"
            elif name == frame.who:
                told[name] = "sent it"
            else:
                mean_dbm = frame.power_dbm + receiver.gain_db - self._links.loss_db(frame, receiver)
                told[name] = f"lost: out of reach, {mean_dbm:.1f} dBm on average"
        return told

    # Putting things on the air.

    def _emitted(self, receiver: Receiver, emission: Emission) -> None:
        """A board fixed an emission; what its registers ask for may be no modulation at all."""
        sf, bw_hz = emission.sf, emission.bw_hz
        if bw_hz not in BANDWIDTHS_HZ or sf not in SPREADING_FACTORS:
            sf, bw_hz = None, bw_hz if bw_hz > 0 else BANDWIDTHS_HZ[0]
        frame = Transmission(
            who=receiver.name,
            payload=emission.payload,
            start_ns=emission.start_ns,
            freq_hz=emission.freq_hz,
            sf=sf,
            bw_hz=bw_hz,
            coding_rate=emission.coding_rate,
            power_dbm=emission.power_dbm,
            at=receiver.at,
            preamble=emission.preamble,
            crc=emission.crc,
            implicit=emission.implicit,
            invert=emission.invert,
            public=emission.public,
            bitrate_bps=emission.bitrate_bps,
        )
        timing = timing_of(frame)._replace(end_ns=emission.end_ns - emission.start_ns)
        self._emissions[id(emission)] = (emission, self._announce(frame, timing, None, receiver))

    def _aborted(self, emission: Emission, at_ns: int) -> None:
        """Called off before it began, or cut short."""
        known = self._emissions.get(id(emission))
        if known is not None and known[1].cut_ns is None:
            on = known[1]
            on.cut_ns = at_ns
            assert on.board is not None
            self._receivers[on.board].cut(on.start_ns, at_ns)
            for _, rx in self._receptions.get(on.number, []):
                rx.end_ns = min(rx.end_ns, at_ns)

    def _announce(
        self,
        frame: Transmission,
        timing: Timing,
        on_done: Callable[[Report], None] | None,
        sender: Receiver | None,
    ) -> OnAir:
        if self._now_ns is not None and frame.start_ns < self._now_ns:
            frame = replace(frame, start_ns=self._now_ns)
        self._number += 1
        index = self._indexes[frame.who]
        self._indexes[frame.who] = index + 1
        report = Report(self._number, frame, [])
        self._remember(report)
        board = sender.name if sender is not None else None
        on = OnAir(self._number, index, frame, timing, report, on_done, board)
        self._push(frame.start_ns, _START, on)
        return on

    def _remember(self, report: Report) -> None:
        self._reports[report.number] = report
        self._ring.append(report.number)
        if len(self._ring) > self._keep:
            del self._reports[self._ring.popleft()]

    def _push(self, when_ns: int, kind: int, what: object) -> None:
        self._order += 1
        heappush(self._events, (when_ns, kind, self._order, what))

    # What happens.

    def _start(self, on: OnAir, now_ns: int) -> None:
        if on.cut_ns is not None:
            on.report.done = True
            return
        for other in self._on_air.values():
            if other.board is not None:
                other.overlaps.append(on)
        if on.board is not None:
            on.overlaps.extend(self._on_air.values())
            self._receivers[on.board].transmit(now_ns, on.end_ns)
        self._on_air[on.number] = on
        receptions = self._arrivals(on)
        self._receptions[on.number] = receptions
        if on.board is not None or any(rx.chain is not None for _, rx in receptions):
            self._push(now_ns + on.timing.preamble_ns, _LOCK, on)
            self._push(now_ns + on.timing.header_ns, _FOLLOW, on)
        self._push(on.end_ns, _END, on)

    def _arrivals(self, on: OnAir) -> list[tuple[Receiver, Reception]]:
        frame, found = on.frame, []
        if frame.pinned is not None:
            for name in frame.pinned:
                receiver = self._receivers[name]
                draws = self._chance.draws("frame", frame.who, on.index, name)
                found += [(receiver, rx) for rx in receiver.begin(on, 0.0, draws)]
            return found
        for receiver, mean_dbm, reached in self._links.of(frame):
            if receiver.name == on.board:
                continue
            if not reached:
                self.counts[receiver.name, frame.sf, Outcome.BELOW_SENSITIVITY] += 1
                continue
            draws = self._chance.draws("frame", frame.who, on.index, receiver.name)
            power_dbm = mean_dbm
            if self.rules.fading_sigma_db:
                power_dbm += self.rules.fading_sigma_db * normal(draws[0], draws[1])
            found += [(receiver, rx) for rx in receiver.begin(on, power_dbm, draws)]
        return found

    def _lock(self, on: OnAir, now_ns: int) -> None:
        for receiver, rx in self._receptions.get(on.number, ()):
            receiver.lock(rx)
        if on.board is not None and on.number in self._on_air:
            sender = self._receivers[on.board]
            self._windows.lock(on, sender.gain_db, sender.at)

    def _follow(self, on: OnAir, now_ns: int) -> None:
        for receiver, rx in self._receptions.get(on.number, ()):
            receiver.follow(rx)

    def _end(self, on: OnAir, now_ns: int) -> None:
        del self._on_air[on.number]
        for receiver, rx in self._receptions.pop(on.number):
            receiver.finish(rx)
            verdict = rx.verdict(receiver.name)
            if rx.ghost and not verdict.outcome.stored:
                continue  # nobody misses it
            on.report.verdicts.append(verdict)
            if on.board is None:
                what = Outcome.GHOST if rx.ghost else verdict.outcome
                self.counts[receiver.name, rx.sf, what] += 1
        on.report.done = True
        if on.board is not None:
            sender = self._receivers[on.board]
            self._windows.finish(on, sender.gain_db, sender.at)
            on.overlaps.clear()
            self._forget_emission(on)
        if on.on_done is not None:
            on.on_done(on.report)

    def _forget_emission(self, on: OnAir) -> None:
        for key, (_, known) in list(self._emissions.items()):
            if known is on or known.end_ns < on.start_ns:
                del self._emissions[key]

    def _noise_on(self, what: tuple[Interferer, int], now_ns: int) -> None:
        interferer, end_ns = what
        signals: list[tuple[Receiver, Signal]] = []
        for name, receiver in self._receivers.items():
            if not interferer.boards or name in interferer.boards:
                signal = noise_signal(interferer, now_ns, end_ns, -receiver.antenna_loss_db)
                receiver.enter_noise(signal)
                signals.append((receiver, signal))
        self._push(end_ns, _NOISE_OFF, signals)
        following = next_burst(interferer, end_ns)
        if following is not None:
            self._push(following[0], _NOISE_ON, (interferer, following[1]))

    def _noise_off(self, signals: list[tuple[Receiver, Signal]], now_ns: int) -> None:
        for receiver, signal in signals:
            receiver.leave_noise(signal)

    # Noise that looks like frames.

    def _restart_noise(self, now_ns: int) -> None:
        """Begin the bursts anew where time begins, or after a day in which nobody looked."""
        self._events = [event for event in self._events if event[1] != _BURST]
        self._events.sort()
        for receiver in self._receivers.values():
            self._next_noise_burst(receiver, 0, now_ns)

    def _next_noise_burst(self, receiver: Receiver, index: int, after_ns: int) -> None:
        if self.rules.noise_bursts_per_hour > 0:
            wait_ns = HOUR_NS / self.rules.noise_bursts_per_hour
            pause = self._chance.exponential("burst time", receiver.name, index)
            self._push(after_ns + 1 + round(pause * wait_ns), _BURST, (receiver, index))

    def _burst(self, what: tuple[Receiver, int], now_ns: int) -> None:
        receiver, index = what
        receiver.burst(now_ns, index)
        self._next_noise_burst(receiver, index + 1, now_ns)
