"""What The Things Stack wants sent. Pure; a field that cannot be used refuses the request in words.

The server has chosen the receive window already: one attempt, one answer. Source: lorawan-stack:
pkg/gatewayserver/io/io.go (ScheduleDown).
"""

from __future__ import annotations

import math

from google.protobuf.message import DecodeError

from hal.gps.leap import LeapTable, gps_start
from hal.gps.values import UtcSecond
from hal.modulation import BANDWIDTHS_HZ, CODING_RATES, SPREADING_FACTORS, Fsk, LoRa

from ...packets import AsSoonAsPossible, AtGps, AtTmst, Downlink, Refusal, Refused, When
from ..mqtt.dialect import Command, DownlinkRequest, Unreadable
from .gateway_pb2 import DataRate, DownlinkMessage, GatewayDown, TxSettings

MOST_PAYLOAD = 255  # bytes of a LoRa frame
MOST_HZ = 1_000_000_000
LAST_S = 1 << 33  # a year beyond 2200 is no time to send at
CODES = {word: number for number, word in CODING_RATES.items()} | {"": 1}


class Unusable(Exception):
    """A field of a downlink that cannot be used; becomes the detail of a Refused."""


def read(payload: bytes, link: str, leaps: LeapTable, *, conducted: bool) -> Command:
    """A message of the down topic; never raises, whatever the bytes."""
    try:
        message = GatewayDown.FromString(payload)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Unreadable(f"a GatewayDown expected: {error}")
    if not message.HasField("downlink_message"):
        return Unreadable("a GatewayDown with a downlink_message expected")
    down = message.downlink_message
    item: Downlink | Refused
    try:
        item = _downlink(down, link, leaps, conducted=conducted)
    except Unusable as error:
        item = Refused(Refusal.UNREADABLE, str(error))
    # The correlation identifiers hold a number of the server's own: no two requests are alike.
    return DownlinkRequest(payload, (item,), tuple(down.correlation_ids))


def _downlink(down: DownlinkMessage, link: str, leaps: LeapTable, *, conducted: bool) -> Downlink:
    if not down.HasField("scheduled"):
        raise Unusable("scheduled settings expected, there are none")
    if not 0 < len(down.raw_payload) <= MOST_PAYLOAD:
        raise Unusable(
            f"a payload of 1 to {MOST_PAYLOAD} bytes expected, not {len(down.raw_payload)}"
        )
    settings = down.scheduled
    if not 0 < settings.frequency <= MOST_HZ:
        raise Unusable(f"a frequency in hertz up to {MOST_HZ} expected, not {settings.frequency}")
    return Downlink(
        link=link,
        token=0,
        when=_when(settings, leaps),
        payload=down.raw_payload,
        freq_hz=settings.frequency,
        modulation=_modulation(settings.data_rate),
        power_dbm=_power_dbm(settings),
        crc=settings.enable_crc,
        invert_polarity=settings.downlink.invert_polarization,
        conducted=conducted,
    )


def _when(settings: TxSettings, leaps: LeapTable) -> When:
    """The counter, else the absolute time, else now: so a counter of exactly 0 means now."""
    if settings.timestamp:
        return AtTmst(settings.timestamp)
    if not settings.HasField("time"):
        return AsSoonAsPossible()
    utc_s, nanos = settings.time.seconds, settings.time.nanos
    if not 0 <= nanos < 1_000_000_000 or not leaps.steps[0][0] <= utc_s < LAST_S:
        raise Unusable(f"a time of this age expected, not {utc_s} s and {nanos} ns")
    gps_s = gps_start(utc_s, leaps.of_utc(UtcSecond(utc_s)))
    return AtGps(gps_s * 1000 + (nanos + 500_000) // 1_000_000)


def _modulation(rate: DataRate) -> LoRa | Fsk:
    kind = rate.WhichOneof("modulation")
    if kind == "fsk":
        if not 500 <= rate.fsk.bit_rate <= 250_000:
            raise Unusable(f"a bit rate of 500 to 250000 expected, not {rate.fsk.bit_rate}")
        return Fsk(rate.fsk.bit_rate, rate.fsk.bit_rate // 2)  # as the server has it for UDP
    if kind != "lora":
        raise Unusable(f"LoRa or FSK expected, not {kind or 'nothing'}")
    lora = rate.lora
    if lora.spreading_factor not in SPREADING_FACTORS or lora.bandwidth not in BANDWIDTHS_HZ:
        raise Unusable(
            f"SF5 to SF12 at {BANDWIDTHS_HZ} Hz expected, not SF{lora.spreading_factor} at "
            f"{lora.bandwidth} Hz"
        )
    if lora.coding_rate not in CODES:
        raise Unusable(f"a coding rate of 4/5 to 4/8 expected, not {lora.coding_rate[:20]!r}")
    return LoRa(lora.spreading_factor, lora.bandwidth, CODES[lora.coding_rate])


def _power_dbm(settings: TxSettings) -> float | None:
    if not settings.HasField("downlink"):
        return None
    power = settings.downlink.tx_power
    if not math.isfinite(power):
        raise Unusable(f"a power in dBm expected, not {power}")
    return power
