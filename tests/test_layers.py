"""The import rules of docs/architecture.md, as a test: who may not import what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IO = {"asyncio", "os", "select", "serial", "socket", "spidev", "subprocess", "threading", "time"}
PURE = IO | {"logging"}

# What may not be imported, and where.
RULES: dict[str, set[str]] = {
    "hal": {"forwarder"},
    "hal/sx1302": IO | {"hal.sim", "hal.transport.spi", "hal.transport.usb"},
    "hal/radio": IO | {"hal.sim", "hal.transport.spi", "hal.transport.usb"},
    "hal/airtime.py": PURE,
    "hal/counter.py": PURE,
    "hal/gps": PURE | {"hal.sim", "hal.sx1302", "hal.concentrator", "hal.transport"},
    "hal/spectrum.py": PURE,
    "hal/radio/sx125x.py": PURE,
    "hal/radio/sx1261.py": PURE,
    "hal/sx1302/calibration_results.py": PURE,
    "hal/sim/spectrum.py": PURE,
    "hal/sim/air": IO | {"hal.sx1302", "hal.concentrator", "hal.radio"},
    "hal/sim": {"hal.sx1302", "hal.concentrator", "hal.radio", "hal.transport.mcu", "hal.gps"},
    "forwarder/packets.py": PURE,
    "forwarder/timing/time_reference.py": PURE,
    "forwarder/scheduling/beacon.py": PURE | {"hal.concentrator", "hal.sx1302", "hal.transport"},
    "forwarder/timing/keeper.py": PURE | {"hal.concentrator", "hal.sx1302", "hal.transport"},
    "forwarder/radio/channel_plan.py": PURE,
    "forwarder/radio/line.py": PURE,
    "forwarder/radio/spectrum.py": PURE,
    "forwarder/scheduling/jit.py": PURE | {"hal.concentrator", "hal.sx1302", "hal.transport"},
    "forwarder/scheduling/downlinks.py": PURE,
    "forwarder/scheduling/duty_cycle.py": PURE,
    "forwarder/radio/ghosts.py": PURE,
    "forwarder/scheduling/link_account.py": PURE,
    "forwarder/scheduling/margins.py": PURE,
    "forwarder/scheduling/regulation.py": PURE,
    "forwarder/scheduling/shares.py": PURE,
    "forwarder/state/metrics.py": PURE,
    "forwarder/radio/silence.py": PURE,
    "forwarder/state/recent.py": PURE,
    "forwarder/report/redact.py": PURE,
    "forwarder/state/monitor_lines.py": PURE,
    "forwarder/state/frame_words.py": PURE,
    "forwarder/page/access.py": PURE,
    "forwarder/page/settings.py": PURE,
    "forwarder/radio/recovery.py": PURE | {"hal.concentrator", "hal.sx1302", "hal.transport"},
    "forwarder/change/proof.py": PURE | {"hal"},
    **{
        f"forwarder/config/migrate/{name}.py": PURE | {"pathlib", "forwarder.config.load"}
        for name in (
            "broker",
            "concentratord",
            "document",
            "draft",
            "gateway_bridge",
            "kind",
            "models",
            "mqtt_forwarder",
            "multiplexers",
            "plan",
            "semtech_short",
            "station",
            "station_uri",
        )
    },
    "forwarder/setup/answers.py": PURE | {"hal"},
    "forwarder/setup/presets.py": PURE | {"hal"},
    "forwarder/doctor/values.py": PURE | {"hal"},
    "forwarder/doctor/walk.py": PURE | {"hal"},
    "forwarder/doctor/text.py": PURE | {"hal"},
    "forwarder/capture/loratap.py": PURE,
    "forwarder/capture/pcap.py": PURE,
    "forwarder/spool/keeper.py": PURE | {"forwarder.app"},
    "forwarder/spool/kept.py": PURE,
    "forwarder/spool/daily.py": PURE,
    "forwarder/spool/jobs.py": PURE,
    "forwarder/spool/kind.py": PURE,
    "forwarder/spool/last_run.py": PURE,
    "forwarder/spool/pace.py": PURE,
    "forwarder/spool/rows.py": PURE,
    "forwarder/spool/shelf.py": PURE,
    "forwarder/spool/stowing.py": PURE,
    "forwarder/spool/uplinks.py": PURE,
    "forwarder/spool/waiting.py": PURE,
    "forwarder/lorawan": PURE | {"hal", "forwarder.links", "forwarder.app"},
    "forwarder/edge/sources/chirpstack.py": PURE,
    "forwarder/edge/sources/fields.py": PURE,
    "forwarder/edge/sources/http_message.py": PURE,
    "forwarder/edge/sources/loriot.py": PURE,
    "forwarder/edge/sources/protobuf.py": PURE,
    "forwarder/edge/sources/rate.py": PURE,
    "forwarder/edge/sources/report.py": PURE,
    "forwarder/edge/sources/session_body.py": PURE,
    "forwarder/edge/sources/settings.py": PURE,
    "forwarder/edge/sources/simple_xml.py": PURE,
    "forwarder/edge/sources/thingpark.py": PURE,
    "forwarder/edge/sources/tts.py": PURE,
    "forwarder/edge/sources/ts002.py": PURE,
    "forwarder/edge/sources/ts002_fields.py": PURE,
    "forwarder/edge/sources/ts002_results.py": PURE,
    "forwarder/edge/sources/ts002_values.py": PURE,
    "forwarder/edge/sources/ask_plan.py": PURE,
    "forwarder/edge/sources/js_answers.py": PURE,
    "forwarder/edge/sources/join_server_settings.py": PURE,
    "forwarder/sim/recorded_uplinks.py": PURE,
    "forwarder/sim/join_server.py": PURE | {"forwarder.edge"},
    "forwarder/sim/network_server.py": PURE | {"forwarder.edge"},
    "forwarder/sim/intruder.py": PURE | {"forwarder.edge"},
    "forwarder/sim/edge_narrator.py": PURE,
    "forwarder/edge/codec/answers.py": PURE,
    "forwarder/edge/codec/examples.py": PURE,
    "forwarder/edge/sinks/kept_records.py": PURE,
    "forwarder/edge/standalone/core.py": PURE,
    "forwarder/edge/standalone/counters.py": PURE,
    "forwarder/edge/standalone/data.py": PURE,
    "forwarder/edge/standalone/downlink.py": PURE,
    "forwarder/edge/standalone/hold.py": PURE,
    "forwarder/edge/standalone/joins.py": PURE,
    "forwarder/edge/standalone/mac.py": PURE,
    "forwarder/edge/standalone/queue.py": PURE,
    "forwarder/edge/standalone/sender.py": PURE,
    "forwarder/edge/standalone/session.py": PURE,
    "forwarder/edge/standalone/sessions.py": PURE,
    "forwarder/edge/standalone/settings.py": PURE,
    "forwarder/edge/standalone/values.py": PURE,
    "forwarder/edge/standalone/windows.py": PURE,
    "forwarder/edge/keks.py": PURE,
    "forwarder/edge/kek_file.py": PURE,
    "forwarder/edge/vault.py": PURE,
    "forwarder/edge/provisioning.py": PURE,
    "forwarder/edge/rewrap.py": PURE,
    "forwarder/edge/frame_crypto.py": PURE,
    "forwarder/edge/heard.py": PURE,
    "forwarder/edge/hold.py": PURE,
    "forwarder/edge/lifecycle.py": PURE,
    "forwarder/edge/local.py": PURE,
    "forwarder/edge/records.py": PURE,
    "forwarder/edge/session.py": PURE,
    "forwarder/edge/table.py": PURE,
    "forwarder/edge/values.py": PURE,
    "forwarder/links/address_rules.py": PURE,
    "forwarder/links/cost.py": PURE,
    "forwarder/links/dry_run.py": PURE,
    "forwarder/links/filters.py": PURE,
    "forwarder/links/join_rate.py": PURE,
    "forwarder/links/meter.py": PURE,
    "forwarder/links/patterns.py": PURE,
    "forwarder/links/chirpstack": PURE,
    "forwarder/links/semtech_udp/wire.py": PURE,
    "forwarder/links/semtech_udp/rxpk.py": PURE,
    "forwarder/links/semtech_udp/txpk.py": PURE,
    "forwarder/links/semtech_udp/stat.py": PURE,
    "forwarder/links/semtech_udp/session.py": PURE,
    "forwarder/links/tts": PURE | {"hal.concentrator", "hal.sx1302", "hal.sim", "hal.transport"},
    "forwarder/links/mqtt/dialect.py": PURE,
    "forwarder/links/mqtt/outbox.py": PURE,
    "forwarder/links/mqtt/reasons.py": PURE,
    "forwarder/links/mqtt/repeats.py": PURE,
    "forwarder/links/mqtt/reports.py": PURE,
    "forwarder/links/mqtt/session.py": PURE,
    "forwarder/links/mqtt/settings.py": PURE,
    "forwarder/links/mqtt/tally.py": PURE,
    "forwarder/links/mqtt/x509_dates.py": PURE,
    "forwarder/links": {"hal.concentrator", "hal.sx1302", "hal.sim", "hal.transport"},
}


def imports(path: Path) -> Iterator[str]:
    """Every module that `path` names in an import, absolute, wherever the import stands."""
    package = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: -node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def files(place: str) -> list[Path]:
    path = ROOT / place
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@pytest.mark.parametrize("place", RULES)
def test_nobody_imports_what_the_rules_forbid(place: str) -> None:
    broken = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files(place)
        for module in imports(path)
        if any(module == bad or module.startswith(bad + ".") for bad in RULES[place])
    ]
    assert not broken


def test_the_rules_see_a_forbidden_import(tmp_path: Path) -> None:
    source = "from ..sim import chip\nimport os.path\n"
    inside = ROOT / "hal" / "sx1302" / "example.py"
    tree = ast.parse(source)
    assert isinstance(tree.body[0], ast.ImportFrom)
    package = inside.relative_to(ROOT).with_suffix("").parts
    assert ".".join(package[: -tree.body[0].level]) == "hal"


def says_pure(path: Path) -> bool:
    """Whether the docstring of a module promises it; "but for" and the like are no promise."""
    words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " Pure." in words or words.endswith("; pure.")


@pytest.mark.parametrize(
    "path",
    [p for p in files("forwarder") + files("hal") if says_pure(p)],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_what_says_that_it_is_pure_imports_no_io_no_clock_and_no_log(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(path)} & PURE == set()
