"""Configuration: our TOML or Semtech's JSON, with boards and regions, as one checked value."""

from .links import NO_EUI, LinkSettings
from .load import find, load, loads
from .model import (
    BeaconSettings,
    GatewayConfig,
    Limits,
    Site,
    TxBand,
)

__all__ = [
    "NO_EUI",
    "BeaconSettings",
    "GatewayConfig",
    "Limits",
    "LinkSettings",
    "Site",
    "TxBand",
    "find",
    "load",
    "loads",
]
