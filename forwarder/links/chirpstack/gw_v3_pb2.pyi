from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

BAD_CRC: CRCStatus
COLLISION_BEACON: TxAckStatus
COLLISION_PACKET: TxAckStatus
CONFIG: LocationSource
CRC_OK: CRCStatus
DELAY: DownlinkTiming
DESCRIPTOR: _descriptor.FileDescriptor
ENCRYPTED: FineTimestampType
FSK: ModulationKind
GPS: LocationSource
GPS_EPOCH: DownlinkTiming
GPS_UNLOCKED: TxAckStatus
IGNORED: TxAckStatus
IMMEDIATELY: DownlinkTiming
INTERNAL_ERROR: TxAckStatus
LORA: ModulationKind
LR_FHSS: ModulationKind
NONE: FineTimestampType
NO_CRC: CRCStatus
OK: TxAckStatus
PLAIN: FineTimestampType
QUEUE_FULL: TxAckStatus
TOO_EARLY: TxAckStatus
TOO_LATE: TxAckStatus
TX_FREQ: TxAckStatus
TX_POWER: TxAckStatus
UNKNOWN: LocationSource

class ChannelConfiguration(_message.Message):
    __slots__ = ["board", "demodulator", "frequency", "fsk_modulation_config", "lora_modulation_config", "modulation"]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    DEMODULATOR_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    FSK_MODULATION_CONFIG_FIELD_NUMBER: _ClassVar[int]
    LORA_MODULATION_CONFIG_FIELD_NUMBER: _ClassVar[int]
    MODULATION_FIELD_NUMBER: _ClassVar[int]
    board: int
    demodulator: int
    frequency: int
    fsk_modulation_config: FskModulationConfig
    lora_modulation_config: LoraModulationConfig
    modulation: ModulationKind
    def __init__(self, frequency: _Optional[int] = ..., modulation: _Optional[_Union[ModulationKind, str]] = ..., lora_modulation_config: _Optional[_Union[LoraModulationConfig, _Mapping[str, object]]] = ..., fsk_modulation_config: _Optional[_Union[FskModulationConfig, _Mapping[str, object]]] = ..., board: _Optional[int] = ..., demodulator: _Optional[int] = ...) -> None: ...

class ConnState(_message.Message):
    __slots__ = ["gateway_id", "state"]
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    OFFLINE: ConnState.State
    ONLINE: ConnState.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    gateway_id: bytes
    state: ConnState.State
    def __init__(self, gateway_id: _Optional[bytes] = ..., state: _Optional[_Union[ConnState.State, str]] = ...) -> None: ...

class DelayTimingInfo(_message.Message):
    __slots__ = ["delay"]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    delay: _duration_pb2.Duration
    def __init__(self, delay: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ...) -> None: ...

class DownlinkFrame(_message.Message):
    __slots__ = ["downlink_id", "gateway_id", "items", "phy_payload", "token", "tx_info"]
    DOWNLINK_ID_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    PHY_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TX_INFO_FIELD_NUMBER: _ClassVar[int]
    downlink_id: bytes
    gateway_id: bytes
    items: _containers.RepeatedCompositeFieldContainer[DownlinkFrameItem]
    phy_payload: bytes
    token: int
    tx_info: DownlinkTxInfo
    def __init__(self, phy_payload: _Optional[bytes] = ..., tx_info: _Optional[_Union[DownlinkTxInfo, _Mapping[str, object]]] = ..., token: _Optional[int] = ..., downlink_id: _Optional[bytes] = ..., items: _Optional[_Iterable[_Union[DownlinkFrameItem, _Mapping[str, object]]]] = ..., gateway_id: _Optional[bytes] = ...) -> None: ...

class DownlinkFrameItem(_message.Message):
    __slots__ = ["phy_payload", "tx_info"]
    PHY_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TX_INFO_FIELD_NUMBER: _ClassVar[int]
    phy_payload: bytes
    tx_info: DownlinkTxInfo
    def __init__(self, phy_payload: _Optional[bytes] = ..., tx_info: _Optional[_Union[DownlinkTxInfo, _Mapping[str, object]]] = ...) -> None: ...

