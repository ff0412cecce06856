"""Semtech UDP around the small network server: sockets and a timer, and no decision.

The JSON is what `semtech-udp.md` 1.4 and 1.6 say; what cannot be understood is counted and dropped.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

from ..links.semtech_udp.wire import (
    Datagram,
    Kind,
    ProtocolError,
    parse_json,
    pull_ack,
    pull_resp,
    push_ack,
)
from .network_server import JoinAsk, NetworkServer, Reception, Transmit
from .server_events import ServerEvent

_DATR = re.compile(r"SF(\d{1,2})BW(\d{3})")
Address = tuple[str | Any, int]


class Rxpk(msgspec.Struct, frozen=True):
    """The members of an rxpk that a network server needs."""

    tmst: int
    freq: Annotated[float, msgspec.Meta(gt=0, lt=4_000)]  # megahertz
    datr: str | int
    data: str
    stat: int = 1
    rssi: float = 0.0
    lsnr: float = 0.0


class UdpServer(asyncio.DatagramProtocol):
    """Listens on loopback. `on_event` hears everything that the core tells, as it happens.

    `on_ask` takes a join to the Join Server outside and tells the core its answer. While `cut`, the
    way to here is broken: nothing comes and nothing goes.
    """

    def __init__(
        self,
        core: NetworkServer,
        on_event: Callable[[ServerEvent], None],
        on_ask: Callable[[JoinAsk], Awaitable[None]] | None = None,
    ) -> None:
        self._core = core
        self._on_event = on_event
        self._on_ask = on_ask
        self._asking: set[asyncio.Task[None]] = set()
        self.cut = False
        self._down: dict[str, Address] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.unreadable = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Open the socket; gives the port."""
        self._loop = asyncio.get_running_loop()
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: self, local_addr=(host, port)
        )
        self._transport = transport
        return int(transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for task in self._asking:
            task.cancel()
        if self._transport is not None:
            self._transport.close()

    # What comes.

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self.cut:
            return
        try:
            datagram = Datagram.decode(data)
            self._take(datagram, addr)
        except (ProtocolError, msgspec.ValidationError, binascii.Error, ValueError):
            self.unreadable += 1
        self._flush()

    def _take(self, datagram: Datagram, addr: Address) -> None:
        match datagram.kind:
            case Kind.PUSH_DATA:
                self._sendto(push_ack(datagram.token), addr)
                self._uplinks(datagram)
            case Kind.PULL_DATA:
                self._down[datagram.gateway.hex()] = addr
                self._sendto(pull_ack(datagram.token), addr)
            case Kind.TX_ACK:
                self._core.answered(datagram.token, _error(datagram.body))
            case _:
                raise ProtocolError(f"a gateway does not send {datagram.kind.name}")

    def _uplinks(self, datagram: Datagram) -> None:
        body = parse_json(datagram.body)
        if not isinstance(body, dict):
            raise ProtocolError("a JSON object expected")
        for rxpk in msgspec.convert(body.get("rxpk", []), list[Rxpk]):
            if rxpk.stat == 1:
                self._core.uplink(_reception(datagram.gateway.hex(), rxpk), self._loop.time())

    # What goes.

    def _advance(self) -> None:
        self._core.tick(self._loop.time())
        self._flush()

    def _flush(self) -> None:
        for event in self._core.events():
            self._on_event(event)
        for ask in self._core.asks():
            task = asyncio.ensure_future(self._ask(ask))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        for downlink in self._core.downlinks():
            if downlink.gateway in self._down:
                self._sendto(
                    pull_resp(downlink.token, txpk(downlink)), self._down[downlink.gateway]
                )
        if self._timer is not None:
            self._timer.cancel()
        next_s = self._core.next_tick()
        self._timer = None if next_s is None else self._loop.call_at(next_s, self._advance)

    async def _ask(self, ask: JoinAsk) -> None:
        if self._on_ask is not None:
            await self._on_ask(ask)
            self._flush()

    def _sendto(self, data: bytes, addr: Address) -> None:
        if self.cut:
            return
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, addr)


def txpk(downlink: Transmit) -> str:
    """The JSON of a PULL_RESP; LoRa downlinks carry no payload CRC and inverted polarity."""
    rate = downlink.rate
    body: dict[str, object] = {
        "imme": False,
        "tmst": downlink.tmst,
        "freq": downlink.freq_hz / 1e6,
        "rfch": 0,
        "powe": downlink.power_dbm,
        "modu": "LORA",
        "datr": str(rate),
        "codr": "4/5",
        "ipol": True,
        "ncrc": True,
        "size": len(downlink.payload),
        "data": base64.b64encode(downlink.payload).decode(),
    }
    if rate.sf is None:
        body |= {"modu": "FSK", "datr": 50_000, "fdev": 25_000}
        del body["codr"], body["ipol"], body["ncrc"]
    return msgspec.json.encode({"txpk": body}).decode()


def _reception(gateway: str, rxpk: Rxpk) -> Reception:
    sf, bw_hz = None, 125_000
    if isinstance(rxpk.datr, str):
        found = _DATR.fullmatch(rxpk.datr)
        if found is None:
            raise ProtocolError(f"datr {rxpk.datr!r}; SF7BW125 or the like expected")
        sf, bw_hz = int(found.group(1)), int(found.group(2)) * 1000
    payload = base64.b64decode(rxpk.data, validate=True)
    if len(payload) > 255:
        raise ProtocolError(f"{len(payload)} bytes; a LoRa frame has at most 255")
    return Reception(
        gateway,
        payload,
        rxpk.tmst & 0xFFFFFFFF,
        round(rxpk.freq * 1e6),
        sf,
        bw_hz,
        rxpk.rssi,
        rxpk.lsnr,
    )


def _error(body: bytes) -> str | None:
    """The word of a TX_ACK; None when the frame will be sent."""
    if not body:
        return None
    parsed = parse_json(body)
    ack = parsed.get("txpk_ack") if isinstance(parsed, dict) else None
    word = ack.get("error") if isinstance(ack, dict) else None
    return None if word in (None, "NONE") else str(word)
