from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import wrappers_pb2 as _wrappers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
SOURCE_GPS: LocationSource
SOURCE_REGISTRY: LocationSource
SOURCE_UNKNOWN: LocationSource

class DataRate(_message.Message):
    __slots__ = ["fsk", "lora", "lrfhss"]
    FSK_FIELD_NUMBER: _ClassVar[int]
    LORA_FIELD_NUMBER: _ClassVar[int]
    LRFHSS_FIELD_NUMBER: _ClassVar[int]
    fsk: FSKDataRate
    lora: LoRaDataRate
    lrfhss: LRFHSSDataRate
    def __init__(self, lora: _Optional[_Union[LoRaDataRate, _Mapping[str, object]]] = ..., fsk: _Optional[_Union[FSKDataRate, _Mapping[str, object]]] = ..., lrfhss: _Optional[_Union[LRFHSSDataRate, _Mapping[str, object]]] = ...) -> None: ...

class DownlinkMessage(_message.Message):
    __slots__ = ["correlation_ids", "raw_payload", "scheduled"]
    CORRELATION_IDS_FIELD_NUMBER: _ClassVar[int]
    RAW_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_FIELD_NUMBER: _ClassVar[int]
    correlation_ids: _containers.RepeatedScalarFieldContainer[str]
    raw_payload: bytes
    scheduled: TxSettings
    def __init__(self, raw_payload: _Optional[bytes] = ..., scheduled: _Optional[_Union[TxSettings, _Mapping[str, object]]] = ..., correlation_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class FSKDataRate(_message.Message):
    __slots__ = ["bit_rate"]
    BIT_RATE_FIELD_NUMBER: _ClassVar[int]
    bit_rate: int
    def __init__(self, bit_rate: _Optional[int] = ...) -> None: ...

class GatewayDown(_message.Message):
    __slots__ = ["downlink_message"]
    DOWNLINK_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    downlink_message: DownlinkMessage
    def __init__(self, downlink_message: _Optional[_Union[DownlinkMessage, _Mapping[str, object]]] = ...) -> None: ...

class GatewayIdentifiers(_message.Message):
    __slots__ = ["eui", "gateway_id"]
    EUI_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    eui: bytes
    gateway_id: str
    def __init__(self, gateway_id: _Optional[str] = ..., eui: _Optional[bytes] = ...) -> None: ...

class GatewayStatus(_message.Message):
    __slots__ = ["antenna_locations", "boot_time", "metrics", "time", "versions"]
    class MetricsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class VersionsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ANTENNA_LOCATIONS_FIELD_NUMBER: _ClassVar[int]
    BOOT_TIME_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    antenna_locations: _containers.RepeatedCompositeFieldContainer[Location]
    boot_time: _timestamp_pb2.Timestamp
    metrics: _containers.ScalarMap[str, float]
    time: _timestamp_pb2.Timestamp
    versions: _containers.ScalarMap[str, str]
    def __init__(self, time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., boot_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., versions: _Optional[_Mapping[str, str]] = ..., antenna_locations: _Optional[_Iterable[_Union[Location, _Mapping[str, object]]]] = ..., metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...

class LRFHSSDataRate(_message.Message):
    __slots__ = ["coding_rate", "modulation_type", "operating_channel_width"]
    CODING_RATE_FIELD_NUMBER: _ClassVar[int]
    MODULATION_TYPE_FIELD_NUMBER: _ClassVar[int]
    OPERATING_CHANNEL_WIDTH_FIELD_NUMBER: _ClassVar[int]
    coding_rate: str
    modulation_type: int
    operating_channel_width: int
    def __init__(self, modulation_type: _Optional[int] = ..., operating_channel_width: _Optional[int] = ..., coding_rate: _Optional[str] = ...) -> None: ...

class LoRaDataRate(_message.Message):
    __slots__ = ["bandwidth", "coding_rate", "spreading_factor"]
    BANDWIDTH_FIELD_NUMBER: _ClassVar[int]
    CODING_RATE_FIELD_NUMBER: _ClassVar[int]
    SPREADING_FACTOR_FIELD_NUMBER: _ClassVar[int]
    bandwidth: int
    coding_rate: str
    spreading_factor: int
    def __init__(self, bandwidth: _Optional[int] = ..., spreading_factor: _Optional[int] = ..., coding_rate: _Optional[str] = ...) -> None: ...

class Location(_message.Message):
    __slots__ = ["accuracy", "altitude", "latitude", "longitude", "source"]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    ALTITUDE_FIELD_NUMBER: _ClassVar[int]
    LATITUDE_FIELD_NUMBER: _ClassVar[int]
    LONGITUDE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    accuracy: int
    altitude: int
    latitude: float
    longitude: float
    source: LocationSource
    def __init__(self, latitude: _Optional[float] = ..., longitude: _Optional[float] = ..., altitude: _Optional[int] = ..., accuracy: _Optional[int] = ..., source: _Optional[_Union[LocationSource, str]] = ...) -> None: ...

class RxMetadata(_message.Message):
    __slots__ = ["antenna_index", "channel_index", "channel_rssi", "fine_timestamp", "frequency_offset", "gateway_ids", "gps_time", "location", "rssi", "signal_rssi", "snr", "time", "timestamp"]
    ANTENNA_INDEX_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_INDEX_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_RSSI_FIELD_NUMBER: _ClassVar[int]
    FINE_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_OFFSET_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_IDS_FIELD_NUMBER: _ClassVar[int]
    GPS_TIME_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    RSSI_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_RSSI_FIELD_NUMBER: _ClassVar[int]
    SNR_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    antenna_index: int
    channel_index: int
    channel_rssi: float
    fine_timestamp: int
    frequency_offset: int
    gateway_ids: GatewayIdentifiers
    gps_time: _timestamp_pb2.Timestamp
    location: Location
    rssi: float
    signal_rssi: _wrappers_pb2.FloatValue
    snr: float
    time: _timestamp_pb2.Timestamp
    timestamp: int
    def __init__(self, gateway_ids: _Optional[_Union[GatewayIdentifiers, _Mapping[str, object]]] = ..., antenna_index: _Optional[int] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., timestamp: _Optional[int] = ..., fine_timestamp: _Optional[int] = ..., rssi: _Optional[float] = ..., channel_rssi: _Optional[float] = ..., snr: _Optional[float] = ..., frequency_offset: _Optional[int] = ..., location: _Optional[_Union[Location, _Mapping[str, object]]] = ..., signal_rssi: _Optional[_Union[_wrappers_pb2.FloatValue, _Mapping[str, object]]] = ..., channel_index: _Optional[int] = ..., gps_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ...) -> None: ...

class TxAcknowledgment(_message.Message):
    __slots__ = ["correlation_ids", "result"]
    class Result(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
    COLLISION_BEACON: TxAcknowledgment.Result
    COLLISION_PACKET: TxAcknowledgment.Result
    CORRELATION_IDS_FIELD_NUMBER: _ClassVar[int]
    GPS_UNLOCKED: TxAcknowledgment.Result
    RESULT_FIELD_NUMBER: _ClassVar[int]
    SUCCESS: TxAcknowledgment.Result
    TOO_EARLY: TxAcknowledgment.Result
    TOO_LATE: TxAcknowledgment.Result
    TX_FREQ: TxAcknowledgment.Result
    TX_POWER: TxAcknowledgment.Result
    UNKNOWN_ERROR: TxAcknowledgment.Result
    correlation_ids: _containers.RepeatedScalarFieldContainer[str]
    result: TxAcknowledgment.Result
    def __init__(self, correlation_ids: _Optional[_Iterable[str]] = ..., result: _Optional[_Union[TxAcknowledgment.Result, str]] = ...) -> None: ...

class TxSettings(_message.Message):
    __slots__ = ["data_rate", "downlink", "enable_crc", "frequency", "time", "timestamp"]
    class Downlink(_message.Message):
        __slots__ = ["antenna_index", "invert_polarization", "tx_power"]
        ANTENNA_INDEX_FIELD_NUMBER: _ClassVar[int]
        INVERT_POLARIZATION_FIELD_NUMBER: _ClassVar[int]
        TX_POWER_FIELD_NUMBER: _ClassVar[int]
        antenna_index: int
        invert_polarization: bool
        tx_power: float
        def __init__(self, antenna_index: _Optional[int] = ..., tx_power: _Optional[float] = ..., invert_polarization: bool = ...) -> None: ...
    DATA_RATE_FIELD_NUMBER: _ClassVar[int]
    DOWNLINK_FIELD_NUMBER: _ClassVar[int]
    ENABLE_CRC_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    data_rate: DataRate
    downlink: TxSettings.Downlink
    enable_crc: bool
    frequency: int
    time: _timestamp_pb2.Timestamp
    timestamp: int
    def __init__(self, data_rate: _Optional[_Union[DataRate, _Mapping[str, object]]] = ..., frequency: _Optional[int] = ..., enable_crc: bool = ..., timestamp: _Optional[int] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping[str, object]]] = ..., downlink: _Optional[_Union[TxSettings.Downlink, _Mapping[str, object]]] = ...) -> None: ...

class UplinkMessage(_message.Message):
    __slots__ = ["crc_status", "raw_payload", "rx_metadata", "settings"]
    CRC_STATUS_FIELD_NUMBER: _ClassVar[int]
    RAW_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    RX_METADATA_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    crc_status: _wrappers_pb2.BoolValue
    raw_payload: bytes
    rx_metadata: _containers.RepeatedCompositeFieldContainer[RxMetadata]
    settings: TxSettings
    def __init__(self, raw_payload: _Optional[bytes] = ..., settings: _Optional[_Union[TxSettings, _Mapping[str, object]]] = ..., rx_metadata: _Optional[_Iterable[_Union[RxMetadata, _Mapping[str, object]]]] = ..., crc_status: _Optional[_Union[_wrappers_pb2.BoolValue, _Mapping[str, object]]] = ...) -> None: ...

class LocationSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
