"""An uplink as bytes for the disk, and back: everything that a link may tell of it. Pure.

A MessagePack array in the order of `_pack`; the layout's version is the store's.
"""

from __future__ import annotations

import msgspec

from hal.frames import Crc, RxFrame
from hal.modulation import Fsk, LoRa

from ..packets import Uplink
from .kind import Unreadable


class Row(msgspec.Struct, frozen=True, array_like=True):
    """`modulation` is SF, Hz and coding rate, or bit/s and deviation in Hz."""

    payload: bytes
    counter_us: int
    freq_hz: int
    modulation: tuple[int, ...]
    crc: int
    if_chain: int
    rf_chain: int
    modem: int
    rssi_channel_dbm: float
    rssi_signal_dbm: float | None
    snr_db: float | None
    freq_offset_hz: int
    fine_time_ns: int | None
    utc_ns: int | None
    gps_ms: int | None
    ghost: bool
    session: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Row)


def encode(uplink: Uplink) -> bytes:
    frame = uplink.frame
    modulation = frame.modulation
    if isinstance(modulation, LoRa):
        numbers: tuple[int, ...] = (modulation.sf, modulation.bw_hz, modulation.coding_rate)
    else:
        numbers = (modulation.bitrate_bps, modulation.deviation_hz)
    return _encoder.encode(
        Row(
            frame.payload,
            frame.counter_us,
            frame.freq_hz,
            numbers,
            frame.crc.value,
            frame.if_chain,
            frame.rf_chain,
            frame.modem,
            frame.rssi_channel_dbm,
            frame.rssi_signal_dbm,
            frame.snr_db,
            frame.freq_offset_hz,
            frame.fine_time_ns,
            uplink.utc_ns,
            uplink.gps_ms,
            uplink.ghost,
            uplink.session,
        )
    )


def decode(data: bytes, *, received_ns: int | None) -> Uplink:
    """`received_ns` is what is known of the time of reception. Raises Unreadable."""
    try:
        row = _decoder.decode(data)
        modulation: LoRa | Fsk = (
            LoRa(*row.modulation) if len(row.modulation) == 3 else Fsk(*row.modulation)
        )
        crc = Crc(row.crc)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise Unreadable(str(error)) from error
    frame = RxFrame(
        payload=row.payload,
        counter_us=row.counter_us,
        freq_hz=row.freq_hz,
        modulation=modulation,
        crc=crc,
        if_chain=row.if_chain,
        rf_chain=row.rf_chain,
        modem=row.modem,
        rssi_channel_dbm=row.rssi_channel_dbm,
        rssi_signal_dbm=row.rssi_signal_dbm,
        snr_db=row.snr_db,
        freq_offset_hz=row.freq_offset_hz,
        fine_time_ns=row.fine_time_ns,
    )
    return Uplink(frame, row.utc_ns, row.gps_ms, row.ghost, row.session, received_ns)
