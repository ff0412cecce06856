"""Frames for the tests of the keeper: as short as the specification allows."""

from __future__ import annotations

from forwarder.links.settings import OutagePolicy, OutageSettings
from forwarder.packets import Uplink
from hal.frames import Crc, RxFrame
from hal.modulation import LoRa


def data(dev_addr: int = 0x26011F00, fcnt: int = 0) -> bytes:
    return (
        b"\x40" + dev_addr.to_bytes(4, "little") + b"\0" + fcnt.to_bytes(2, "little") + b"\1\2\3\4"
    )


JOIN = b"\0" + bytes(18) + b"\1\2\3\4"
PROPRIETARY = b"\xe0hello"


def uplink(payload: bytes = data(), *, crc: Crc = Crc.OK, counter_us: int = 0) -> Uplink:
    frame = RxFrame(
        payload=payload,
        counter_us=counter_us,
        freq_hz=868_100_000,
        modulation=LoRa(7),
        crc=crc,
        if_chain=1,
        rf_chain=0,
        modem=2,
        rssi_channel_dbm=-60.5,
        rssi_signal_dbm=-61.0,
        snr_db=9.25,
        freq_offset_hz=-120,
    )
    return Uplink(frame)


def settings(policy: str = "replay", **other: float) -> OutageSettings:
    return OutageSettings(policy=OutagePolicy(policy), **other)  # type: ignore[arg-type]
