"""ChirpStack MQTT Forwarder as a `[[server]]`. Pure.

chirpstack/chirpstack-mqtt-forwarder, src/config.rs: the keys and their defaults.
"""

from __future__ import annotations

from ..layers import Table
from ..section import Document, Section
from .broker import address, client, credentials, port, tls
from .document import root, seconds, words
from .draft import Draft

MQTT_KEYS = {
    "topic_prefix", "json", "server", "username", "password", "qos", "client_id", "ca_cert",
    "tls_cert", "tls_key", "keep_alive_interval", "clean_session", "reconnect_interval",
}  # fmt: skip
FORWARD = {
    "forward_crc_ok": ("forward_crc_valid", True),
    "forward_crc_invalid": ("forward_crc_error", False),
    "forward_crc_missing": ("forward_crc_disabled", False),
}
LISTS = {"dev_addr_prefixes": "dev_addr", "join_eui_prefixes": "join_eui"}


def read(source: Document, draft: Draft) -> None:
    """Add its server. Raises ConfigError for a value that nothing can be made of."""
    whole = root(source)
    whole.check({"mqtt", "backend", "metadata", "commands", "callbacks"}, {"logging"})
    mqtt = whole.section("mqtt") or Section(source, ("mqtt",), {})
    server = _server(mqtt)
    if backend := whole.section("backend"):
        _backend(backend, server, draft)
    if metadata := whole.section("metadata"):
        _metadata(metadata, server)
    if commands := whole.section("commands"):
        server["commands"] = programs(commands)
    if callbacks := whole.section("callbacks"):
        for key in ("on_mqtt_connected", "on_mqtt_connection_error"):
            if words(callbacks, key):
                callbacks.warn(key, "is not run; follow the journal or edgemast_link_up instead")
    draft.servers.append(server)


def _server(mqtt: Section) -> Table:
    mqtt.check(MQTT_KEYS)
    url = mqtt.text("server", "tcp://127.0.0.1:1883")
    server: Table = {"type": "mqtt", "address": address(url, secure=tls(mqtt))}
    server["topic_prefix"] = mqtt.text("topic_prefix", "eu868")
    credentials(mqtt, server)
    if mqtt.text("ca_cert", ""):
        mqtt.warn(
            "ca_cert", "takes the place of the system's authorities; there it is added to them"
        )
    client(mqtt, server)
    if mqtt.flag("json", False):
        server["json"] = True
    keepalive_s = round(seconds(mqtt, "keep_alive_interval", 30))
    if keepalive_s != 30:
        server["keepalive_s"] = min(max(keepalive_s, 5), 3600)
    if "qos" not in mqtt:
        mqtt.warn("qos", "was 0; the default here is 1, so that frames survive an outage")
    if "clean_session" in mqtt and not mqtt.flag("clean_session", False):
        mqtt.warn("clean_session", "sessions are always clean: old downlinks must not be sent")
    if "reconnect_interval" in mqtt:
        mqtt.warn("reconnect_interval", "is by chance, up to most_backoff_s")
    return server


def _backend(backend: Section, server: Table, draft: Draft) -> None:
    backend.check({"enabled", "gateway_id", "filters", "semtech_udp", "concentratord"})
    if backend.text("enabled", "semtech_udp") == "semtech_udp":
        udp = backend.section("semtech_udp")
        draft.listens |= port(udp, "bind", "0.0.0.0:1700") if udp else {1700}
        if udp and udp.flag("time_fallback_enabled", False):
            udp.warn(
                "time_fallback_enabled", "the system's time is never sent as the time of a frame"
            )
    if eui := backend.text("gateway_id", ""):
        server["eui"] = eui
    filters = backend.section("filters")
    if filters is None:
        return
    filters.check({*FORWARD, *LISTS, "lorawan_only"})
    for theirs, (ours, usual) in FORWARD.items():
        if filters.flag(theirs, usual) != usual:
            server[ours] = not usual
    chosen: Table = {ours: found for key, ours in LISTS.items() if (found := words(filters, key))}
    if filters.flag("lorawan_only", False):
        chosen["lorawan_only"] = True
        filters.warn("lorawan_only", "lets rejoin-requests pass, which it drops there")
    if chosen:
        server["filter"] = chosen


def _metadata(metadata: Section, server: Table) -> None:
    metadata.check({"static", "commands", "split_delimiter"})
    if static := metadata.section("static"):
        server["metadata"] = texts(static)
    if commands := metadata.section("commands"):
        server["metadata_commands"] = programs(commands)
    if metadata.text("split_delimiter", "=") != "=":
        metadata.warn("split_delimiter", 'is always "="')


def texts(section: Section) -> Table:
    """A table of strings."""
    return {key: section.text(key, "") for key in section}


def programs(section: Section) -> Table:
    """A table of argument lists."""
    return {key: words(section, key) for key in section}
