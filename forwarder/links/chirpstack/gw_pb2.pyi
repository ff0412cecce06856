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
CR_1_4: CodeRate
CR_1_6: CodeRate
CR_2_6: CodeRate
CR_3_8: CodeRate
CR_4_5: CodeRate
CR_4_6: CodeRate
CR_4_7: CodeRate
CR_4_8: CodeRate
CR_5_6: CodeRate
CR_LI_4_5: CodeRate
CR_LI_4_6: CodeRate
CR_LI_4_8: CodeRate
CR_UNDEFINED: CodeRate
DESCRIPTOR: _descriptor.FileDescriptor
DUTY_CYCLE_OVERFLOW: TxAckStatus
ETSI_EN_300_220: Regulation
GPS: LocationSource
GPS_UNLOCKED: TxAckStatus
IGNORED: TxAckStatus
INTERNAL_ERROR: TxAckStatus
NO_CRC: CRCStatus
OK: TxAckStatus
QUEUE_FULL: TxAckStatus
REGULATION_UNKNOWN: Regulation
TOO_EARLY: TxAckStatus
TOO_LATE: TxAckStatus
TX_FREQ: TxAckStatus
TX_POWER: TxAckStatus
UNKNOWN: LocationSource

class ChannelConfiguration(_message.Message):
    __slots__ = ["board", "demodulator", "frequency", "fsk_modulation_config", "lora_modulation_config"]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    DEMODULATOR_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    FSK_MODULATION_CONFIG_FIELD_NUMBER: _ClassVar[int]
    LORA_MODULATION_CONFIG_FIELD_NUMBER: _ClassVar[int]
    board: int
    demodulator: int
    frequency: int
    fsk_modulation_config: FskModulationConfig
    lora_modulation_config: LoraModulationConfig
    def __init__(self, frequency: _Optional[int] = ..., lora_modulation_config: _Optional[_Union[LoraModulationConfig, _Mapping[str, object]]] = ..., fsk_modulation_config: _Optional[_Union[FskModulationConfig, _Mapping[str, object]]] = ..., board: _Optional[int] = ..., demodulator: _Optional[int] = ...) -> None: ...

class ConnState(_message.Message):
    __slots__ = ["gateway_id", "state"]
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    OFFLINE: ConnState.State
    ONLINE: ConnState.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    gateway_id: str
    state: ConnState.State
    def __init__(self, state: _Optional[_Union[ConnState.State, str]] = ..., gateway_id: _Optional[str] = ...) -> None: ...

class DelayTimingInfo(_message.Message):
    __slots__ = ["delay"]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    delay: _duration_pb2.Duration
    def __init__(self, delay: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ...) -> None: ...

class DownlinkFrame(_message.Message):
    __slots__ = ["downlink_id", "gateway_id", "items"]
    DOWNLINK_ID_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    downlink_id: int
    gateway_id: str
    items: _containers.RepeatedCompositeFieldContainer[DownlinkFrameItem]
    def __init__(self, downlink_id: _Optional[int] = ..., items: _Optional[_Iterable[_Union[DownlinkFrameItem, _Mapping[str, object]]]] = ..., gateway_id: _Optional[str] = ...) -> None: ...

class DownlinkFrameItem(_message.Message):
    __slots__ = ["phy_payload", "tx_info"]
    PHY_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TX_INFO_FIELD_NUMBER: _ClassVar[int]
    phy_payload: bytes
    tx_info: DownlinkTxInfo
    def __init__(self, phy_payload: _Optional[bytes] = ..., tx_info: _Optional[_Union[DownlinkTxInfo, _Mapping[str, object]]] = ...) -> None: ...

class DownlinkTxAck(_message.Message):
    __slots__ = ["downlink_id", "gateway_id", "items"]
    DOWNLINK_ID_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    downlink_id: int
    gateway_id: str
    items: _containers.RepeatedCompositeFieldContainer[DownlinkTxAckItem]
    def __init__(self, downlink_id: _Optional[int] = ..., items: _Optional[_Iterable[_Union[DownlinkTxAckItem, _Mapping[str, object]]]] = ..., gateway_id: _Optional[str] = ...) -> None: ...

class DownlinkTxAckItem(_message.Message):
    __slots__ = ["status"]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: TxAckStatus
    def __init__(self, status: _Optional[_Union[TxAckStatus, str]] = ...) -> None: ...

