"""An SX1302/SX1303 concentrator for Python programs; see `Concentrator` for all that it does.

    from hal import Concentrator, TxFrame, open_transport

Values and errors are imported at once; the driver and the transports when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .clock import Clock, ManualClock, SystemClock
from .config import (
    ConcentratorConfig,
    FineTimestamp,
    FskChannel,
    LbtChannel,
    LoraStdChannel,
    MultiSfChannel,
    RadioConfig,
    RadioKind,
    ScanConfig,
    Sx1261Config,
    TxGain,
)
from .errors import (
    ChipError,
    DeviceBusy,
    FirmwareError,
    HalError,
    StartError,
    TransportError,
    TxRefusal,
    TxRefused,
)
from .frames import AtCounter, Crc, Immediate, OnPps, RxFrame, TxFrame, TxReceipt, TxState
from .modulation import Cw, Fsk, LoRa
from .spectrum import SpectrumReport

if TYPE_CHECKING:
    from .airtime import airtime_us
    from .concentrator import Concentrator, Reception
    from .sx1302.firmware import Firmware
    from .sx1302.health import Health
    from .sx1302.rx_record import Damage
    from .transport.base import Transport
    from .transport.open import open_transport

__all__ = [
    "AtCounter",
    "ChipError",
    "Clock",
    "Concentrator",
    "ConcentratorConfig",
    "Crc",
    "Cw",
    "Damage",
    "DeviceBusy",
    "FineTimestamp",
    "Firmware",
    "FirmwareError",
    "Fsk",
    "FskChannel",
    "HalError",
    "Health",
    "Immediate",
    "LbtChannel",
    "LoRa",
    "LoraStdChannel",
    "ManualClock",
    "MultiSfChannel",
    "OnPps",
    "RadioConfig",
    "RadioKind",
    "Reception",
    "RxFrame",
    "ScanConfig",
    "SpectrumReport",
    "StartError",
    "Sx1261Config",
    "SystemClock",
    "Transport",
    "TransportError",
    "TxFrame",
    "TxGain",
    "TxReceipt",
    "TxRefusal",
    "TxRefused",
    "TxState",
    "airtime_us",
    "open_transport",
]

_LATER = {
    "airtime_us": ".airtime",
    "Concentrator": ".concentrator",
    "Reception": ".concentrator",
    "Firmware": ".sx1302.firmware",
    "Health": ".sx1302.health",
    "Damage": ".sx1302.rx_record",
    "Transport": ".transport.base",
    "open_transport": ".transport.open",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_LATER[name], __name__), name)
    globals()[name] = value
    return value
