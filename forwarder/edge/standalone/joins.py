"""Join-requests on their way to the Join Server: which are put before it, which never. Pure.

The MIC of a join-request is the Join Server's to check: until it has, everything here is only what
somebody claims, so nothing is remembered that a forger could use to keep a device out, and little
is asked at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ...lorawan.frame import JoinRequest
from ..session import Device
from ..values import RadioFacts
from .values import JoinAsk, Nonce

ASKS_MOST = 32
ASKS_EACH = 3  # a forged request must not keep the real one waiting
FRAMES_KEPT = 1024
ASK_LIVES_S = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    ask: JoinAsk
    radio: RadioFacts
    nonce: Nonce
    heard_s: float


class Joins:
    """`random` gives a number below its argument; `taken` says whether a DevAddr is in use."""

    def __init__(
        self,
        addresses: tuple[int, int],
        random: Callable[[int], int],
        taken: Callable[[int], bool],
    ) -> None:
        self._first, self._free_bits = addresses
        self._random, self._taken = random, taken
        self._nonces: dict[tuple[str, str], set[int]] = {}
        self._frames: OrderedDict[bytes, None] = OrderedDict()
        self._asked: dict[int, Asked] = {}
        self._number = 0

    def restore(self, nonce: Nonce) -> None:
        self._nonces.setdefault((nonce.dev_eui, nonce.join_eui), set()).add(nonce.value)

    def fault(self, device: Device, request: JoinRequest, raw: bytes, now_s: float) -> str:
        """Why the Join Server is not asked; empty if it is to be."""
        join_eui = f"{request.join_eui:016x}"
        if device.join_eui and device.join_eui.lower() != join_eui:
            return f"JoinEUI {join_eui} is not the enrolled one"
        if request.dev_nonce in self._nonces.get((device.dev_eui, join_eui), ()):
            return f"DevNonce {request.dev_nonce} was used before: a replay, or a reset device"
        if raw in self._frames:
            return "these very bytes were heard before: a replay"
        self._forget(now_s)
        if len(self._asked) >= ASKS_MOST:
            return f"{ASKS_MOST} joins wait for the Join Server already"
        if sum(one.ask.dev_eui == device.dev_eui for one in self._asked.values()) >= ASKS_EACH:
            return f"{ASKS_EACH} joins of this device wait for the Join Server already"
        return ""

    def ask(
        self,
        device: Device,
        request: JoinRequest,
        raw: bytes,
        radio: RadioFacts,
        now_s: float,
        *,
        dl_settings: int,
        rx_delay: int,
        cf_list: bytes,
    ) -> JoinAsk | None:
        """Put it before the Join Server; None if no address is free."""
        dev_addr = self._address()
        if dev_addr is None:
            return None
        self._frames[raw] = None
        if len(self._frames) > FRAMES_KEPT:
            self._frames.popitem(last=False)
        self._number += 1
        join_eui = f"{request.join_eui:016x}"
        ask = JoinAsk(
            self._number,
            raw,
            device.dev_eui,
            join_eui,
            dev_addr,
            "1.1" if device.lorawan_1_1 else "1.0.3",
            dl_settings | (0x80 if device.lorawan_1_1 else 0),
            rx_delay,
            cf_list,
        )
        nonce = Nonce(device.dev_eui, join_eui, request.dev_nonce)
        self._asked[ask.number] = Asked(ask, radio, nonce, now_s)
        return ask

    def answered(self, number: int) -> Asked | None:
        """Take out what was asked; None if nobody waits for it any more."""
        return self._asked.pop(number, None)

    def _address(self) -> int | None:
        """At random, so that two such networks within earshot seldom choose the same."""
        size = 1 << self._free_bits
        start = self._random(size)
        for step in range(min(size, 4096)):
            address = self._first + (start + step) % size
            waits = any(one.ask.dev_addr == address for one in self._asked.values())
            if address and not waits and not self._taken(address):
                return address
        return None

    def _forget(self, now_s: float) -> None:
        late = [n for n, one in self._asked.items() if now_s - one.heard_s > ASK_LIVES_S]
        for number in late:
            del self._asked[number]