class DownlinkTxInfo(_message.Message):
    __slots__ = ["antenna", "board", "context", "frequency", "modulation", "power", "timing"]
    ANTENNA_FIELD_NUMBER: _ClassVar[int]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    MODULATION_FIELD_NUMBER: _ClassVar[int]
    POWER_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    antenna: int
    board: int
    context: bytes
    frequency: int
    modulation: Modulation
    power: int
    timing: Timing
    def __init__(self, frequency: _Optional[int] = ..., power: _Optional[int] = ..., modulation: _Optional[_Union[Modulation, _Mapping[str, object]]] = ..., board: _Optional[int] = ..., antenna: _Optional[int] = ..., timing: _Optional[_Union[Timing, _Mapping[str, object]]] = ..., context: _Optional[bytes] = ...) -> None: ...

class DutyCycleBand(_message.Message):
    __slots__ = ["frequency_max", "frequency_min", "load_max", "load_tracked", "name"]
    FREQUENCY_MAX_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_MIN_FIELD_NUMBER: _ClassVar[int]
    LOAD_MAX_FIELD_NUMBER: _ClassVar[int]
    LOAD_TRACKED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    frequency_max: int
    frequency_min: int
    load_max: _duration_pb2.Duration
    load_tracked: _duration_pb2.Duration
    name: str
    def __init__(self, name: _Optional[str] = ..., frequency_min: _Optional[int] = ..., frequency_max: _Optional[int] = ..., load_max: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., load_tracked: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ...) -> None: ...

class DutyCycleStats(_message.Message):
    __slots__ = ["bands", "regulation", "window"]
    BANDS_FIELD_NUMBER: _ClassVar[int]
    REGULATION_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    bands: _containers.RepeatedCompositeFieldContainer[DutyCycleBand]
    regulation: Regulation
    window: _duration_pb2.Duration
    def __init__(self, regulation: _Optional[_Union[Regulation, str]] = ..., window: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., bands: _Optional[_Iterable[_Union[DutyCycleBand, _Mapping[str, object]]]] = ...) -> None: ...

class EnvironmentEntry(_message.Message):
    __slots__ = ["key", "value"]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class FskModulationConfig(_message.Message):
    __slots__ = ["bandwidth", "bandwidth_legacy", "bitrate"]
    BANDWIDTH_FIELD_NUMBER: _ClassVar[int]
    BANDWIDTH_LEGACY_FIELD_NUMBER: _ClassVar[int]
    BITRATE_FIELD_NUMBER: _ClassVar[int]
    bandwidth: int
    bandwidth_legacy: int
    bitrate: int
    def __init__(self, bandwidth_legacy: _Optional[int] = ..., bitrate: _Optional[int] = ..., bandwidth: _Optional[int] = ...) -> None: ...

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
    exec_id: int
    gateway_id: str
    stdin: bytes
    def __init__(self, command: _Optional[str] = ..., stdin: _Optional[bytes] = ..., environment: _Optional[_Iterable[_Union[EnvironmentEntry, _Mapping[str, object]]]] = ..., gateway_id: _Optional[str] = ..., exec_id: _Optional[int] = ...) -> None: ...

class GatewayCommandExecResponse(_message.Message):
    __slots__ = ["error", "exec_id", "gateway_id", "stderr", "stdout"]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    EXEC_ID_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    STDOUT_FIELD_NUMBER: _ClassVar[int]
    error: str
    exec_id: int
    gateway_id: str
    stderr: bytes
    stdout: bytes
    def __init__(self, stdout: _Optional[bytes] = ..., stderr: _Optional[bytes] = ..., error: _Optional[str] = ..., gateway_id: _Optional[str] = ..., exec_id: _Optional[int] = ...) -> None: ...

class GatewayConfiguration(_message.Message):
    __slots__ = ["channels", "gateway_id", "stats_interval", "version"]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    STATS_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedCompositeFieldContainer[ChannelConfiguration]
    gateway_id: str
    stats_interval: _duration_pb2.Duration
    version: str
    def __init__(self, version: _Optional[str] = ..., channels: _Optional[_Iterable[_Union[ChannelConfiguration, _Mapping[str, object]]]] = ..., stats_interval: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., gateway_id: _Optional[str] = ...) -> None: ...

