"""From the configuration of local mode to its parts, joined: the composition root of `edge`."""

from __future__ import annotations

import asyncio
import gc
import logging
from dataclasses import dataclass, replace
from functools import partial
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
from .values import KeyNews, LocalDownlink, Record, Sink, Vault

if TYPE_CHECKING:
    from ..spool.spool import Spool
    from .codec.host import CodecHost
    from .codec.script import Script
    from .sources.join_servers import JoinServers
    from .standalone.open import Site
    from .standalone.server import StandaloneServer
    from .standalone.values import DownlinkState

log = logging.getLogger(__name__)

DATABASE = "edge.sqlite3"
STANDALONE_DATABASE = "standalone.sqlite3"


@dataclass(slots=True)
class Parts:
    """What runs: the observer with its sources and sinks, and in its modes the network server."""

    observer: EdgeObserver
    standalone: StandaloneServer | None = None

    def tell(self, news: KeyNews) -> None:
        """Keys go to the session that wants them: one made here, or one of a network server.

        From the loop's thread.
        """
        if self.standalone is None or not self.standalone.key_news(news):
            self.observer.key_news(news)


def open_edge(config: EdgeConfig, gateway: str) -> EdgeObserver:
    """The observer alone."""
    return open_parts(config, gateway).observer


def open_parts(
    config: EdgeConfig,
    gateway: str,
    site: Site | None = None,
    spool: Spool[Record] | None = None,
) -> Parts:
    """The parts of local mode, to be called in the loop that runs them.

    Without `site` there is no network server, whatever the mode. `spool` keeps records through a
    sink's outage; without it they wait in memory only. Raises ConfigError for files that
    are missing or wrong.
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
    sinks = [_sink(sink, gateway, spool) for sink in config.sinks]
    codecs = _codecs() if scripts else None
    observer = EdgeObserver(
        mode,
        Publisher(sinks, codecs, scripts),
        Store(database),
        sinks=sinks,
        reserve=settings.counter_reserve,
        slow_keys=settings.keks.token is not None,
    )
    parts = Parts(observer)
    joins = _sources(config, parts)
    if site is not None and settings.mode != "observe":
        parts.standalone = _standalone(config, gateway, site, observer, vault, joins, sinks)
        if codecs is not None:
            parts.standalone.encode = partial(_encoded, codecs, scripts)
    else:
        for sink in _hearing(sinks):
            sink.serve(_not_here)
    # What was read stays as long as the process: the collector need not walk through it again.
    gc.collect()
    gc.freeze()
    return parts


def _sources(config: EdgeConfig, parts: Parts) -> JoinServers | None:
    """Open them all; those that let devices join, if there are any."""
    loop, observer = asyncio.get_running_loop(), parts.observer

    def tell(news: KeyNews) -> None:
        """From whatever thread; keys that are pushed may be of a session made here, too."""
        loop.call_soon_threadsafe(parts.tell, news)

    asked, joins = [], []
    for one in config.sources:
        if _tag(one) == "join_server":
            from .sources.join_server import JoinServerClient

            client = JoinServerClient(one, parts.tell)
            observer.sources.append(client)
            asked += [client] if one.as_id else []
            joins += [client] if one.net_id else []
        else:
            from .sources.open import open_source

            observer.sources.append(open_source(one, tell))
    if not asked and not joins:
        return None
    from .sources.join_servers import JoinServers

    observer.asker = JoinServers(asked) if asked else None
    return JoinServers(joins) if joins else None


def _standalone(
    config: EdgeConfig,
    gateway: str,
    site: Site,
    observer: EdgeObserver,
    vault: Vault,
    joins: JoinServers | None,
    sinks: list[Sink],
) -> StandaloneServer:
    from .standalone.open import open_standalone

    settings = config.settings.standalone
    hearing = _hearing(sinks)

    def tell(state: DownlinkState) -> None:
        words = f"{state.state.value}: {state.why}" if state.why else state.state.value
        for sink in hearing:
            sink.tell(state.downlink.dev_eui, words, state.downlink.reference)

    server = open_standalone(
        settings,
        site,
        gateway,
        fallback=config.settings.mode == "fallback",
        devices=observer.mode.enrolment.devices,
        vault=vault,
        join_server=joins,
        asker=observer.asker,
        path=config.path(settings.store) if settings.store else data_dir() / STANDALONE_DATABASE,
        publish=observer.publisher.publish,
        tell=tell,
    )
    for sink in hearing:
        sink.serve(server.take)
    return server


def _hearing(sinks: list[Sink]) -> list[Any]:
    """The sinks that downlinks can come from."""
    return [sink for sink in sinks if hasattr(sink, "serve")]


def _not_here(downlink: LocalDownlink) -> str:
    """Beside a network server its counters are its own: two that number frames lose frames."""
    raise ValueError(
        "this gateway only observes: give the downlink to the network server, which numbers them, "
        "or use edge.mode standalone or fallback"
    )


async def _encoded(
    codecs: CodecHost, scripts: dict[str, Script], downlink: LocalDownlink
) -> LocalDownlink:
    """An object made bytes by the device's codec. Raises ValueError with the codec's words."""
    script = scripts.get(downlink.dev_eui)
    if script is None:
        raise ValueError("this device has no codec that could encode an object")
    made = await codecs.encode(script, downlink.fport, downlink.decoded)
    if made.payload is None:
        raise ValueError("; ".join(made.errors) or "the codec made no bytes")
    fport = downlink.fport if made.fport is None else made.fport
    return replace(downlink, payload=made.payload, decoded=None, fport=fport)


def _tag(settings: Any) -> str:
    return str(settings.__struct_config__.tag)


def _sink(settings: Any, gateway: str, spool: Spool[Record] | None) -> Sink:
    module, _, name = SINKS[_tag(settings)]
    kind = getattr(import_module(f"{__package__}.{module}"), name)
    sink: Sink = kind(settings, gateway, spool=spool)
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
