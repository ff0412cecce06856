"""One board's receive side: signals come in, verdicts and records come out.

The air calls, in the order of time: `begin` at a frame's first symbol, `lock` at the end of its
preamble, `follow` at the end of its header, `finish` at its end; and `transmit` when the board
itself goes on the air.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from ..spectrum import Hear, Stretches, Tone, stretches
from ..values import ChainKind, Emission, HeardFrame, IfChain
from .chance import Chance
from .channels import Match, match
from .demodulators import Demodulators
from .ghosts import ghosts
from .interference import Dirty, Signal
from .judging import Judgement
from .neighbours import Neighbours
from .onair import OnAir, signal_of
from .propagation import (
    gateway_snr_db,
    milliwatts,
    offset_loss_db,
    signal_dbm,
)
from .reception import Reception
from .records import damaged, is_multi, noise_burst, records
from .rules import Rules
from .tables import nominal_snr_db
from .values import Pinned, Position
from .verdict import Outcome

# How long the channels are believed without asking the board: longer while they stay the same.
CHAINS_AGE_NS = 50_000_000
CHAINS_MOST_AGE_NS = 400_000_000
MATCHES_KEPT = 4096  # every crystal has its own frequency
SIGNALS_KEPT = 256
EMISSIONS_KEPT_NS = 10_000_000_000  # longer than any preamble


class AirBoard(Protocol):
    """What the air needs of a board; `hal.sim.board.SimBoard` has it."""

    advance_hooks: list[Callable[[int], None]]

    @property
    def on_transmit(self) -> list[Callable[[Emission], None]]: ...

    @property
    def on_abort(self) -> list[Callable[[Emission, int], None]]: ...

    def chains(self) -> list[IfChain]: ...

    def store_record(self, frame: HeardFrame, /) -> object:
        """Into the FIFO; False where it is known not to fit."""
        ...


@runtime_checkable
class ArbiterSide(Protocol):
    """What a board with an arbiter offers on top: it pairs demodulators and counts."""

    def dual_sfs(self) -> frozenset[int]:
        """Spreading factors for which two demodulators take each frame."""
        ...

    def count_detection(self, chan: int, sf: int) -> None: ...

    def count_allocation(self, chan: int, sf: int) -> None: ...


@runtime_checkable
class ListeningSide(Protocol):
    """What a board with a listening radio (SX1261) offers on top."""

    def hear_with(self, hear: Hear, /) -> None:
        """Take `hear` for what is on the air."""
        ...


@runtime_checkable
class ResetSide(Protocol):
    """What a board whose chip can be reset offers on top."""

    on_reset: list[Callable[[int], None]]  # called with the instant


class Receiver:
    """`antenna_loss_db` is a fault that can be set at any time; it holds both ways."""

    def __init__(
        self, board: AirBoard, name: str, at: Position, rules: Rules, chance: Chance,
        antenna_gain_db: float = 0.0,
    ) -> None:  # fmt: skip
        self.board = board
        self.name = name
        self.at = at
        self.antenna_gain_db = antenna_gain_db
        self.antenna_loss_db = 0.0
        self.demodulators = Demodulators(limited=rules.demodulator_limit)
        self._rules = rules
        self._chance = chance
        self._judgement = Judgement(rules)
        self._neighbours = Neighbours()
        self._arbiter = board if isinstance(board, ArbiterSide) else None
        self._chains: list[IfChain] = []
        self._chains_until_ns = 0
        self._chains_age_ns = CHAINS_AGE_NS
        self._any_enabled = False
        self._matches: dict[tuple[object, ...], Match] = {}
        # What was on the air lately, on any frequency, for whoever listens to a band.
        self._lately: deque[Signal] = deque(maxlen=SIGNALS_KEPT)
        if isinstance(board, ListeningSide):
            board.hear_with(self.hear)
        if isinstance(board, ResetSide):
            board.on_reset.append(self.reset)
        self._reset_ns = -1
        self._locked: dict[int, Reception] = {}
        self._emissions: list[tuple[int, int]] = []

    @property
    def gain_db(self) -> float:
        return self.antenna_gain_db - self.antenna_loss_db

    # What the air calls, in the order of time.

    def begin(
        self, on: OnAir, power_dbm: float, draws: tuple[float, float, float, float]
    ) -> list[Reception]:
        """A frame's first symbol arrives: one reception a channel, ghosts included.

        One without a channel only disturbs others; its outcome is decided already.
        """
        signal = signal_of(on, self._rules, power_dbm)
        found = self._match(on, signal)
        pinned = on.frame.pinned[self.name] if on.frame.pinned is not None else None
        if not found.chains:
            lost = self._reception(on, signal, None, power_dbm, draws, pinned)
            lost.outcome = found.reason
            self._lately.append(lost)
            if found.near and pinned is None:
                self._neighbours.enter(lost)
            return [lost]
        made = [
            self._reception(on, signal, chain, power_dbm, draws, pinned) for chain in found.chains
        ]
        self._lately.append(made[0])
        if pinned is None:
            made += self._ghosts(on, signal, found.chains[0], power_dbm, draws)
            for reception in made:
                self._neighbours.enter(reception)
        return made

    def lock(self, rx: Reception) -> None:
        """The preamble is over: is it detected, and is there a demodulator for it?"""
        if rx.outcome is not None or rx.chain is None:
            return
        if rx.start_ns < self._reset_ns:
            rx.lose(Outcome.RESET)
            return
        if not self._judgement.detects(rx, self._transmitting(rx.start_ns, rx.lock_ns)):
            return
        kind, chan, sf = rx.chain.kind, rx.chain.chan, rx.sf
        if self._arbiter and sf is not None:
            self._arbiter.count_detection(chan, sf)
        rx.modems = self.demodulators.take(rx.title, kind, sf, self._modems_wanted(kind, sf))
        if not rx.modems:
            rx.busy = self.demodulators.holders(kind, sf)
            rx.lose(Outcome.NO_DEMODULATOR)
            return
        self._locked[id(rx)] = rx
        if self._arbiter and sf is not None:
            self._arbiter.count_allocation(chan, sf)

    def follow(self, rx: Reception) -> None:
        """The header is over: a destroyed one frees the demodulator."""
        if not self._judgement.follows(rx):
            self._let_go(rx)

    def finish(self, rx: Reception) -> None:
        """The frame is over: decide, and store what was received."""
        self._neighbours.leave(rx)
        if rx.chain is None:
            return
        if rx.outcome is None:
            self._judgement.decide(rx)
        self._let_go(rx)
        if rx.outcome is not None and rx.outcome.stored:
            self._store(rx)

    def transmit(self, start_ns: int, end_ns: int) -> None:
        """The board goes on the air: what it was receiving is lost (half duplex)."""
        self._emissions = [e for e in self._emissions if e[1] > start_ns - EMISSIONS_KEPT_NS]
        self._emissions.append((start_ns, end_ns))
        for rx in list(self._locked.values()):
            rx.lose(Outcome.TRANSMITTING)
            self._let_go(rx)

    def reset(self, now_ns: int) -> None:
        """The chip forgets what it was receiving, a preamble that it had heard half of too."""
        self._reset_ns = now_ns
        for rx in list(self._locked.values()):
            rx.lose(Outcome.RESET)
            self._let_go(rx)

    def cut(self, start_ns: int, at_ns: int) -> None:
        """The emission that began, or was to begin, at `start_ns` ends at `at_ns`."""
        self._emissions = [
            (start, min(end, at_ns) if start == start_ns else end) for start, end in self._emissions
        ]

    def burst(self, now_ns: int, index: int) -> None:
        """Noise that a modem takes for a frame."""
        chains = [chain for chain in self.chains(now_ns) if is_multi(chain)]
        name = (self.name, index)
        modem = self.demodulators.take("noise", ChainKind.MULTI, 7)
        self.demodulators.free(modem)
        if chains and modem and not self._transmitting(now_ns, now_ns + 1):
            chain = chains[int(self._chance.draws("burst channel", *name)[0] * len(chains))]
            self.board.store_record(noise_burst(self._chance, chain, modem[0], now_ns, *name))

    def enter_noise(self, signal: Signal) -> None:
        """An interferer switches on."""
        self._lately.append(signal)
        self._neighbours.enter(signal)

    def leave_noise(self, signal: Signal) -> None:
        """And off."""
        self._neighbours.leave(signal)

    def hear(self, freq_hz: float, bw_hz: float, from_ns: int, to_ns: int) -> Stretches:
        """Power in a band over a time that is not long past."""
        tones = []
        for signal in self._lately:
            if signal.start_ns < to_ns and signal.end_ns > from_ns:
                reach_hz = (bw_hz + signal.bw_hz) / 2 - abs(freq_hz - signal.freq_hz)
                share = min(reach_hz, bw_hz, signal.bw_hz) / signal.bw_hz
                if share > 0:
                    tones.append(Tone(signal.start_ns, signal.end_ns, share * signal.power_mw))
        return stretches(tones, bw_hz, from_ns, to_ns)

    def chains(self, now_ns: int) -> list[IfChain]:
        """The board's channels; asked for again when they are old or there are none."""
        if now_ns >= self._chains_until_ns or not self._any_enabled:
            chains = self.board.chains()
            self._chains_age_ns = min(2 * self._chains_age_ns, CHAINS_MOST_AGE_NS)
            if chains != self._chains:
                self._chains = chains
                self._chains_age_ns = CHAINS_AGE_NS
                self._any_enabled = any(chain.enabled for chain in chains)
                self._matches.clear()
            self._chains_until_ns = now_ns + self._chains_age_ns
        return self._chains

    # Beginning.

    def _match(self, on: OnAir, signal: Signal) -> Match:
        frame = on.frame
        chains = self.chains(on.start_ns)
        key = (signal.freq_hz, frame.sf, frame.bw_hz, frame.invert, frame.public,
               frame.bitrate_bps, frame.pinned is None)  # fmt: skip
        found = self._matches.get(key)
        if found is None:
            if len(self._matches) >= MATCHES_KEPT:
                self._matches.clear()
            found = self._matches[key] = match(chains, frame, signal.freq_hz)
        return found

    def _reception(
        self, on: OnAir, signal: Signal, chain: IfChain | None, power_dbm: float,
        draws: tuple[float, float, float, float], pinned: Pinned | None, ghost: bool = False,
    ) -> Reception:  # fmt: skip
        freq_hz = chain.freq_hz if ghost and chain else signal.freq_hz
        if pinned is not None:
            snr_db, power_dbm = pinned.snr_db, signal_dbm(pinned.rssi_dbm, pinned.snr_db)
        else:
            snr_db = gateway_snr_db(self._rules, power_dbm, signal.sf, signal.bw_hz)
            if chain is not None:
                snr_db -= offset_loss_db(freq_hz - chain.freq_hz, signal.bw_hz)
        return Reception(
            signal.number, signal.title, signal.start_ns, signal.lock_ns, signal.header_ns,
            signal.end_ns, signal.critical_ns, signal.symbol_ns, freq_hz, signal.bw_hz, signal.sf,
            signal.invert, signal.coding_rate, power_dbm, milliwatts(power_dbm),
            frame=on.frame, index=on.index, chain=chain, snr_db=snr_db,
            floor_db=nominal_snr_db(signal.sf), noise_mw=milliwatts(power_dbm - snr_db),
            luck=draws[2], pinned=pinned, ghost=ghost,
            jitter_ns=0 if pinned else round((2 * draws[3] - 1) * self._rules.jitter_ns),
        )  # fmt: skip

    def _ghosts(
        self, on: OnAir, signal: Signal, heard_on: IfChain, power_dbm: float,
        draws: tuple[float, float, float, float],
    ) -> list[Reception]:  # fmt: skip
        if power_dbm <= self._rules.ghost_above_dbm:
            return []
        name = (on.frame.who, on.index, self.name)
        copies = ghosts(
            self._rules, self._chance, name, power_dbm, on.frame.sf, heard_on, self._chains
        )
        made = []
        for chain, copy_dbm in copies:
            own = (*draws[:3], self._chance.draws("ghost jitter", *name, chain.chan)[0])
            made.append(self._reception(on, signal, chain, copy_dbm, own, None, ghost=True))
        return made

    def _transmitting(self, from_ns: int, to_ns: int) -> list[Dirty]:
        return [Dirty(s, e, None) for s, e in self._emissions if s < to_ns and e > from_ns]

    def _modems_wanted(self, kind: ChainKind, sf: int | None) -> int:
        if self._arbiter is None or kind is not ChainKind.MULTI:
            return 1
        return 2 if sf in self._arbiter.dual_sfs() else 1

    def _let_go(self, rx: Reception) -> None:
        if self._locked.pop(id(rx), None) is not None:
            self.demodulators.free(rx.modems)

    # Storing.

    def _store(self, rx: Reception) -> None:
        good = rx.outcome is not Outcome.CRC_BAD
        payload = rx.frame.payload
        if not good and rx.pinned is None:
            payload = damaged(payload, self._chance, rx.frame.who, rx.index, self.name)
        answers = [self.board.store_record(record) for record in records(rx, payload, good=good)]
        if all(answer is False for answer in answers):
            rx.outcome = Outcome.FIFO_OVERFLOW
