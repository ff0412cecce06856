"""A simulated board: chip, radios, lines and sensor, as a bus above and an air beside see it.

Source: sx1302-chip.md section 17. Lazy: time passes when `advance` is called, which every bus does
before it has an access answered.
"""

from __future__ import annotations

from collections.abc import Callable

from ..clock import Clock, SystemClock
from ..transport.base import Target
from . import channels, sx125x
from . import map as addresses
from .ad5338r import ADDRESS as DAC_ADDRESS
from .ad5338r import Ad5338r
from .agenda import Agenda
from .calibration import Calibration
from .counter import TICKS_PER_US, Counter
from .faults import Faults
from .mcus import Agc, Arb
from .otp import MODEL_IDS, Otp
from .registers import RegisterFile
from .rx_encode import (
    FSK_MODEM,
    Record,
    raw_freq_offset,
    raw_fsk_rssi,
    raw_rssi,
    raw_snr,
)
from .rx_fifo import RxFifo
from .spectrum import Hear
from .sx125x import Sx125x
from .sx1250 import Sx1250
from .sx1261 import Sx1261
from .timestamp import fsk_delay_us, header_lead_us, legacy_delay_us
from .tx import TxChain, TxJournal
from .values import Emission, HeardFrame, IfChain

RADIO_KINDS = ("SX1250", *sx125x.KINDS)
DEFAULT_EUI = "0016c001ff10a235"
_LEGACY_STAMPS = 1 << 2
_RADIO_RESET = 1 << 3

# GPIO lines of the bridge, port 0.
POWER_PIN, RESET_PIN, SX1261_RESET_PIN = 1, 2, 8


