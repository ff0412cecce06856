"""ChirpStack v3's dialect: what a server says. No I/O; nothing that comes raises.

Source: mqtt-backends.md 2.1. Servers before 3.11 send one frame with a token, later ones a list of
items with a UUID. Protobuf or JSON, whichever comes.
"""

from __future__ import annotations

from dataclasses import dataclass

from hal.modulation import Fsk, LoRa

from ...packets import AsSoonAsPossible, Downlink, Refusal, Refused, When
from ..mqtt.dialect import (
    ChannelPlanPushed,
    Command,
    DownlinkRequest,
    ExecRequest,
    RawRequest,
    Unreadable,
)
from ..mqtt.settings import MqttSettings
from . import context, fields
from .encoding import UnreadableMessage, decode
from .fields import UnreadableItem
from .gw_v3_pb2 import (
    DELAY,
    GPS_EPOCH,
    IMMEDIATELY,
    ChannelConfiguration,
    DownlinkFrame,
    DownlinkTxInfo,
    GatewayCommandExecRequest,
    GatewayConfiguration,
    RawPacketForwarderCommand,
)
from .plan import Channel, channel_plan
from .words import CODE_RATES

MOST_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """What the answer to a request repeats, and its form; `single` is the one without items."""

    token: int
    downlink_id: bytes
    single: bool


def read(command: str, payload: bytes, settings: MqttSettings, session: bytes) -> Command:
    """What `payload`, which came as `command`, wants of us."""
    try:
        match command:
            case "down":
                return _downlink(decode(payload, DownlinkFrame), settings, session)
            case "config":
                return _configuration(decode(payload, GatewayConfiguration), settings.eui)
            case "exec":
                request = decode(payload, GatewayCommandExecRequest, entries="environment")
                return _exec(request, settings.eui)
            case "raw":
                raw = decode(payload, RawPacketForwarderCommand)
                fields.check_gateway(raw.gateway_id.hex(), settings.eui)
                return RawRequest(raw.payload, _an_id("raw_id", raw.raw_id))
    except UnreadableMessage as error:
        return Unreadable(f"{command}: {error}")
    return Unreadable(f"command '{command[:40]}': down, config, exec or raw expected")


def _downlink(frame: DownlinkFrame, settings: MqttSettings, session: bytes) -> Command:
    single = not frame.items
    items = [(item.phy_payload, item.tx_info) for item in frame.items]
    if single and frame.HasField("tx_info"):
        items = [(frame.phy_payload, frame.tx_info)]
    fields.check_items(len(items))
    for name in (frame.gateway_id, *(tx_info.gateway_id for _, tx_info in items)):
        fields.check_gateway(name.hex(), settings.eui)
    _an_id("downlink_id", frame.downlink_id)
    number = frame.token or int.from_bytes(frame.downlink_id[-4:], "big")
    return DownlinkRequest(
        key=frame.downlink_id or b"token" + frame.token.to_bytes(4, "big"),
        items=tuple(
            _item(payload, tx_info, number, settings, session) for payload, tx_info in items
        ),
        reference=Asked(frame.token, frame.downlink_id, single),
    )


def _an_id(name: str, came: bytes) -> bytes:
    if len(came) > MOST_ID_BYTES:
        raise UnreadableMessage(f"{name}: {MOST_ID_BYTES} bytes expected, {len(came)} came")
    return came


def _item(
    payload: bytes, tx_info: DownlinkTxInfo, token: int, settings: MqttSettings, session: bytes
) -> Downlink | Refused:
    try:
        fields.check_payload(payload)
        fields.check_board(tx_info.board, tx_info.antenna)
        modulation = _modulation(tx_info)
        when = _when(tx_info, session)
    except UnreadableItem as error:
        return Refused(Refusal.UNREADABLE, str(error))
    if isinstance(when, Refused):
        return when
    return Downlink(
        link=settings.name,
        token=token,
        when=when,
        payload=payload,
        freq_hz=tx_info.frequency,
        modulation=modulation,
        power_dbm=tx_info.power,
        invert_polarity=tx_info.lora_modulation_info.polarization_inversion,
        conducted=settings.feed.conducted,
    )


def _modulation(tx_info: DownlinkTxInfo) -> LoRa | Fsk:
    """The member that is there tells it: old servers leave the enumeration at its zero."""
    match tx_info.WhichOneof("modulation_info"):
        case "lora_modulation_info":
            lora = tx_info.lora_modulation_info
            rate = CODE_RATES.get(lora.code_rate)
            return fields.lora(lora.spreading_factor, lora.bandwidth * 1000, rate)
        case "fsk_modulation_info":
            fsk = tx_info.fsk_modulation_info
            return fields.fsk(fsk.datarate, fsk.frequency_deviation)
    raise UnreadableItem("modulation: LoRa or FSK expected")


def _when(tx_info: DownlinkTxInfo, session: bytes) -> When | Refused:
    timing = int(tx_info.timing)
    if timing == IMMEDIATELY:
        return AsSoonAsPossible()
    if timing == DELAY:
        delay_us = fields.duration_us(tx_info.delay_timing_info.delay)
        return context.start(tx_info.context, delay_us, session)
    if timing == GPS_EPOCH:
        return fields.gps_start(tx_info.gps_epoch_timing_info.time_since_gps_epoch)
    raise UnreadableItem(f"timing: 0 to 2 expected, {timing} came")


def _exec(request: GatewayCommandExecRequest, eui: str) -> Command:
    fields.check_gateway(request.gateway_id.hex(), eui)
    exec_id = int.from_bytes(_an_id("exec_id", request.exec_id), "big")
    environment = {entry.key: entry.value for entry in request.environment}
    return ExecRequest(request.command, exec_id, request.stdin, environment)


def _configuration(wanted: GatewayConfiguration, eui: str) -> ChannelPlanPushed:
    fields.check_gateway(wanted.gateway_id.hex(), eui)
    interval_s = fields.duration_us(wanted.stats_interval) / 1e6
    return channel_plan(wanted.version, interval_s, [_channel(one) for one in wanted.channels])


def _channel(channel: ChannelConfiguration) -> Channel:
    if channel.WhichOneof("modulation_config") == "fsk_modulation_config":
        fsk = channel.fsk_modulation_config
        bw_hz = fsk.bandwidth * 1000
        return Channel(channel.frequency, bw_hz, channel.board, bit_rate_bps=fsk.bitrate)
    lora = channel.lora_modulation_config
    factors = tuple(lora.spreading_factors)
    return Channel(channel.frequency, lora.bandwidth * 1000, channel.board, factors)
