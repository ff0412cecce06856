"""From the configuration of local mode to its parts, joined: the composition root of `edge`."""

from __future__ import annotations

import gc
import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hal.firmware_store import data_dir

from ..errors import ConfigError
from .config import SINKS, DeviceSettings, EdgeConfig, make_devices
from .errors import EdgeError
from .hardening import harden
from .kek_store import open_vault
from .keks import SourceKeys
from .lifecycle import Enrolment
from .local import LocalMode
from .observer import EdgeObserver
from .publisher import Publisher
from .store import Store
from .values import Sink

if TYPE_CHECKING:
    from .codec.script import Script

log = logging.getLogger(__name__)

DATABASE = "edge.sqlite3"


def open_edge(config: EdgeConfig, gateway: str) -> EdgeObserver:
    """The observer with its sources and sinks, to be called in the loop that runs it.

    Raises ConfigError for files that are missing or wrong.
    """
    log.info("local mode: %s", harden())
    settings = config.settings
    try:
        vault = open_vault(settings.keks)
        for source in config.sources:
            if hasattr(source, "kek"):
                keys = SourceKeys(kek=source.kek, allow_clear=source.allow_clear)
                vault.allow(source.name, keys)
        settings_of = config.all_devices()
        scripts = _scripts(config, settings_of)
    except EdgeError as error:
        raise ConfigError(f"[edge]: {error}") from error
    mode = LocalMode(
        Enrolment(make_devices(settings_of), vault),
        vault,
        unknown=settings.publish_unknown,
        repeats=settings.publish_repeats,
        expecting=any(_tag(source) != "static" for source in config.sources),
        hold_s=settings.hold_s,
    )
    mode.gateway = gateway
    del settings_of  # what they say is in the devices now
    database = config.path(settings.database) if settings.database else data_dir() / DATABASE
    sinks = [_sink(sink, gateway) for sink in config.sinks]
    observer = EdgeObserver(
        mode,
        Publisher(sinks, _codecs() if scripts else None, scripts),
        Store(database),
        sinks=sinks,
        reserve=settings.counter_reserve,
    )
    for one in config.sources:
        if _tag(one) == "join_server":
            from .sources.join_server import JoinServerClient

            observer.asker = client = JoinServerClient(one, observer.tell)
            observer.sources.append(client)
        else:
            from .sources.open import open_source

            observer.sources.append(open_source(one, observer.tell))
    # What was read stays as long as the process: the collector need not walk through it again.
    gc.collect()
    gc.freeze()
    return observer


def _tag(settings: Any) -> str:
    return str(settings.__struct_config__.tag)


def _sink(settings: Any, gateway: str) -> Sink:
    module, _, name = SINKS[_tag(settings)]
    sink: Sink = getattr(import_module(f"{__package__}.{module}"), name)(settings, gateway)
    return sink


def _codecs() -> Any:
    from .codec.host import CodecHost, missing

    if why := missing():
        log.warning("records will have bytes only: %s", why)
    return CodecHost()


def _scripts(config: EdgeConfig, devices: list[DeviceSettings]) -> dict[str, Script]:
    """The codec of each device that has one; a file that many share is read once."""
    named = {device.dev_eui.lower(): device.codec for device in devices if device.codec}
    if not named:
        return {}
    from .codec.script import Script

    read = {name: Script.read(config.path(name)) for name in set(named.values())}
    return {eui: read[name] for eui, name in named.items()}
