"""Devices join, send and are answered through MQTT by two ChirpStacks at once. Rung 2.

The whole gateway runs: devices, air, simulated chip, shipping driver, the app with two MQTT links,
a real mosquitto, and ChirpStack's side of it on ChirpStack's own messages. One server is spoken to
in protobuf and knows one device, the other in JSON and knows the other device.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from forwarder.config import loads
from forwarder.sim.demo import Demo, outside_config
from forwarder.sim.device_spec import DeviceSpec
from forwarder.sim.narrator import Line
from forwarder.sim.network_server import NetworkServer
from forwarder.sim.placing import devices_of, region_of
from forwarder.sim.scenario import Scenario, read
from forwarder.sim.server_events import DataHeard, DownlinkAnswered, JoinHeard
from tests.edge.brokers import a_broker, free_port
from tests.forwarder.chirpstack_peer import ChirpstackPeer, gw_pb2, serving
from tests.forwarder.mqtt_bench import in_time, until

EUI = "0016c001f1500001"
SCENARIO = f"""
[scenario]
name = "two-servers"
seed = 7
region = "EU868"

[channel]
ghosts = false
noise_bursts_per_hour = 0
fading = {{ sigma = 0 }}

[[gateway]]
id = "gw1"
eui = "{EUI}"
"""
DEVICE = """
[[devices]]
name = "{name}"
place = {{ kind = "points", points = [[300, 0, 1]] }}
traffic = {{ kind = "periodic", every = "3s", jitter = "100ms" }}
confirmed = 1.0
start = "{start}"
"""
CONFIG = """
board = "sim"
region = "EU868"

[[server]]
type = "mqtt"
name = "protobuf"
address = "mqtt://127.0.0.1:{port}"
stat_interval_s = 1

[[server]]
type = "mqtt"
name = "json"
address = "mqtt://127.0.0.1:{port}"
client_id = "second"
topic_prefix = "other"
json = true
remote_config = true
stat_interval_s = 1
"""


def a_peer(scenario: Scenario, spec: DeviceSpec, prefix: str) -> ChirpstackPeer:
    region = region_of(scenario)
    return ChirpstackPeer(NetworkServer(region, [spec]), region, {EUI}, prefix)


@in_time
async def test_devices_of_two_servers_join_send_and_are_answered(folder: Path) -> None:
    text = SCENARIO + DEVICE.format(name="one", start="100ms")
    scenario = read(text + DEVICE.format(name="two", start="700ms"), "two.toml")
    specs = devices_of(scenario)
    peers = [a_peer(scenario, specs[0], "eu868"), a_peer(scenario, specs[1], "other")]
    peers[1].plan = eu868_plan("v7")
    heard: set[str] = set()  # devices that heard the answer to their first frame

    def show(line: Line, seconds: float) -> None:
        if line.what == "data 0 acknowledged":
            heard.add(line.device)

    async with a_broker(folder, free_port()) as port, serving(port, *peers):
        config = outside_config(scenario, loads(CONFIG.format(port=port), "gateway.toml"))
        running = asyncio.create_task(Demo(scenario, show, outside=config).run())
        try:
            await until(lambda: heard == {"one", "two"} and all(map(reported, peers)))
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
    for peer, spec in zip(peers, specs, strict=True):
        check(peer, spec)
    assert peers[1].plans_sent == 1, "the version is told back, so the plan comes once"
    assert peers[1].stats[-1].metadata["config_version"] == "v7"


def eu868_plan(version: str) -> Any:
    """As ChirpStack's region_eu868.toml has it, which is what the gateway runs already."""
    plan = gw_pb2.GatewayConfiguration(gateway_id=EUI, version=version)
    lora = {"bandwidth": 125_000, "spreading_factors": range(7, 13)}
    for freq_hz in range(867_100_000, 868_700_000, 200_000):
        plan.channels.add(frequency=freq_hz, lora_modulation_config=lora)
    one = {"bandwidth": 250_000, "spreading_factors": [7]}
    plan.channels.add(frequency=868_300_000, lora_modulation_config=one)
    fsk = {"bandwidth": 125_000, "bitrate": 50_000}
    plan.channels.add(frequency=868_800_000, fsk_modulation_config=fsk)
    return plan


def of(peer: ChirpstackPeer, kind: type[Any]) -> list[Any]:
    return [event for event in peer.events if isinstance(event, kind)]


def told(peer: ChirpstackPeer) -> Counter[str]:
    """What the reports say became of this server's downlinks."""
    counts: Counter[str] = Counter()
    for stats in peer.stats:
        counts.update(dict(stats.tx_packets_per_status))
    return counts


def reported(peer: ChirpstackPeer) -> bool:
    return told(peer)["OK"] >= 2


def check(peer: ChirpstackPeer, spec: DeviceSpec) -> None:
    assert not peer.faults
    assert len(of(peer, JoinHeard)) == 1, "the join-accept was heard at the first try"
    assert {event.device for event in of(peer, DataHeard)} == {spec.name}
    assert all(not event.repeat for event in of(peer, DataHeard))
    assert all(event.error is None for event in of(peer, DownlinkAnswered))
    for ack in peer.acks:
        assert (ack.gateway_id, len(ack.items)) == (EUI, 2)
    for frame in peer.uplinks:
        rx_info = frame.rx_info
        assert len(rx_info.context) == 12 and not rx_info.HasField("time_since_gps_epoch")
    assert {stats.gateway_id for stats in peer.stats} == {EUI}
    assert set(told(peer)) == {"OK"}
    used_s = [band.load_tracked.ToTimedelta() for band in peer.stats[-1].duty_cycle_stats.bands]
    assert any(used_s), "what was sent is in the account of its band"