class GatewayStats(_message.Message):
    __slots__ = ["config_version", "duty_cycle_stats", "gateway_id", "location", "metadata", "rx_packets_per_frequency", "rx_packets_per_modulation", "rx_packets_received", "rx_packets_received_ok", "time", "tx_packets_emitted", "tx_packets_per_frequency", "tx_packets_per_modulation", "tx_packets_per_status", "tx_packets_received"]
    class MetadataEntry(_message.Message):
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
    DUTY_CYCLE_STATS_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    RX_PACKETS_PER_FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    RX_PACKETS_PER_MODULATION_FIELD_NUMBER: _ClassVar[int]
    RX_PACKETS_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    RX_PACKETS_RECEIVED_OK_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_EMITTED_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_PER_FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_PER_MODULATION_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_PER_STATUS_FIELD_NUMBER: _ClassVar[int]
    TX_PACKETS_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    config_version: str
    duty_cycle_stats: DutyCycleStats
    gateway_id: str
    location: Location
    metadata: _containers.ScalarMap[str, str]
    rx_packets_per_frequency: _containers.ScalarMap[int, int]
    rx_packets_per_modulation: _containers.RepeatedCompositeFieldContainer[PerModulationCount]
    rx_packets_received: int
    rx_packets_received_ok: int
    time: _timestamp_pb2.Timestamp
    tx_packets_emitted: int
    tx_packets_per_frequency: _containers.ScalarMap[int, int]
    tx_packets_per_modulation: _containers.RepeatedCompositeFieldContainer[PerModulationCount]
    tx_packets_per_status: _containers.ScalarMap[str, int]
    tx_packets_received: int
    def __init__(self, time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., location: _Optional[_Union[Location, _Mapping[str, object]]] = ..., config_version: _Optional[str] = ..., rx_packets_received: _Optional[int] = ..., rx_packets_received_ok: _Optional[int] = ..., tx_packets_received: _Optional[int] = ..., tx_packets_emitted: _Optional[int] = ..., metadata: _Optional[_Mapping[str, str]] = ..., tx_packets_per_frequency: _Optional[_Mapping[int, int]] = ..., rx_packets_per_frequency: _Optional[_Mapping[int, int]] = ..., tx_packets_per_modulation: _Optional[_Iterable[_Union[PerModulationCount, _Mapping[str, object]]]] = ..., rx_packets_per_modulation: _Optional[_Iterable[_Union[PerModulationCount, _Mapping[str, object]]]] = ..., tx_packets_per_status: _Optional[_Mapping[str, int]] = ..., gateway_id: _Optional[str] = ..., duty_cycle_stats: _Optional[_Union[DutyCycleStats, _Mapping[str, object]]] = ...) -> None: ...

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
    accuracy: float
    altitude: float
    latitude: float
    longitude: float
    source: LocationSource
    def __init__(self, latitude: _Optional[float] = ..., longitude: _Optional[float] = ..., altitude: _Optional[float] = ..., source: _Optional[_Union[LocationSource, str]] = ..., accuracy: _Optional[float] = ...) -> None: ...

class LoraModulationConfig(_message.Message):
    __slots__ = ["bandwidth", "bandwidth_legacy", "spreading_factors"]
    BANDWIDTH_FIELD_NUMBER: _ClassVar[int]
    BANDWIDTH_LEGACY_FIELD_NUMBER: _ClassVar[int]
    SPREADING_FACTORS_FIELD_NUMBER: _ClassVar[int]
    bandwidth: int
    bandwidth_legacy: int
    spreading_factors: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, bandwidth_legacy: _Optional[int] = ..., spreading_factors: _Optional[_Iterable[int]] = ..., bandwidth: _Optional[int] = ...) -> None: ...

class LoraModulationInfo(_message.Message):
    __slots__ = ["bandwidth", "code_rate", "no_crc", "polarization_inversion", "preamble", "spreading_factor"]
    BANDWIDTH_FIELD_NUMBER: _ClassVar[int]
    CODE_RATE_FIELD_NUMBER: _ClassVar[int]
    NO_CRC_FIELD_NUMBER: _ClassVar[int]
    POLARIZATION_INVERSION_FIELD_NUMBER: _ClassVar[int]
    PREAMBLE_FIELD_NUMBER: _ClassVar[int]
    SPREADING_FACTOR_FIELD_NUMBER: _ClassVar[int]
    bandwidth: int
    code_rate: CodeRate
    no_crc: bool
    polarization_inversion: bool
    preamble: int
    spreading_factor: int
    def __init__(self, bandwidth: _Optional[int] = ..., spreading_factor: _Optional[int] = ..., polarization_inversion: bool = ..., code_rate: _Optional[_Union[CodeRate, str]] = ..., preamble: _Optional[int] = ..., no_crc: bool = ...) -> None: ...