class DownlinkTxAck(_message.Message):
    __slots__ = ["downlink_id", "error", "gateway_id", "items", "token"]
    DOWNLINK_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    downlink_id: bytes
    error: str
    gateway_id: bytes
    items: _containers.RepeatedCompositeFieldContainer[DownlinkTxAckItem]
    token: int
    def __init__(self, gateway_id: _Optional[bytes] = ..., token: _Optional[int] = ..., error: _Optional[str] = ..., downlink_id: _Optional[bytes] = ..., items: _Optional[_Iterable[_Union[DownlinkTxAckItem, _Mapping[str, object]]]] = ...) -> None: ...

class DownlinkTxAckItem(_message.Message):
    __slots__ = ["status"]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: TxAckStatus
    def __init__(self, status: _Optional[_Union[TxAckStatus, str]] = ...) -> None: ...

class DownlinkTxInfo(_message.Message):
    __slots__ = ["antenna", "board", "context", "delay_timing_info", "frequency", "fsk_modulation_info", "gateway_id", "gps_epoch_timing_info", "immediately_timing_info", "lora_modulation_info", "modulation", "power", "timing"]
    ANTENNA_FIELD_NUMBER: _ClassVar[int]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DELAY_TIMING_INFO_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    FSK_MODULATION_INFO_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    GPS_EPOCH_TIMING_INFO_FIELD_NUMBER: _ClassVar[int]
    IMMEDIATELY_TIMING_INFO_FIELD_NUMBER: _ClassVar[int]
    LORA_MODULATION_INFO_FIELD_NUMBER: _ClassVar[int]
    MODULATION_FIELD_NUMBER: _ClassVar[int]
    POWER_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    antenna: int
    board: int
    context: bytes
    delay_timing_info: DelayTimingInfo
    frequency: int
    fsk_modulation_info: FskModulationInfo
    gateway_id: bytes
    gps_epoch_timing_info: GPSEpochTimingInfo
    immediately_timing_info: ImmediatelyTimingInfo
    lora_modulation_info: LoraModulationInfo
    modulation: ModulationKind
    power: int
    timing: DownlinkTiming
    def __init__(self, gateway_id: _Optional[bytes] = ..., frequency: _Optional[int] = ..., power: _Optional[int] = ..., modulation: _Optional[_Union[ModulationKind, str]] = ..., lora_modulation_info: _Optional[_Union[LoraModulationInfo, _Mapping[str, object]]] = ..., fsk_modulation_info: _Optional[_Union[FskModulationInfo, _Mapping[str, object]]] = ..., board: _Optional[int] = ..., antenna: _Optional[int] = ..., timing: _Optional[_Union[DownlinkTiming, str]] = ..., immediately_timing_info: _Optional[_Union[ImmediatelyTimingInfo, _Mapping[str, object]]] = ..., delay_timing_info: _Optional[_Union[DelayTimingInfo, _Mapping[str, object]]] = ..., gps_epoch_timing_info: _Optional[_Union[GPSEpochTimingInfo, _Mapping[str, object]]] = ..., context: _Optional[bytes] = ...) -> None: ...

class EnvironmentEntry(_message.Message):
    __slots__ = ["key", "value"]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class FskModulationConfig(_message.Message):
    __slots__ = ["bandwidth", "bitrate"]
    BANDWIDTH_FIELD_NUMBER: _ClassVar[int]
    BITRATE_FIELD_NUMBER: _ClassVar[int]
    bandwidth: int
    bitrate: int
    def __init__(self, bandwidth: _Optional[int] = ..., bitrate: _Optional[int] = ...) -> None: ...

class FskModulationInfo(_message.Message):
    __slots__ = ["datarate", "frequency_deviation"]
    DATARATE_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_DEVIATION_FIELD_NUMBER: _ClassVar[int]
    datarate: int
    frequency_deviation: int
    def __init__(self, frequency_deviation: _Optional[int] = ..., datarate: _Optional[int] = ...) -> None: ...

class GPSEpochTimingInfo(_message.Message):
    __slots__ = ["time_since_gps_epoch"]
    TIME_SINCE_GPS_EPOCH_FIELD_NUMBER: _ClassVar[int]
    time_since_gps_epoch: _duration_pb2.Duration
    def __init__(self, time_since_gps_epoch: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ...) -> None: ...

