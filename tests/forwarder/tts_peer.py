"""The Things Stack's side of the broker, as its Gateway Server behaves.

Written from lorawan-stack v3 (pkg/gatewayserver/io/mqtt/mqtt.go, io/io.go, the rules in
api/ttn/lorawan/v3): what breaks a rule is dropped (here: a fault), too many messages end the
connection, a repeat of the last uplink is ignored, downlinks hold the one counter that the server
has chosen and power less the registered antenna's gain, and an answer is known by a correlation
identifier. LoRaWAN itself is the demo's network server.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiomqtt
from google.protobuf.message import DecodeError

from forwarder.links.tts.gateway_pb2 import (
    GatewayDown,
    GatewayStatus,
    TxAcknowledgment,
    UplinkMessage,
)
from forwarder.sim.network_server import NetworkServer, Reception, Transmit
from forwarder.sim.server_events import ServerEvent

GATEWAY_ID = re.compile(r"[a-z0-9](?:[-]?[a-z0-9]){2,}")
KEY = re.compile(r"[a-z0-9](?:[_-]?[a-z0-9]){2,}")
MOST_A_SECOND = 20
TOKEN = "gs:down:token:"

# What the Gateway Server lets a gateway do: its topics are those of its user name.
ACL = """
user server
topic readwrite v3/#
pattern read v3/%u/down
pattern write v3/%u/up
pattern write v3/%u/status
pattern write v3/%u/down/ack
"""


@dataclass
class TtsPeer:
    """A server that knows the gateway `uid`, with an antenna of `gain_dbi`."""

    core: NetworkServer
    uid: str
    gain_dbi: float = 2.0
    faults: list[str] = field(default_factory=list)
    events: list[ServerEvent] = field(default_factory=list)
    uplinks: list[UplinkMessage] = field(default_factory=list)
    statuses: list[GatewayStatus] = field(default_factory=list)
    acks: list[TxAcknowledgment] = field(default_factory=list)
    _times_s: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_A_SECOND))
    _waiting: dict[str, int] = field(default_factory=dict)
    _outbox: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    _timer: asyncio.TimerHandle | None = None

    async def run(self, client: aiomqtt.Client) -> None:
        await client.subscribe("v3/#", qos=0)
        sending = asyncio.create_task(self._send(client))
        try:
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                self._deliver(message.topic.value, message.payload)
                self._flush()
        finally:
            sending.cancel()

    # What the gateway says.

    def _deliver(self, topic: str, payload: bytes) -> None:
        takes: dict[str, Callable[[bytes], None]] = {
            f"v3/{self.uid}/up": self._up,
            f"v3/{self.uid}/status": self._status,
            f"v3/{self.uid}/down/ack": self._ack,
        }
        if topic == f"v3/{self.uid}/down":
            return
        self._limit()
        if topic not in takes:
            self.faults.append(f"publish to invalid topic {topic}")
            return
        try:
            takes[topic](payload)
        except DecodeError as error:
            self.faults.append(f"{topic}: {error}")

    def _limit(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self._times_s.append(now_s)
        if len(self._times_s) == MOST_A_SECOND and now_s - self._times_s[0] < 1.0:
            self.faults.append("terminate connection: rate limit")

    def _up(self, payload: bytes) -> None:
        up = UplinkMessage.FromString(payload)
        if fault := _uplink_fault(up):
            self.faults.append(fault)
            return
        if self.uplinks and self.uplinks[-1] == up:
            self.faults.append("a repeated uplink")
            return
        self.uplinks.append(up)
        lora, heard = up.settings.data_rate.lora, up.rx_metadata[0]
        reception = Reception(
            self.uid,
            up.raw_payload,
            heard.timestamp,
            up.settings.frequency,
            lora.spreading_factor,
            lora.bandwidth,
            heard.rssi,
            heard.snr,
        )
        self.core.uplink(reception, asyncio.get_running_loop().time())

    def _status(self, payload: bytes) -> None:
        status = GatewayStatus.FromString(payload)
        self.statuses.append(status)
        if len(status.versions) > 10 or len(status.metrics) > 32:
            self.faults.append("too many versions or metrics")
        for key in (*status.versions, *status.metrics):
            if not KEY.fullmatch(key) or len(key) > 36:
                self.faults.append(f"invalid key {key}")

    def _ack(self, payload: bytes) -> None:
        ack = TxAcknowledgment.FromString(payload)
        self.acks.append(ack)
        tokens = [self._waiting.pop(one, None) for one in ack.correlation_ids]
        found = [token for token in tokens if token is not None]
        if len(found) != 1:
            self.faults.append(f"an answer to {list(ack.correlation_ids)}, which nobody waits for")
            return
        name = TxAcknowledgment.Result.Name(ack.result)
        self.core.answered(found[0], None if name == "SUCCESS" else name)

    # What it is told.

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        for transmit in self.core.downlinks():
            self._outbox.put_nowait(self._down(transmit).SerializeToString())
        self.events += self.core.events()
        if self._timer is not None:
            self._timer.cancel()
        next_s = self.core.next_tick()
        self._timer = None if next_s is None else loop.call_at(next_s, self._tick)

    def _tick(self) -> None:
        self.core.tick(asyncio.get_running_loop().time())
        self._flush()

    def _down(self, transmit: Transmit) -> GatewayDown:
        message = GatewayDown()
        down = message.downlink_message
        down.raw_payload = transmit.payload
        correlation = f"{TOKEN}{transmit.token}"
        down.correlation_ids.extend([f"ns:downlink:{transmit.token}", correlation])
        self._waiting[correlation] = transmit.token
        settings = down.scheduled
        settings.frequency, settings.timestamp = transmit.freq_hz, transmit.tmst
        lora = settings.data_rate.lora
        assert transmit.rate.sf is not None, "this region's downlinks are LoRa"
        lora.spreading_factor, lora.bandwidth = transmit.rate.sf, transmit.rate.bw_hz
        lora.coding_rate = "4/5"
        settings.downlink.tx_power = transmit.power_dbm - self.gain_dbi
        settings.downlink.invert_polarization = True
        return message

    async def _send(self, client: aiomqtt.Client) -> None:
        while True:
            await client.publish(f"v3/{self.uid}/down", await self._outbox.get(), qos=0)


def _uplink_fault(up: UplinkMessage) -> str:
    if not up.HasField("settings") or not up.settings.HasField("data_rate"):
        return "settings: required"
    if up.settings.frequency < 100_000:
        return "frequency: at least 100000"
    if up.HasField("crc_status") and not up.crc_status.value:
        return "crc_status false"
    for heard in up.rx_metadata:
        if not heard.HasField("gateway_ids") or heard.channel_index > 255:
            return "rx_metadata: gateway_ids required"
        if not GATEWAY_ID.fullmatch(heard.gateway_ids.gateway_id):
            return f"gateway_id: {heard.gateway_ids.gateway_id}"
        if len(heard.gateway_ids.eui) != 8:
            return "eui: 8 bytes"
        if heard.timestamp != up.settings.timestamp:
            return "two counters"
    return "" if up.rx_metadata else "no rx_metadata: no downlink path"


@asynccontextmanager
async def serving(port: int, peer: TtsPeer) -> AsyncIterator[None]:
    """A peer that listens at the broker on `port`."""

    async def serve() -> None:
        async with aiomqtt.Client("127.0.0.1", port, username="server") as client:
            await peer.run(client)

    task = asyncio.create_task(serve())
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
