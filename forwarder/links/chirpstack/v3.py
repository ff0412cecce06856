"""ChirpStack v3's dialect: what the gateway says. No I/O.

Source: mqtt-backends.md 2.1 (chirpstack-api 3.12: gw.proto; chirpstack-gateway-bridge v3.14.6:
internal/integration/mqtt/backend.go, internal/backend/semtechudp/packets/push_data.go). Identifiers
are raw bytes, bandwidths kHz, code rates text. What a server says is v3_commands.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hal.modulation import CODING_RATES, Fsk, LoRa

from ...packets import Answer, Position, Uplink
from ..base import RadioFacts
from ..mqtt.dialect import (
    Command,
    DownlinkRequest,
    ExecResult,
    Message,
    RawRequest,
    Report,
)
from ..mqtt.settings import MqttSettings
from . import fields, words
from .encoding import encode
from .gateway import ChirpstackGateway
from .gw_v3_pb2 import (
    PLAIN,
    ConnState,
    DownlinkTxAck,
    DownlinkTxAckItem,
    FskModulationInfo,
    GatewayCommandExecResponse,
    GatewayStats,
    Location,
    LoraModulationInfo,
    Modulation,
    PerModulationCount,
    RawPacketForwarderEvent,
    UplinkFrame,
    UplinkRxInfo,
    UplinkTxInfo,
)
from .v3_commands import Asked, read

ID_BYTES = 16  # a UUID's


class ChirpstackV3(ChirpstackGateway):
    """One server of this kind; a `Dialect`."""

    prints_defaults = True

    def __init__(self, settings: MqttSettings, facts: RadioFacts) -> None:
        super().__init__(settings, facts)
        self._gateway_id = bytes.fromhex(settings.eui)
        self._reports = 0

    def uplink(self, uplink: Uplink, *, late: bool) -> Message | None:
        frame = uplink.frame
        rx_info = UplinkRxInfo(
            gateway_id=self._gateway_id,
            rssi=fields.rssi_dbm(frame),
            lora_snr=frame.snr_db or 0.0,
            channel=frame.if_chain,
            rf_chain=frame.rf_chain,
            context=self._context(uplink),
            uplink_id=fields.uplink_id(uplink).to_bytes(ID_BYTES, "big"),
            crc_status=fields.CRC_STATUS[frame.crc],
        )
        _set_times(rx_info, uplink)
        return self._event(
            "up",
            UplinkFrame(phy_payload=frame.payload, tx_info=_tx_info(uplink), rx_info=rx_info),
        )

    def read(self, topic: str, payload: bytes, *, now_us: int | None) -> Command:
        command = self._topics.command(topic)
        return read(command, payload, self._settings, self._facts.session)

    def answer(self, request: DownlinkRequest, answers: Sequence[Answer | None]) -> Message | None:
        """A frame of the first form, without items, is answered by an error, or an empty one."""
        asked = request.reference
        if not isinstance(asked, Asked):
            return None
        tried = [*answers, *([None] * len(request.items))][: len(request.items)]
        said = [words.status(answer, words.V3_STATUS) for answer in tried]
        ack = DownlinkTxAck(
            gateway_id=self._gateway_id, token=asked.token, downlink_id=asked.downlink_id
        )
        if asked.single:
            ack.error = "" if said[0] == words.OK else said[0]
        else:
            ack.items.extend(DownlinkTxAckItem(status=word) for word in said)
        return self._event("ack", ack)

    def report(self, report: Report) -> Message | None:
        self._reports += 1
        told = {name: f"{value:g}" for name, value in report.metrics.items()}
        told = fields.clean(told | dict(report.metadata))
        stats = GatewayStats(
            gateway_id=self._gateway_id,
            stats_id=self._reports.to_bytes(ID_BYTES, "big"),
            config_version=told.pop("config_version", ""),
            rx_packets_received=report.rx_received,
            rx_packets_received_ok=report.rx_ok,
            tx_packets_received=report.tx_received,
            tx_packets_emitted=report.tx_emitted,
            rx_packets_per_frequency=report.rx_per_frequency,
            tx_packets_per_frequency=report.tx_per_frequency,
            rx_packets_per_modulation=_per_modulation(report.rx_per_modulation),
            tx_packets_per_modulation=_per_modulation(report.tx_per_modulation),
            tx_packets_per_status=words.counted(report.tx_per_answer, words.V3_STATUS),
            meta_data=told,
        )
        if report.utc_ns is not None:
            stats.time.CopyFrom(fields.timestamp(report.utc_ns))
        if report.position is not None:
            stats.location.CopyFrom(_location(report.position))
        return self._event("stats", stats)

    def exec_result(self, result: ExecResult) -> Message | None:
        response = GatewayCommandExecResponse(
            gateway_id=self._gateway_id,
            exec_id=result.exec_id.to_bytes(ID_BYTES, "big"),
            stdout=result.stdout,
            stderr=result.stderr,
            error=fields.clean_text(result.error),
        )
        return self._event("exec", response)

    def raw_result(self, request: RawRequest, output: bytes) -> Message | None:
        event = RawPacketForwarderEvent(
            gateway_id=self._gateway_id, raw_id=request.raw_id, payload=output
        )
        return self._event("raw", event)

    def _state_payload(self, *, online: bool) -> bytes:
        state = ConnState(gateway_id=self._gateway_id, state="ONLINE" if online else "OFFLINE")
        return encode(state, as_json=self._settings.json, defaults=True)


def _tx_info(uplink: Uplink) -> UplinkTxInfo:
    modulation, freq_hz = uplink.frame.modulation, uplink.frame.freq_hz
    if isinstance(modulation, LoRa):
        return UplinkTxInfo(
            frequency=freq_hz, modulation="LORA", lora_modulation_info=_lora(modulation)
        )
    fsk = FskModulationInfo(datarate=modulation.bitrate_bps)
    return UplinkTxInfo(frequency=freq_hz, modulation="FSK", fsk_modulation_info=fsk)


def _lora(modulation: LoRa) -> LoraModulationInfo:
    return LoraModulationInfo(
        bandwidth=modulation.bw_hz // 1000,
        spreading_factor=modulation.sf,
        code_rate=CODING_RATES.get(modulation.coding_rate, ""),
    )


def _set_times(rx_info: UplinkRxInfo, uplink: Uplink) -> None:
    """GPS time and fine time from a GPS reference only; the latter is a full UTC time here."""
    if uplink.gps_ms is not None:
        rx_info.time_since_gps_epoch.CopyFrom(fields.duration(uplink.gps_ms * 1_000_000))
    heard_ns = fields.received_ns(uplink)
    if heard_ns is None:
        return
    rx_info.time.CopyFrom(fields.timestamp(heard_ns))
    fine_ns = fields.fine_time_ns(uplink, heard_ns) if uplink.utc_ns is not None else None
    if fine_ns is not None:
        rx_info.fine_timestamp_type = PLAIN
        rx_info.plain_fine_timestamp.time.CopyFrom(fields.timestamp(fine_ns))


def _per_modulation(counts: Mapping[object, int]) -> list[PerModulationCount]:
    return [
        PerModulationCount(modulation=_modulation(modulation), count=count)
        for modulation, count in counts.items()
        if isinstance(modulation, (LoRa, Fsk))
    ]


def _modulation(modulation: LoRa | Fsk) -> Modulation:
    if isinstance(modulation, LoRa):
        return Modulation(lora=_lora(modulation))
    return Modulation(fsk=FskModulationInfo(datarate=modulation.bitrate_bps))


def _location(position: Position) -> Location:
    return Location(
        latitude=position.latitude_deg,
        longitude=position.longitude_deg,
        altitude=position.altitude_m,
        source="GPS" if position.from_gps else "CONFIG",
    )