class GatewayCommandExecRequest(_message.Message):
    __slots__ = ["command", "environment", "exec_id", "gateway_id", "stdin"]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    EXEC_ID_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    STDIN_FIELD_NUMBER: _ClassVar[int]
    command: str
    environment: _containers.RepeatedCompositeFieldContainer[EnvironmentEntry]
    exec_id: bytes
    gateway_id: bytes
    stdin: bytes
    def __init__(self, gateway_id: _Optional[bytes] = ..., command: _Optional[str] = ..., exec_id: _Optional[bytes] = ..., stdin: _Optional[bytes] = ..., environment: _Optional[_Iterable[_Union[EnvironmentEntry, _Mapping[str, object]]]] = ...) -> None: ...

class GatewayCommandExecResponse(_message.Message):
    __slots__ = ["error", "exec_id", "gateway_id", "stderr", "stdout"]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    EXEC_ID_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    STDOUT_FIELD_NUMBER: _ClassVar[int]
    error: str
    exec_id: bytes
    gateway_id: bytes
    stderr: bytes
    stdout: bytes
    def __init__(self, gateway_id: _Optional[bytes] = ..., exec_id: _Optional[bytes] = ..., stdout: _Optional[bytes] = ..., stderr: _Optional[bytes] = ..., error: _Optional[str] = ...) -> None: ...

class GatewayConfiguration(_message.Message):
    __slots__ = ["channels", "gateway_id", "stats_interval", "version"]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    STATS_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedCompositeFieldContainer[ChannelConfiguration]
    gateway_id: bytes
    stats_interval: _duration_pb2.Duration
    version: str
    def __init__(self, gateway_id: _Optional[bytes] = ..., version: _Optional[str] = ..., channels: _Optional[_Iterable[_Union[ChannelConfiguration, _Mapping[str, object]]]] = ..., stats_interval: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ...) -> None: ...

