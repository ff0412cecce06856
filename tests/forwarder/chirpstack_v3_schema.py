"""ChirpStack v3's messages as its published schema has them, built without the package.

chirpstack-api 3.12 cannot be installed beside 4.x. The table is its schema: number, name, JSON name
and type of each field, written down from that package and not from our own file.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, duration_pb2, message_factory, timestamp_pb2
from google.protobuf.descriptor_pool import DescriptorPool

ENUMS = {
    "Modulation_": ("LORA", "FSK", "LR_FHSS"),
    "LocationSource": ("UNKNOWN", "GPS", "CONFIG"),
    "DownlinkTiming": ("IMMEDIATELY", "DELAY", "GPS_EPOCH"),
    "FineTimestampType": ("NONE", "ENCRYPTED", "PLAIN"),
    "CRCStatus": ("NO_CRC", "BAD_CRC", "CRC_OK"),
    "TxAckStatus": (
        *("IGNORED", "OK", "TOO_LATE", "TOO_EARLY", "COLLISION_PACKET", "COLLISION_BEACON"),
        *("TX_FREQ", "TX_POWER", "GPS_UNLOCKED", "QUEUE_FULL", "INTERNAL_ERROR"),
    ),
    "State": ("OFFLINE", "ONLINE"),
}

TABLE = """
Modulation
  3 lora loRa LoRaModulationInfo of parameters
  4 fsk fsk FSKModulationInfo of parameters
UplinkTXInfo
  1 frequency frequency uint32
  2 modulation modulation enum Modulation_
  3 lora_modulation_info loRaModulationInfo LoRaModulationInfo of modulation_info
  4 fsk_modulation_info fskModulationInfo FSKModulationInfo of modulation_info
LoRaModulationInfo
  1 bandwidth bandwidth uint32
  2 spreading_factor spreadingFactor uint32
  3 code_rate codeRate string
  4 polarization_inversion polarizationInversion bool
FSKModulationInfo
  1 frequency_deviation frequencyDeviation uint32
  2 datarate datarate uint32
PlainFineTimestamp
  1 time time Timestamp
GatewayStats
  1 gateway_id gatewayID bytes
  9 ip ip string
  2 time time Timestamp
  3 location location Location
  4 config_version configVersion string
  5 rx_packets_received rxPacketsReceived uint32
  6 rx_packets_received_ok rxPacketsReceivedOK uint32
  7 tx_packets_received txPacketsReceived uint32
  8 tx_packets_emitted txPacketsEmitted uint32
  10 meta_data metaData map string string
  11 stats_id statsID bytes
  12 tx_packets_per_frequency txPacketsPerFrequency map uint32 uint32
  13 rx_packets_per_frequency rxPacketsPerFrequency map uint32 uint32
  14 tx_packets_per_modulation txPacketsPerModulation many PerModulationCount
  15 rx_packets_per_modulation rxPacketsPerModulation many PerModulationCount
  16 tx_packets_per_status txPacketsPerStatus map string uint32
PerModulationCount
  1 modulation modulation Modulation
  2 count count uint32
UplinkRXInfo
  1 gateway_id gatewayID bytes
  2 time time Timestamp
  3 time_since_gps_epoch timeSinceGPSEpoch Duration
  5 rssi rssi int32
  6 lora_snr loRaSNR double
  7 channel channel uint32
  8 rf_chain rfChain uint32
  9 board board uint32
  10 antenna antenna uint32
  11 location location Location
  12 fine_timestamp_type fineTimestampType enum FineTimestampType
  14 plain_fine_timestamp plainFineTimestamp PlainFineTimestamp of fine_timestamp
  15 context context bytes
  16 uplink_id uplinkID bytes
  17 crc_status crcStatus enum CRCStatus
DownlinkTXInfo
  1 gateway_id gatewayID bytes
  5 frequency frequency uint32
  6 power power int32
  7 modulation modulation enum Modulation_
  8 lora_modulation_info loRaModulationInfo LoRaModulationInfo of modulation_info
  9 fsk_modulation_info fskModulationInfo FSKModulationInfo of modulation_info
  10 board board uint32
  11 antenna antenna uint32
  12 timing timing enum DownlinkTiming
  13 immediately_timing_info immediatelyTimingInfo ImmediatelyTimingInfo of timing_info
  14 delay_timing_info delayTimingInfo DelayTimingInfo of timing_info
  15 gps_epoch_timing_info gpsEpochTimingInfo GPSEpochTimingInfo of timing_info
  16 context context bytes
ImmediatelyTimingInfo
DelayTimingInfo
  1 delay delay Duration
GPSEpochTimingInfo
  1 time_since_gps_epoch timeSinceGPSEpoch Duration
UplinkFrame
  1 phy_payload phyPayload bytes
  2 tx_info txInfo UplinkTXInfo
  3 rx_info rxInfo UplinkRXInfo
DownlinkFrame
  1 phy_payload phyPayload bytes
  2 tx_info txInfo DownlinkTXInfo
  3 token token uint32
  4 downlink_id downlinkID bytes
  5 items items many DownlinkFrameItem
  6 gateway_id gatewayID bytes
DownlinkFrameItem
  1 phy_payload phyPayload bytes
  2 tx_info txInfo DownlinkTXInfo
