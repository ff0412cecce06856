"""Which servers' uplinks have a keeper, and what the links are given of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from forwarder.config import loads
from forwarder.parts import is_kept, make_links
from forwarder.spool.spool import Spool
from forwarder.spool.uplinks import Uplinks

from .mqtt_bench import RadioFacts
from .semtech_makers import answering

CONFIG = """
board = "sim"
region = "EU868"
[[server]]
type = "{type}"
address = "localhost"
profile = "{profile}"
outage = {{ policy = "{policy}" }}
"""


@pytest.mark.parametrize(
    ("kind", "profile", "policy", "kept"),
    [
        ("udp", "generic", "auto", False),
        ("udp", "generic", "replay", True),
        ("udp", "tts", "replay", False),
        ("udp", "generic", "drop", False),
        ("udp", "generic", "sink-only", True),
        ("mqtt", "chirpstack", "auto", True),
        ("mqtt", "tts", "auto", True),
    ],
)
def test_a_server_has_a_keeper_if_it_can_acknowledge_or_is_to_be_sent_what_waited(
    kind: str, profile: str, policy: str, kept: bool, tmp_path: Path
) -> None:
    text = CONFIG.format(type=kind, profile=profile, policy=policy)
    if policy == "sink-only":
        text += '[edge]\n[[edge.sink]]\ntype = "jsonl"\n'
    servers = loads(text, "gateway.toml").servers_for("0016c001f1500812")
    assert [is_kept(server) for server in servers] == [kept]
    spool = Spool("0016c001f1500812", Uplinks(), folder=tmp_path, runtime=None)
    (feed,) = make_links(servers, replace(RadioFacts()), answering(), spool)
    assert ("outage" in feed.status()) is kept
