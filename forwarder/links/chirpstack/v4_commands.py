"""ChirpStack v4's dialect: what a server says. No I/O; nothing that comes raises.

Source: mqtt-backends.md 1.3 to 1.7. Protobuf or JSON, whichever comes. The legacy members that a
server in migration adds beside the others are ignored.
"""

from __future__ import annotations

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
from .gw_pb2 import (
    ChannelConfiguration,
    DownlinkFrame,
    DownlinkFrameItem,
    DownlinkTxInfo,
    GatewayCommandExecRequest,
    GatewayConfiguration,
    Modulation,
    RawPacketForwarderCommand,
)
from .plan import Channel, channel_plan


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
                fields.check_gateway(raw.gateway_id, settings.eui)
                return RawRequest(raw.payload)
    except UnreadableMessage as error:
        return Unreadable(f"{command}: {error}")
    return Unreadable(f"command '{command[:40]}': down, config, exec or raw expected")


def _downlink(frame: DownlinkFrame, settings: MqttSettings, session: bytes) -> Command:
    fields.check_gateway(frame.gateway_id, settings.eui)
    fields.check_items(len(frame.items))
    return DownlinkRequest(
        key=frame.downlink_id.to_bytes(4, "big"),
        items=tuple(_item(item, frame.downlink_id, settings, session) for item in frame.items),
        reference=frame.downlink_id,
    )


def _item(
    item: DownlinkFrameItem, token: int, settings: MqttSettings, session: bytes
) -> Downlink | Refused:
    tx_info = item.tx_info
    try:
        fields.check_payload(item.phy_payload)
        fields.check_board(tx_info.board, tx_info.antenna)
        modulation, asked, crc, inverted = _modulation(tx_info.modulation)
        preamble = fields.preamble(modulation, asked)
        when = _when(tx_info, session)
    except UnreadableItem as error:
        return Refused(Refusal.UNREADABLE, str(error))
    if isinstance(when, Refused):
        return when
    return Downlink(
        link=settings.name,
        token=token,
        when=when,
        payload=item.phy_payload,
        freq_hz=tx_info.frequency,
        modulation=modulation,
        power_dbm=tx_info.power,
        preamble=preamble,
        crc=crc,
        invert_polarity=inverted,
        conducted=settings.feed.conducted,
    )


def _modulation(modulation: Modulation) -> tuple[LoRa | Fsk, int, bool, bool]:
    """With the preamble (0: the usual), whether there is a CRC, and whether I and Q are swapped."""
    match modulation.WhichOneof("parameters"):
        case "lora":
            lora = modulation.lora
            rate = int(lora.code_rate)
            found = fields.lora(lora.spreading_factor, lora.bandwidth, rate)
            return found, lora.preamble, not lora.no_crc, lora.polarization_inversion
        case "fsk":
            fsk = modulation.fsk
            return fields.fsk(fsk.datarate, fsk.frequency_deviation), 0, True, False
        case other:
            raise UnreadableItem(f"modulation: LoRa or FSK expected, {other or 'nothing'} came")


def _when(tx_info: DownlinkTxInfo, session: bytes) -> When | Refused:
    timing = tx_info.timing
    match timing.WhichOneof("parameters"):
        case "immediately":
            return AsSoonAsPossible()
        case "delay":
            delay_us = fields.duration_us(timing.delay.delay)
            return context.start(tx_info.context, delay_us, session)
        case "gps_epoch":
            return fields.gps_start(timing.gps_epoch.time_since_gps_epoch)
    raise UnreadableItem("timing: one of immediately, delay and gps_epoch expected, none came")


def _exec(request: GatewayCommandExecRequest, eui: str) -> Command:
    fields.check_gateway(request.gateway_id, eui)
    environment = {entry.key: entry.value for entry in request.environment}
    return ExecRequest(request.command, request.exec_id, request.stdin, environment)


def _configuration(wanted: GatewayConfiguration, eui: str) -> ChannelPlanPushed:
    fields.check_gateway(wanted.gateway_id, eui)
    interval_s = fields.duration_us(wanted.stats_interval) / 1e6
    channels = [_channel(channel) for channel in wanted.channels]
    return channel_plan(wanted.version, interval_s, channels)


def _channel(channel: ChannelConfiguration) -> Channel:
    if channel.WhichOneof("modulation_config") == "fsk_modulation_config":
        fsk = channel.fsk_modulation_config
        bw_hz = fsk.bandwidth or fsk.bandwidth_legacy * 1000
        return Channel(channel.frequency, bw_hz, channel.board, bit_rate_bps=fsk.bitrate)
    lora = channel.lora_modulation_config
    bw_hz = lora.bandwidth or lora.bandwidth_legacy * 1000
    factors = tuple(lora.spreading_factors)
    return Channel(channel.frequency, bw_hz, channel.board, spreading_factors=factors)
