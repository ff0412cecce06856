"""ChirpStack v4's dialect: what the gateway says. No I/O.

Source: mqtt-backends.md 1 (chirpstack v4.19: api/proto/gw/gw.proto; chirpstack/src/gateway/backend/
mqtt.rs, uplink/stats.rs, downlink/tx_ack.rs). What a server says is v4_commands.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hal.modulation import Fsk, LoRa

from ...config.model import ETSI
from ...packets import Answer, Position, Uplink
from ...scheduling.regulation import BandLoad
from ..mqtt.dialect import (
    Command,
    DownlinkRequest,
    ExecResult,
    Message,
    RawRequest,
    Report,
)
from . import fields, words
from .gateway import ChirpstackGateway
from .gw_pb2 import (
    ConnState,
    DownlinkTxAck,
    DownlinkTxAckItem,
    DutyCycleBand,
    DutyCycleStats,
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
from .v4_commands import read

# A server pushes its channel plan to whoever tells this key, at each report until the version is
# told too (mqtt-backends.md 1.3). So both are told only where the plan may come from there.
WINDOW_NS = 3_600_000_000_000  # duty cycles are counted by the hour
CODE_RATES = {1: "CR_4_5", 2: "CR_4_6", 3: "CR_4_7", 4: "CR_4_8"}
PLAN_KEYS = ("concentratord_version", "config_version")


class ChirpstackV4(ChirpstackGateway):
    """One server of this kind; a `Dialect`."""

    def uplink(self, uplink: Uplink, *, late: bool) -> Message | None:
        frame = uplink.frame
        rx_info = UplinkRxInfo(
            gateway_id=self._settings.eui,
            uplink_id=fields.uplink_id(uplink),
            rssi=fields.rssi_dbm(frame),
            snr=frame.snr_db or 0.0,
            channel=frame.if_chain,
            rf_chain=frame.rf_chain,
            context=self._context(uplink),
            crc_status=fields.CRC_STATUS[frame.crc],
            metadata=fields.late_metadata(uplink, late=late),
        )
        _set_times(rx_info, uplink)
        tx_info = UplinkTxInfo(frequency=frame.freq_hz, modulation=_modulation(frame.modulation))
        return self._event(
            "up", UplinkFrame(phy_payload=frame.payload, tx_info=tx_info, rx_info=rx_info)
        )

    def read(self, topic: str, payload: bytes, *, now_us: int | None) -> Command:
        command = self._topics.command(topic)
        return read(command, payload, self._settings, self._facts.session)

    def answer(self, request: DownlinkRequest, answers: Sequence[Answer | None]) -> Message | None:
        tried = [*answers, *([None] * len(request.items))][: len(request.items)]
        ack = DownlinkTxAck(
            gateway_id=self._settings.eui,
            downlink_id=int.from_bytes(request.key, "big"),
            items=[DownlinkTxAckItem(status=words.status(answer)) for answer in tried],
        )
        return self._event("ack", ack)

    def report(self, report: Report) -> Message | None:
        stats = GatewayStats(
            gateway_id=self._settings.eui,
            rx_packets_received=report.rx_received,
            rx_packets_received_ok=report.rx_ok,
            tx_packets_received=report.tx_received,
            tx_packets_emitted=report.tx_emitted,
            rx_packets_per_frequency=report.rx_per_frequency,
            tx_packets_per_frequency=report.tx_per_frequency,
            rx_packets_per_modulation=_per_modulation(report.rx_per_modulation),
            tx_packets_per_modulation=_per_modulation(report.tx_per_modulation),
            tx_packets_per_status=words.counted(report.tx_per_answer),
            metadata=self._metadata(report),
        )
        if report.utc_ns is not None:
            stats.time.CopyFrom(fields.timestamp(report.utc_ns))
        if report.position is not None:
            stats.location.CopyFrom(_location(report.position))
        if report.loads:
            stats.duty_cycle_stats.CopyFrom(_duty_cycles(report.loads))
        return self._event("stats", stats)

    def exec_result(self, result: ExecResult) -> Message | None:
        response = GatewayCommandExecResponse(
            gateway_id=self._settings.eui,
            exec_id=result.exec_id,
            stdout=result.stdout,
            stderr=result.stderr,
            error=fields.clean_text(result.error),
        )
        return self._event("exec", response)

    def raw_result(self, request: RawRequest, output: bytes) -> Message | None:
        event = RawPacketForwarderEvent(gateway_id=self._settings.eui, payload=output)
        return self._event("raw", event)

    def _state_payload(self, *, online: bool) -> bytes:
        state, eui = "ONLINE" if online else "OFFLINE", self._settings.eui
        if self._settings.json:
            # OFFLINE is zero, which is left out as a rule: readers took its absence for a fault.
            return f'{{"gatewayId":"{eui}","state":"{state}"}}'.encode()
        return ConnState(gateway_id=eui, state=state).SerializeToString()

    def _metadata(self, report: Report) -> dict[str, str]:
        told = {name: f"{value:g}" for name, value in report.metrics.items()}
        told = fields.clean(told | dict(report.metadata))
        if self._settings.remote_config:
            return {PLAN_KEYS[0]: "edgemast"} | told
        return {key: value for key, value in told.items() if key not in PLAN_KEYS}


def _set_times(rx_info: UplinkRxInfo, uplink: Uplink) -> None:
    """GPS time from a GPS reference only: ChirpStack trusts it without looking at its own clock."""
    heard_ns = fields.received_ns(uplink)
    if heard_ns is not None:
        rx_info.gw_time.CopyFrom(fields.timestamp(heard_ns))
    if uplink.gps_ms is None:
        return
    gps_ns = uplink.gps_ms * 1_000_000
    rx_info.time_since_gps_epoch.CopyFrom(fields.duration(gps_ns))
    fine_ns = fields.fine_time_ns(uplink, gps_ns)
    if fine_ns is not None:
        rx_info.fine_time_since_gps_epoch.CopyFrom(fields.duration(fine_ns))


def _modulation(modulation: LoRa | Fsk) -> Modulation:
    """What the server compares bit by bit, between gateways and with its table of data rates."""
    if isinstance(modulation, LoRa):
        return Modulation(
            lora=LoraModulationInfo(
                bandwidth=modulation.bw_hz,
                spreading_factor=modulation.sf,
                code_rate=CODE_RATES.get(modulation.coding_rate, "CR_UNDEFINED"),
            )
        )
    return Modulation(fsk=FskModulationInfo(datarate=modulation.bitrate_bps))


def _per_modulation(counts: Mapping[object, int]) -> list[PerModulationCount]:
    """An entry without parameters would make the server refuse the whole report."""
    return [
        PerModulationCount(modulation=_modulation(modulation), count=count)
        for modulation, count in counts.items()
        if isinstance(modulation, (LoRa, Fsk))
    ]


def _duty_cycles(loads: Sequence[BandLoad]) -> DutyCycleStats:
    """The one regulation that has a word is Europe's."""
    european = all(load.standard == ETSI for load in loads)
    return DutyCycleStats(
        regulation="ETSI_EN_300_220" if european else "REGULATION_UNKNOWN",
        window=fields.duration(WINDOW_NS),
        bands=[
            DutyCycleBand(
                name=load.name,
                frequency_min=load.min_hz,
                frequency_max=load.max_hz,
                load_max=fields.duration(load.load_max_us * 1000),
                load_tracked=fields.duration(load.load_tracked_us * 1000),
            )
            for load in loads
        ],
    )


def _location(position: Position) -> Location:
    return Location(
        latitude=position.latitude_deg,
        longitude=position.longitude_deg,
        altitude=position.altitude_m,
        source="GPS" if position.from_gps else "CONFIG",
    )
