"""What a gateway is told, whatever file it came from: the values that the rest of it reads.

Everything here is a frozen value. `load` (load.py) makes it; nobody else needs to know of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hal.config import ConcentratorConfig
from hal.gpio import BoardLines

from ..packets import Position
from .links import NO_EUI, LinkSettings

if TYPE_CHECKING:
    from ..edge.config import EdgeConfig
    from ..page.settings import PageSettings


@dataclass(frozen=True, slots=True)
class Site:
    """Where the antenna stands; degrees and metres.

    With `fixed` (Semtech's `fake_gps`) this is reported even when GPS has a fix; without it, it
    goes into beacons only (semtech-udp.md 2.5).
    """

    latitude_deg: float = 0.0
    longitude_deg: float = 0.0
    altitude_m: int = 0
    fixed: bool = False

    @property
    def position(self) -> Position | None:
        """The place, if one was given: nobody's antenna floats at 0 north, 0 east."""
        if not (self.latitude_deg or self.longitude_deg):
            return None
        return Position(self.latitude_deg, self.longitude_deg, self.altitude_m)


@dataclass(frozen=True, slots=True)
class GpsSettings:
    """A receiver: its serial device, or `gpsd://host:port`; `kind` as hal.gps.receiver.Kind."""

    source: str
    kind: str = "auto"
    baud: int = 9600


@dataclass(frozen=True, slots=True)
class BeaconSettings:
    """Class B beacons (semtech-udp.md 2.11). A `period_s` of 0 turns them off.

    `power_dbm` is conducted: the antenna gain is not subtracted from it.
    """

    period_s: int = 0
    freq_hz: int = 869_525_000
    channels: int = 1
    step_hz: int = 0
    sf: int = 9
    bw_hz: int = 125_000
    power_dbm: int = 14
    info_descriptor: int = 0


@dataclass(frozen=True, slots=True)
class TxBand:
    """A stretch of spectrum and what the regulator allows in it.

    Includes `min_hz`, excludes `max_hz`. `duty_cycle` is a fraction (1.0: no limit) over an hour;
    `dwell_ms` the longest emission (0: no limit). `name` is the standard's, if it has one.
    """

    min_hz: int
    max_hz: int
    max_eirp_dbm: float
    duty_cycle: float = 1.0
    dwell_ms: int = 0
    name: str = ""

    @property
    def label(self) -> str:
        span = f"{self.min_hz / 1e6:g}-{self.max_hz / 1e6:g} MHz"
        return f"{self.name} ({span})" if self.name else span


ETSI = "ETSI EN 300 220"
STANDARDS = {"EU868": ETSI, "EU433": ETSI}  # by region; config/regions says where all come from


@dataclass(frozen=True, slots=True)
class Limits:
    """The region's rules for transmitting. Empty `bands`: no region is known, nothing is limited.

    `lbt_required` says that the region demands listen before talk: without it nothing is sent,
    unless `allow_without_lbt` puts that at the owner's risk. `standard` is where the bands' limits
    are from, for servers that have a word for it.
    """

    bands: tuple[TxBand, ...] = ()
    enforce_duty_cycle: bool = False
    enforce_dwell_time: bool = False
    enforce_eirp: bool = False
    lbt_required: bool = False
    allow_without_lbt: bool = False
    standard: str = ""

    @property
    def lbt_demanded(self) -> bool:
        """Whether silence is better than an emission that nobody listened before."""
        return self.lbt_required and not self.allow_without_lbt

    @property
    def enforced(self) -> bool:
        """Whether any of them is more than counted; then nothing leaves outside the bands."""
        return self.enforce_duty_cycle or self.enforce_dwell_time or self.enforce_eirp

    def band(self, freq_hz: int) -> TxBand | None:
        """The band that holds `freq_hz`, or None."""
        return next((band for band in self.bands if band.min_hz <= freq_hz < band.max_hz), None)


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """What is done about a radio that fails or falls silent.

    After `exit_after` failures in a row the program ends (0: never). `canary_dev_addr` (8 hex
    digits, empty for none) sends every `canary_every_s`; when it is missed the radio is restarted.
    """

    exit_after: int = 12
    canary_dev_addr: str = ""
    canary_every_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """A whole, checked configuration.

    `radio_uri` is what `hal.transport.open` takes. `lines` are the board's GPIO lines, None where
    it has none (USB, simulated). `antenna_gain_dbi` is net of cable loss: conducted power is the
    EIRP asked for minus this. `eui` is "auto", "chip", "mac" or 16 lower-case hex digits
    (`identity.choose` decides). `page` is the status page and `edge` local mode, None without it.
    `sources` names the origin of every value of `settings` by its dotted key; `settings` are the
    values as the file format writes them.
    """

    path: Path
    concentrator: ConcentratorConfig
    radio_uri: str
    lines: BoardLines | None = None
    antenna_gain_dbi: float = 0.0
    eui: str = "auto"
    servers: tuple[LinkSettings, ...] = ()
    site: Site = field(default_factory=Site)
    gps: GpsSettings | None = None
    beacon: BeaconSettings = field(default_factory=BeaconSettings)
    limits: Limits = field(default_factory=Limits)
    health: HealthSettings = field(default_factory=HealthSettings)
    spool_dir: str = ""
    page: PageSettings | None = None
    board: str | None = None
    region: str | None = None
    edge: EdgeConfig | None = None
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def gps_tty(self) -> str | None:
        """The receiver's serial device; None without one, as with gpsd."""
        return None if self.gps is None or self.gps.kind == "gpsd" else self.gps.source

    @property
    def position(self) -> Position | None:
        """What to report while GPS tells nothing better: None unless the file says so."""
        site = self.site
        if not site.fixed:
            return None
        return Position(site.latitude_deg, site.longitude_deg, site.altitude_m)

    def silence(self, lbt_fault: str | None = None) -> str:
        """Why nothing may be sent, "" where something may.

        `lbt_fault` is what is wrong with the listening radio, if it was set up and failed.
        """
        sx1261 = self.concentrator.sx1261
        listens = sx1261 is not None and sx1261.lbt_enable
        if listens and lbt_fault and sx1261 is not None and sx1261.lbt_needed:
            return (
                f"listen before talk does not work: {lbt_fault}; nothing is sent without it"
                " (at your own risk: limits.allow_without_lbt = true)"
            )
        if self.limits.lbt_demanded and not listens:
            return (
                f"{self.region or 'the region'} demands listen before talk, which is off: set "
                "sx1261.lbt = true if the board has an SX1261, or, at your own risk, "
                "limits.allow_without_lbt = true"
            )
        return ""

    def servers_for(self, eui: str) -> tuple[LinkSettings, ...]:
        """The servers, with `eui` (16 hex digits) for those that have none of their own."""
        return tuple(
            replace(server, eui=eui) if server.eui == NO_EUI else server for server in self.servers
        )
