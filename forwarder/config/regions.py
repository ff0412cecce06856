"""Region files: channel plans and limits, turned into a layer of settings.

A region file is facts about a country's spectrum; it knows no board. Its form is `RegionFile`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..errors import ConfigError
from . import data, toml_file
from .base import Bandwidth, Dbm, Hz, SpreadingFactor, Strict
from .layers import Layer, Table
from .names import nearest, shown
from .schema import Band

LBT_BANDWIDTHS_HZ = (125_000, 250_000)  # what an SX1261 can listen to
ALIASES = {"as923": "as923-1", "as923-japan": "as923-1-jp", "as923-jp": "as923-1-jp"}


class ServiceChannel(Strict, frozen=True):
    freq_hz: Hz
    bw_hz: Bandwidth
    sf: SpreadingFactor


class FskChannel(Strict, frozen=True):
    freq_hz: Hz
    bw_hz: Bandwidth
    bitrate_bps: int


class Plan(Strict, frozen=True):
    """Where two radios stand, and what is heard: absolute frequencies, in channel order."""

    radio_0_hz: Hz
    multi_sf_hz: Annotated[tuple[Hz, ...], Meta(min_length=1, max_length=8)]
    radio_1_hz: Hz | None = None
    lora_std: ServiceChannel | None = None
    fsk: FskChannel | None = None


class TxRange(Strict, frozen=True):
    min_hz: Hz
    max_hz: Hz


class RegionLimits(Strict, frozen=True):
    bands: Annotated[tuple[Band, ...], Meta(min_length=1)]
    lbt_required: bool = False
    enforce_dwell_time: bool = False


class RegionLbt(Strict, frozen=True):
    """How a gateway listens before it talks. The channels are the plan's, and RX2's."""

    rssi_target_dbm: Dbm
    scan_time_us: Literal[128, 5000]
    transmit_time_ms: Annotated[int, Meta(ge=2, le=65_535)]


class Rx2(Strict, frozen=True):
    freq_hz: Hz
    sf: SpreadingFactor
    bw_hz: Bandwidth


class RegionBeacon(Strict, frozen=True):
    freq_hz: Hz
    sf: SpreadingFactor
    bw_hz: Bandwidth
    channels: int = 1
    step_hz: Hz = 0


class RegionFile(Strict, frozen=True):
    """One file of `config/regions`: either `plan` or `sub_bands` with a default."""

    name: str
    tx: TxRange
    limits: RegionLimits
    rx2: Rx2
    beacon: RegionBeacon
    lbt: RegionLbt | None = None
    plan: Plan | None = None
    sub_bands: dict[str, Plan] = msgspec.field(default_factory=dict)
    default_sub_band: int = 0


@dataclass(frozen=True, slots=True)
class Region:
    """A region with one plan chosen."""

    file: RegionFile
    plan: Plan
    sub_band: int | None
    warning: str = ""

    @property
    def name(self) -> str:
        return self.file.name

    def layer(self) -> Layer:
        """The settings that the region decides."""
        place = f"region {self.name}"
        if self.sub_band is not None:
            place += f", sub-band {self.sub_band}"
        return Layer(self._table(), lambda key: place)

    def _table(self) -> Table:
        plan, file = self.plan, self.file
        table: Table = {
            "radio_0": {
                "enable": True,
                "freq_hz": plan.radio_0_hz,
                "tx_enable": True,
                "tx_freq_min_hz": file.tx.min_hz,
                "tx_freq_max_hz": file.tx.max_hz,
            },
            "multi_sf": [{"freq_hz": freq_hz} for freq_hz in plan.multi_sf_hz],
            "beacon": msgspec.to_builtins(file.beacon),
            "limits": {
                "enforce_duty_cycle": any(band.duty_cycle < 1 for band in file.limits.bands),
                "enforce_dwell_time": file.limits.enforce_dwell_time,
                "enforce_eirp": True,
                "lbt_required": file.limits.lbt_required,
                "bands": msgspec.to_builtins(file.limits.bands),
            },
        }
        if plan.radio_1_hz is not None:
            table["radio_1"] = {"enable": True, "freq_hz": plan.radio_1_hz}
        if plan.lora_std is not None:
            table["lora_std"] = {"enable": True, **msgspec.to_builtins(plan.lora_std)}
        if plan.fsk is not None:
            table["fsk"] = {"enable": True, **msgspec.to_builtins(plan.fsk)}
        if file.lbt is not None:
            table["sx1261"] = _listening(file.lbt, plan, file.rx2)
        return table


def _listening(lbt: RegionLbt, plan: Plan, rx2: Rx2) -> Table:
    """Settings of the SX1261: every channel that a downlink may be asked for on."""
    places = {(freq_hz, 125_000) for freq_hz in plan.multi_sf_hz} | {(rx2.freq_hz, rx2.bw_hz)}
    if plan.lora_std is not None:
        places.add((plan.lora_std.freq_hz, plan.lora_std.bw_hz))
    times = {"scan_time_us": lbt.scan_time_us, "transmit_time_ms": lbt.transmit_time_ms}
    return {
        "lbt_rssi_target_dbm": lbt.rssi_target_dbm,
        "lbt_channels": [
            {"freq_hz": freq_hz, "bw_hz": bw_hz, **times}
            for freq_hz, bw_hz in sorted(places)
            if bw_hz in LBT_BANDWIDTHS_HZ
        ],
    }


def read(name: str) -> RegionFile:
    """The region file called `name`, in any case. Raises ConfigError with the nearest name."""
    stem = name.lower().replace("_", "-")
    stem = ALIASES.get(stem, stem)
    known = data.names("regions")
    if stem not in known:
        hint = nearest(stem, known).replace("'", '"')
        listed = ", ".join(word.upper() for word in known)
        raise ConfigError(f"region = {shown(name)} is not known{hint} (known: {listed})")
    path = data.path("regions", stem)
    return convert_file(path.name, toml_file.parse(toml_file.read_text(path), str(path)))


def convert_file(name: str, table: Table) -> RegionFile:
    """A parsed region file as values. Raises ConfigError."""
    try:
        return msgspec.convert(table, RegionFile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"regions/{name}: {error}") from error


def choose(name: str, sub_band: int | None) -> Region:
    """The region and its plan. Raises ConfigError for a sub-band that it does not have."""
    file = read(name)
    if file.plan is not None:
        if sub_band is not None:
            raise ConfigError(f"sub_band = {sub_band}: {file.name} has no sub-bands; remove it")
        return Region(file, file.plan, None)
    number = file.default_sub_band if sub_band is None else sub_band
    if str(number) not in file.sub_bands:
        raise ConfigError(f"sub_band = {number}: {file.name} has 1 to {len(file.sub_bands)}")
    warning = ""
    if sub_band is None:
        warning = (
            f"no sub_band is given: using sub-band {number} of {file.name} "
            f"(1 to {len(file.sub_bands)}); devices must use the same"
        )
    return Region(file, file.sub_bands[str(number)], number, warning)
