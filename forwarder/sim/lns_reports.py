"""What the demo's network server tells the application side, over HTTP on loopback.

Two calls, each with its token: events in ChirpStack's JSON (the AppSKey as the Join Server wrapped
it, or the session id alone), and NwkSKeys to the gateway's push API, as a network server does who
lets its gateways check MICs (Backend Interfaces, passive roaming). Ref: edge-keys.md 2.5, 2.9.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass

import msgspec

from ..lorawan.keys import wrap
from .join_desk import Grant
from .server_events import DataHeard

ANSWER_S = 3.0
Json = dict[str, object]


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Where to and what we are known by."""

    port: int
    token: str
    path: str


@dataclass(frozen=True, slots=True, repr=False)
class PushKek:
    """What NwkSKeys are wrapped with for the gateway."""

    label: str
    key: bytes


class Reports:
    """Sends in the order of the calls. `failed` counts what nobody took."""

    def __init__(self, events: Address, keys: Address, kek: PushKek) -> None:
        self._events, self._keys, self._kek = events, keys, kek
        self._grants: dict[str, tuple[Grant, bool]] = {}
        self._queue: asyncio.Queue[tuple[Address, str, bytes]] = asyncio.Queue(1000)
        self.sent = 0
        self.failed = 0

    def joined(self, grant: Grant, *, envelope: bool) -> None:
        """A device is in. With `envelope` the wrapped AppSKey goes along, else only its id."""
        self._grants[grant.ask.device.name] = grant, envelope
        self._put(self._events, "?event=join", join_event(grant, envelope=envelope))
        self._put(self._keys, "", network_key(grant, self._kek))

    def heard(self, event: DataHeard) -> None:
        """A data frame came up; of devices that joined through the Join Server outside."""
        if event.device in self._grants and not event.repeat:
            grant, envelope = self._grants[event.device]
            self._put(self._events, "?event=up", up_event(grant, event, envelope=envelope))

    def _put(self, to: Address, query: str, body: Json) -> None:
        if self._queue.full():
            self.failed += 1
            return
        self._queue.put_nowait((to, query, msgspec.json.encode(body)))

    async def run(self) -> None:
        while True:
            to, query, body = await self._queue.get()
            try:
                async with asyncio.timeout(ANSWER_S):
                    status = await post(to, query, body)
            except (OSError, TimeoutError, ValueError):
                status = 0
            self.sent += 200 <= status < 300
            self.failed += not 200 <= status < 300


def join_event(grant: Grant, *, envelope: bool) -> Json:
    return {**_device(grant), "joinServerContext": _context(grant, envelope=envelope)}


def up_event(grant: Grant, event: DataHeard, *, envelope: bool) -> Json:
    return {
        **_device(grant),
        "fCnt": event.fcnt,
        "fPort": event.fport or 0,
        "confirmed": event.confirmed,
        "data": base64.b64encode(event.payload if event.fport else b"").decode(),
        "rxInfo": [{"rssi": event.radio.rssi_dbm, "snr": event.radio.snr_db}],
        "txInfo": {"frequency": event.radio.freq_hz},
        "joinServerContext": _context(grant, envelope=envelope),
    }


def network_key(grant: Grant, kek: PushKek) -> Json:
    """The body of the push API (edge/sources/session_body.py) with the NwkSKey alone."""
    wrapped = wrap(kek.key, grant.nwk_s_key).hex()
    return {
        "dev_eui": f"{grant.ask.device.dev_eui:016x}",
        "dev_addr": f"{grant.ask.dev_addr:08x}",
        "session_id": grant.session_id.hex(),
        "nwk_s_key": {"kek_label": kek.label, "aes_key": wrapped},
    }


def _device(grant: Grant) -> Json:
    device = grant.ask.device
    return {
        "deviceInfo": {"devEui": f"{device.dev_eui:016x}", "deviceName": device.name},
        "devAddr": f"{grant.ask.dev_addr:08x}",
    }


def _context(grant: Grant, *, envelope: bool) -> Json:
    context: Json = {"sessionKeyId": grant.session_id.hex()}
    if envelope and grant.app_s_key is not None:
        wrapped = base64.b64encode(grant.app_s_key.wrapped).decode()
        context["appSKey"] = {"kekLabel": grant.app_s_key.label, "aesKey": wrapped}
    return context


async def post(to: Address, query: str, body: bytes) -> int:
    """One POST to this machine; gives the HTTP status. Raises OSError, ValueError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", to.port)
    try:
        head = (
            f"POST {to.path}{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {to.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        parts = (await reader.readline()).split()
        if len(parts) < 2:
            raise ValueError("no HTTP answer")
        return int(parts[1])
    finally:
        writer.close()
