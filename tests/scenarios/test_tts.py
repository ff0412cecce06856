"""A device joins, sends and is answered through The Things Stack's gateway MQTT. Rung 2.

The whole gateway runs: device, air, simulated chip, shipping driver, the app with its MQTT link, a
real mosquitto with the rights that the Gateway Server gives, and that server's side of it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from forwarder.config import loads
from forwarder.links.tts.gateway_pb2 import TxAcknowledgment
from forwarder.sim.demo import Demo, outside_config
from forwarder.sim.narrator import Line
from forwarder.sim.network_server import NetworkServer
from forwarder.sim.placing import devices_of, region_of
from forwarder.sim.scenario import read
from forwarder.sim.server_events import DataHeard, DownlinkAnswered, JoinHeard
from tests.edge.brokers import a_broker, free_port
from tests.forwarder.mqtt_bench import in_time, until
from tests.forwarder.tts_peer import ACL, TtsPeer, serving

from .test_chirpstack import DEVICE, EUI, SCENARIO

UID = "on-the-roof@ttn"
CONFIG = f"""
board = "sim"
region = "EU868"

[[server]]
type = "mqtt"
profile = "tts"
name = "ttn"
address = "mqtt://127.0.0.1:PORT"
gateway_id = "{UID}"
stat_interval_s = 1
"""


@in_time
async def test_a_device_joins_sends_and_is_answered_through_the_things_stack(folder: Path) -> None:
    scenario = read(SCENARIO + DEVICE.format(name="one", start="500ms"), "one.toml")
    specs = devices_of(scenario)
    peer = TtsPeer(NetworkServer(region_of(scenario), specs), UID)
    heard: set[str] = set()

    def show(line: Line, seconds: float) -> None:
        if line.what == "data 0 acknowledged":
            heard.add(line.device)

    (folder / "acl").write_text(ACL, encoding="ascii")
    rights = f"acl_file {folder / 'acl'}"
    async with a_broker(folder, free_port(), rights) as port, serving(port, peer):
        config = outside_config(scenario, loads(CONFIG.replace("PORT", str(port)), "gateway.toml"))
        running = asyncio.create_task(Demo(scenario, show, outside=config).run())
        try:
            await until(lambda: heard == {"one"} and bool(peer.statuses) and len(peer.acks) >= 2)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    assert not peer.faults
    assert sum(isinstance(event, JoinHeard) for event in peer.events) == 1
    assert any(isinstance(event, DataHeard) for event in peer.events)
    answers = [event.error for event in peer.events if isinstance(event, DownlinkAnswered)]
    assert len(answers) >= 2 and set(answers) == {None}
    assert {ack.result for ack in peer.acks} == {TxAcknowledgment.SUCCESS}
    for up in peer.uplinks:
        (metadata,) = up.rx_metadata
        assert metadata.gateway_ids.gateway_id == "on-the-roof"
        assert metadata.gateway_ids.eui.hex() == EUI
    assert peer.statuses[-1].versions["forwarder"].startswith("edgemast")
