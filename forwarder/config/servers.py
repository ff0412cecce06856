"""What one `[[server]]` may hold, by its `type`: the tables and keys, their types and ranges.

`links.py` makes of it what a link is told. See config/gateway.toml for what each key means.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from .base import Port, Seconds, Strict
from .layers import Table

DEFAULT_TYPE = "udp"
Text = Annotated[str, Meta(max_length=1024)]
Texts = Annotated[tuple[Text, ...], Meta(max_length=1024)]
TopicText = Annotated[str, Meta(max_length=256)]


class Filter(Strict, frozen=True):
    """`[server.filter]`: which frames this server is given. Empty lists let all pass.

    A list holds prefixes (`26011f00/24`), single values, or ranges (`A-B`) in hex.
    """

    dev_addr: Texts = ()
    dev_addr_deny: Texts = ()
    net_id: Texts = ()
    net_id_deny: Texts = ()
    join_eui: Texts = ()
    join_eui_deny: Texts = ()
    dev_eui: Texts = ()
    dev_eui_deny: Texts = ()
    lorawan_only: bool = False
    joins_per_minute: Annotated[float, Meta(ge=0, le=6000)] = 0.0


class Outage(Strict, frozen=True):
    """`[server.outage]`: what becomes of uplinks while this server cannot be reached."""

    policy: Literal["auto", "drop", "replay", "sink-only"] = "auto"
    memory_frames: Annotated[int, Meta(ge=16, le=1_000_000)] = 4096
    disk_after_s: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    disk_mb: Annotated[float, Meta(ge=0, le=100_000)] = 64.0
    max_age_h: Annotated[float, Meta(gt=0, le=8760)] = 72.0
    replay_per_s: Annotated[float, Meta(gt=0, le=1000)] = 10.0


class ServerBase(Strict, frozen=True, kw_only=True):
    """What every server has, whatever it speaks."""

    address: Annotated[str, Meta(min_length=1, max_length=255)]
    name: str = ""
    eui: str = ""
    uplink_only: bool = False
    forward_crc_valid: bool = True
    forward_crc_error: bool = False
    forward_crc_disabled: bool = False
    ghosts: Literal["auto", "drop", "forward"] = "auto"
    priority: Literal["low", "normal", "high"] = "normal"
    share: Annotated[float, Meta(gt=0, le=100)] = 1.0
    power_reference: Literal["auto", "eirp", "conducted"] = "auto"
    bytes_per_day: Annotated[int, Meta(ge=0)] = 0
    stat_interval_s: Seconds = 30.0
    filter: Filter = Filter()
    outage: Outage = Outage()


class UdpServer(ServerBase, frozen=True, kw_only=True, tag_field="type", tag="udp"):
    """Semtech's UDP protocol."""

    port: Port = 1700
    port_up: Port | None = None
    port_down: Port | None = None
    keepalive_s: Annotated[float, Meta(ge=1, le=86_400)] = 10.0
    push_timeout_ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 100
    profile: Literal["generic", "chirpstack", "tts", "helium"] = "generic"
    autoquit: Annotated[int, Meta(ge=0)] = 0
    batch: bool = False


class MqttServer(ServerBase, frozen=True, kw_only=True, tag_field="type", tag="mqtt"):
    """A network server behind an MQTT broker."""

    profile: Literal["chirpstack", "chirpstack-v3", "tts"] = "chirpstack"
    fallback_addresses: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    client_id: Annotated[str, Meta(max_length=256)] = ""
    username: Text = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 30
    qos: Annotated[int, Meta(ge=0, le=2)] | None = None
    command_qos: Annotated[int, Meta(ge=0, le=2)] | None = None
    json: bool = False
    topic_prefix: TopicText | None = None
    event_topic: TopicText = ""
    command_topic: TopicText = ""
    state_topic: TopicText = ""
    retain_state: bool = True
    gateway_id: Annotated[str, Meta(max_length=128)] = ""
    most_backoff_s: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    remote_config: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    metadata_commands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    commands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    command_timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    raw_command: tuple[str, ...] = ()


Server = UdpServer | MqttServer
SERVERS: dict[str, type[UdpServer] | type[MqttServer]] = {"udp": UdpServer, "mqtt": MqttServer}
SERVER_TABLES: dict[str, type[Strict]] = {"filter": Filter, "outage": Outage}


def server_type(entry: object) -> type[UdpServer] | type[MqttServer]:
    """The struct of one `[[server]]` as the file has it; UDP where it does not say a known type."""
    kind = entry.get("type", DEFAULT_TYPE) if isinstance(entry, dict) else DEFAULT_TYPE
    return SERVERS.get(kind, UdpServer) if isinstance(kind, str) else UdpServer


def with_types(table: Table) -> Table:
    """`table` with the `type` that each `[[server]]` has when it does not say one."""
    rows = table.get("server")
    if not isinstance(rows, list):
        return table
    typed = [{"type": DEFAULT_TYPE, **row} if isinstance(row, dict) else row for row in rows]
    return {**table, "server": typed}