class GatewayStats(_message.Message):
    __slots__ = ["config_version", "gateway_id", "ip", "location", "meta_data", "rx_packets_per_frequency", "rx_packets_per_modulation", "rx_packets_received", "rx_packets_received_ok", "stats_id", "time", "tx_packets_emitted", "tx_packets_per_frequency", "tx_packets_per_modulation", "tx_packets_per_status", "tx_packets_received"]
    class MetaDataEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class RxPacketsPerFrequencyEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    class TxPacketsPerFrequencyEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    class TxPacketsPerStatusEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CONFIG_VERSION_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    IP_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    META_DATA_FIELD_NUMBER: _ClassVar[int]
    RX_PACKETS_PER_FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    RX_PACKETS_PER_MODULATION_FIELD_NUMBER: _ClassVar[int]
    RX_PACKETS_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    RX_PACKETS_RECEIVED_OK_FIELD_NUMBER: _ClassVar[int]
    STATS_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_EMITTED_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_PER_FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_PER_MODULATION_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_PER_STATUS_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    config_version: str
    gateway_id: bytes
    ip: str
    location: Location
    meta_data: _containers.ScalarMap[str, str]
    rx_packets_per_frequency: _containers.ScalarMap[int, int]
    rx_packets_per_modulation: _containers.RepeatedCompositeFieldContainer[PerModulationCount]
    rx_packets_received: int
    rx_packets_received_ok: int
    stats_id: bytes
    time: _timestamp_pb2.Timestamp
    tx_packets_emitted: int
    tx_packets_per_frequency: _containers.ScalarMap[int, int]
    tx_packets_per_modulation: _containers.RepeatedCompositeFieldContainer[PerModulationCount]
    tx_packets_per_status: _containers.ScalarMap[str, int]
    tx_packets_received: int
    def __init__(self, gateway_id: _Optional[bytes] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., location: _Optional[_Union[Location, _Mapping[str, object]]] = ..., config_version: _Optional[str] = ..., rx_packets_received: _Optional[int] = ..., rx_packets_received_ok: _Optional[int] = ..., tx_packets_received: _Optional[int] = ..., tx_packets_emitted: _Optional[int] = ..., ip: _Optional[str] = ..., meta_data: _Optional[_Mapping[str, str]] = ..., stats_id: _Optional[bytes] = ..., tx_packets_per_frequency: _Optional[_Mapping[int, int]] = ..., rx_packets_per_frequency: _Optional[_Mapping[int, int]] = ..., tx_packets_per_modulation: _Optional[_Iterable[_Union[PerModulationCount, _Mapping[str, object]]]] = ..., rx_packets_per_modulation: _Optional[_Iterable[_Union[PerModulationCount, _Mapping[str, object]]]] = ..., tx_packets_per_status: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ImmediatelyTimingInfo(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Location(_message.Message):
    __slots__ = ["accuracy", "altitude", "latitude", "longitude", "source"]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    ALTITUDE_FIELD_NUMBER: _ClassVar[int]
    LATITUDE_FIELD_NUMBER: _ClassVar[int]
    LONGITUDE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    accuracy: int
    altitude: float
    latitude: float
    longitude: float
    source: LocationSource
    def __init__(self, latitude: _Optional[float] = ..., longitude: _Optional[float] = ..., altitude: _Optional[float] = ..., source: _Optional[_Union[LocationSource, str]] = ..., accuracy: _Optional[int] = ...) -> None: ...

class LoraModulationConfig(_message.Message):
    __slots__ = ["bandwidth", "spreading_factors"]
    BANDWIDTH_FIELD_NUMBER: _ClassVar[int]
    SPREADING_FACTORS_FIELD_NUMBER: _ClassVar[int]
    bandwidth: int
    spreading_factors: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, bandwidth: _Optional[int] = ..., spreading_factors: _Optional[_Iterable[int]] = ...) -> None: ...

class LoraModulationInfo(_message.Message):
    __slots__ = ["bandwidth", "code_rate", "polarization_inversion", "spreading_factor"]
    BANDWIDTH_FIELD_NUMBER: _ClassVar[int]
    CODE_RATE_FIELD_NUMBER: _ClassVar[int]
    POLARIZATION_INVERSION_FIELD_NUMBER: _ClassVar[int]
    SPREADING_FACTOR_FIELD_NUMBER: _ClassVar[int]
    bandwidth: int
    code_rate: str
    polarization_inversion: bool
    spreading_factor: int
    def __init__(self, bandwidth: _Optional[int] = ..., spreading_factor: _Optional[int] = ..., code_rate: _Optional[str] = ..., polarization_inversion: bool = ...) -> None: ...

class LrFhssModulationInfo(_message.Message):
    __slots__ = ["code_rate", "grid_steps", "operating_channel_width"]
    CODE_RATE_FIELD_NUMBER: _ClassVar[int]
    GRID_STEPS_FIELD_NUMBER: _ClassVar[int]
    OPERATING_CHANNEL_WIDTH_FIELD_NUMBER: _ClassVar[int]
    code_rate: str
    grid_steps: int
    operating_channel_width: int
    def __init__(self, operating_channel_width: _Optional[int] = ..., code_rate: _Optional[str] = ..., grid_steps: _Optional[int] = ...) -> None: ...

class Modulation(_message.Message):
    __slots__ = ["fsk", "lora", "lr_fhss"]
    FSK_FIELD_NUMBER: _ClassVar[int]
    LORA_FIELD_NUMBER: _ClassVar[int]
    LR_FHSS_FIELD_NUMBER: _ClassVar[int]
    fsk: FskModulationInfo
    lora: LoraModulationInfo
    lr_fhss: LrFhssModulationInfo
    def __init__(self, lora: _Optional[_Union[LoraModulationInfo, _Mapping[str, object]]] = ..., fsk: _Optional[_Union[FskModulationInfo, _Mapping[str, object]]] = ..., lr_fhss: _Optional[_Union[LrFhssModulationInfo, _Mapping[str, object]]] = ...) -> None: ...

class PerModulationCount(_message.Message):
    __slots__ = ["count", "modulation"]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MODULATION_FIELD_NUMBER: _ClassVar[int]
    count: int
    modulation: Modulation
    def __init__(self, modulation: _Optional[_Union[Modulation, _Mapping[str, object]]] = ..., count: _Optional[int] = ...) -> None: ...

class PlainFineTimestamp(_message.Message):
    __slots__ = ["time"]
    TIME_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    def __init__(self, time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ...) -> None: ...

class RawPacketForwarderCommand(_message.Message):
    __slots__ = ["gateway_id", "payload", "raw_id"]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    RAW_ID_FIELD_NUMBER: _ClassVar[int]
    gateway_id: bytes
    payload: bytes
    raw_id: bytes
    def __init__(self, gateway_id: _Optional[bytes] = ..., raw_id: _Optional[bytes] = ..., payload: _Optional[bytes] = ...) -> None: ...

class RawPacketForwarderEvent(_message.Message):
    __slots__ = ["gateway_id", "payload", "raw_id"]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    RAW_ID_FIELD_NUMBER: _ClassVar[int]
    gateway_id: bytes
    payload: bytes
    raw_id: bytes
    def __init__(self, gateway_id: _Optional[bytes] = ..., raw_id: _Optional[bytes] = ..., payload: _Optional[bytes] = ...) -> None: ...

class UplinkFrame(_message.Message):
    __slots__ = ["phy_payload", "rx_info", "tx_info"]
    PHY_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    RX_INFO_FIELD_NUMBER: _ClassVar[int]
    TX_INFO_FIELD_NUMBER: _ClassVar[int]
    phy_payload: bytes
    rx_info: UplinkRxInfo
    tx_info: UplinkTxInfo
    def __init__(self, phy_payload: _Optional[bytes] = ..., tx_info: _Optional[_Union[UplinkTxInfo, _Mapping[str, object]]] = ..., rx_info: _Optional[_Union[UplinkRxInfo, _Mapping[str, object]]] = ...) -> None: ...

class UplinkRxInfo(_message.Message):
    __slots__ = ["antenna", "board", "channel", "context", "crc_status", "fine_timestamp_type", "gateway_id", "location", "lora_snr", "plain_fine_timestamp", "rf_chain", "rssi", "time", "time_since_gps_epoch", "uplink_id"]
    ANTENNA_FIELD_NUMBER: _ClassVar[int]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CRC_STATUS_FIELD_NUMBER: _ClassVar[int]
    FINE_TIMESTAMP_TYPE_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    LORA_SNR_FIELD_NUMBER: _ClassVar[int]
    PLAIN_FINE_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    RF_CHAIN_FIELD_NUMBER: _ClassVar[int]
    RSSI_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TIME_SINCE_GPS_EPOCH_FIELD_NUMBER: _ClassVar[int]
    UPLINK_ID_FIELD_NUMBER: _ClassVar[int]
    antenna: int
    board: int
    channel: int
    context: bytes
    crc_status: CRCStatus
    fine_timestamp_type: FineTimestampType
    gateway_id: bytes
    location: Location
    lora_snr: float
    plain_fine_timestamp: PlainFineTimestamp
    rf_chain: int
    rssi: int
    time: _timestamp_pb2.Timestamp
    time_since_gps_epoch: _duration_pb2.Duration
    uplink_id: bytes
    def __init__(self, gateway_id: _Optional[bytes] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., time_since_gps_epoch: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., rssi: _Optional[int] = ..., lora_snr: _Optional[float] = ..., channel: _Optional[int] = ..., rf_chain: _Optional[int] = ..., board: _Optional[int] = ..., antenna: _Optional[int] = ..., location: _Optional[_Union[Location, _Mapping[str, object]]] = ..., fine_timestamp_type: _Optional[_Union[FineTimestampType, str]] = ..., plain_fine_timestamp: _Optional[_Union[PlainFineTimestamp, _Mapping[str, object]]] = ..., context: _Optional[bytes] = ..., uplink_id: _Optional[bytes] = ..., crc_status: _Optional[_Union[CRCStatus, str]] = ...) -> None: ...

class UplinkTxInfo(_message.Message):
    __slots__ = ["frequency", "fsk_modulation_info", "lora_modulation_info", "modulation"]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    FSK_MODULATION_INFO_FIELD_NUMBER: _ClassVar[int]
    LORA_MODULATION_INFO_FIELD_NUMBER: _ClassVar[int]
    MODULATION_FIELD_NUMBER: _ClassVar[int]
    frequency: int
    fsk_modulation_info: FskModulationInfo
    lora_modulation_info: LoraModulationInfo
    modulation: ModulationKind
    def __init__(self, frequency: _Optional[int] = ..., modulation: _Optional[_Union[ModulationKind, str]] = ..., lora_modulation_info: _Optional[_Union[LoraModulationInfo, _Mapping[str, object]]] = ..., fsk_modulation_info: _Optional[_Union[FskModulationInfo, _Mapping[str, object]]] = ...) -> None: ...

class ModulationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()

class DownlinkTiming(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()

class FineTimestampType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()

class CRCStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()

class TxAckStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()

class LocationSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
