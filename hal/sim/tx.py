"""A TX chain: armed by a rising trigger bit, silent for the start delay, then on the air.

Source: sx1302-chip.md sections 11.2 and 11.3. Status codes: 0x80 free, 0x91 waits for the timer,
0x92 waits for PPS, 0x30 in the start delay, 0x60 on the air.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from . import map as at
from .agenda import NEVER_NS, Agenda
from .counter import TICKS_PER_US, Counter
from .registers import RegisterFile
from .tx_decode import TxProgram, decode, describe
from .values import Emission

_TRIGGER, _BUFFER_ENABLE, _STATUS, _SOURCE = 0x00, 0x07, 0x11, 0x20
_MODULATES = 1 << 3
_IMMEDIATE, _DELAYED, _ON_PPS, _CLEAR = 1, 2, 4, 8
_TRIGGERS = _IMMEDIATE | _DELAYED | _ON_PPS
_MODES = {_IMMEDIATE: "immediate", _DELAYED: "timestamped", _ON_PPS: "on_pps"}
_PPS_LOOK_NS = 100_000_000
_KEPT = 10_000  # records of past transmissions, for whoever asks late


class TxStatus(IntEnum):
    FREE = 0x80
    WAIT_TIMER = 0x91
    WAIT_PPS = 0x92
    START_DELAY = 0x30
    ON_AIR = 0x60


@dataclass(slots=True)
class Attempt:
    """One armed transmission, from its trigger bit to its end."""

    program: TxProgram
    mode: str
    programmed_ns: int
    programmed_ticks: int
    start_ticks: int
    start_ns: int
    end_ns: int
    emission: Emission
    blocked: bool = False

    def describe(self) -> dict[str, object]:
        return describe(self.program) | {
            "mode": self.mode,
            "programmed_ns": self.programmed_ns,
            "programmed_us": self.programmed_ticks // TICKS_PER_US,
            "start_ticks": self.start_ticks & 0xFFFFFFFF,
            "start_us": self.start_ticks // TICKS_PER_US,
            "lead_us": (self.start_ticks - self.programmed_ticks) / TICKS_PER_US,
            "blocked": self.blocked,
        }


class TxJournal:
    """What both chains did, and who is told: the air hears `on_transmit` and `on_abort`.

    `on_transmit` is called when an emission is fixed, which is before it starts; `on_abort` with
    the emission and the instant at which it was cut short or, before its start, called off.
    """

    def __init__(self) -> None:
        self.programmed: deque[Attempt] = deque(maxlen=_KEPT)
        self.transmitted: deque[Attempt] = deque(maxlen=_KEPT)
        self.on_transmit: list[Callable[[Emission], None]] = []
        self.on_abort: list[Callable[[Emission, int], None]] = []
        self.invalid = 0  # triggers with settings that no modem can send


class TxChain:
    def __init__(
        self,
        rf_chain: int,
        registers: RegisterFile,
        agenda: Agenda,
        counter: Counter,
        journal: TxJournal,
        allowed: Callable[[int, float], bool],
        radio: str = "SX1250",
        loss_db: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`allowed` is asked at the trigger, with chain and frequency: listen before talk.

        `radio` is the kind of front end behind the chain; `loss_db` what the amplifier lacks of its
        nominal power.
        """
        self._radio = radio
        self._loss_db = loss_db
        self._rf_chain = rf_chain
        self._base = at.TX_BASES[rf_chain]
        self._registers = registers
        self._agenda = agenda
        self._counter = counter
        self._journal = journal
        self._allowed = allowed
        self._attempt: Attempt | None = None
        self._waiting: TxProgram | None = None  # armed on PPS while there are no edges
        registers.on_write(self._base + _TRIGGER, self._trigger_written)
        registers.region(
            self._base + at.TX_BUFFER, at.TX_BUFFER_SIZE, self._buffer_open, lambda: True
        )
        self.reset()

    def reset(self) -> None:
        """A chip reset; what was on the air stops."""
        self.abort()
        self._set_status(TxStatus.FREE)

    @property
    def status(self) -> int:
        return self._registers.peek(self._base + _STATUS)

    def abort(self) -> None:
        """Call off what is armed, or stop what is on the air."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None or self._waiting is not None:
            self._set_status(TxStatus.FREE)
        self._waiting = None
        if attempt is None:
            return
        now_ns = self._agenda.now_ns
        attempt.end_ns = min(attempt.end_ns, now_ns)
        for tell in self._journal.on_abort:
            tell(attempt.emission, now_ns)

    def transmitting(self, at_ns: int) -> bool:
        attempt = self._attempt
        return attempt is not None and attempt.start_ns <= at_ns < attempt.end_ns

    def _set_status(self, status: TxStatus) -> None:
        self._registers.poke(self._base + _STATUS, status)

    def _buffer_open(self) -> bool:
        return bool(self._registers.peek(self._base + _BUFFER_ENABLE) & 1)

    def _trigger_written(self, old: int, new: int) -> None:
        rising = new & ~old & _TRIGGERS
        if new & _CLEAR or (old & _TRIGGERS and not new & _TRIGGERS):
            self.abort()
        for bit, mode in _MODES.items():
            if rising & bit:
                self.abort()
                self._arm(mode)
                return

    # The states, in order.

    def _arm(self, mode: str) -> None:
        if not self._registers.peek(self._base + _SOURCE) & _MODULATES:
            return  # a test tone for the calibration: nothing leaves the board
        mailboxes = [self._registers.peek(address) for address in at.AGC_MAIL_IN[2::-1]]
        deviation = int.from_bytes(bytes(mailboxes), "big")
        program = decode(self._registers, self._base, self._rf_chain, deviation, self._radio)
        if program.faults():
            self._journal.invalid += 1
            return
        trigger_ticks = self._trigger_ticks(mode, program)
        if trigger_ticks is None:
            self._wait_for_pps(program)
            return
        self._schedule(mode, program, trigger_ticks)

    def _wait_for_pps(self, program: TxProgram) -> None:
        """There are no edges: look again later, as long as nobody takes the trigger back."""
        self._waiting = program
        self._set_status(TxStatus.WAIT_PPS)
        self._agenda.at(self._agenda.now_ns + _PPS_LOOK_NS, lambda: self._look_for_pps(program))

    def _look_for_pps(self, program: TxProgram) -> None:
        if self._waiting is program:
            self._waiting = None
            self._arm("on_pps")

    def _schedule(self, mode: str, program: TxProgram, trigger_ticks: int) -> None:
        attempt = self._attempt = self._make_attempt(mode, program, trigger_ticks)
        self._set_status(TxStatus.WAIT_PPS if mode == "on_pps" else TxStatus.WAIT_TIMER)
        self._journal.programmed.append(attempt)
        for tell in self._journal.on_transmit:
            tell(attempt.emission)
        trigger_ns = self._counter.ns_at(trigger_ticks)
        if trigger_ns <= self._agenda.now_ns:
            self._fire(attempt)
        else:
            self._agenda.at(trigger_ns, lambda: self._fire(attempt))

    def _trigger_ticks(self, mode: str, program: TxProgram) -> int | None:
        now = self._counter.ticks()
        if mode == "immediate":
            return now
        if mode == "timestamped":
            return now + (program.timer_ticks - now & 0xFFFFFFFF)
        edge_ns = self._counter.next_pps_ns()
        return None if edge_ns is None else self._counter.ticks_at(edge_ns)

    def _make_attempt(self, mode: str, program: TxProgram, trigger_ticks: int) -> Attempt:
        start_ticks = trigger_ticks + program.start_delay_ticks
        start_ns = self._counter.ns_at(start_ticks)
        airtime_us = program.airtime_us
        end_ns = NEVER_NS if airtime_us is None else start_ns + round(airtime_us * 1000)
        emission = _emission(program, start_ns, end_ns, self._loss_db())
        return Attempt(
            program=program,
            mode=mode,
            programmed_ns=self._agenda.now_ns,
            programmed_ticks=self._counter.ticks(),
            start_ticks=start_ticks,
            start_ns=start_ns,
            end_ns=end_ns,
            emission=emission,
        )

    def _fire(self, attempt: Attempt) -> None:
        if attempt is not self._attempt:
            return
        if not self._allowed(self._rf_chain, attempt.program.freq_hz):
            attempt.blocked = True
            self._journal.transmitted.append(attempt)
            self.abort()
            return
        self._set_status(TxStatus.START_DELAY)
        self._agenda.at(attempt.start_ns, lambda: self._start(attempt))

    def _start(self, attempt: Attempt) -> None:
        if attempt is self._attempt:
            self._set_status(TxStatus.ON_AIR)
            self._journal.transmitted.append(attempt)
            self._agenda.at(attempt.end_ns, lambda: self._end(attempt))

    def _end(self, attempt: Attempt) -> None:
        if attempt is self._attempt:
            self._attempt = None
            self._set_status(TxStatus.FREE)


def _emission(program: TxProgram, start_ns: int, end_ns: int, loss_db: float) -> Emission:
    return Emission(
        payload=program.payload,
        start_ns=start_ns,
        end_ns=end_ns,
        rf_chain=program.rf_chain,
        freq_hz=program.freq_hz,
        sf=program.sf or None,
        bw_hz=program.bw_hz or 125_000,
        coding_rate=program.coding_rate,
        preamble=program.preamble,
        crc=program.crc,
        implicit=program.implicit,
        invert=program.invert,
        public=program.public,
        power_dbm=program.power_dbm - loss_db,
        bitrate_bps=program.bitrate_bps or None,
    )
