"""Metrics of a whole gateway, read by Prometheus' own parser; and the page that documents them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.state.metrics import FAMILIES, PREFIX, text
from forwarder.state.status import snapshot
from hal.modulation import LoRa
from tests.forwarder.semtech_makers import body
from tests.worlds import a_gateway

parser: Any = pytest.importorskip(
    "prometheus_client.parser", reason="needs prometheus-client: scripts/test installs it"
)
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def samples(shown: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in parser.text_string_to_metric_families(shown):
        for sample in family.samples:
            key = tuple(sorted(sample.labels.items()))
            assert key not in found.setdefault(sample.name, {}), f"{sample} twice"
            found[sample.name][key] = sample.value
    return found


def test_a_running_gateway_is_read_by_prometheus() -> None:
    async def look() -> str:
        async with a_gateway() as world:
            world.gateway.counters.count_rx(868_100_000, LoRa(7))
            world.server.downlink(body(imme=True, tmst=None))
            await world.server.tx_ack()
            return text(snapshot(world.gateway))

    found = samples(asyncio.run(look()))
    assert found["edgemast_radio_up"] == {(): 1.0}
    assert found["edgemast_rx_frames_total"][(("crc", "ok"),)] == 1.0
    assert found["edgemast_rx_rate_frames_total"] == {(("rate", "SF7BW125"),): 1.0}
    (link,) = found["edgemast_link_up"]
    name = dict(link)["link"]
    assert found["edgemast_downlinks_total"][(("link", name), ("result", "accepted"))] == 1.0
    buckets = found["edgemast_downlink_margin_seconds_bucket"]
    assert list(buckets.values()) == sorted(buckets.values())
    assert (("le", "+Inf"), ("link", name)) in buckets


def test_a_histogram_counts_up_and_ends_with_everything() -> None:
    margins = {"bounds_ms": [-20, 0, 500], "columns": [1, 0, 2, 4]}
    found = samples(text({"downlinks": {"links": {"a": {"margins": margins}}}}))
    assert found["edgemast_downlink_margin_seconds_bucket"] == {
        (("le", "-0.02"), ("link", "a")): 1.0,
        (("le", "0"), ("link", "a")): 1.0,
        (("le", "0.5"), ("link", "a")): 3.0,
        (("le", "+Inf"), ("link", "a")): 7.0,
    }
    assert found["edgemast_downlink_margin_seconds_count"] == {(("link", "a"),): 7.0}


def test_channels_are_told_as_they_were_listened_to_and_scanned() -> None:
    state = {
        "listening": [{"freq_hz": 923_200_000, "bw_hz": 125_000, "free": 5, "busy": 2}],
        "spectrum": [{"freq_hz": 867_100_000, "median_dbm": -112, "share_above_90_dbm": 0.03,
                      "scans": 4, "levels_dbm": [], "counts": []}],
        "beacons": {"sent": 7, "skipped": {"GPS_UNLOCKED": 1}},
    }  # fmt: skip
    found = samples(text(state))
    channel = (("bw_hz", "125000"), ("freq_hz", "923200000"))
    assert found["edgemast_lbt_attempts_total"] == {
        (*channel, ("result", "free")): 5.0, (*channel, ("result", "busy")): 2.0}  # fmt: skip
    assert found["edgemast_spectrum_median_dbm"] == {(("freq_hz", "867100000"),): -112.0}
    assert found["edgemast_beacons_total"][(("result", "GPS_UNLOCKED"),)] == 1.0


def test_a_spool_tells_its_gaps_and_its_trouble() -> None:
    spool = {"written_bytes": 4096, "written_bytes_last_day": 0, "gaps": ["a"], "trouble": "full"}
    found = samples(text({"spool": spool}))
    of = (("of", "uplinks"),)
    assert found["edgemast_spool_gaps"] == {of: 1.0} == found["edgemast_spool_trouble"]
    assert "edgemast_spool_gaps" not in samples(text({"spool": None}))


def test_a_sink_tells_what_waits_and_what_its_outage_cost() -> None:
    sink = {"waiting": 7, "delivered": 2, "outage": {"dropped": {"full": 3}}}
    found = samples(text({"local": [{"sinks": {"jsonl": sink}}], "record_spool": {"gaps": []}}))
    name = ("sink", "jsonl")
    assert found["edgemast_sink_waiting"] == {(name,): 7.0}
    assert found["edgemast_sink_delivered_total"] == {(name,): 2.0}
    assert found["edgemast_sink_dropped_total"] == {(("reason", "full"), name): 3.0}
    assert found["edgemast_spool_gaps"] == {(("of", "records"),): 0.0}


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_name_is_a_label_that_comes_back(link: str, reason: str) -> None:
    shown = text({"links": [{"name": link, "state": "up", "filtered_by": {reason: 3}}]})
    (labels,) = samples(shown)["edgemast_link_filtered_total"]
    assert dict(labels) == {"link": link, "reason": reason}


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["radio", "downlinks", "links", "gps", "spool", "listening", "spectrum", "beacons"]
        ),
        _JUNK,
    )
)
def test_a_state_of_another_version_is_no_reason_to_fail(state: dict[str, Any]) -> None:
    samples(text(state))


def test_every_metric_is_on_the_page_and_none_else() -> None:
    rows = re.findall(r"^\| `edgemast_(\w+)` \| (\w+) \| (.*) \|$", PAGE.read_text("utf-8"), re.M)
    assert rows == [(family.name, family.kind, family.help) for family in FAMILIES]
    assert PREFIX == "edgemast_"


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    dashboard = (PAGE.parent / "grafana.json").read_text("utf-8")
    asked = set(re.findall(r"edgemast_(\w+?)(?:_bucket)?\b(?=[{,])", dashboard))
    assert len(asked) > 12 and asked <= {family.name for family in FAMILIES}
