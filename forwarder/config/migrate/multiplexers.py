"""Programs that carry one UDP packet forwarder to several servers, as `[[server]]`s. Pure.

chirpstack/chirpstack-packet-multiplexer: src/config.rs (4.0), and of 3.x
cmd/chirpstack-packet-multiplexer/cmd/configfile.go. Kerlink's lorafwd.toml: the table [gwmp] as
chirpstack/chirpstack-gateway-bridge, docs/content/gateway/kerlink.md, has it. The `servers[]` of
mp_pkt_fwd are read by semtech_gateway.py.
"""

from __future__ import annotations

from ..layers import Table
from ..section import Document, Section
from .broker import port
from .document import root, words
from .draft import Draft

LISTS = {"dev_addr_prefixes": "dev_addr", "join_eui_prefixes": "join_eui"}


def read_multiplexer(source: Document, draft: Draft) -> None:
    """Add its servers. Raises ConfigError for a value that nothing can be made of."""
    whole = root(source)
    whole.check({"multiplexer", "packet_multiplexer", "monitoring"}, {"logging", "general"})
    for table, rows, name in (
        ("multiplexer", "server", "server"),
        ("packet_multiplexer", "backend", "host"),
    ):
        if conf := whole.section(table):
            draft.listens |= port(conf, "bind", "0.0.0.0:1700")
            draft.servers += [_server(row, name) for row in conf.sections(rows)]
    if monitoring := whole.section("monitoring"):
        monitoring.warn("bind", "the gateway has metrics of its own (docs/metrics.md)")


def _server(row: Section, name: str) -> Table:
    row.check({name, "uplink_only", "gateway_id_prefixes", "gateway_ids", "filters"})
    if name not in row:
        raise row.error(name, "HOST:PORT")
    server: Table = {"address": row.text(name, "")}
    if row.flag("uplink_only", False):
        server["uplink_only"] = True
    for key in ("gateway_id_prefixes", "gateway_ids"):
        if words(row, key):
            row.warn(
                key, "all frames of this gateway go there; take the server out if they must not"
            )
    filters = row.section("filters")
    if filters:
        filters.check(LISTS)
        chosen = {ours: found for key, ours in LISTS.items() if (found := words(filters, key))}
        if chosen:
            server["filter"] = chosen
    return server


def read_kerlink(source: Document, draft: Draft) -> None:
    """Add the server of lorafwd.toml."""
    whole = root(source)
    whole.check({"gwmp"}, set(source.root))
    gwmp = whole.section("gwmp") or Section(source, ("gwmp",), {})
    service = gwmp.section("service") or Section(source, ("gwmp", "service"), {})
    gwmp.check({"node", "service"}, set(gwmp))
    draft.servers.append(
        {
            "address": gwmp.text("node", "localhost"),
            "port_up": service.integer("uplink", 1700, 1, 65_535),
            "port_down": service.integer("downlink", 1700, 1, 65_535),
        }
    )
