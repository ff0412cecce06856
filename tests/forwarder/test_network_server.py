"""The small network server: what it answers, what it refuses, what it counts once."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from forwarder.lorawan.frame import JoinRequest, parse
from forwarder.lorawan.region import REGIONS
from forwarder.sim.device import Device, Heard, Send
from forwarder.sim.device_events import Acked, Downlinked, Joined
from forwarder.sim.device_spec import DeviceSpec
from forwarder.sim.network_server import NetworkServer, Reception, Transmit
from forwarder.sim.server_events import (
    DataHeard,
    DownlinkAnswered,
    DownlinkSent,
    JoinHeard,
    JoinRefused,
    Unknown,
)

S = 1_000_000_000
SPEC = DeviceSpec("d", 0x02AA, 0x02BB, bytes(range(16)), REGIONS["EU868"], dr=5)


class Bench:
    """A device and a server with nothing between them but this; times are the device's."""

    def __init__(self, spec: DeviceSpec = SPEC) -> None:
        self.device = Device(spec, random.Random(3))
        self.server = NetworkServer(spec.region, [spec])
        self.now_s = 0.0

    def hears(self, payload: bytes, send: Send, tmst: int = 1000, **more: Any) -> None:
        one = Reception("gw", payload, tmst, send.freq_hz, send.sf, send.bw_hz, -70.0, 9.0)
        self.server.uplink(replace(one, **more), self.now_s)

    def handle(self) -> list[Transmit]:
        self.now_s += 0.3
        self.server.tick(self.now_s)
        return self.server.downlinks()

    def exchange(self, *, answer: bool = True) -> tuple[Send, list[Transmit]]:
        """The device's next frame, and the server's answer back in RX1."""
        send, start_ns = None, 0
        while send is None:
            assert self.device.next_ns is not None
            start_ns = self.device.next_ns
            send = self.device.wake(start_ns)
        self.now_s = max(self.now_s, start_ns / S)
        self.hears(send.payload, send)
        downlinks = self.handle()
        window = self.device.tx_done(start_ns + 60_000_000)
        heard = None
        if downlinks and answer:
            heard = Heard(downlinks[0].payload, -70.0, 9.0, window.to_ns)
        following = self.device.window_done(heard, window.to_ns)
        if following is not None:
            self.device.window_done(None, following.to_ns)
        return send, downlinks


def test_a_join_is_answered_once_five_seconds_later_in_rx1() -> None:
    bench = Bench()
    send, downlinks = bench.exchange()
    (downlink,) = downlinks
    assert downlink.tmst == 1000 + 5_000_000
    assert (downlink.freq_hz, downlink.rate.sf) == (send.freq_hz, 7)
    assert bench.device.joined
    assert any(isinstance(event, Joined) for event in bench.device.events())
    heard, sent = bench.server.events()
    assert isinstance(heard, JoinHeard) and isinstance(sent, DownlinkSent)


def test_a_replayed_join_request_is_refused_and_not_answered() -> None:
    bench = Bench()
    send, _ = bench.exchange()
    bench.server.events()
    bench.now_s += 10
    assert bench.handle() == []  # forgets the copies
    bench.hears(send.payload, send)
    assert bench.handle() == []
    (event,) = bench.server.events()
    assert isinstance(event, JoinRefused) and "DevNonce" in event.why


@pytest.mark.parametrize(
    "spoil, why",
    [
        pytest.param({"mic": b"\1\2\3\4"}, "MIC", id="wrong key"),
        pytest.param({"dev_eui": 1}, "DevEUI", id="unknown device"),
        pytest.param({"join_eui": 1}, "JoinEUI", id="another Join Server"),
    ],
)
def test_a_join_with_a_fault_is_refused_with_the_reason(spoil: dict[str, Any], why: str) -> None:
    bench = Bench()
    send = bench.device.wake(0)
    assert send is not None
    request = parse(send.payload)
    assert isinstance(request, JoinRequest)
    bench.hears(replace(request, **spoil).encode(), send)
    assert bench.handle() == []
    (event,) = bench.server.events()
    assert isinstance(event, JoinRefused) and why in event.why


