"""One SX1302 or SX1303 concentrator: start, receive, send, abort, health, stop.

    transport ── Sx1302 ── bringup            start
                   ├────── Clockwork, Decoder receive
                   └────── tx_program         send

Not thread-safe: one thread owns it. Every method raises nothing but HalError for what the hardware
does, and no method waits for ever. After a TransportError the chip's state is unknown: stop, open
the transport anew and start again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from .allowance import Allowance
from .clock import Clock, SystemClock
from .config import ConcentratorConfig
from .counter import TICKS_PER_US, WRAP_TICKS, WRAP_US
from .errors import (
    ChipError,
    DeviceBusy,
    HalError,
    StartError,
    TransportError,
    TxRefusal,
    TxRefused,
)
from .frames import AtCounter, Immediate, OnPps, RxFrame, TxFrame, TxReceipt, TxState
from .spectrum import SpectrumReport
from .sx1302 import bringup, health, lbt, snapshot
from .sx1302.chip import Sx1302, field_ops
from .sx1302.clockwork import COUNTER_OPS, Clockwork
from .sx1302.ears import Ears
from .sx1302.firmware import Firmware
from .sx1302.health import Health
from .sx1302.reception import Decoder
from .sx1302.registers import RX_FIFO, RX_FIFO_SIZE, TX_TOP, RxTop
from .sx1302.rx_record import Damage
from .sx1302.scan import ScanCount
from .sx1302.snapshot import Registers
from .sx1302.tx_program import TxProgram, program
from .transport.base import Amplifier, Op, Read, Transport

log = logging.getLogger(__name__)

RESET_HOLDS_S = (0.1, 0.5)  # the second try holds the reset longer
FALLBACK_TEMPERATURE_C = 25.0
ABORT_TIMEOUT_S = 1.0
PPS_AGE_US = 2_000_000
AMPLIFIER_OFF_V, AMPLIFIER_ON_V = 0.0, 2.51  # sx1302_hal: lgw_start, lgw_send
STALL_S = 0.001  # a counter of 32 MHz that shows the same after this time stands still

# A frame that starts sooner than this cannot be programmed any more: the chip itself takes 1.5 ms
# from the trigger to the first symbol, the rest is for the bus.
LEAD_US = 2_000
EDGE_MARGIN_US = 100  # an edge so near may have come between two readings of the counter
EDGE_AHEAD_US = 999_000  # one further ahead has another before it
MOST_LATE_TICKS = 1_000_000 * TICKS_PER_US  # a trigger that is further behind lies ahead

# FSM status of a TX chain (sx1302_hal: sx1302_tx_status).
TX_STATES = {
    0x80: TxState.FREE,
    **dict.fromkeys((0x91, 0x92), TxState.SCHEDULED),
    **dict.fromkeys((0x30, 0x50, 0x60, 0x70), TxState.EMITTING),
}

LEVEL = Read(RxTop.RX_BUFFER_NB_BYTES.address, 2)
LEVEL_MASK = RxTop.RX_BUFFER_NB_BYTES.mask
POLL_OPS: tuple[Op, ...] = (LEVEL, LEVEL, *COUNTER_OPS)
TX_STATE_OPS: tuple[Op, ...] = tuple(Read(top.TX_STATUS.address, 1) for top in TX_TOP)


@dataclass(frozen=True, slots=True)
class Reception:
    """What one poll brought. `at_ns` is the clock when the counter showed `now_us`."""

    frames: list[RxFrame]
    damage: list[Damage]
    now_us: int
    at_ns: int
    pps_us: int | None


class Concentrator:
    """`eui` (16 lower-case hex digits), `model` and `sx1261_fault` are known after `start`."""

    eui: str = ""
    model: str = ""

    def __init__(
        self,
        transport: Transport,
        config: ConcentratorConfig,
        *,
        clock: Clock | None = None,
        firmware: Firmware | None = None,
        line_start_us: int | None = None,
    ) -> None:
        """`firmware` defaults to what is installed; `line_start_us` is where the line starts."""
        self._transport = transport
        self._config = self._calibrated = config
        self._clock: Clock = clock or SystemClock()
        self._firmware = firmware
        self._chip = Sx1302(transport)
        self._line_start_us = line_start_us
        self._time = Clockwork(transport, line_start_us)
        self._decoder: Decoder | None = None
        self._ears = Ears(self._chip, self._clock, config, self._nobody_sends)
        self._looked: tuple[int, int] | None = None  # counter and clock at the last health()
        self._temperature_c = FALLBACK_TEMPERATURE_C
        self._readings = Allowance(burst=200, per_s=10)  # each costs a message on the bus
        self._told_temperature = False
        self._pending: HalError | None = None  # met while frames were in hand

    def use(self, config: ConcentratorConfig) -> None:
        """Start with `config` instead; before `start` only."""
        self._config = self._calibrated = config

    @property
    def sx1261_fault(self) -> str:
        """Why the listening radio that was asked for is not there; "" if it works."""
        return self._ears.fault

    def start(self) -> None:
        """Power-on to receiving; tries twice, the second time with a longer reset.

        Raises ValueError for a configuration that cannot work, FirmwareError when an image is
        missing, StartError with the step that failed, TransportError for the bus.
        """
        faults = bringup.faults(self._config)
        if faults:
            raise ValueError("; ".join(faults))
        firmware = self._firmware or _installed_firmware(self._transport, self._config)
        first, second = RESET_HOLDS_S
        try:
            self._start_once(firmware, first)
        except DeviceBusy:
            raise
        except (StartError, TransportError) as error:
            log.debug("%s; trying once more with a longer reset", error)
            self._start_once(firmware, second)
            log.warning("the board started with a longer reset only; at first: %s", error)

    def _start_once(self, firmware: Firmware, hold_s: float) -> None:
        self._transport.reset(hold_s)
        bench = bringup.Bench(self._chip, self._clock, self._config, firmware)
        bringup.run(bench)
        self.eui, self.model = bench.eui, bench.model
        self._ears.fault = bench.sx1261_fault
        self._calibrated = bench.config
        self._decoder = Decoder(bench.config, model=bench.model)
        self._time = Clockwork(self._transport, self._line_start_us)
        self._time.update(self._chip.transfer(COUNTER_OPS))
        self._looked = self._pending = None
        self._bias(AMPLIFIER_OFF_V, first=True)

    def receive(self) -> Reception:
        """What the chip heard since the last call. To be called at least once in 134 s.

        One transfer when there is nothing, two when there is. Raises TransportError.
        """
        if self._pending:
            error, self._pending = self._pending, None
            raise error
        first, second, *counters = self._transport.transfer(POLL_OPS)
        level = max(int.from_bytes(first, "big"), int.from_bytes(second, "big")) & LEVEL_MASK
        if level and self._decoder:
            return self._fetch(level, self._decoder)
        now_us = self._time.update(counters)
        return Reception([], [], now_us, self._clock.now_ns(), self._time.pps_us)

    def _fetch(self, level: int, decoder: Decoder) -> Reception:
        size = min(level, RX_FIFO_SIZE)
        buffer, *counters = self._transport.transfer((Read(RX_FIFO, size), *COUNTER_OPS))
        now_us = self._time.update(counters)
        at_ns = self._clock.now_ns()
        self._refresh_temperature(at_ns)
        frames, damage = decoder.decode(
            buffer, self._time.counter, self._temperature_c, self._time.history
        )
        if level > size:
            damage.append(Damage(size, level - size, "the chip claims more than its buffer holds"))
        return Reception(frames, damage, now_us, at_ns, self._time.pps_us)

    def send(self, frame: TxFrame) -> TxReceipt:
        """Program `frame` and set its trigger. Raises TxRefused, TransportError.

        An AtCounter start must lie 2 ms to 134 s ahead. The receipt tells when the emission begins.
        """
        self._ears.make_way()
        self._bias(AMPLIFIER_ON_V)
        *states, first, second = self._transport.transfer((*TX_STATE_OPS, *COUNTER_OPS))
        now_us = self._time.update((first, second))
        self._check_free(frame.rf_chain, states)
        start_ticks = self._start_ticks(frame, now_us)
        sent = program(frame, self._calibrated, start_ticks=start_ticks)
        if self._ears.listener:
            return self._send_if_free(frame, sent, self._ears.listener)
        return self._trigger(frame, sent)

    def _bias(self, volts: float, *, first: bool = False) -> None:
        """The amplifier of full duplex CN490 boards needs it to send anything."""
        if not self._config.full_duplex:
            return
        board = self._transport
        if isinstance(board, Amplifier) and board.bias_amplifier(volts):
            return
        if first:
            log.warning(
                "full duplex, and no AD5338R answers on I2C: a CN490 board, whose amplifier that "
                "DAC biases, will receive and send next to nothing; other boards need none"
            )

    def _trigger(self, frame: TxFrame, sent: TxProgram) -> TxReceipt:
        *_, first, second = self._transport.transfer((*sent.ops, *COUNTER_OPS))
        now_us = self._time.update((first, second))
        self._check_in_time(frame, sent)
        return TxReceipt(sent.power_dbm, self._start_us(frame, sent, now_us), sent.airtime_us)

    def _send_if_free(self, frame: TxFrame, sent: TxProgram, listener: lbt.Listener) -> TxReceipt:
        """Sense the channel and wait for the verdict; reception waits with it, in the chip."""
        listener.start(frame, sent.airtime_us)
        try:
            receipt = self._trigger(frame, sent)
            verdict = listener.sent(frame, receipt.start_us - self._time.counter.now_us)
            if verdict is None:
                self.abort(frame.rf_chain)
        finally:
            listener.stop()
        if not verdict:
            why = "the channel is busy" if verdict is False else "the AGC did not try to send"
            raise TxRefused(TxRefusal.LBT, why)
        return receipt

    def tx_state(self, rf_chain: int = 0) -> TxState:
        """What a TX chain does. Raises TransportError."""
        return TX_STATES.get(self._chip.read(TX_TOP[rf_chain].TX_STATUS), TxState.UNKNOWN)

    def abort(self, rf_chain: int | None = None) -> None:
        """Call off what is scheduled or on the air, on one chain or both.

        Raises ChipError when a chain does not become free within a second, TransportError.
        """
        chains = (0, 1) if rf_chain is None else (rf_chain,)
        for chain in chains:
            self._chip.transfer(field_ops(TX_TOP[chain].TX_TRIG, 0))
        deadline_ns = self._clock.now_ns() + round(ABORT_TIMEOUT_S * 1e9)
        while any(self.tx_state(chain) is not TxState.FREE for chain in chains):
            if self._clock.now_ns() >= deadline_ns:
                raise ChipError(f"a TX chain is not free {ABORT_TIMEOUT_S:g} s after its abort")
            self._clock.sleep(0.001)

    def health(self) -> Health:
        """One look at the registers that tell a working chip from a lost one."""
        *answers, first, second = self._transport.transfer((*health.OPS, *COUNTER_OPS))
        now_us = self._time.update((first, second))
        look = (self._time.ticks, self._clock.now_ns())
        before, self._looked = self._looked, look
        stands = (
            before is not None and before[0] == look[0] and look[1] - before[1] >= STALL_S * 1e9
        )
        return health.read_out(answers, counter_stands=stands, now_us=now_us)

    def snapshot(self) -> Registers:
        """The chip's registers by name, as far as they tell a state. Raises TransportError."""
        return snapshot.read_out(self._transport.transfer(snapshot.OPS))

    def scan(self) -> SpectrumReport | None:
        """One step of the configured background scan, at most one transfer; to be called often.

        Gives a report when a channel is finished. Raises TransportError.
        """
        return self._ears.scan()

    def spectrum(self, freq_hz: int, readings: int) -> SpectrumReport | None:
        """Scan one channel now, for a tool that does nothing else; None: it gave no result.

        Raises ChipError where there is no SX1261 that works, TransportError.
        """
        return self._ears.spectrum(freq_hz, readings)

    def scan_counts(self) -> ScanCount:
        """How the scans ended."""
        return self._ears.scan_counts()

    def lbt_counts(self) -> dict[tuple[int, int], lbt.LbtCount]:
        """What listening before talking found, by frequency and bandwidth in Hz."""
        return self._ears.lbt_counts()

    def temperature_c(self) -> float | None:
        """Degrees Celsius near the radios; None where the board has no sensor."""
        return self._transport.temperature_c()

    def now_us(self) -> int:
        """The chip's counter, unwrapped, read now. Raises TransportError."""
        return self._time.update(self._transport.transfer(COUNTER_OPS))

    def stop(self) -> None:
        """Call off transmissions and let go of the board; quiet when it is gone."""
        try:
            if self._decoder:
                self.abort()
        except HalError as error:
            log.debug("stop: %s", error)
        self._decoder = None
        try:
            self._transport.close()
        except HalError as error:
            log.debug("stop: %s", error)

    def _refresh_temperature(self, now_ns: int) -> None:
        """For the RSSI, at every fetch but of a gateway that is busy all the time.

        Frames in hand must not be lost: an error waits for the next poll.
        """
        if not self._readings.take(now_ns):
            return
        try:
            found = self._transport.temperature_c()
        except HalError as error:
            self._pending = error
            return
        if found is not None:
            self._temperature_c = found
        elif not self._told_temperature:
            self._told_temperature = True
            log.warning(
                "this board has no temperature sensor; RSSI is compensated for %.0f °C",
                self._temperature_c,
            )

    def _check_free(self, rf_chain: int, answers: Sequence[bytes]) -> None:
        states = [TX_STATES.get(answer[0], TxState.UNKNOWN) for answer in answers]
        for chain, state in enumerate(states):
            if chain != rf_chain and self._config.full_duplex:
                continue
            if state in (TxState.EMITTING, TxState.SCHEDULED):
                raise TxRefused(TxRefusal.BUSY, f"RF chain {chain} is {state.value}")

    def _nobody_sends(self) -> bool:
        states = self._transport.transfer(TX_STATE_OPS)
        return all(TX_STATES.get(state[0]) is TxState.FREE for state in states)

    def _start_ticks(self, frame: TxFrame, now_us: int) -> int | None:
        if isinstance(frame.start, OnPps):
            self._check_pps(now_us)
            _check_edge(frame.start, now_us)
        if not isinstance(frame.start, AtCounter):
            return None
        ahead_us = frame.start.counter_us - now_us
        listener = self._ears.listener
        lead_us = LEAD_US + (listener.lead_us(frame) if listener else 0)
        if ahead_us < lead_us:
            raise TxRefused(TxRefusal.LATE, f"{ahead_us} us ahead, {lead_us} are needed")
        if ahead_us >= WRAP_US - LEAD_US:
            raise ValueError(f"a start {ahead_us} us ahead is beyond one turn of the counter")
        return self._time.counter.to_ticks(frame.start.counter_us)

    def _check_pps(self, now_us: int) -> None:
        """Without edges the frame would wait in the chip for ever, and the chain with it."""
        last_us = self._time.pps_us
        if last_us is None or now_us - last_us > PPS_AGE_US:
            raise TxRefused(TxRefusal.LATE, "no PPS edge has come for 2 s: is the GPS connected?")

    def _check_in_time(self, frame: TxFrame, sent: TxProgram) -> None:
        """A trigger that passed while it was written would fire 134 s later: call it off."""
        if isinstance(frame.start, OnPps) and frame.start.edge_us is not None:
            late = self._time.counter.now_us >= frame.start.edge_us - EDGE_MARGIN_US
        elif sent.trigger_ticks is not None:
            late_ticks = (self._time.ticks - sent.trigger_ticks) % WRAP_TICKS
            late = late_ticks <= MOST_LATE_TICKS
        else:
            return
        if not late:
            return
        if self.tx_state(frame.rf_chain) is TxState.SCHEDULED:
            self.abort(frame.rf_chain)
            raise TxRefused(TxRefusal.LATE, "it passed while the frame was programmed")

    def _start_us(self, frame: TxFrame, sent: TxProgram, now_us: int) -> int:
        if isinstance(frame.start, AtCounter):
            return frame.start.counter_us
        base_us = now_us if isinstance(frame.start, Immediate) else self._time.next_pps_us()
        return base_us + sent.start_delay_ticks // TICKS_PER_US


def _check_edge(start: OnPps, now_us: int) -> None:
    """The chip takes the next edge, so it must be the one that is meant."""
    if start.edge_us is None:
        return
    ahead_us = start.edge_us - now_us
    if ahead_us < LEAD_US:
        raise TxRefused(TxRefusal.LATE, f"its PPS edge is {ahead_us} us ahead")
    if ahead_us >= EDGE_AHEAD_US:
        raise ValueError(f"a PPS edge {ahead_us} us ahead is not the next one")


def _installed_firmware(transport: Transport, config: ConcentratorConfig) -> Firmware:
    if transport.uri.startswith("sim:"):
        return Firmware.simulated()
    from .firmware_store import load_for

    return load_for(transport.uri, lbt=config.sx1261 is not None, sx1250=config.sx1250)
