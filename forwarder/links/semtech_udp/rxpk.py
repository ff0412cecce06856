"""Uplinks as the JSON text that Semtech's SX1302 forwarder writes, byte for byte. No I/O.

Source: semtech-udp.md 1.4, sx1302-chip.md 9.5. Written by hand and not by a JSON library: the
format wants six decimals of a frequency, a modem number padded with a blank, and integers that
stay integers, because servers in Go refuse a whole datagram for one `-36.0`.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hal.frames import RxFrame
from hal.modulation import CODING_RATES, LoRa

from ...packets import Uplink

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def push_text(rxpks: Iterable[str]) -> str:
    """The root object of a PUSH_DATA that carries these frames."""
    return f'{{"rxpk":[{",".join(rxpks)}]}}'


def rxpk(uplink: Uplink) -> str:
    """One element of the `rxpk` array."""
    frame = uplink.frame
    mhz, hz = divmod(frame.freq_hz, 1_000_000)
    return (
        f'{{"jver":1,"tmst":{frame.counter_us & 0xFFFFFFFF}{_times(uplink)}'
        f',"chan":{frame.if_chain},"rfch":{frame.rf_chain},"freq":{mhz}.{hz:06d}'
        f',"mid":{frame.modem:2d},"stat":{frame.crc.value}{_modulation(frame)}'
        f',"rssi":{_whole(frame.rssi_channel_dbm)},"size":{len(frame.payload)}'
        f',"data":"{b2a_base64(frame.payload, newline=False).decode("ascii")}"}}'
    )


def _times(uplink: Uplink) -> str:
    """`time`, `tmms` and `ftime`: each only if it is known, never null."""
    text = ""
    if uplink.utc_ns is not None:
        when = _EPOCH + timedelta(microseconds=uplink.utc_ns // 1000)
        text = f',"time":"{when:%Y-%m-%dT%H:%M:%S.%f}Z"'
    if uplink.gps_ms is not None:
        text += f',"tmms":{uplink.gps_ms}'
    if uplink.frame.fine_time_ns is not None:
        text += f',"ftime":{uplink.frame.fine_time_ns}'
    return text


def _modulation(frame: RxFrame) -> str:
    modulation = frame.modulation
    if not isinstance(modulation, LoRa):
        return f',"modu":"FSK","datr":{modulation.bitrate_bps}'
    text = (
        f',"modu":"LORA","datr":"SF{modulation.sf}BW{modulation.bw_hz // 1000}"'
        f',"codr":"{CODING_RATES.get(modulation.coding_rate, "OFF")}"'
    )
    if frame.rssi_signal_dbm is not None:
        text += f',"rssis":{_whole(frame.rssi_signal_dbm)}'
    if frame.snr_db is not None:
        text += f',"lsnr":{frame.snr_db:.1f}'
    return f'{text},"foff":{frame.freq_offset_hz}'


def _whole(value: float) -> int:
    """Rounded with halves away from zero, as C's `roundf`; Python's `round` takes the even one."""
    return int(value + 0.5) if value >= 0 else -int(0.5 - value)
