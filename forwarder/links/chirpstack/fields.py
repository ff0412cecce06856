"""Fields that both of ChirpStack's dialects fill and read, as our own values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from hal.airtime import airtime_us
from hal.frames import Crc, RxFrame
from hal.modulation import BANDWIDTHS_HZ, SPREADING_FACTORS, Fsk, LoRa

from ...packets import AtGps, Uplink
from .encoding import UnreadableMessage

CRC_STATUS = {Crc.NONE: "NO_CRC", Crc.BAD: "BAD_CRC", Crc.OK: "CRC_OK"}
BIT_RATES_BPS = range(500, 250_001)  # limits of the modem (sx1302_hal: lgw_send)
DEVIATIONS_HZ = range(1_000, 200_001)
MOST_ITEMS = 16  # two are usual: both receive windows
_MOST_GPS_MS = 1 << 46
_SHORTEST_PREAMBLE = {LoRa: 6, Fsk: 3}  # as for Semtech's servers: lower values are raised


class UnreadableItem(Exception):
    """A field of an item that cannot be used; becomes the detail of a Refused."""


def duration(ns: int) -> Duration:
    return Duration(seconds=ns // 1_000_000_000, nanos=ns % 1_000_000_000)


def timestamp(utc_ns: int) -> Timestamp:
    return Timestamp(seconds=utc_ns // 1_000_000_000, nanos=utc_ns % 1_000_000_000)


def duration_us(value: Duration) -> int:
    return value.seconds * 1_000_000 + value.nanos // 1000


def rssi_dbm(frame: RxFrame) -> int:
    """The signal's own strength where the modem tells it, as ChirpStack's own forwarder gives."""
    rssi = frame.rssi_channel_dbm if frame.rssi_signal_dbm is None else frame.rssi_signal_dbm
    return round(rssi)


def fine_time_ns(uplink: Uplink, since_epoch_ns: int) -> int | None:
    """The nanoseconds behind a PPS edge as a time of the same line as `since_epoch_ns`.

    They tell the end of the preamble and `since_epoch_ns` the end of the frame, which may be
    seconds later. The second is the one that brings the fine time nearest to that preamble's end.
    """
    fine_ns = uplink.frame.fine_time_ns
    if fine_ns is None:
        return None
    preamble_end_ns = since_epoch_ns - _after_preamble_ns(uplink.frame)
    second = (preamble_end_ns - fine_ns + 500_000_000) // 1_000_000_000
    return second * 1_000_000_000 + fine_ns


def _after_preamble_ns(frame: RxFrame) -> int:
    """From the preamble's last own symbol, before the sync word, to the end of the frame."""
    has_crc = frame.crc is not Crc.NONE
    return 1000 * airtime_us(frame.modulation, len(frame.payload), preamble=0, crc=has_crc)


def uplink_id(uplink: Uplink) -> int:
    """32 bits that are the same each time this frame is sent: a repeat then falls together with it
    in the server's deduplication, where a number drawn anew would look like another antenna's.
    """
    frame = uplink.frame
    mark = frame.counter_us.to_bytes(8, "big", signed=True) + bytes([frame.if_chain & 0xFF])
    return crc32(mark + frame.payload)


def late_metadata(uplink: Uplink, *, late: bool) -> dict[str, str]:
    """What marks a frame that had to wait for an outage to end, with its time where it is known."""
    if not late:
        return {}
    heard_ns = received_ns(uplink)
    if heard_ns is None:
        return {"late": "true"}
    return {"late": "true", "received_at": timestamp(heard_ns).ToJsonString()}


def received_ns(uplink: Uplink) -> int | None:
    """When it was heard, UTC: by GPS, or of one that waited by the host's clock if that is set."""
    return uplink.received_ns if uplink.utc_ns is None else uplink.utc_ns


def clean(texts: Mapping[str, str]) -> dict[str, str]:
    """Metadata that every encoding can carry: a lone surrogate would raise."""
    return {clean_text(key): clean_text(value) for key, value in texts.items()}


def clean_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def lora(sf: int, bw_hz: int, coding_rate: int | None) -> LoRa:
    if sf not in SPREADING_FACTORS or bw_hz not in BANDWIDTHS_HZ:
        raise UnreadableItem(f"SF5-12 at 125, 250 or 500 kHz expected, SF{sf} at {bw_hz} Hz came")
    if coding_rate not in (1, 2, 3, 4):
        raise UnreadableItem("code rate: 4/5, 4/6, 4/7 or 4/8 expected")
    return LoRa(sf, bw_hz, coding_rate)


def fsk(bitrate_bps: int, deviation_hz: int) -> Fsk:
    """The server gives both; a deviation of 0 is the usual half of the bit rate."""
    if bitrate_bps not in BIT_RATES_BPS:
        raise UnreadableItem(f"500 to 250000 bit/s expected, {bitrate_bps} came")
    deviation = deviation_hz or bitrate_bps // 2
    if deviation not in DEVIATIONS_HZ:
        raise UnreadableItem(f"deviation: 1000 to 200000 Hz expected, {deviation} came")
    return Fsk(bitrate_bps, deviation)


def preamble(modulation: LoRa | Fsk, asked: int) -> int | None:
    """0 is the modulation's default: 8 symbols or 5 bytes."""
    if not asked:
        return None
    if asked > 0xFFFF:
        raise UnreadableItem(f"preamble: 65535 at most expected, {asked} came")
    return max(asked, _SHORTEST_PREAMBLE[type(modulation)])


def gps_start(since_epoch: Duration) -> AtGps:
    gps_ms = since_epoch.seconds * 1000 + since_epoch.nanos // 1_000_000
    if not 0 <= gps_ms < _MOST_GPS_MS:
        raise UnreadableItem(f"GPS time: {since_epoch.seconds} s came")
    return AtGps(gps_ms)


def check_board(board: int, antenna: int) -> None:
    """We say board 0 and antenna 0 in each uplink, and have no other."""
    if board or antenna:
        raise UnreadableItem(f"board 0 and antenna 0 expected, {board} and {antenna} came")


def check_payload(payload: bytes) -> None:
    if not 1 <= len(payload) <= 255:
        raise UnreadableItem(f"phy_payload: 1 to 255 bytes expected, {len(payload)} came")


def check_items(count: int) -> None:
    if not 1 <= count <= MOST_ITEMS:
        raise UnreadableMessage(f"1 to {MOST_ITEMS} items expected, {count} came")


def check_gateway(came: str, ours: str) -> None:
    """A topic of ours may carry a message for another; one that names nobody is for us."""
    if came and came.lower() != ours:
        raise UnreadableMessage(f"it is for the gateway {came[:32]}, and this is {ours}")
