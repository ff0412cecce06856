"""Frames for the tests of the keeper: as short as the specification allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forwarder.edge.sinks.kept_records import Records
from forwarder.edge.values import FcntState, MicState, PayloadState, RadioFacts, Record
from forwarder.links.settings import OutagePolicy, OutageSettings
from forwarder.packets import Uplink
from forwarder.spool.kind import Kind
from forwarder.spool.uplinks import Uplinks
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


def record(dev_addr: int = 0x26011F00, fcnt: int = 0) -> Record:
    """What local mode makes of a frame."""
    return Record(
        gateway="0016c001f1500812",
        time_ns=1_780_000_000_123_456_789,
        dev_addr=f"{dev_addr:08x}",
        mic=MicState.OK,
        payload_state=PayloadState.DECRYPTED,
        fcnt_state=FcntState.NEW,
        raw=data(dev_addr, fcnt),
        radio=RadioFacts(1, 868_100_000, "SF7BW125", "4/5", -80, 9.5, 0, 0),
        dev_eui=f"fd4706f1{dev_addr:08x}",
        fcnt=fcnt,
        fport=2,
        payload=b"21.5 C",
        decoded={"temperature": 21.5},
    )


# Both kinds of what is kept, each with a maker that takes whose it is.
KINDS: dict[str, tuple[Kind[Any], Callable[[int], Any]]] = {
    "uplinks": (Uplinks(), lambda dev_addr: uplink(data(dev_addr))),
    "records": (Records(), record),
}
