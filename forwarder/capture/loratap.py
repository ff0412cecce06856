"""LoRaTap, the header that Wireshark knows for LoRa frames (pcap link type 270). Pure.

Source: alpov/LoRaTap, README.md and loratap1.h; Wireshark epan/dissectors/packet-loratap.c. Numbers
are big-endian. Version 1 is written, versions 0 and 1 are read; levels are whole dB above -139 dBm.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hal.frames import Crc
from hal.modulation import BANDWIDTHS_HZ, SPREADING_FACTORS, Fsk, LoRa

LINK_TYPE = 270
LORAWAN_SYNC_WORD = 0x34
PRIVATE_SYNC_WORD = 0x12

_V0 = struct.Struct(">BBHIBBBBBbB")
_V1 = struct.Struct(">QIBBHBBH")
_BANDWIDTH_HZ = 125_000  # the unit of the bandwidth field
_RSSI_BASE_DBM = -139
_NO_RSSI = 255
_FSK, _INVERTED, _IMPLICIT, _CRC_OK, _CRC_BAD, _NO_CRC = (1 << bit for bit in range(6))
_CRC_FLAG = {Crc.OK: _CRC_OK, Crc.BAD: _CRC_BAD, Crc.NONE: _NO_CRC}
_CODING_RATE_BASE = 4  # the field holds the denominator of 4/5 to 4/8


@dataclass(frozen=True, slots=True)
class TapFrame:
    """One frame of a capture, received or sent.

    `gateway` is its EUI, 0 where it is not known. `counter_us` is 32 bits of the concentrator's.
    `rssi_dbm` is the channel's, `rssi_signal_dbm` the frame's own; None where there is none, as of
    a frame that the gateway sent itself.
    `inverted`: with inverted polarity, which is what downlinks have.
    """

    payload: bytes
    freq_hz: int
    modulation: LoRa | Fsk
    crc: Crc = Crc.OK
    rssi_dbm: float | None = None
    rssi_signal_dbm: float | None = None
    snr_db: float | None = None
    gateway: int = 0
    counter_us: int = 0
    if_chain: int = 0
    rf_chain: int = 0
    inverted: bool = False
    implicit_header: bool = False
    sync_word: int = LORAWAN_SYNC_WORD


def encode(frame: TapFrame, *, version: int = 1) -> bytes:
    """The record of one frame: header and payload.

    Wireshark up to 4.0 (Debian 12) takes the header of version 1 for one of version 0 and shows
    its second half as payload; `version` 0 is for it, without gateway, counter, CRC and polarity.
    """
    modulation = frame.modulation
    lora = isinstance(modulation, LoRa)
    head = _V0.pack(
        version,
        0,
        _V0.size + (_V1.size if version else 0),
        frame.freq_hz,
        modulation.bw_hz // _BANDWIDTH_HZ if isinstance(modulation, LoRa) else 1,
        modulation.sf if isinstance(modulation, LoRa) else 0,
        _level(frame.rssi_signal_dbm),
        _NO_RSSI,
        _level(frame.rssi_dbm),
        _clamp(round((frame.snr_db or 0.0) * 4), -128, 127),
        frame.sync_word if lora else 0,
    )
    if not version:
        return head + frame.payload
    flags = _CRC_FLAG[frame.crc]
    flags |= (not lora) * _FSK | frame.inverted * _INVERTED | frame.implicit_header * _IMPLICIT
    tail = _V1.pack(
        frame.gateway,
        frame.counter_us & 0xFFFFFFFF,
        flags,
        _rate_field(modulation),
        modulation.bitrate_bps & 0xFFFF if isinstance(modulation, Fsk) else 0,
        _clamp(frame.if_chain, 0, 255),
        _clamp(frame.rf_chain, 0, 255),
        0,
    )
    return head + tail + frame.payload


def decode(record: bytes) -> TapFrame:
    """The frame in a record. Raises ValueError that says what was expected."""
    if len(record) < _V0.size:
        raise ValueError(f"{len(record)} bytes; a LoRaTap header has at least {_V0.size}")
    version, _, length, freq_hz, steps, sf, signal, _, rssi, snr, sync_word = _V0.unpack_from(
        record
    )
    if version > 1 or not _V0.size <= length <= len(record):
        raise ValueError(f"LoRaTap version {version}, {length} bytes: 0 or 1 expected, within it")
    if version == 0 or length < _V0.size + _V1.size:
        gateway = counter_us = rate = bitrate = if_chain = rf_chain = 0
        flags = _CRC_OK
    else:
        gateway, counter_us, flags, rate, bitrate, if_chain, rf_chain, _ = _V1.unpack_from(
            record, _V0.size
        )
    fsk = bool(flags & _FSK)
    return TapFrame(
        payload=record[length:],
        freq_hz=freq_hz,
        modulation=_fsk(bitrate) if fsk else _lora(sf, steps, rate),
        crc=next((crc for crc, flag in _CRC_FLAG.items() if flags & flag), Crc.NONE),
        rssi_dbm=_dbm(rssi),
        rssi_signal_dbm=_dbm(signal),
        snr_db=None if fsk else snr / 4,
        gateway=gateway,
        counter_us=counter_us,
        if_chain=if_chain,
        rf_chain=rf_chain,
        inverted=bool(flags & _INVERTED),
        implicit_header=bool(flags & _IMPLICIT),
        sync_word=sync_word,
    )


def _lora(sf: int, steps: int, rate: int) -> LoRa:
    bw_hz = steps * _BANDWIDTH_HZ
    if sf not in SPREADING_FACTORS or bw_hz not in BANDWIDTHS_HZ:
        raise ValueError(f"SF{sf} at {bw_hz} Hz; SF5 to SF12 at 125, 250 or 500 kHz expected")
    if rate and not 5 <= rate <= 8:
        raise ValueError(f"coding rate {rate}; 0 or 5 to 8 expected")
    return LoRa(sf, bw_hz, rate - _CODING_RATE_BASE if rate else 0)


def _fsk(bitrate_bps: int) -> Fsk:
    if not bitrate_bps:
        raise ValueError("FSK at 0 bit/s")
    return Fsk(bitrate_bps)


def _rate_field(modulation: LoRa | Fsk) -> int:
    if isinstance(modulation, LoRa) and modulation.coding_rate:
        return modulation.coding_rate + _CODING_RATE_BASE
    return 0


def _level(rssi_dbm: float | None) -> int:
    if rssi_dbm is None:
        return _NO_RSSI
    return _clamp(round(rssi_dbm) - _RSSI_BASE_DBM, 0, _NO_RSSI - 1)


def _dbm(level: int) -> float | None:
    return None if level == _NO_RSSI else float(_RSSI_BASE_DBM + level)


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))
