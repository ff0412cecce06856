"""ChirpStack Gateway Bridge of one gateway as a `[[server]]`. Pure.

chirpstack/chirpstack-gateway-bridge, cmd/chirpstack-gateway-bridge/cmd/configfile.go: the keys.
"""

from __future__ import annotations

import re
import shlex

from ...errors import ConfigError
from ..layers import Table
from ..names import shown
from ..section import Document, Section
from .broker import address, client, credentials, port, tls
from .document import root, seconds, words
from .draft import Draft
from .mqtt_forwarder import texts

PREFIX = re.compile(r"(?:(.*)/)?gateway/\{eui\}/(?:event/\{event\}|command/\{command\}|state/conn)")
FIELDS = {"GatewayID": "{eui}", "EventType": "{event}", "CommandType": "{command}"}
AUTH_KEYS = {
    "server", "servers", "username", "password", "qos", "clean_session", "client_id", "ca_cert",
    "tls_cert", "tls_key",
}  # fmt: skip
TEMPLATES = {
    "event_topic_template": "event_topic",
    "command_topic_template": "command_topic",
    "state_topic_template": "state_topic",
}


def read(source: Document, draft: Draft) -> None:
    """Add its server. Raises ConfigError for a value that nothing can be made of."""
    whole = root(source)
    whole.check(
        {"filters", "backend", "integration", "meta_data", "commands", "metrics"}, {"general"}
    )
    _backend(whole, draft)
    integration = whole.section("integration") or Section(source, ("integration",), {})
    server = _integration(integration)
    if filters := whole.section("filters"):
        _filters(filters, server)
    if meta := whole.section("meta_data"):
        _metadata(meta, server)
    if commands := whole.section("commands"):
        _commands(commands, server)
    if whole.section("metrics"):
        whole.warn("metrics", "the gateway has metrics of its own (docs/metrics.md)")
    draft.servers.append(server)


def _backend(whole: Section, draft: Draft) -> None:
    backend = whole.section("backend")
    kind = backend.text("type", "semtech_udp") if backend else "semtech_udp"
    if backend and kind == "basic_station":
        backend.warn(
            "type", "the station's own station.conf says more about the board; give it too"
        )
    udp = backend.section("semtech_udp") if backend else None
    if udp and udp.flag("fake_rx_time", False):
        udp.warn("fake_rx_time", "the system's time is never sent as the time of a frame")
    if kind == "semtech_udp":
        draft.listens |= port(udp, "udp_bind", "0.0.0.0:1700") if udp else {1700}


def _integration(integration: Section) -> Table:
    mqtt = integration.section("mqtt")
    auth = mqtt.section("auth") if mqtt else None
    kind = auth.text("type", "generic") if auth else "generic"
    if auth and kind != "generic":
        raise auth.error("type", '"generic"; what else brokers want is in docs/mqtt.md')
    generic = auth.section("generic") if auth else None
    if mqtt is None or generic is None:
        raise ConfigError(
            f"{integration.place()}: no [integration.mqtt.auth.generic]: expected the broker there"
        )
    server = _broker(generic)
    if integration.text("marshaler", "protobuf") == "json":
        server["json"] = True
    _topics(mqtt, server)
    _times(mqtt, server)
    return server


def _broker(generic: Section) -> Table:
    generic.check(AUTH_KEYS)
    secure = tls(generic)
    urls = words(generic, "servers") or [generic.text("server", "tcp://127.0.0.1:1883")]
    first, *others = [address(url, secure=secure) for url in urls]
    server: Table = {"type": "mqtt", "address": first}
    if others:
        server["fallback_addresses"] = others
    credentials(generic, server)
    client(generic, server)
    return server


def _topics(mqtt: Section, server: Table) -> None:
    """The prefix if the topics are the usual ones, else all templates."""
    found = {ours: _template(mqtt, theirs) for theirs, ours in TEMPLATES.items() if theirs in mqtt}
    matches = [PREFIX.fullmatch(text) for text in found.values() if text]
    prefixes = {match.group(1) or "" if match else None for match in matches}
    prefix = prefixes.pop() if len(prefixes) == 1 else None
    if prefix is not None or not found:
        server["topic_prefix"] = prefix or ""
    else:
        server["topic_prefix"] = ""
        server |= {ours: text for ours, text in found.items() if text}
    if found.get("state_topic") == "":
        server["state_topic"] = "none"
    if not server["topic_prefix"] and "event_topic" not in server:
        mqtt.warn(
            "event_topic_template",
            'has no prefix before "gateway": ChirpStack 4 wants its region\'s (topic_prefix); for '
            'ChirpStack 3 write profile = "chirpstack-v3"',
        )


def _template(mqtt: Section, key: str) -> str:
    text = mqtt.text(key, "")
    for name, ours in FIELDS.items():
        text = re.sub(r"\{\{\s*\." + name + r"\s*\}\}", ours, text)
    text = re.sub(r"\{\{\s*\.StateType\s*\}\}", "conn", text)
    if text.endswith("/#"):
        text = text[:-1] + "{command}"
    if "{{" in text:
        raise mqtt.error(key, "a template with .GatewayID, .EventType or .CommandType")
    return text


def _times(mqtt: Section, server: Table) -> None:
    if not mqtt.flag("state_retained", True):
        server["retain_state"] = False
    if keepalive_s := round(seconds(mqtt, "keep_alive", 0)):
        server["keepalive_s"] = min(max(keepalive_s, 5), 3600)
    if backoff_s := seconds(mqtt, "max_reconnect_interval", 0):
        server["most_backoff_s"] = min(max(backoff_s, 1.0), 3600.0)
    if mqtt.flag("terminate_on_connect_error", False):
        mqtt.warn("terminate_on_connect_error", "the gateway goes on and tries again")


def _filters(filters: Section, server: Table) -> None:
    filters.check({"net_ids", "join_euis"})
    chosen: Table = {}
    if net_ids := words(filters, "net_ids"):
        chosen["net_id"] = net_ids
    ranges = filters.values("join_euis") or []
    if any(not isinstance(pair, list) or len(pair) != 2 for pair in ranges):
        raise filters.error("join_euis", "pairs of JoinEUIs")
    if ranges:
        chosen["join_eui"] = ["-".join(str(end) for end in pair) for pair in _pairs(ranges)]
    if chosen:
        server["filter"] = chosen


def _pairs(ranges: list[object]) -> list[list[object]]:
    return [pair for pair in ranges if isinstance(pair, list)]


def _metadata(meta: Section, server: Table) -> None:
    if static := meta.section("static"):
        server["metadata"] = texts(static)
    dynamic = meta.section("dynamic")
    if dynamic and (commands := dynamic.section("commands")):
        server["metadata_commands"] = {key: _words(commands, key) for key in commands}
        dynamic.warn("execution_interval", "programs are run beside each report (stat_interval_s)")


def _commands(commands: Section, server: Table) -> None:
    listed = commands.section("commands")
    if listed is None:
        return
    found: Table = {}
    longest_s = 0.0
    for name in listed:
        if one := listed.section(name):
            found[name] = _words(one, "command")
            longest_s = max(longest_s, seconds(one, "max_execution_duration", 0))
    server["commands"] = found
    if longest_s:
        server["command_timeout_s"] = longest_s


def _words(section: Section, key: str) -> list[str]:
    """A command line as arguments, since nothing here goes through a shell."""
    text = section.text(key, "")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise section.error(key, f"a command ({error}), not {shown(text)}") from error
