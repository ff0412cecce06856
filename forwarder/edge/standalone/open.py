"""From the configuration to a standalone server: what it needs of the gateway, joined."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hal.config import ConcentratorConfig

from ...errors import ConfigError
from ...links.base import Schedule
from ...lorawan.region import Region
from ..session import Device
from ..values import KeyAsker, Record, Vault
from .core import StandaloneCore
from .server import JoinAsker, StandaloneServer, random_below
from .settings import StandaloneSettings
from .store import StandaloneStore
from .values import DownlinkState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """What the gateway gives. `lns_up` says whether any network server answers now."""

    schedule: Schedule
    region: str
    concentrator: ConcentratorConfig
    lns_up: Callable[[], bool]


def open_standalone(
    settings: StandaloneSettings,
    site: Site,
    gateway: str,
    *,
    fallback: bool,
    devices: Mapping[str, Device],
    vault: Vault,
    join_server: JoinAsker | None,
    asker: KeyAsker | None,
    path: Path,
    publish: Callable[[Record], None],
    tell: Callable[[DownlinkState], None],
) -> StandaloneServer:
    """Raises ConfigError for what no standalone server could run with."""
    if join_server is None:
        raise ConfigError(
            '[edge]: mode "standalone" or "fallback" lets devices join through a Join Server: '
            '[[edge.source]] type = "join_server" with net_id expected'
        )
    try:
        region = settings.region_of(site.region.upper().removesuffix("-JP"))
        settings = fitted(settings, region, heard_hz(site.concentrator))
    except ValueError as error:
        raise ConfigError(f"[edge.standalone]: {error}") from None
    core = StandaloneCore(settings, region, devices, vault, site.schedule, random_below)
    core.gateway = gateway
    log.info("standalone: a network server for one site: %s, %s", region.name, settings.net_id)
    return StandaloneServer(
        core,
        StandaloneStore(path),
        join_server,
        publish=publish,
        tell=tell,
        asker=asker,
        lns_up=site.lns_up if fallback else None,
        fallback_after_s=settings.fallback_after_s,
        time_of=settings.time,
        leap_seconds=settings.leap_seconds,
    )


def heard_hz(config: ConcentratorConfig) -> list[int]:
    """The frequencies that the gateway's eight channels listen on."""
    return [
        config.radios[channel.radio].freq_hz + channel.if_hz
        for channel in config.multi_sf
        if channel.enable
    ]


def fitted(settings: StandaloneSettings, region: Region, heard: list[int]) -> StandaloneSettings:
    """Settings that tell devices of the channels that are heard here, where nothing else is set."""
    if settings.channels_hz or settings.sub_band:
        return settings
    if not region.fixed_channels:
        known = {channel.freq_hz for channel in region.channels}
        more = tuple(freq for freq in heard if freq not in known and freq % 100 == 0)[:5]
        return msgspec.structs.replace(settings, channels_hz=more)
    index = {channel.freq_hz: number for number, channel in enumerate(region.channels)}
    bands = {index[freq] // 8 for freq in heard if freq in index}
    if len(bands) != 1:
        raise ValueError(
            f"the gateway's channels are not one sub-band of {region.name}: set sub_band"
        )
    return msgspec.structs.replace(settings, sub_band=bands.pop() + 1)
