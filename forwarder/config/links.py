"""One checked `[[server]]` (servers.py) to what its link is told. ConfigError names the place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hal.frames import Crc

from ..errors import ConfigError
from ..identity import parse_setting
from ..links.mqtt.settings import BrokerAddress, MqttSettings, broker_address
from ..links.semtech_udp.profiles import PROFILES
from ..links.semtech_udp.settings import UdpSettings
from ..links.settings import (
    FeedSettings,
    FilterSettings,
    LinkPriority,
    OutagePolicy,
    OutageSettings,
)
from .base import Place
from .names import shown
from .servers import Filter, MqttServer, Outage, Server, UdpServer

LinkSettings = UdpSettings | MqttSettings

# A server's EUI while the gateway's own is not known: it may be the chip's.
NO_EUI = "0" * 16


def links(
    servers: Sequence[Server], folder: Path, region: str, place: Place
) -> tuple[LinkSettings, ...]:
    """The links, in the order of the file. Files that they name are relative to `folder`."""
    made: list[LinkSettings] = []
    for index, server in enumerate(servers):
        key = f"server[{index}]"
        taken = {other.name for other in made}
        if isinstance(server, MqttServer):
            made.append(_mqtt(server, key, taken, folder, region, place))
        else:
            made.append(_udp(server, key, taken, place))
    return tuple(made)


def _udp(server: UdpServer, key: str, taken: set[str], place: Place) -> UdpSettings:
    host, port = _address(server, key, place)
    profile = PROFILES[server.profile]
    conducted = server.power_reference == "conducted"
    return UdpSettings(
        name=_name(server.name or f"{host}:{server.port_up or port}", taken),
        address=host,
        eui=_eui(server, key, place),
        port_up=server.port_up or port,
        port_down=server.port_down or port,
        keepalive_s=server.keepalive_s,
        stat_interval_s=server.stat_interval_s,
        push_timeout_ms=server.push_timeout_ms,
        profile=server.profile,
        uplink_only=server.uplink_only,
        autoquit=server.autoquit,
        batch=server.batch,
        feed=_feed(server, key, place, profile.ghost_uplinks, conducted, OutagePolicy.DROP),
    )


def _mqtt(
    server: MqttServer, key: str, taken: set[str], folder: Path, region: str, place: Place
) -> MqttSettings:
    tts = server.profile == "tts"
    conducted = server.power_reference == "conducted" or (tts and server.power_reference == "auto")
    texts = (server.address, *server.fallback_addresses)
    addresses = tuple(
        _broker(
            text, f"{key}.{'fallback_addresses' if index else 'address'}", place, server.profile
        )
        for index, text in enumerate(texts)
    )
    first = addresses[0]
    usual = OutagePolicy.DROP if tts else OutagePolicy.REPLAY
    try:
        return MqttSettings(
            name=_name(server.name or f"{first.host}:{first.port}", taken),
            addresses=addresses,
            eui=_eui(server, key, place),
            profile=server.profile,
            feed=_feed(server, key, place, False, conducted, usual),
            protocol=server.protocol,
            client_id=server.client_id,
            username=server.username,
            password_file=_beside(folder, server.password_file),
            ca_file=_beside(folder, server.ca_file),
            cert_file=_beside(folder, server.cert_file),
            key_file=_beside(folder, server.key_file),
            keepalive_s=server.keepalive_s,
            qos=server.qos if server.qos is not None else (0 if tts else 1),
            command_qos=server.command_qos,
            json=server.json,
            topic_prefix=_topic_prefix(server, region),
            event_topic=server.event_topic,
            command_topic=server.command_topic,
            state_topic=server.state_topic,
            retain_state=server.retain_state,
            gateway_id=server.gateway_id,
            most_backoff_s=server.most_backoff_s,
            stat_interval_s=server.stat_interval_s,
            uplink_only=server.uplink_only,
            remote_config=server.remote_config,
            metadata=server.metadata,
            metadata_commands=server.metadata_commands,
            commands=server.commands,
            command_timeout_s=server.command_timeout_s,
            raw_command=server.raw_command,
        )
    except ValueError as error:
        raise ConfigError(f"{place(key)}: {key}: {error}") from error


def _feed(
    server: Server,
    key: str,
    place: Place,
    usual_ghosts: bool,
    conducted: bool,
    usual: OutagePolicy,
) -> FeedSettings:
    wanted = {
        Crc.OK: server.forward_crc_valid,
        Crc.BAD: server.forward_crc_error,
        Crc.NONE: server.forward_crc_disabled,
    }
    ghosts = usual_ghosts if server.ghosts == "auto" else server.ghosts == "forward"
    return FeedSettings(
        filter=_filter(server.filter, f"{key}.filter", place),
        outage=_outage(server.outage, usual),
        crcs=frozenset(crc for crc, on in wanted.items() if on),
        ghosts=ghosts,
        priority=LinkPriority(server.priority),
        share=server.share,
        conducted=conducted,
        bytes_per_day=server.bytes_per_day,
    )


def _filter(table: Filter, key: str, place: Place) -> FilterSettings:
    names = table.__struct_fields__
    settings = FilterSettings(**{name: getattr(table, name) for name in names})
    if settings == FilterSettings():
        return settings
    from ..links.address_rules import check  # a gateway without them does without

    if fault := check(settings):
        name, why = fault
        raise ConfigError(f"{place(f'{key}.{name}')}: {key}.{name} has {why}")
    return settings


def _outage(outage: Outage, usual: OutagePolicy) -> OutageSettings:
    return OutageSettings(
        policy=usual if outage.policy == "auto" else OutagePolicy(outage.policy),
        memory_frames=outage.memory_frames,
        disk_after_s=outage.disk_after_s,
        disk_mb=outage.disk_mb,
        max_age_h=outage.max_age_h,
        replay_per_s=outage.replay_per_s,
    )


def _name(name: str, taken: set[str]) -> str:
    return name if name not in taken else f"{name}#{len(taken) + 1}"


def _eui(server: Server, key: str, place: Place) -> str:
    if not server.eui:
        return NO_EUI
    eui = parse_eui(server.eui, f"{key}.eui", place)
    return eui if len(eui) == 16 else NO_EUI


def parse_eui(value: str, key: str, place: Place) -> str:
    """A setting that says which EUI. Raises ConfigError with its place."""
    try:
        return parse_setting(value)
    except ConfigError as error:
        raise ConfigError(f"{place(key)}: {key} = {shown(value)}: {error}") from error


def _broker(text: str, key: str, place: Place, profile: str) -> BrokerAddress:
    try:
        return broker_address(text, profile=profile)
    except ValueError as error:
        told = shown("***@" + text.rpartition("@")[2] if "@" in text else text)
        raise ConfigError(f"{place(key)}: {key} = {told}: {error}") from error


def _beside(folder: Path, name: str) -> str:
    """A path that the file gives, seen from where the file is; credential:NAME stays."""
    return name if not name or name.startswith("credential:") else str(folder / name)


def _topic_prefix(server: MqttServer, region: str) -> str:
    """ChirpStack v4 puts the region's id first: eu868, us915_1 (sub-band 2); v3 and TTS nothing."""
    if server.topic_prefix is not None:
        return server.topic_prefix.strip("/")
    return region if server.profile == "chirpstack" else ""


def chirpstack_region(name: str, sub_band: int | None) -> str:
    """ChirpStack's usual id for a region: lower case, sub-bands counted from 0 (chirpstack:
    chirpstack/configuration/region_*.toml); AS923-1 is plain as923 there.
    """
    base = name.lower().replace("as923-1", "as923").removesuffix("-jp").replace("-", "_")
    return base if sub_band is None else f"{base}_{sub_band - 1}"


def _address(server: UdpServer, key: str, place: Place) -> tuple[str, int]:
    """Host and port: `host`, `host:port`, `[::1]:port` or a bare IPv6 address."""
    host, colon, port = server.address.rpartition(":")
    if not colon or (":" in host.strip("[]") and not host.startswith("[")):
        return server.address.strip("[]"), server.port
    if host.startswith("[") and not host.endswith("]"):
        return server.address.strip("[]"), server.port
    if not port.isdecimal() or not 1 <= int(port[:6]) <= 65_535 or not host.strip("[]"):
        raise ConfigError(
            f"{place(key + '.address')}: {key}.address = {shown(server.address)}: expected a host "
            "name or address, with a port from 1 to 65535 if there is a colon"
        )
    return host.strip("[]"), int(port)