class SimBoard:
    """One CoreCell board. `model` is "sx1302" or "sx1303"; `eui` sixteen hex digits.

    `radios` is what its two front ends are: SX1250, SX1255 or SX1257.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        eui: str = DEFAULT_EUI,
        model: str = "sx1302",
        start_ticks: int = 0,
        radios: str = "SX1250",
    ) -> None:
        if model not in MODEL_IDS:
            raise ValueError(f"model is {model!r}; one of {', '.join(MODEL_IDS)} expected")
        if radios not in RADIO_KINDS:
            raise ValueError(f"radios are {radios!r}; one of {', '.join(RADIO_KINDS)} expected")
        self.radio_kind = radios
        self.clock: Clock = clock or SystemClock()
        self.start_ticks = start_ticks
        self.faults = Faults()
        self.temperature_c = 25.0
        self.lbt_busy = False
        # Called with the time before an access is answered: an air delivers what is due.
        self.advance_hooks: list[Callable[[int], None]] = []
        # Called with the time of a reset: the demodulators forget what they were receiving.
        self.on_reset: list[Callable[[int], None]] = []
        self.registers = RegisterFile()
        self.agenda = Agenda()
        self.agenda.now_ns = self.clock.now_ns()
        self._made_ns = self.agenda.now_ns
        self._make_parts(parse_eui(eui), MODEL_IDS[model])
        self._lines = {POWER_PIN: 0, RESET_PIN: 0, SX1261_RESET_PIN: 0}
        self.reset()

    def _make_parts(self, eui: bytes, model_id: int) -> None:
        self.counter = Counter(self.registers, self.agenda, self.faults)
        self.fifo = RxFifo(self.registers)
        self.otp = Otp(self.registers, eui, model_id)
        self.radios, calibration = _radios(self.radio_kind, self.registers)
        self.dac = Ad5338r()
        self.sx1261 = Sx1261(lambda: self.agenda.now_ns)
        self.agc = Agc(self.registers, calibration)
        self.arb = Arb(self.registers)
        self.tx = TxJournal()
        # Called when an emission is fixed: its trigger was written; it starts later.
        self.on_transmit: list[Callable[[Emission], None]] = self.tx.on_transmit
        # Called with the instant (ns) at which an emission was called off or cut short.
        self.on_abort: list[Callable[[Emission, int], None]] = self.tx.on_abort
        self.tx_chains = tuple(
            TxChain(
                chain,
                self.registers,
                self.agenda,
                self.counter,
                self.tx,
                self._listen_before_talk,
                self.radio_kind,
                lambda: self.dac.loss_db,
            )
            for chain in (0, 1)
        )
        for radio, address in zip(self.radios, addresses.RADIO_CONTROL, strict=True):
            self.registers.on_write(address, _resets(radio))

    # What a bus calls.

    def advance(self) -> int:
        """Let time pass up to the clock's now; gives it, in nanoseconds."""
        now_ns = self.clock.now_ns()
        for hook in self.advance_hooks:
            hook(now_ns)
        if now_ns >= self.agenda.next_ns:
            self.agenda.advance(now_ns)
        elif now_ns > self.agenda.now_ns:
            self.agenda.now_ns = now_ns
        return now_ns

    def reset(self) -> None:
        """The SX1302 and its radios as a power-on leaves them; the counter starts again."""
        for chain in self.tx_chains:
            chain.reset()
        self.agenda.clear()
        self.registers.reset()
        for chain in self.tx_chains:
            chain.reset()
        for part in (self.fifo, self.agc, self.arb, self.dac, *self.radios):
            part.reset()
        self.counter.reset(self.start_ticks)
        for tell in self.on_reset:
            tell(self.agenda.now_ns)

    def set_line(self, pin: int, level: int) -> None:
        """A GPIO of the bridge: power enable, reset (acts when it falls), SX1261 reset (low)."""
        before = self._lines.get(pin, 0)
        self._lines[pin] = level
        if pin == RESET_PIN and before and not level:
            if not self.faults.reset_ignored:
                self.reset()
        elif pin == POWER_PIN and before and not level:
            self.reset()
            self.sx1261.reset()
        elif pin == SX1261_RESET_PIN and not level:
            self.sx1261.reset()

    def command(self, target: Target, opcode: int, args: bytes) -> bytes:
        """A radio's command; gives as many bytes as there are arguments."""
        number = target - Target.RADIO_A
        if number in self.faults.dead_radios or self.faults.reads_as is not None:
            return bytes((self.faults.reads_as or 0,)) * len(args)
        if target is Target.SX1261:
            return self.sx1261.command(opcode, args)
        return self.radios[number].command(opcode, args)

    def read(self, address: int, size: int) -> bytes:
        """Registers as the host sees them, with what is broken on the way."""
        data = self.registers.read(address, size)
        return self.faults.damaged(data) if self.faults.on_reads else data

    def i2c(self, device: int, data: bytes) -> None:
        """One I2C message to the board's DAC. OSError where nobody acknowledges."""
        if device != DAC_ADDRESS:
            raise OSError(121, "Remote I/O error")
        self.dac.receive(data)

    @property
    def uptime_ms(self) -> int:
        return (self.agenda.now_ns - self._made_ns) // 1_000_000

    # What an air calls.

    def chains(self) -> list[IfChain]:
        """The ten receive channels as the registers describe them right now."""
        return channels.chains(self.registers, (self.radios[0].freq_hz, self.radios[1].freq_hz))

    def transmitting(self, at_ns: int) -> bool:
        """Whether a chain is on the air at an instant that is not long past."""
        return any(chain.transmitting(at_ns) for chain in self.tx_chains)

    def hear_with(self, hear: Hear) -> None:
        """What the SX1261 measures from now on."""
        self.sx1261.hear = hear

    def store_record(self, frame: HeardFrame) -> bool:
        """A demodulator finished a frame: its record appears when the chip has decoded it.

        False where the FIFO has no room for it, counting what is still being decoded.
        """
        decoded_us = _decode_delay_us(frame)
        end_ticks = self.counter.ticks_at(frame.end_ns)
        record = self._record(frame, end_ticks, decoded_us).encode()
        visible_ns = self.counter.ns_at(end_ticks + max(decoded_us, 0) * TICKS_PER_US)
        if visible_ns <= self.agenda.now_ns:
            return self.fifo.store(record)
        if not self.fifo.reserve(len(record)):
            return False
        self.agenda.at(visible_ns, lambda: self.fifo.store_reserved(record))
        return True

    def dual_sfs(self) -> frozenset[int]:
        """Spreading factors that the arbiter gives two demodulators (precision timestamps)."""
        return self.arb.dual_sfs()

    def count_detection(self, chan: int, sf: int) -> None:
        self.arb.count_detection(chan, sf)

    def count_allocation(self, chan: int, sf: int) -> None:
        self.arb.count_allocation(chan, sf)

    def inject(self, record: Record, at_us_from_now: int = 0) -> bytes:
        """A record into the FIFO, below the air; gives its bytes."""
        raw = record.encode()
        if at_us_from_now > 0:
            due = self.counter.ticks() + at_us_from_now * TICKS_PER_US
            self.agenda.at(self.counter.ns_at(due), lambda: self._store(raw))
        else:
            self.fifo.store(raw)
        return raw

    # How the parts depend on each other.

    def _store(self, record: bytes) -> None:
        self.fifo.store(record)

    def _listen_before_talk(self, rf_chain: int, freq_hz: float) -> bool:
        forced = self.sx1261.listening and self.lbt_busy
        return self.agc.tx_attempt(rf_chain, forced or self.sx1261.busy(self.agenda.now_ns))

    def _record(self, frame: HeardFrame, end_ticks: int, decoded_us: int) -> Record:
        fsk = frame.modem == FSK_MODEM
        precise = not self.registers.peek(addresses.RX_BUFFER_CONTROL) & _LEGACY_STAMPS
        delay_us = decoded_us
        if precise and not fsk:
            delay_us = -header_lead_us(*_rate(frame))
        to_raw = raw_fsk_rssi if fsk else raw_rssi
        return Record(
            payload=frame.payload,
            channel=frame.chan,
            modem=frame.modem,
            sf=frame.sf or 0,
            coding_rate=frame.coding_rate,
            crc_present=frame.crc_present,
            ticks=end_ticks + delay_us * TICKS_PER_US,
            crc_error=frame.crc_present and not frame.crc_ok,
            header_error=frame.header_error,
            timing_set=frame.timing_set,
            freq_offset_raw=raw_freq_offset(frame.freq_offset_hz, frame.bw_hz),
            snr_raw=0 if fsk else raw_snr(frame.snr_db),
            rssi_channel=to_raw(frame.rssi_channel_dbm, self.temperature_c, self.radio_kind),
            rssi_signal=0
            if fsk
            else raw_rssi(frame.rssi_signal_dbm, self.temperature_c, self.radio_kind),
            metrics=frame.ts_metrics,
        )


