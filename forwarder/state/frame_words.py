"""A frame of `recent.py` as plain values: its radio side, and its head as far as it is in clear.

Pure. Payloads and keys are not in it: who may see the page may see who sends, not what.
"""

from __future__ import annotations

from hal.frames import Crc
from hal.modulation import words

from ..lorawan.frame import DataFrame, FrameError, JoinRequest, MType, RejoinRequest, parse
from ..packets import AsSoonAsPossible, AtBeacon, AtGps, Downlink, Uplink
from .recent import Frame

Plain = dict[str, object]

TYPES = {
    MType.JOIN_REQUEST: "join request",
    MType.JOIN_ACCEPT: "join accept",
    MType.UNCONFIRMED_UP: "data up",
    MType.UNCONFIRMED_DOWN: "data down",
    MType.CONFIRMED_UP: "confirmed data up",
    MType.CONFIRMED_DOWN: "confirmed data down",
    MType.REJOIN_REQUEST: "rejoin request",
    MType.PROPRIETARY: "proprietary",
}
CRCS = {Crc.OK: "ok", Crc.BAD: "bad", Crc.NONE: "none"}


def plain(frame: Frame) -> Plain:
    """Everything that is shown of one frame; made once, and not to be changed."""
    if frame.shown is None:
        frame.shown = _made(frame)
    return frame.shown


def _made(frame: Frame) -> Plain:
    shown: Plain = {"n": frame.number, "at_ms": frame.at_ms}
    if isinstance(frame.of, Uplink):
        shown |= _received(frame.of)
    else:
        shown |= _to_send(frame.of)
        shown |= {
            "fate": frame.fate,
            "why": frame.why,
            "power_dbm": frame.power_dbm,
            "margin_ms": None if frame.margin_us is None else round(frame.margin_us / 1000, 1),
        }
    return shown


def _received(uplink: Uplink) -> Plain:
    frame = uplink.frame
    head: Plain = {"type": "unreadable"} if frame.crc is Crc.BAD else _head(frame.payload)
    return {
        "way": "up",
        "freq_hz": frame.freq_hz,
        "rate": words(frame.modulation),
        "size": len(frame.payload),
        "rssi_dbm": _rounded(
            frame.rssi_channel_dbm if frame.rssi_signal_dbm is None else frame.rssi_signal_dbm
        ),
        "snr_db": _rounded(frame.snr_db),
        "crc": CRCS[frame.crc],
        "ghost": uplink.ghost,
        **head,
    }


def _to_send(downlink: Downlink) -> Plain:
    match downlink.when:
        case AtBeacon():
            when = "beacon"
        case AtGps():
            when = "class B"
        case AsSoonAsPossible():
            when = "at once"
        case _:
            when = "class A"
    head: Plain = {"type": "beacon"} if when == "beacon" else _head(downlink.payload)
    return {
        "way": "down",
        "link": downlink.link,
        "freq_hz": downlink.freq_hz,
        "rate": words(downlink.modulation),
        "size": len(downlink.payload),
        "when": when,
        **head,
    }


def _head(payload: bytes) -> Plain:
    """What a PHYPayload says in clear; never raises."""
    try:
        frame = parse(payload)
    except FrameError as error:
        return {"type": "no LoRaWAN frame", "fault": str(error)}
    shown: Plain = {"type": TYPES[frame.header.mtype]}
    if isinstance(frame, DataFrame):
        shown |= {"dev_addr": f"{frame.dev_addr:08x}", "fcnt": frame.fcnt, "fport": frame.fport}
        flags = (("ADR", frame.adr), ("ACK", frame.ack), ("MAC", bool(frame.fopts)))
        shown["flags"] = [name for name, is_set in flags if is_set]
    elif isinstance(frame, JoinRequest):
        shown |= _euis(frame.join_eui, frame.dev_eui) | {"nonce": frame.dev_nonce}
    elif isinstance(frame, RejoinRequest):
        shown |= _euis(frame.join_eui, frame.dev_eui)
    return shown


def _euis(join_eui: int | None, dev_eui: int) -> Plain:
    return {"join_eui": None if join_eui is None else f"{join_eui:016x}",
            "dev_eui": f"{dev_eui:016x}"}  # fmt: skip


def _rounded(level: float | None) -> float | None:
    return None if level is None else round(level, 1)