def test_ghosts_and_other_gateways_make_one_frame_and_the_strongest_decides() -> None:
    bench = Bench()
    send = bench.device.wake(0)
    assert send is not None
    bench.hears(send.payload, send, tmst=5, freq_hz=867_100_000, rssi_dbm=-110.0)
    bench.hears(send.payload, send, tmst=9, rssi_dbm=-40.0)
    bench.hears(send.payload, send, tmst=7, gateway="other", rssi_dbm=-90.0)
    (downlink,) = bench.handle()
    assert (downlink.gateway, downlink.tmst) == ("gw", 9 + 5_000_000)
    assert downlink.freq_hz == send.freq_hz
    heard = bench.server.events()[0]
    assert isinstance(heard, JoinHeard)
    assert (heard.radio.copies, heard.radio.ghosts) == (2, 1)


def test_a_copy_that_comes_late_is_not_answered_again() -> None:
    bench = Bench()
    send = bench.device.wake(0)
    assert send is not None
    bench.hears(send.payload, send)
    assert len(bench.handle()) == 1
    bench.hears(send.payload, send, gateway="slow")
    assert bench.handle() == []


def test_a_confirmed_frame_is_acknowledged_and_its_repetition_too() -> None:
    bench = Bench(replace(SPEC, confirmed=1.0))
    bench.exchange()
    _, first = bench.exchange(answer=False)
    assert first[0].tmst == 1000 + 1_000_000
    _, again = bench.exchange()
    assert [len(first), len(again)] == [1, 1]
    assert first[0].payload != again[0].payload  # its own counter: no keystream twice
    data = [event for event in bench.server.events() if isinstance(event, DataHeard)]
    assert [event.repeat for event in data] == [False, True]
    assert any(isinstance(event, Acked) for event in bench.device.events())


def test_what_does_not_fit_into_rx1_is_asked_for_rx2() -> None:
    bench = Bench()
    _, (rx1,) = bench.exchange(answer=False)
    bench.server.answered(rx1.token, "COLLISION_PACKET")
    (rx2,) = bench.server.downlinks()
    assert rx2.tmst == rx1.tmst + 1_000_000 and rx2.token != rx1.token
    assert (rx2.freq_hz, rx2.rate.sf) == (869_525_000, 12)
    bench.server.answered(rx2.token, "TOO_LATE")
    assert bench.server.downlinks() == []
    told = [event for event in bench.server.events() if isinstance(event, DownlinkAnswered)]
    assert [event.error for event in told] == ["COLLISION_PACKET", "TOO_LATE"]


def test_an_answer_to_nothing_is_ignored() -> None:
    Bench().server.answered(4711, None)


def test_payloads_are_decrypted_and_gaps_counted() -> None:
    bench = Bench()
    bench.exchange()
    bench.exchange()
    lost = bench.device
    while lost.fcnt_up < 5:  # frames that nobody hears
        assert lost.next_ns is not None
        start_ns = lost.next_ns
        if lost.wake(start_ns) is not None:
            following = lost.window_done(None, lost.tx_done(start_ns + 1).to_ns)
            assert following is not None
            lost.window_done(None, following.to_ns)
    bench.exchange()
    data = [event for event in bench.server.events() if isinstance(event, DataHeard)]
    assert [(event.fcnt, event.missed) for event in data] == [(0, 0), (5, 4)]
    assert int.from_bytes(data[1].payload, "big") == 6


def test_messages_reach_the_application_of_the_device() -> None:
    bench = Bench()
    bench.exchange()
    for _ in range(12):
        bench.exchange()
    messages = [e.payload for e in bench.device.events() if isinstance(e, Downlinked) and e.payload]
    assert messages == [b"hello 1", b"hello 2"]


@pytest.mark.parametrize("payload", [b"", b"\x40", b"\xff" * 30, bytes(23), b"\x40" + bytes(20)])
def test_what_is_nobodys_frame_is_told_and_never_answered(payload: bytes) -> None:
    bench = Bench()
    bench.hears(payload, Send(payload, 868_100_000, 7, 125_000, 14, ""))
    assert bench.handle() == []
    (event,) = bench.server.events()
    assert isinstance(event, Unknown | JoinRefused)


def test_a_new_join_keeps_the_old_session_until_the_first_uplink() -> None:
    bench = Bench()
    bench.exchange()
    bench.exchange()
    old = bench.device
    again = Device(SPEC, random.Random(4), first_nonce=100)
    bench.device = again
    bench.exchange(answer=False)  # the join-accept is lost: the device knows nothing of it
    bench.device = old
    bench.exchange()
    data = [event for event in bench.server.events() if isinstance(event, DataHeard)]
    assert [event.fcnt for event in data] == [0, 1]