class LrFhssModulationInfo(_message.Message):
    __slots__ = ["code_rate", "grid_steps", "operating_channel_width"]
    CODE_RATE_FIELD_NUMBER: _ClassVar[int]
    GRID_STEPS_FIELD_NUMBER: _ClassVar[int]
    OPERATING_CHANNEL_WIDTH_FIELD_NUMBER: _ClassVar[int]
    code_rate: CodeRate
    grid_steps: int
    operating_channel_width: int
    def __init__(self, operating_channel_width: _Optional[int] = ..., grid_steps: _Optional[int] = ..., code_rate: _Optional[_Union[CodeRate, str]] = ...) -> None: ...

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

class RawPacketForwarderCommand(_message.Message):
    __slots__ = ["gateway_id", "payload"]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    gateway_id: str
    payload: bytes
    def __init__(self, payload: _Optional[bytes] = ..., gateway_id: _Optional[str] = ...) -> None: ...

class RawPacketForwarderEvent(_message.Message):
    __slots__ = ["gateway_id", "payload"]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    gateway_id: str
    payload: bytes
    def __init__(self, payload: _Optional[bytes] = ..., gateway_id: _Optional[str] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ["delay", "gps_epoch", "immediately"]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    GPS_EPOCH_FIELD_NUMBER: _ClassVar[int]
    IMMEDIATELY_FIELD_NUMBER: _ClassVar[int]
    delay: DelayTimingInfo
    gps_epoch: GPSEpochTimingInfo
    immediately: ImmediatelyTimingInfo
    def __init__(self, immediately: _Optional[_Union[ImmediatelyTimingInfo, _Mapping[str, object]]] = ..., delay: _Optional[_Union[DelayTimingInfo, _Mapping[str, object]]] = ..., gps_epoch: _Optional[_Union[GPSEpochTimingInfo, _Mapping[str, object]]] = ...) -> None: ...

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
    __slots__ = ["antenna", "board", "channel", "context", "crc_status", "fine_time_since_gps_epoch", "gateway_id", "gw_time", "location", "metadata", "rf_chain", "rssi", "snr", "time_since_gps_epoch", "uplink_id"]
    class MetadataEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ANTENNA_FIELD_NUMBER: _ClassVar[int]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CRC_STATUS_FIELD_NUMBER: _ClassVar[int]
    FINE_TIME_SINCE_GPS_EPOCH_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    GW_TIME_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    RF_CHAIN_FIELD_NUMBER: _ClassVar[int]
    RSSI_FIELD_NUMBER: _ClassVar[int]
    SNR_FIELD_NUMBER: _ClassVar[int]
    TIME_SINCE_GPS_EPOCH_FIELD_NUMBER: _ClassVar[int]
    UPLINK_ID_FIELD_NUMBER: _ClassVar[int]
    antenna: int
    board: int
    channel: int
    context: bytes
    crc_status: CRCStatus
    fine_time_since_gps_epoch: _duration_pb2.Duration
    gateway_id: str
    gw_time: _timestamp_pb2.Timestamp
    location: Location
    metadata: _containers.ScalarMap[str, str]
    rf_chain: int
    rssi: int
    snr: float
    time_since_gps_epoch: _duration_pb2.Duration
    uplink_id: int
    def __init__(self, gateway_id: _Optional[str] = ..., uplink_id: _Optional[int] = ..., gw_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., time_since_gps_epoch: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., fine_time_since_gps_epoch: _Optional[_Union[_duration_pb2.Duration, _Mapping[str, object]]] = ..., rssi: _Optional[int] = ..., snr: _Optional[float] = ..., channel: _Optional[int] = ..., rf_chain: _Optional[int] = ..., board: _Optional[int] = ..., antenna: _Optional[int] = ..., location: _Optional[_Union[Location, _Mapping[str, object]]] = ..., context: _Optional[bytes] = ..., metadata: _Optional[_Mapping[str, str]] = ..., crc_status: _Optional[_Union[CRCStatus, str]] = ...) -> None: ...

class UplinkTxInfo(_message.Message):
    __slots__ = ["frequency", "modulation"]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    MODULATION_FIELD_NUMBER: _ClassVar[int]
    frequency: int
    modulation: Modulation
    def __init__(self, frequency: _Optional[int] = ..., modulation: _Optional[_Union[Modulation, _Mapping[str, object]]] = ...) -> None: ...

class CodeRate(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()

class CRCStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()

class TxAckStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()

class LocationSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()

class Regulation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
