"""Frames to the bytes of the RX buffer, written from the record format (sx1302-chip.md section 8).

Also the way from true powers to the chip's raw bytes, which depend on its temperature (9.3).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEAD = struct.Struct("<2sBBBB")  # sync, size, channel, rate, modem
_TAIL = struct.Struct("<BBBBBBIHB")  # flags, snr, rssi and deviations of two, ticks, crc, metrics
_SYNC = b"\xa5\xc0"
_FREQ_OFFSET_HZ = {125_000: 0.11920929, 250_000: 0.238418579, 500_000: 0.476837158}

# By kind of radio: what is added to a raw level, and the polynomial of the temperature, highest
# power first (sx1302_hal: global_conf.json of sx1250.EU868, sx1257.EU868, sx1255.CN490 radio_0).
_RSSI = {
    "SX1250": (-215.4, (0.0, 0.0, 20.41, 2162.56, 0.0)),
    "SX1255": (-203.0, (0.0, 0.0, -39.78, 1349.5, 0.0)),
    "SX1257": (-196.0, (-0.006, 0.789, -14.992, 1988.572, 105236.996)),
}
FSK_MODEM = 17


@dataclass(frozen=True, slots=True)
class Record:
    """One record, with its fields as the chip writes them. `ticks` are 32 bits of the counter."""

    payload: bytes
    channel: int = 0
    modem: int = 0
    sf: int = 7
    coding_rate: int = 1
    crc_present: bool = True
    ticks: int = 0
    crc_error: bool = False
    sync_error: bool = False
    header_error: bool = False
    timing_set: bool = False
    freq_offset_raw: int = 0
    snr_raw: int = 0
    rssi_channel: int = 100
    rssi_signal: int = 100
    crc16: int | None = None
    metrics: bytes = b""

    def encode(self) -> bytes:
        """The record's bytes; values that do not fit are cut to their bits, as registers do."""
        payload = self.payload[:255]
        rate = (self.sf & 0xF) << 4 | (self.coding_rate & 0x7) << 1 | self.crc_present
        head = _HEAD.pack(_SYNC, len(payload), self.channel & 0xFF, rate, self.modem & 0xFF)
        offset = (self.freq_offset_raw & 0xFFFFF).to_bytes(3, "little")
        pairs = min(len(self.metrics) // 2, 255)
        body = head + offset + payload + self._tail(payload, pairs) + self.metrics[: 2 * pairs]
        return body + bytes([sum(body) & 0xFF])

    def _tail(self, payload: bytes, pairs: int) -> bytes:
        flags = self.crc_error | self.sync_error << 2 | self.header_error << 3
        flags |= self.timing_set << 4
        crc16 = self.crc16
        if crc16 is None:
            crc16 = payload_crc(payload) if self.crc_present else 0
        return _TAIL.pack(
            flags,
            self.snr_raw & 0xFF,
            self.rssi_channel & 0xFF,
            self.rssi_signal & 0xFF,
            0,
            0,
            self.ticks & 0xFFFFFFFF,
            crc16 & 0xFFFF,
            pairs,
        )


def _crc_step(value: int) -> int:
    for _ in range(8):
        value = (value << 1) ^ 0x1021 if value & 0x8000 else value << 1
    return value & 0xFFFF


_CRC_TABLE = [_crc_step(high << 8) for high in range(256)]


def payload_crc(payload: bytes) -> int:
    """The LoRa payload CRC: polynomial 0x1021, the data entering at the low end."""
    crc = 0
    for byte in payload:
        crc = (crc << 8 & 0xFF00 | byte) ^ _CRC_TABLE[crc >> 8]
    return crc


def temperature_offset_db(temperature_c: float, radio: str = "SX1250") -> float:
    """What the chip's power readings are too low by, on the vendor's board with such radios."""
    total = 0.0
    for coefficient in _RSSI[radio][1]:
        total = total * temperature_c + coefficient
    return total / 65536


def raw_rssi(power_dbm: float, temperature_c: float, radio: str = "SX1250") -> int:
    """The byte that a host with the usual calibration reads as `power_dbm`."""
    return _byte(power_dbm - _RSSI[radio][0] - temperature_offset_db(temperature_c, radio))


def raw_fsk_rssi(power_dbm: float, temperature_c: float, radio: str = "SX1250") -> int:
    """The same for the FSK modem, whose scale is a polynomial."""
    wanted = power_dbm - _RSSI[radio][0] - temperature_offset_db(temperature_c, radio)
    return min(range(256), key=lambda raw: abs(_FSK_SCALE[raw] - wanted))


_FSK_SCALE = [90.636423 + 0.420835 * x + 0.007129 * x**2 - 0.000026 * x**3 for x in range(256)]


def raw_snr(snr_db: float) -> int:
    """Quarter decibels in a signed byte."""
    return max(-128, min(127, round(snr_db * 4)))


def raw_freq_offset(offset_hz: float, bw_hz: int) -> int:
    """Twenty signed bits in the unit that belongs to the bandwidth."""
    raw = round(offset_hz / _FREQ_OFFSET_HZ.get(bw_hz, _FREQ_OFFSET_HZ[125_000]))
    return max(-(1 << 19), min((1 << 19) - 1, raw))


def _byte(value: float) -> int:
    return max(0, min(255, round(value)))
