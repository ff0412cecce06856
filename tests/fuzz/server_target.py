"""What may come to the small network server of the demo: datagrams from anybody on this machine."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any, cast

from forwarder.lorawan import crypto
from forwarder.sim import placing, scenario
from forwarder.sim.network_server import NetworkServer
from forwarder.sim.server_events import ServerEvent
from forwarder.sim.udp_server import UdpServer
from tests.forwarder.semtech_makers import GATEWAY

from .forwarder_targets import RXPK
from .inputs import Taker, as_json, mutated

(DEVICE,) = placing.devices_of(scenario.read('[[devices]]\nname = "d"\nactivation = "abp"\n'))
KINDS = (0, 0, 0, 2, 5, 1)


class Timer:
    def cancel(self) -> None: ...


class Loop:
    """As much of an event loop as the server asks for; time passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def time(self) -> float:
        return self.now_s

    def call_at(self, when_s: float, callback: Callable[[], None]) -> Timer:
        return Timer()


def fuzz_demo_server(data: bytes) -> None:
    """Any datagrams: counted or understood, and what waits is bounded by what came."""
    take, loop, told = Taker(data), Loop(), list[ServerEvent]()
    core = NetworkServer(DEVICE.region, [DEVICE])
    server = UdpServer(core, told.append)
    server._loop = cast(asyncio.AbstractEventLoop, loop)
    came = 0
    while take.left and came < 40:
        came += 1
        loop.now_s += take.byte() / 50
        datagram = take.block() if take.byte() & 1 else _a_datagram(take)
        server.datagram_received(datagram, ("127.0.0.1", 1))
        core.tick(loop.now_s)
        server._flush()
    loop.now_s += 1000.0
    for _ in range(2):
        core.tick(loop.now_s)
        loop.now_s += 1000.0
    assert core.next_tick() is None, "no frame is remembered for ever"
    assert server.unreadable <= came and len(told) <= 20 * came


def _a_datagram(take: Taker) -> bytes:
    kind = take.of(KINDS)
    head = b"\2" + take.octets(2) + bytes([kind]) + GATEWAY
    if kind == 5:
        return head + as_json({"txpk_ack": mutated({"error": "TOO_LATE"}, take, most=1)})
    rxpk: dict[str, Any] = RXPK
    if take.byte() & 1:
        payload = _a_frame(take) + bytes(take.byte() & 32)
        rxpk = rxpk | {"size": len(payload), "data": base64.b64encode(payload).decode()}
    return head + json.dumps({"rxpk": [mutated(rxpk, take, most=2)]}).encode()


def _a_frame(take: Taker) -> bytes:
    """An uplink of the device with the right MIC, and whatever else in it."""
    assert DEVICE.session is not None
    counter = take.byte()
    body = take.of((b"\x40", b"\x80")) + DEVICE.dev_addr.to_bytes(4, "little")
    body += take.octets(1) + counter.to_bytes(2, "little") + take.block()[:240]
    key = DEVICE.session.f_nwk_s_int
    return body + crypto.data_mic(key, body, crypto.UP, DEVICE.dev_addr, counter)