DownlinkTXAck
  1 gateway_id gatewayID bytes
  2 token token uint32
  3 error error string
  4 downlink_id downlinkID bytes
  5 items items many DownlinkTXAckItem
DownlinkTXAckItem
  1 status status enum TxAckStatus
GatewayConfiguration
  1 gateway_id gatewayID bytes
  2 version version string
  3 channels channels many ChannelConfiguration
  4 stats_interval statsInterval Duration
ChannelConfiguration
  1 frequency frequency uint32
  2 modulation modulation enum Modulation_
  3 lora_modulation_config loRaModulationConfig LoRaModulationConfig of modulation_config
  4 fsk_modulation_config fskModulationConfig FSKModulationConfig of modulation_config
  5 board board uint32
  6 demodulator demodulator uint32
LoRaModulationConfig
  1 bandwidth bandwidth uint32
  2 spreading_factors spreadingFactors many uint32
FSKModulationConfig
  1 bandwidth bandwidth uint32
  2 bitrate bitrate uint32
GatewayCommandExecRequest
  1 gateway_id gatewayID bytes
  2 command command string
  3 ExecId execID bytes
  4 stdin stdin bytes
  5 environment environment map string string
GatewayCommandExecResponse
  1 gateway_id gatewayID bytes
  2 exec_id execID bytes
  3 stdout stdout bytes
  4 stderr stderr bytes
  5 error error string
RawPacketForwarderCommand
  1 gateway_id gatewayID bytes
  2 raw_id rawID bytes
  3 payload payload bytes
RawPacketForwarderEvent
  1 gateway_id gatewayID bytes
  2 raw_id rawID bytes
  3 payload payload bytes
ConnState
  1 gateway_id gatewayID bytes
  2 state state enum State
Location
  1 latitude latitude double
  2 longitude longitude double
  3 altitude altitude double
  4 source source enum LocationSource
  5 accuracy accuracy uint32
"""

FIELD = descriptor_pb2.FieldDescriptorProto
KINDS = {
    "double": FIELD.TYPE_DOUBLE,
    "int32": FIELD.TYPE_INT32,
    "bool": FIELD.TYPE_BOOL,
    "string": FIELD.TYPE_STRING,
    "bytes": FIELD.TYPE_BYTES,
    "uint32": FIELD.TYPE_UINT32,
}


class Schema:
    """`schema.UplinkFrame()` makes a message; names are those of the package."""

    def __init__(self) -> None:
        pool = DescriptorPool()
        for known in (duration_pb2, timestamp_pb2):
            pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
        pool.Add(_file())
        self._classes: dict[str, Any] = {
            name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"v3.{name}"))
            for name in (line for line in TABLE.splitlines() if line and line[0] != " ")
        }

    def __getattr__(self, name: str) -> Any:
        return self._classes[name]


def _file() -> descriptor_pb2.FileDescriptorProto:
    made = descriptor_pb2.FileDescriptorProto(name="v3.proto", package="v3", syntax="proto3")
    made.dependency.extend(["google/protobuf/duration.proto", "google/protobuf/timestamp.proto"])
    for name, words in ENUMS.items():
        # Values are of the file: two of its enumerations use the same word.
        holder = made.message_type.add(name=f"In{name}").enum_type.add(name=name)
        for number, word in enumerate(words):
            holder.value.add(name=word, number=number)
    for line in TABLE.splitlines():
        if line and line[0] != " ":
            message = made.message_type.add(name=line)
        elif line:
            _add_field(message, line.split())
    return made


def _add_field(message: descriptor_pb2.DescriptorProto, words: list[str]) -> None:
    number, name, json_name, *kind = words
    field = message.field.add(number=int(number), name=name, json_name=json_name)
    field.label = FIELD.LABEL_OPTIONAL
    if kind[0] == "map":
        _set_map(message, field, kind)
        return
    if kind[0] == "many":
        field.label = FIELD.LABEL_REPEATED
        kind = kind[1:]
    if kind[0] == "enum":
        field.type, field.type_name = FIELD.TYPE_ENUM, f".v3.In{kind[1]}.{kind[1]}"
    elif kind[0] in KINDS:
        field.type = KINDS[kind[0]]
    else:
        known = kind[0] in ("Timestamp", "Duration")
        package = "google.protobuf" if known else "v3"
        field.type, field.type_name = FIELD.TYPE_MESSAGE, f".{package}.{kind[0]}"
    if "of" in kind:
        field.oneof_index = _oneof(message, kind[-1])


def _oneof(message: descriptor_pb2.DescriptorProto, name: str) -> int:
    names = [one.name for one in message.oneof_decl]
    if name not in names:
        message.oneof_decl.add(name=name)
        names.append(name)
    return names.index(name)


def _set_map(
    message: descriptor_pb2.DescriptorProto,
    field: descriptor_pb2.FieldDescriptorProto,
    kind: list[str],
) -> None:
    entry = message.nested_type.add(name=f"{field.name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    for number, (name, word) in enumerate(zip(("key", "value"), kind[1:], strict=True), start=1):
        label = FIELD.LABEL_OPTIONAL
        entry.field.add(number=number, name=name, type=KINDS[word], label=label)
    field.label, field.type = FIELD.LABEL_REPEATED, FIELD.TYPE_MESSAGE
    field.type_name = f".v3.{message.name}.{entry.name}"


V3 = Schema()
