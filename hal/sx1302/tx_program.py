"""A frame to the register writes that send it: one list of operations, trigger included. Pure.

Registers and their values as sx1302_hal: sx1302_send and sx1302_tx_set_start_delay. Between the
trigger and the first symbol the chip waits for its start delay, which ramps the radio up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..airtime import airtime_us, default_preamble
from ..config import ConcentratorConfig, FskChannel, RadioKind, TxGain
from ..counter import TICKS_PER_US, WRAP_TICKS
from ..frames import AtCounter, Immediate, TxFrame, TxStart
from ..modulation import Cw, Fsk, LoRa
from ..transport.base import Modify, Op, Write
from ..tx_checks import check, choose_gain
from .field import Field
from .registers import TX_TOP, AgcMcu, TxTop

Settings = Iterator[tuple[Field, int]]

BUFFER_OFFSET = 0x100  # of the payload buffer, from the chain's first register
LORA_MIN_PREAMBLE = 6  # symbols; fewer are not found by receivers
FSK_MIN_PREAMBLE = 3  # bytes
CRYSTAL_HZ = 32_000_000
FREQ_UNITS = 1 << 18  # of the chip's frequency words, per crystal period
RADIO_UNITS = 1 << 25  # the same, in the SX1250's words
CW_STEP_HZ = 10_000
AGC_BW = {125_000: 4, 250_000: 5, 500_000: 6}
AGC_NOT_LORA = 0x80
IF_SOURCE_CW, IF_SOURCE_LORA, IF_SOURCE_FSK = 0, 1, 2

START_DELAY_TICKS = 1500 * TICKS_PER_US
# What radio and bandwidth take of the start delay, in ticks.
SX1250_DELAY_TICKS = {125_000: 19, 250_000: 24, 500_000: 21}
SX125X_DELAY_TICKS = {125_000: 100, 250_000: 106, 500_000: 100}
SLOW_LOWPASS, FAST_LOWPASS = 7, 6  # chirp filter from SF10 on, and below
SLOW_LOWPASS_FROM_SF = 10


@dataclass(frozen=True, slots=True)
class TxProgram:
    """What to do in one transfer to send a frame, and what will happen then.

    The emission begins `start_delay_ticks` after the trigger: after this transfer for an immediate
    start, at `trigger_ticks` of the chip's counter for a timed one, at the PPS edge otherwise.
    `airtime_us` is 0 for a carrier, which lasts until it is aborted.
    """

    ops: tuple[Op, ...]
    power_dbm: int
    start_delay_ticks: int
    trigger_ticks: int | None
    airtime_us: int


def program(
    frame: TxFrame, config: ConcentratorConfig, *, start_ticks: int | None = None
) -> TxProgram:
    """The operations that send `frame`.

    `start_ticks` is the counter value of an AtCounter start (`Counter.to_ticks`); ValueError if it
    is missing then. Raises TxRefused for a frame that this board cannot send.
    """
    check(frame, config)
    radio = config.radios[frame.rf_chain]
    gain = choose_gain(radio.tx_gains, frame.power_dbm, allow_lowest=config.allow_lowest_gain)
    delay = start_delay_ticks(frame, radio.kind)
    trigger = _trigger_ticks(frame, start_ticks, delay)
    top = TX_TOP[frame.rf_chain]
    settings = [
        *_common_settings(top, frame, radio.kind, gain),
        *_modem_settings(top, frame, config),
        (top.TX_START_DELAY, delay),
    ]
    if trigger is not None:
        settings.append((top.TIMER_DELAYED_TRIG, trigger))
    return TxProgram(
        ops=(*_burst(settings), *_payload_ops(top, frame), *_start_ops(top, frame.start)),
        power_dbm=gain.rf_power_dbm,
        start_delay_ticks=delay,
        trigger_ticks=trigger,
        airtime_us=_airtime_us(frame),
    )


def start_delay_ticks(frame: TxFrame, kind: RadioKind) -> int:
    """What the chip is told to wait between trigger and first symbol."""
    modulation = frame.modulation
    if not isinstance(modulation, LoRa):
        # C leaves whatever the last LoRa frame wrote; a fixed value makes every FSK frame equal.
        modulation = LoRa(7, 125_000)
    bw_hz = modulation.bw_hz
    radio = (SX1250_DELAY_TICKS if kind is RadioKind.SX1250 else SX125X_DELAY_TICKS)[bw_hz]
    filters = ((1 << _lowpass(modulation.sf)) - 1) * 1_000_000 // bw_hz
    modem = 8 * 1_000_000 // bw_hz
    return START_DELAY_TICKS - radio - filters - modem


def _lowpass(sf: int) -> int:
    return SLOW_LOWPASS if sf >= SLOW_LOWPASS_FROM_SF else FAST_LOWPASS


def _trigger_ticks(frame: TxFrame, start_ticks: int | None, delay: int) -> int | None:
    if not isinstance(frame.start, AtCounter):
        return None
    if start_ticks is None:
        raise ValueError("an AtCounter start needs start_ticks: see Counter.to_ticks")
    # As C does, FSK and carrier are triggered at the asked instant, not a start delay before it.
    # If the chip delays them too, which nobody has documented, they leave 1.5 ms late.
    lead = delay if isinstance(frame.modulation, LoRa) else 0
    return (start_ticks - lead) % WRAP_TICKS


def _airtime_us(frame: TxFrame) -> int:
    if isinstance(frame.modulation, Cw):
        return 0
    return airtime_us(
        frame.modulation,
        len(frame.payload),
        preamble=_preamble(frame),
        crc=frame.crc,
        implicit_header=frame.implicit_header,
    )


def _preamble(frame: TxFrame) -> int:
    """What is asked, but no less than works; 0 stands for the default, as in C."""
    asked = frame.preamble or default_preamble(frame.modulation)
    least = FSK_MIN_PREAMBLE if isinstance(frame.modulation, Fsk) else LORA_MIN_PREAMBLE
    return max(asked, least)


def _common_settings(top: type[TxTop], frame: TxFrame, kind: RadioKind, gain: TxGain) -> Settings:
    """Source, power and frequency."""
    modulation = frame.modulation
    fsk = isinstance(modulation, Fsk)
    lora = isinstance(modulation, LoRa)
    yield top.MODULATION_TYPE, int(fsk)
    yield top.TX_IF_SRC, IF_SOURCE_LORA if lora else IF_SOURCE_FSK if fsk else IF_SOURCE_CW
    yield top.I_OFFSET, gain.offset_i & 0xFF
    yield top.Q_OFFSET, gain.offset_q & 0xFF
    yield top.AGC_TX_PWR, _power_byte(kind, gain)
    yield top.IQ_GAIN, gain.dig_gain
    doubled = 2 if kind is RadioKind.SX1255 else 1  # its mixer halves
    yield top.FREQ_RF, frame.freq_hz * doubled * FREQ_UNITS // CRYSTAL_HZ
    yield top.AGC_TX_BW, AGC_BW[modulation.bw_hz] if isinstance(modulation, LoRa) else AGC_NOT_LORA


def _power_byte(kind: RadioKind, gain: TxGain) -> int:
    if kind is RadioKind.SX1250:
        return (gain.pa_gain > 0) << 6 | gain.pwr_idx
    return gain.pa_gain << 6 | gain.dac_gain << 4 | gain.mix_gain


def _modem_settings(top: type[TxTop], frame: TxFrame, config: ConcentratorConfig) -> Settings:
    match frame.modulation:
        case LoRa() as modulation:
            return _lora_settings(top, frame, modulation, config.public)
        case Fsk() as modulation:
            return _fsk_settings(top, frame, modulation, config.fsk)
        case Cw() as modulation:
            return _cw_settings(top, modulation)


def _lora_settings(top: type[TxTop], frame: TxFrame, lora: LoRa, public: bool) -> Settings:
    short_symbols = lora.sf < 7  # SF5 and SF6 always use the private sync word
    yield top.FREQ_DEV, lora.bw_hz // 2 * FREQ_UNITS // CRYSTAL_HZ
    yield top.MODEM_BW, AGC_BW[lora.bw_hz]
    yield top.MODEM_SF, lora.sf
    yield top.PPM_OFFSET_HDR_CTRL, 0
    yield top.PPM_OFFSET, int(lora.low_data_rate)
    yield top.CODING_RATE, lora.coding_rate
    yield top.FINE_SYNCH_EN, int(short_symbols)
    yield top.MODEM_EN, 1
    yield top.CADRXTX, 2  # transmit
    yield top.IMPLICIT_HEADER, int(frame.implicit_header)
    yield top.CRC_EN, int(frame.crc)
    yield top.PAYLOAD_LENGTH, len(frame.payload)
    yield top.MODEM_START, 1
    yield top.PREAMBLE_SYMB_NB, _preamble(frame)
    yield top.CHIRP_LOWPASS, _lowpass(lora.sf)
    yield top.CHIRP_INVERT, int(frame.invert_polarity)
    yield top.CONTINUOUS, 0
    peak1, peak2 = (6, 8) if public and not short_symbols else (2, 4)
    yield top.PEAK1_POS, peak1
    yield top.PEAK2_POS, peak2


def _fsk_settings(top: type[TxTop], frame: TxFrame, fsk: Fsk, channel: FskChannel) -> Settings:
    yield from _deviation_settings(top, fsk.deviation_hz)
    yield top.FSK_PKT_LENGTH, len(frame.payload)
    yield top.FSK_CRC_IBM, 0
    yield top.FSK_DCFREE_ENC, 2  # whitening
    yield top.FSK_CRC_EN, int(frame.crc)
    yield top.FSK_PKT_MODE, 1  # variable length
    yield top.FSK_PREAMBLE_SIZE, _preamble(frame)
    yield top.FSK_BIT_RATE, CRYSTAL_HZ // fsk.bitrate_bps
    yield top.FSK_REF_PATTERN_SIZE, channel.sync_word_size - 1
    yield top.FSK_PREAMBLE_SEQ, 0
    yield top.FSK_REF_PATTERN_EN, 1
    yield top.FSK_GAUSSIAN_SELECT_BT, 2
    yield top.FSK_GAUSSIAN_EN, 1
    yield top.FSK_REF_PATTERN, channel.sync_word << 8 * (8 - channel.sync_word_size) & (1 << 64) - 1


def _cw_settings(top: type[TxTop], cw: Cw) -> Settings:
    """A tone beside the frequency: a fraction, in 64ths, of a deviation in steps of 10 kHz."""
    deviation_hz = -(-abs(cw.offset_hz) // CW_STEP_HZ) * CW_STEP_HZ
    tone = int(cw.offset_hz * 64 / deviation_hz) if deviation_hz else 0
    yield from _deviation_settings(top, deviation_hz)
    yield top.TEST_MOD_FREQ, tone & 0xFF


def _deviation_settings(top: type[TxTop], deviation_hz: int) -> Settings:
    yield top.FREQ_DEV, deviation_hz * FREQ_UNITS // CRYSTAL_HZ
    # The AGC's firmware hands it to the radio, in the radio's units.
    word = deviation_hz * RADIO_UNITS // CRYSTAL_HZ
    yield AgcMcu.MAIL_BOX_WR_BYTE2, word >> 16 & 0xFF
    yield AgcMcu.MAIL_BOX_WR_BYTE1, word >> 8 & 0xFF
    yield AgcMcu.MAIL_BOX_WR_BYTE0, word & 0xFF


def _burst(settings: list[tuple[Field, int]]) -> Iterator[Op]:
    """`settings` in as few operations as they fit: whole bytes side by side in one write.

    Nothing happens in the chip before the trigger, so the order of addresses will do.
    """
    masks: dict[int, int] = {}
    bits: dict[int, int] = {}
    for field, value in settings:
        for address, mask, part in field.parts(value):
            masks[address] = masks.get(address, 0) | mask
            bits[address] = bits.get(address, 0) & ~mask | part
    run = bytearray()
    for address in sorted(masks):
        if masks[address] != 0xFF:
            yield Modify(address, masks[address], bits[address])
            continue
        run.append(bits[address])
        if masks.get(address + 1) != 0xFF:
            yield Write(address + 1 - len(run), bytes(run))
            run.clear()


def _payload_ops(top: type[TxTop], frame: TxFrame) -> Iterator[Op]:
    if not frame.payload:
        return
    size_byte = bytes((len(frame.payload),)) if isinstance(frame.modulation, Fsk) else b""
    gate = top.WRITE_BUFFER
    yield Modify(gate.address, gate.mask, gate.mask)
    yield Write(top.base + BUFFER_OFFSET, size_byte + frame.payload)
    yield Modify(gate.address, gate.mask, 0)


def _start_ops(top: type[TxTop], start: TxStart) -> Iterator[Op]:
    """A rising trigger bit starts; all three fall first, whichever was used the last time."""
    if isinstance(start, Immediate):
        bit = top.TX_TRIG_IMMEDIATE
    elif isinstance(start, AtCounter):
        bit = top.TX_TRIG_DELAYED
    else:
        bit = top.TX_TRIG_GPS
    yield Modify(top.TX_TRIG.address, top.TX_TRIG.mask, 0)
    yield Modify(top.TX_TRIG.address, top.TX_TRIG.mask, bit.mask)
