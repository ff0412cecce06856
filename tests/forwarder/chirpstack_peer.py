"""ChirpStack's side of the broker, as its gateway backend behaves, on its own messages.

Written from chirpstack v4.19 (chirpstack/src/gateway/backend/mqtt.rs, uplink/helpers.rs,
uplink/stats.rs, downlink/data.rs, downlink/tx_ack.rs): a shared subscription to all events of its
region, JSON told from protobuf by the text gatewayId and answered in kind, data rates looked up by
exact equality, contexts handed back unread, both receive windows in one frame, one ack expected for
each. LoRaWAN itself is the demo's network server. What ChirpStack would refuse is in `faults`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
import pytest
from google.protobuf.json_format import MessageToJson, Parse
from google.protobuf.message import DecodeError

from forwarder.lorawan.region import DataRate, Region
from forwarder.sim.network_server import RX2_AFTER_US, NetworkServer, Reception, Transmit
from forwarder.sim.server_events import ServerEvent

gw_pb2: Any = pytest.importorskip("chirpstack_api.gw.gw_pb2", reason="chirpstack-api is not there")

DELAY_BITS = 26  # of the core's time that are a delay; the others number the uplink
CONTEXTS = 1 << 32 - DELAY_BITS
CODE_RATES = {gw_pb2.CR_4_5: "4/5", gw_pb2.CR_4_6: "4/6", gw_pb2.CR_4_7: "4/7"}


@dataclass
class ChirpstackPeer:
    """One region of a server. `gateways` are those it knows, `prefix` its topics'."""

    core: NetworkServer
    region: Region
    gateways: set[str]
    prefix: str = "eu868"
    share: str = "$share/chirpstack/"
    plan: Any = None  # a GatewayConfiguration to push, by the rules of uplink/stats.rs
    plans_sent: int = 0
    faults: list[str] = field(default_factory=list)
    events: list[ServerEvent] = field(default_factory=list)
    uplinks: list[Any] = field(default_factory=list)
    stats: list[Any] = field(default_factory=list)
    acks: list[Any] = field(default_factory=list)
    _speaks_json: dict[str, bool] = field(default_factory=dict)
    _heard: dict[int, Any] = field(default_factory=dict)  # rx_info by number
    _next: int = 0
    _asked: dict[int, Any] = field(default_factory=dict)  # frames that wait for their ack
    _outbox: asyncio.Queue[tuple[str, bytes]] = field(default_factory=asyncio.Queue)
    _timer: asyncio.TimerHandle | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, client: aiomqtt.Client) -> None:
        await client.subscribe(f"{self.share}{self.prefix}/gateway/+/event/+", qos=0)
        sending = asyncio.create_task(self._send(client))
        try:
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                self._take(message.topic.value, message.payload)
                self._flush()
        finally:
            sending.cancel()

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self._changed.clear()
            await self._changed.wait()

    # Events.

    def _take(self, topic: str, payload: bytes) -> None:
        """As `message_callback`: what cannot be read is an error in its log and no more."""
        as_json = b"gatewayId" in payload
        kinds = {
            "up": (gw_pb2.UplinkFrame, self._up),
            "stats": (gw_pb2.GatewayStats, self._stats),
            "ack": (gw_pb2.DownlinkTxAck, self._ack),
        }
        event = topic.rpartition("/")[2]
        if event not in kinds:
            self.faults.append(f"unknown event type {event}")
            return
        kind, take = kinds[event]
        try:
            found = Parse(payload, kind()) if as_json else kind.FromString(payload)
        except (DecodeError, ValueError) as error:
            self.faults.append(f"{event}: {error}")
            return
        gateway = (found.rx_info if event == "up" else found).gateway_id
        self._speaks_json[gateway] = as_json
        take(found)
        self._changed.set()

    def _up(self, frame: Any) -> None:
        self.uplinks.append(frame)
        tx_info, rx_info = frame.tx_info, frame.rx_info
        if not frame.HasField("tx_info") or not frame.HasField("rx_info"):
            self.faults.append("an uplink without tx_info or rx_info")
        elif rx_info.gateway_id not in self.gateways:
            self.faults.append(f"gateway {rx_info.gateway_id} does not exist")
        elif (rate := self._rate(tx_info.modulation)) is None:
            self.faults.append(f"unknown data rate {tx_info.modulation}")
        else:
            number = self._next = (self._next + 1) % CONTEXTS
            self._heard[number] = rx_info
            self.core.uplink(
                Reception(
                    rx_info.gateway_id,
                    frame.phy_payload,
                    number << DELAY_BITS,
                    tx_info.frequency,
                    rate.sf,
                    rate.bw_hz,
                    rx_info.rssi,
                    rx_info.snr,
                ),
                asyncio.get_running_loop().time(),
            )

    def _rate(self, modulation: Any) -> DataRate | None:
        """`get_data_rate_index`: spreading factor, bandwidth and code rate, all equal."""
        lora = modulation.lora
        for rate in self.region.data_rates.values():
            wanted = (rate.sf, rate.bw_hz, "4/5")
            came = (lora.spreading_factor, lora.bandwidth, CODE_RATES.get(lora.code_rate))
            if rate.sf is not None and wanted == came:
                return rate
            if rate.sf is None and modulation.fsk.datarate == 50_000:
                return rate
        return None

    def _stats(self, stats: Any) -> None:
        self.stats.append(stats)
        for count in (*stats.rx_packets_per_modulation, *stats.tx_packets_per_modulation):
            if not count.modulation.WhichOneof("parameters"):
                self.faults.append("stats: a modulation without parameters")
        told = stats.metadata
        wants_plan = self.plan is not None and "concentratord_version" in told
        if wants_plan and told.get("config_version") != self.plan.version:
            self.plans_sent += 1
            self._say(stats.gateway_id, "config", self.plan)

    def _ack(self, ack: Any) -> None:
        self.acks.append(ack)
        asked = self._asked.pop(ack.downlink_id, None)
        if asked is None:
            self.faults.append(f"ack: no frame {ack.downlink_id} waits for one")
            return
        if len(ack.items) > len(asked.items) or not ack.items:
            self.faults.append(f"ack: {len(ack.items)} items for {len(asked.items)}")
            return
        said = [gw_pb2.TxAckStatus.Name(item.status) for item in ack.items]
        self.core.answered(ack.downlink_id, None if "OK" in said else said[-1])

    # Commands.

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        for transmit in self.core.downlinks():
            frame = self._frame(transmit)
            self._asked[frame.downlink_id] = frame
            self._say(transmit.gateway, "down", frame)
        if found := self.core.events():
            self.events += found
            self._changed.set()
        if self._timer is not None:
            self._timer.cancel()
        next_s = self.core.next_tick()
        self._timer = None if next_s is None else loop.call_at(next_s, self._tick)

    def _tick(self) -> None:
        self.core.tick(asyncio.get_running_loop().time())
        self._flush()

    def _frame(self, transmit: Transmit) -> Any:
        """RX1 and RX2 of one uplink, as `set_tx_info` fills them; both delays to its context."""
        region = self.region
        rx_info = self._heard[transmit.tmst >> DELAY_BITS]
        delay_us = transmit.tmst & (1 << DELAY_BITS) - 1
        rx2 = (region.rx2_freq_hz, region.data_rates[region.rx2_dr], delay_us + RX2_AFTER_US)
        frame = gw_pb2.DownlinkFrame(downlink_id=transmit.token, gateway_id=transmit.gateway)
        for freq_hz, rate, delay in ((transmit.freq_hz, transmit.rate, delay_us), rx2):
            item = frame.items.add(phy_payload=transmit.payload)
            item.tx_info.frequency, item.tx_info.power = freq_hz, transmit.power_dbm
            item.tx_info.board, item.tx_info.antenna = rx_info.board, rx_info.antenna
            item.tx_info.context = rx_info.context
            item.tx_info.timing.delay.delay.FromMicroseconds(delay)
            _set_modulation(item.tx_info.modulation, rate)
        return frame

    def _say(self, gateway: str, command: str, message: Any) -> None:
        topic = f"{self.prefix}/gateway/{gateway}/command/{command}"
        as_json = self._speaks_json.get(gateway, False)
        payload = MessageToJson(message).encode() if as_json else message.SerializeToString()
        self._outbox.put_nowait((topic, payload))

    async def _send(self, client: aiomqtt.Client) -> None:
        while True:
            topic, payload = await self._outbox.get()
            await client.publish(topic, payload, qos=0)


def _set_modulation(modulation: Any, rate: DataRate) -> None:
    if rate.sf is None:
        modulation.fsk.datarate, modulation.fsk.frequency_deviation = 50_000, 25_000
        return
    lora = modulation.lora
    lora.bandwidth, lora.spreading_factor = rate.bw_hz, rate.sf
    lora.code_rate, lora.polarization_inversion = gw_pb2.CR_4_5, True


@asynccontextmanager
async def serving(port: int, *peers: ChirpstackPeer) -> AsyncIterator[None]:
    """Peers that listen at the broker on `port`, with MQTT 5 as ChirpStack does."""
    tasks = [asyncio.create_task(_serve(port, peer)) for peer in peers]
    try:
        yield
        for task in tasks:
            assert not task.done(), task
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _serve(port: int, peer: ChirpstackPeer) -> None:
    protocol = aiomqtt.ProtocolVersion.V5
    async with aiomqtt.Client("127.0.0.1", port, protocol=protocol) as client:
        await peer.run(client)