def parse_eui(text: str) -> bytes:
    """Eight bytes from sixteen hex digits; ValueError says what came instead."""
    try:
        eui = bytes.fromhex(text)
    except ValueError:
        eui = b""
    if len(eui) != 8:
        raise ValueError(f"EUI is {text!r}; 16 hex digits expected")
    return eui


def _radios(
    kind: str, registers: RegisterFile
) -> tuple[tuple[Sx1250 | Sx125x, Sx1250 | Sx125x], Calibration | None]:
    """The front ends, and the calibration that their kind needs."""
    if kind not in sx125x.KINDS:
        return (Sx1250(), Sx1250()), None
    pair = (Sx125x(kind), Sx125x(kind))
    return pair, Calibration(registers, pair)


def _resets(radio: Sx1250 | Sx125x) -> Callable[[int, int], None]:
    def written(old: int, new: int) -> None:
        if old & _RADIO_RESET and not new & _RADIO_RESET:
            radio.reset()

    return written


def _rate(frame: HeardFrame) -> tuple[int, int, int, int, bool]:
    return (
        frame.sf or 7,
        frame.bw_hz,
        frame.coding_rate,
        len(frame.payload),
        frame.crc_present,
    )


def _decode_delay_us(frame: HeardFrame) -> int:
    if frame.modem == FSK_MODEM:
        return fsk_delay_us(frame.bitrate_bps or 50_000)
    return legacy_delay_us(*_rate(frame))
