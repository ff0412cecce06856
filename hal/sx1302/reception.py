"""From the bytes of the RX buffer to frames: what each raw number means on this board. Pure.

`rx_record` finds the records; here each gets its channel, its calibrated signal levels and the end
of the frame on the unwrapped line (sx1302_hal: sx1302_parse, lgw_receive, merge_packets).
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from functools import lru_cache

from ..config import ConcentratorConfig, FineTimestamp
from ..counter import Counter
from ..frames import Crc, RxFrame
from ..modulation import Fsk, LoRa
from .fine_time import PpsHistory, fine_time_ns
from .rssi import freq_error_hz, fsk_linear, if_error_hz, temperature_offset_db
from .rx_record import FSK_CHAIN, Damage, RxRecord, parse
from .timestamp import correction_us, fsk_correction_us

LORA_STD_CHAIN = 8
SAME_FRAME_US = 24  # two demodulations of one frame differ by up to three samples


def payload_crc16(payload: bytes) -> int:
    """The LoRa payload CRC: CCITT without the final shift, so the last two bytes are xored in."""
    return crc_hqx(payload[:-2], 0) ^ int.from_bytes(payload[-2:], "big")


@dataclass(frozen=True, slots=True)
class _Chain:
    """What an IF chain is, worked out once."""

    freq_hz: int
    if_hz: int
    if_error_hz: int
    radio: int


class Decoder:
    """Turns RX buffer contents into frames for one configuration and one chip."""

    def __init__(self, config: ConcentratorConfig, *, model: str) -> None:
        """`model` is "SX1302" or "SX1303"; only the latter has fine timestamps."""
        self._config = config
        self._precision = config.fine_timestamp is not FineTimestamp.OFF
        self._fine = self._precision and model == "SX1303"
        std = config.lora_std
        self._implicit_crc = std.implicit_crc
        self._std_coding_rate = std.implicit_coding_rate if std.implicit_header else None
        self._bandwidths_hz = (125_000,) * LORA_STD_CHAIN + (std.bw_hz,)
        self._fsk = Fsk(config.fsk.bitrate_bps)
        self._fsk_correction_us = fsk_correction_us(config.fsk.bitrate_bps)
        places = [(channel.radio, channel.if_hz) for channel in config.multi_sf]
        places += [(std.radio, std.if_hz), (config.fsk.radio, config.fsk.if_hz)]
        self._chains = tuple(
            _Chain(config.radios[radio].freq_hz + if_hz, if_hz, if_error_hz(if_hz), radio)
            for radio, if_hz in places
        )

    def decode(
        self, buffer: bytes, counter: Counter, temperature_c: float, pps: PpsHistory | None = None
    ) -> tuple[list[RxFrame], list[Damage]]:
        """The frames in `buffer` and what could not be one; never raises for what `buffer` holds.

        `counter` and `pps` must have been updated after `buffer` was read from the chip. In
        precision mode duplicates are merged and the frames come in the order of their time.
        """
        frames: list[RxFrame] = []
        damage: list[Damage] = []
        offsets_db = self._offsets_db(temperature_c)
        for item in parse(buffer):
            if isinstance(item, Damage):
                damage.append(item)
            elif item.if_chain == FSK_CHAIN:
                frames.append(self._fsk_frame(item, counter, offsets_db))
            elif fault := self._payload_fault(item):
                damage.append(Damage(item.offset, item.size, fault))
            else:
                frames.append(self._lora_frame(item, counter, offsets_db, pps))
        return (merge(frames) if self._precision else frames), damage

    def _offsets_db(self, temperature_c: float) -> tuple[float, ...]:
        return tuple(
            radio.rssi_offset_db + temperature_offset_db(radio.rssi_tcomp, temperature_c)
            for radio in self._config.radios
        )

    def _payload_fault(self, record: RxRecord) -> str:
        """A payload that the chip calls good and that is not was damaged on its way to us."""
        if self._crc(record) is not Crc.OK or not record.payload:
            return ""
        found = payload_crc16(record.payload)
        if found == record.crc16:
            return ""
        return f"payload CRC {record.crc16:04x} received, {found:04x} computed"

    def _crc(self, record: RxRecord) -> Crc:
        implicit = self._implicit_crc and record.if_chain == LORA_STD_CHAIN
        if not (record.crc_present or implicit):
            return Crc.NONE
        return Crc.BAD if record.crc_error else Crc.OK

    def _lora_frame(
        self,
        record: RxRecord,
        counter: Counter,
        offsets_db: tuple[float, ...],
        pps: PpsHistory | None,
    ) -> RxFrame:
        chain = self._chains[record.if_chain]
        modulation = self._modulation(record)
        error_hz = freq_error_hz(record.freq_error, modulation.bw_hz) + chain.if_error_hz
        offset_db = offsets_db[chain.radio]
        shift_us = correction_us(
            modulation, len(record.payload), record.crc_present, self._precision
        )
        crc = self._crc(record)
        return RxFrame(
            payload=record.payload,
            counter_us=counter.expand(record.timestamp) + shift_us,
            freq_hz=chain.freq_hz,
            modulation=modulation,
            crc=crc,
            if_chain=record.if_chain,
            rf_chain=chain.radio,
            modem=record.modem,
            rssi_channel_dbm=record.rssi_channel + offset_db,
            rssi_signal_dbm=record.rssi_signal + offset_db,
            snr_db=record.snr_qdb / 4,
            freq_offset_hz=error_hz,
            fine_time_ns=self._fine_time_ns(record, crc, error_hz, pps),
        )

    def _fsk_frame(
        self, record: RxRecord, counter: Counter, offsets_db: tuple[float, ...]
    ) -> RxFrame:
        chain = self._chains[FSK_CHAIN]
        return RxFrame(
            payload=record.payload,
            counter_us=counter.expand(record.timestamp) + self._fsk_correction_us,
            freq_hz=chain.freq_hz,
            modulation=self._fsk,
            crc=self._crc(record),
            if_chain=FSK_CHAIN,
            rf_chain=chain.radio,
            modem=record.modem,
            rssi_channel_dbm=fsk_linear(record.rssi_channel) + offsets_db[chain.radio],
            rssi_signal_dbm=None,
            snr_db=None,
            freq_offset_hz=0,
        )

    def _modulation(self, record: RxRecord) -> LoRa:
        rate = record.coding_rate
        if record.if_chain == LORA_STD_CHAIN and self._std_coding_rate is not None:
            rate = self._std_coding_rate
        return _lora(record.sf, self._bandwidths_hz[record.if_chain], rate if 1 <= rate <= 4 else 0)

    def _fine_time_ns(
        self, record: RxRecord, crc: Crc, error_hz: int, pps: PpsHistory | None
    ) -> int | None:
        if not (self._fine and record.timing_set and crc is Crc.OK) or pps is None:
            return None
        chain = self._chains[record.if_chain]
        if not chain.freq_hz:
            return None  # a parked chain of a radio that is not used
        relative = (chain.freq_hz + error_hz) / chain.freq_hz - 1.0
        return fine_time_ns(record.timestamp, record.sf, record.metrics, relative, chain.if_hz, pps)


def merge(frames: list[RxFrame]) -> list[RxFrame]:
    """One frame for each that was demodulated twice, the better of the two; in order of time.

    Better is a good CRC, then a fine timestamp; of two equals the later in the buffer stays.
    """
    kept: list[RxFrame] = []
    for frame in frames:
        for index, other in enumerate(kept):
            if _same(frame, other):
                kept[index] = _better(other, frame)
                break
        else:
            kept.append(frame)
    return sorted(kept, key=lambda frame: frame.counter_us)


def _same(a: RxFrame, b: RxFrame) -> bool:
    return (
        a.if_chain == b.if_chain
        and abs(a.counter_us - b.counter_us) <= SAME_FRAME_US
        and _rate(a) == _rate(b)
        and a.payload == b.payload
    )


def _rate(frame: RxFrame) -> int:
    modulation = frame.modulation
    return modulation.sf if isinstance(modulation, LoRa) else modulation.bitrate_bps


def _better(earlier: RxFrame, later: RxFrame) -> RxFrame:
    if {earlier.crc, later.crc} == {Crc.OK, Crc.BAD}:
        return earlier if earlier.crc is Crc.OK else later
    return earlier if earlier.fine_time_ns is not None else later


@lru_cache(maxsize=256)
def _lora(sf: int, bw_hz: int, coding_rate: int) -> LoRa:
    return LoRa(sf, bw_hz, coding_rate)
