"""How each part of a gateway is made from its configuration.

What a kind of part needs is imported where one is configured: a gateway loads nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from hal.clock import Clock
from hal.concentrator import Concentrator
from hal.transport.open import open_transport

from .config import GatewayConfig, LinkSettings
from .errors import ConfigError
from .lean import paho_without_proxies, protobuf_without_python
from .links.base import RadioFacts, Schedule
from .links.feed import Feed
from .links.filters import Heads
from .links.meter import Meter
from .links.mqtt.settings import MqttSettings
from .links.semtech_udp.settings import UdpSettings
from .links.settings import OutagePolicy
from .packets import Uplink
from .radio.radio_thread import OpenRadio, RadioThread

if TYPE_CHECKING:
    from .app import Gateway
    from .links.mqtt.commands import OnPlan
    from .page.server import PageServer
    from .scheduling.beaconing import Beaconing
    from .spool.spool import Spool
    from .timing.service import GpsService


def open_gps(config: GatewayConfig, radio: RadioThread, clock: Clock) -> GpsService | None:
    """The receiver, where one is configured; nothing of it is loaded otherwise."""
    if config.gps is None:
        return None
    from .timing.service import GpsService

    return GpsService(config.gps, radio, clock)


def open_beacons(gateway: Gateway) -> Beaconing | None:
    """Class B beacons, where they are configured; they need the time of `open_gps`."""
    config = gateway.config
    if not config.beacon.period_s:
        return None
    from .scheduling.beaconing import Beaconing

    return Beaconing(config.beacon, config.site.position, gateway)


def open_page(gateway: Gateway) -> PageServer | None:
    """The status page, where one is configured, with a ring of frames to capture from."""
    if gateway.config.page is None:
        return None
    from .capture.ring import CaptureRing

    try:
        from .page.server import open_server
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"page.listen needs {error.name}, which is not installed: pip install 'edgemast[page]'"
        ) from None

    public = gateway.config.concentrator.public
    gateway.watching.ring = CaptureRing(gateway.radio.now_us, public=public)
    return open_server(gateway.config.page, gateway)


def radio_opener(config: GatewayConfig, uri: str) -> OpenRadio:
    """How the radio thread gets its concentrator, at first and after every failure."""
    sx1261 = config.concentrator.sx1261
    sx1261_path = sx1261.spi_path if sx1261 else None

    def open_radio(line_start_us: int | None, hold_s: float) -> Concentrator:
        transport = open_transport(uri, lines=config.lines, sx1261_path=sx1261_path)
        try:
            if hold_s:
                transport.reset(hold_s)
        except BaseException:
            transport.close()  # or its lock would say for ever that somebody has the board
            raise
        return Concentrator(transport, config.concentrator, line_start_us=line_start_us)

    return open_radio


def is_kept(settings: LinkSettings) -> bool:
    """Whether a server's uplinks have a keeper: over MQTT always, over UDP if it is to be known
    what an outage cost, or to be sent afterwards."""
    if isinstance(settings, MqttSettings):
        return True
    return settings.feed.outage.policy is not OutagePolicy.DROP and settings.dialect.replays


def make_links(
    servers: Iterable[LinkSettings],
    facts: RadioFacts,
    schedule: Schedule,
    spool: Spool[Uplink] | None = None,
    on_plan: OnPlan | None = None,
) -> Iterator[Feed]:
    """One link for each configured server; what a kind needs is imported when it is configured.

    `on_plan` is told the channel plans of servers that may push them.

    `spool` keeps uplinks through an outage; without it those of MQTT wait in memory only.
    """
    heads = Heads()
    servers = tuple(servers)
    _prepare_libraries([one for one in servers if isinstance(one, MqttSettings)])
    for settings in servers:
        meter = Meter(most_a_day=settings.feed.bytes_per_day)
        if isinstance(settings, UdpSettings):
            yield _udp(settings, facts, schedule, heads, meter, spool)
        else:
            yield _mqtt(settings, facts, schedule, heads, meter, spool, on_plan)


def _prepare_libraries(servers: Sequence[MqttSettings]) -> None:
    """Before any link imports them: without what none of them uses."""
    if servers:
        with suppress(ImportError):  # told, with what to install, where the link is made
            paho_without_proxies(tls=any(one.wants_tls for one in servers))
            protobuf_without_python()


def _udp(
    settings: UdpSettings,
    facts: RadioFacts,
    schedule: Schedule,
    heads: Heads,
    meter: Meter,
    spool: Spool[Uplink] | None,
) -> Feed:
    """One server over UDP; its uplinks have a keeper if it is to be sent what waited."""
    from .links.semtech_udp.kept import RESEND_S, most_tries
    from .links.semtech_udp.link import SemtechUdpLink

    carries = settings.carries
    if spool is None or not is_kept(settings):
        link = SemtechUdpLink(settings, facts, schedule, meter=meter)
        return Feed(link, settings.feed, heads, carries=carries, meter=meter)
    courier = spool.courier(
        settings.name,
        settings.feed.outage,
        resend_s=RESEND_S,
        most_tries=most_tries(settings.keepalive_s),
    )
    link = SemtechUdpLink(
        settings, facts, schedule, meter=meter, courier=courier, now_us=facts.now_us
    )
    courier.attach(link)
    return Feed(link, settings.feed, heads, keeper=courier, carries=carries, meter=meter)


def _mqtt(
    settings: MqttSettings,
    facts: RadioFacts,
    schedule: Schedule,
    heads: Heads,
    meter: Meter,
    spool: Spool[Uplink] | None,
    on_plan: OnPlan | None,
) -> Feed:
    """One server behind a broker; its uplinks always have a keeper."""
    from .links.mqtt.link import MqttLink
    from .links.mqtt.profiles import make_dialect
    from .spool.spool import Spool
    from .spool.uplinks import Uplinks

    spool = spool or Spool("", Uplinks(lambda: facts.session), folder=None, runtime=None)
    courier = spool.courier(settings.name, settings.feed.outage)
    dialect = make_dialect(settings, facts)
    link = MqttLink(settings, facts, schedule, dialect, courier=courier, meter=meter)
    link.on_plan = on_plan
    courier.attach(link)
    carries = settings.carries
    return Feed(link, settings.feed, heads, keeper=courier, carries=carries, meter=meter)
