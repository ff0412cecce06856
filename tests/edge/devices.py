"""Devices that send, written from lorawan/: keys are random for each run, so a leak can be found."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from forwarder.edge.keys import SoftKey
from forwarder.edge.session import Device
from forwarder.edge.values import (
    Envelope,
    FrameMatch,
    KeyHandle,
    KeyNews,
    KeyOrigin,
    RadioFacts,
    Scheme,
)
from forwarder.lorawan import crypto
from forwarder.lorawan.frame import DataFrame, Header, MType

RADIO = RadioFacts(1, 868_100_000, "SF7BW125", "4/5", -60, 9.5, 1, 0)
NOW_S = 1_700_000_000.0


class PlainVault:
    """Opens what is wrapped in nothing, whatever the scheme says; counts how often."""

    def __init__(self) -> None:
        self.opened = 0

    def open(self, envelope: Envelope, source: str) -> KeyHandle:
        self.opened += 1
        return SoftKey(envelope.wrapped)

    def pinned(self, envelope: Envelope, source: str) -> Envelope:
        return envelope


@dataclass(repr=False)
class Node:
    """An end device with a session. `dev_eui` is 16 hex digits. No repr: keys inside."""

    number: int = 1
    dev_addr: int = 0x26010001
    lorawan_1_1: bool = False
    nwk: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    s_nwk: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    app: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    session_id: bytes = field(default_factory=lambda: secrets.token_bytes(8))

    @property
    def dev_eui(self) -> str:
        return f"{self.number:016x}"

    def rejoined(self, dev_addr: int | None = None) -> Node:
        """The same device with another session."""
        return Node(self.number, self.dev_addr if dev_addr is None else dev_addr, self.lorawan_1_1)

    def device(self, **settings: Any) -> Device:
        return Device(self.dev_eui, **settings)

    def send(
        self,
        fcnt: int,
        payload: bytes = b"hello",
        *,
        fport: int | None = 1,
        fcnt_mask: int = 0xFFFFFFFF,
        kind: MType = MType.UNCONFIRMED_UP,
        tx_dr: int = 5,
        tx_ch: int = 0,
    ) -> bytes:
        counted = fcnt & fcnt_mask
        way = crypto.UP if kind.uplink else crypto.DOWN
        key = self.app if fport else self.nwk
        sealed = crypto.crypt_payload(key, way, self.dev_addr, counted, payload)
        frame = DataFrame(
            Header(kind),
            self.dev_addr,
            fcnt & 0xFFFF,
            fport=fport,
            payload=b"" if fport is None else sealed,
        )
        body = frame.body()
        if self.lorawan_1_1:
            return body + crypto.uplink_mic_1_1(
                self.nwk,
                self.s_nwk,
                body,
                self.dev_addr,
                counted,
                conf_fcnt=0,
                tx_dr=tx_dr,
                tx_ch=tx_ch,
            )
        return body + crypto.data_mic(self.nwk, body, way, self.dev_addr, counted)

    def news(
        self,
        *,
        origin: KeyOrigin = KeyOrigin.TUNNEL,
        network: bool = True,
        application: bool = True,
        match: FrameMatch | None = None,
        named: bool = True,
        addressed: bool = True,
        multicast: bool = False,
        lifetime_s: int | None = None,
        label: str = "kek",
    ) -> KeyNews:
        def wrapped(key: bytes) -> Envelope:
            return Envelope(Scheme.RFC3394, key, label)

        return KeyNews(
            "test",
            origin,
            self.dev_eui,
            self.dev_addr if addressed else None,
            session_id=self.session_id if named else b"",
            app_s_key=wrapped(self.app) if application else None,
            f_nwk_s_int=wrapped(self.nwk) if network else None,
            lorawan_1_1=self.lorawan_1_1,
            match=match,
            multicast=multicast,
            lifetime_s=lifetime_s,
        )

    def report(self, fcnt: int, frame: bytes) -> FrameMatch:
        return FrameMatch(fcnt, mic=frame[-4:])
