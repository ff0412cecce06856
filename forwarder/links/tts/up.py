"""Uplinks and reports as The Things Stack takes them. Pure.

Source: lorawan-stack: api/ttn/lorawan/v3 (messages, and the rules whose breach makes the server
drop a message), pkg/gatewayserver/io/io.go (what becomes of the times).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from hal.frames import Crc, RxFrame
from hal.gps.leap import LeapTable
from hal.gps.values import GPS_EPOCH_S
from hal.modulation import CODING_RATES, LoRa

from ...packets import Position, Uplink
from ..mqtt.dialect import Report
from .gateway_pb2 import (
    SOURCE_GPS,
    DataRate,
    GatewayIdentifiers,
    GatewayStatus,
    Location,
    RxMetadata,
    TxSettings,
    UplinkMessage,
)

KEY = re.compile(r"[a-z0-9](?:[_-]?[a-z0-9]){2,}")
MOST_KEY = 36  # characters
MOST_VERSIONS = 10
MOST_METRICS = 32
MOST_WORDS = 128  # characters of a version
MOST_FLOAT = 3.4e38  # what 32 bits hold
NS = 1_000_000_000

Value = TypeVar("Value")


def uplink_message(
    uplink: Uplink, ids: GatewayIdentifiers, position: Position | None, leaps: LeapTable
) -> UplinkMessage | None:
    """None for a frame that the server would drop: a damaged one.

    The counter stands in two places: the server takes its clock from the settings, and the
    downlink's time from the metadata. Times are sent where a GPS reference told them.
    """
    frame = uplink.frame
    if frame.crc is Crc.BAD:
        return None
    counter = frame.counter_us & 0xFFFFFFFF
    time = None if uplink.utc_ns is None else timestamp(uplink.utc_ns)
    heard = _metadata(frame, ids)
    heard.timestamp = counter
    settings = TxSettings(
        data_rate=_data_rate(frame),
        frequency=frame.freq_hz,
        enable_crc=frame.crc is Crc.OK,
        timestamp=counter,
        time=time,
    )
    if time is not None:
        heard.time.CopyFrom(time)
    if uplink.gps_ms is not None:
        heard.gps_time.CopyFrom(timestamp(utc_ns(uplink.gps_ms, leaps)))
    if position is not None:
        heard.location.CopyFrom(location(position))
    message = UplinkMessage(raw_payload=frame.payload, settings=settings, rx_metadata=[heard])
    if frame.crc is Crc.OK:
        message.crc_status.value = True
    return message


def status_message(report: Report, version: str) -> GatewayStatus:
    """A report within the server's limits; what breaks one is left out, not the whole message."""
    status = GatewayStatus()
    if report.utc_ns is not None:
        status.time.CopyFrom(timestamp(report.utc_ns))
    if report.boot_utc_ns is not None:
        status.boot_time.CopyFrom(timestamp(report.boot_utc_ns))
    if report.position is not None:
        status.antenna_locations.append(location(report.position))
    status.versions.update(_versions({"forwarder": version, **report.metadata}))
    counted = {  # the names under which the server keeps those of its UDP gateways
        "rxin": float(report.rx_received),
        "rxok": float(report.rx_ok),
        "txin": float(report.tx_received),
        "txok": float(report.tx_emitted),
    }
    status.metrics.update(_metrics({**counted, **report.metrics}))
    return status


def timestamp(utc_ns: int) -> Timestamp:
    return Timestamp(seconds=utc_ns // NS, nanos=utc_ns % NS)


def utc_ns(gps_ms: int, leaps: LeapTable) -> int:
    """POSIX nanoseconds of a GPS time."""
    gps_s, ms = divmod(gps_ms, 1000)
    return (gps_s + GPS_EPOCH_S - leaps.of_gps(gps_s)) * NS + ms * 1_000_000


def location(position: Position) -> Location:
    return Location(
        latitude=position.latitude_deg,
        longitude=position.longitude_deg,
        altitude=round(position.altitude_m),
        source=SOURCE_GPS,
    )


def _data_rate(frame: RxFrame) -> DataRate:
    rate, modulation = DataRate(), frame.modulation
    if isinstance(modulation, LoRa):
        rate.lora.bandwidth = modulation.bw_hz
        rate.lora.spreading_factor = modulation.sf
        rate.lora.coding_rate = CODING_RATES.get(modulation.coding_rate, "")
    else:
        rate.fsk.bit_rate = modulation.bitrate_bps
    return rate


def _metadata(frame: RxFrame, ids: GatewayIdentifiers) -> RxMetadata:
    heard = RxMetadata(
        gateway_ids=ids,
        rssi=frame.rssi_channel_dbm,
        channel_rssi=frame.rssi_channel_dbm,
        snr=frame.snr_db or 0.0,
        frequency_offset=frame.freq_offset_hz,
        channel_index=frame.if_chain,
        fine_timestamp=frame.fine_time_ns or 0,
    )
    if frame.rssi_signal_dbm is not None:
        heard.signal_rssi.value = frame.rssi_signal_dbm
    return heard


def _versions(words: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in _named(words):
        found.setdefault(key, value[:MOST_WORDS])
    return dict(list(found.items())[:MOST_VERSIONS])


def _metrics(numbers: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in _named(numbers):
        if math.isfinite(value) and abs(value) < MOST_FLOAT:
            found.setdefault(key, value)
    return dict(list(found.items())[:MOST_METRICS])


def _named(words: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    """The entries whose names can be written as the server wants them."""
    for name, value in words.items():
        key = "_".join(re.findall(r"[a-z0-9]+", name.lower()))[:MOST_KEY].rstrip("_")
        if KEY.fullmatch(key):
            yield key, value
