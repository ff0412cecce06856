"""Configuration: our TOML or Semtech's JSON, with boards and regions, as one checked value."""

from .load import load, loads
from .model import (
    NO_EUI,
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
    "Site",
    "TxBand",
    "load",
    "loads",
]
