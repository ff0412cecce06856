"""The simulated end device as a state machine, and with air, board and server around it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.lorawan import crypto
from forwarder.lorawan.frame import DataFrame, Header, JoinAccept, JoinRequest, MType, parse
from forwarder.lorawan.keys import SessionKeys, session_1_0
from forwarder.lorawan.region import REGIONS
from forwarder.sim.device import Device, Heard, Send, Window
from forwarder.sim.device_events import Acked, Downlinked, Ignored, Joined, JoinMissed, Unacked
from forwarder.sim.device_spec import DeviceSpec, Traffic
from forwarder.sim.scenario import load, read
from forwarder.sim.server_events import JoinHeard
from hal.airtime import airtime_us
from hal.modulation import LoRa

from .virtual_network import MORE_CHANNELS, Network

S = 1_000_000_000
KEY = bytes(range(16))
SESSION = SessionKeys.of_1_0(bytes(range(16, 32)), bytes(range(32, 48)))
OTAA = DeviceSpec("d", 0x02AA, 0x02BB, KEY, REGIONS["EU868"], dr=5, traffic=Traffic(every_s=60))
ABP = replace(OTAA, session=SESSION, dev_addr=0x01020304)


def a_device(spec: DeviceSpec = ABP, seed: int = 1, **more: int) -> Device:
    return Device(spec, random.Random(seed), **more)


def air_ns(send: Send) -> int:
    assert send.sf is not None
    return airtime_us(LoRa(send.sf, send.bw_hz), len(send.payload)) * 1000


def woken(device: Device) -> tuple[Send, int]:
    """The next transmission, and when it began."""
    while True:
        assert device.next_ns is not None
        now_ns = device.next_ns
        send = device.wake(now_ns)
        if send is not None:
            return send, now_ns


def exchange(device: Device, heard: bytes | None = None) -> tuple[Send, int, list[Window]]:
    """One transmission with its windows; `heard` comes in RX1."""
    send, start_ns = woken(device)
    window = device.tx_done(start_ns + air_ns(send))
    windows = [window]
    answer = None if heard is None else Heard(heard, -60.0, 9.0, window.to_ns)
    following = device.window_done(answer, window.to_ns)
    while following is not None:
        windows.append(following)
        following = device.window_done(None, following.to_ns)
    return send, start_ns, windows


def join_accept(device: Device, send: Send, **fields: Any) -> bytes:
    accept = replace(JoinAccept(7, 0x13, 0x26000001), **fields)
    clear, mhdr = accept.encode(), 0x20
    mic = crypto.join_accept_mic(device.spec.app_key, mhdr, clear)
    return bytes([mhdr]) + crypto.seal_join_accept(device.spec.app_key, clear, mic)


def downlink(fcnt: int, **fields: Any) -> bytes:
    frame = DataFrame(Header(MType.UNCONFIRMED_DOWN), ABP.dev_addr, fcnt)
    frame = replace(frame, **fields)
    mic = crypto.data_mic(SESSION.s_nwk_s_int, frame.body(), crypto.DOWN, ABP.dev_addr, fcnt)
    return frame.body() + mic


def data(send: Send) -> DataFrame:
    frame = parse(send.payload)
    assert isinstance(frame, DataFrame)
    return frame


# Joining.


def test_a_join_accept_in_rx1_gives_the_session_keys() -> None:
    device = a_device(OTAA)
    send, start_ns = woken(device)
    request = parse(send.payload)
    assert isinstance(request, JoinRequest)
    window = device.tx_done(start_ns + air_ns(send))
    heard = Heard(join_accept(device, send), -60.0, 9.0, window.to_ns)
    assert device.window_done(heard, window.to_ns) is None
    assert device.session is not None
    expected = session_1_0(KEY, 7, 0x13, request.dev_nonce)
    assert device.session.nwk_s_enc == expected.nwk_s_enc
    assert device.session.app_s == expected.app_s
    (event,) = device.events()
    assert isinstance(event, Joined) and event.dev_addr == 0x26000001
    assert data(woken(device)[0]).fcnt == 0


def test_join_windows_open_five_and_six_seconds_after_the_request() -> None:
    device = a_device(OTAA)
    send, start_ns, (rx1, rx2) = exchange(device)
    end_ns = start_ns + air_ns(send)
    for window, delay_s in ((rx1, 5), (rx2, 6)):
        assert window.from_ns < end_ns + delay_s * S < window.to_ns
        assert window.to_ns - window.from_ns < S
    assert (rx1.freq_hz, rx1.sf) == (send.freq_hz, send.sf)
    assert (rx2.freq_hz, rx2.sf) == (869_525_000, 12)
    assert device.events() == [JoinMissed(1)]


@pytest.mark.parametrize("version", ["1.0.2", "1.0.4"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), first=st.integers(0, 0xFFFF))
def test_a_dev_nonce_is_never_used_twice(version: str, seed: int, first: int) -> None:
    device = a_device(replace(OTAA, mac_version=version), seed, first_nonce=first)
    nonces = []
    for _ in range(60):
        request = parse(exchange(device)[0].payload)
        assert isinstance(request, JoinRequest)
        nonces.append(request.dev_nonce)
    assert len(set(nonces)) == len(nonces)
    if version == "1.0.4":
        assert nonces == [(first + i) & 0xFFFF for i in range(60)]


@pytest.mark.parametrize("version", ["1.0.2", "1.0.4"])
def test_a_later_run_tells_other_dev_nonces(version: str) -> None:
    spec = replace(OTAA, mac_version=version)
    runs: list[set[int]] = []
    for first in (500, 501 + 60):
        device = a_device(spec, first_nonce=first)
        requests = [parse(exchange(device)[0].payload) for _ in range(3)]
        runs.append({one.dev_nonce for one in requests if isinstance(one, JoinRequest)})
    assert len(runs[0]) == len(runs[1]) == 3 and not runs[0] & runs[1]


def test_joins_back_off_to_a_hundredth_and_then_a_thousandth_of_the_time() -> None:
    device = a_device(OTAA)
    on_air: list[tuple[int, int]] = []
    while not on_air or on_air[-1][0] < 11 * 3600 * S:
        send, start_ns, _ = exchange(device)
        on_air.append((start_ns, air_ns(send)))
    first_hour = sum(air for start, air in on_air if start < 3600 * S)
    then = sum(air for start, air in on_air if start >= 3600 * S)
    assert 10 * S < first_hour <= 36 * S + 3 * S  # one frame may straddle the limit
    assert 5 * S < then <= 36 * S + 3 * S


def test_a_device_that_is_not_answered_joins_ever_slower_and_more_robustly() -> None:
    device = a_device(OTAA)
    sfs = [exchange(device)[0].sf for _ in range(12)]
    assert sfs[0] == 7 and sfs[-1] == 12 and sfs == sorted(sfs, key=lambda sf: sf or 0)


def test_a_join_accept_for_another_device_is_ignored_and_rx2_still_opens() -> None:
    device = a_device(OTAA)
    other = a_device(replace(OTAA, app_key=bytes(16)))
    send, start_ns = woken(device)
    rx1 = device.tx_done(start_ns + air_ns(send))
    rx2 = device.window_done(Heard(join_accept(other, send), -60, 9, rx1.to_ns), rx1.to_ns)
    assert rx2 is not None and rx2.number == 2 and not device.joined
    assert isinstance(device.events()[0], Ignored)


def test_the_cf_list_and_the_settings_of_a_join_accept_are_used() -> None:
    device = a_device(OTAA)
    send, start_ns = woken(device)
    window = device.tx_done(start_ns + air_ns(send))
    accept = join_accept(device, send, cf_list=MORE_CHANNELS, dl_settings=0x23, rx_delay=3)
    device.window_done(Heard(accept, -60, 9, window.to_ns), window.to_ns)
    assert {channel.freq_hz for channel in device.mac.channels.values()} == {
        868_100_000, 868_300_000, 868_500_000, *range(867_100_000, 868_000_000, 200_000)
    }  # fmt: skip
    send, start_ns, (rx1, rx2) = exchange(device)
    assert rx1.sf == 9  # DR5 less two
    assert rx2.sf == 9  # DR3
    assert rx1.from_ns < start_ns + air_ns(send) + 3 * S < rx1.to_ns


# Data.


@given(confirmed=st.floats(0, 1), seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_a_counter_never_carries_two_different_frames(confirmed: float, seed: int) -> None:
    device = a_device(replace(ABP, confirmed=confirmed), seed)
    frames: dict[int, bytes] = {}
    last = -1
    for _ in range(40):
        payload = exchange(device)[0].payload
        fcnt = data(Send(payload, 0, 7, 0, 0, "")).fcnt
        assert frames.setdefault(fcnt, payload) == payload
        assert fcnt in (last, last + 1)
        last = fcnt


def test_an_unanswered_confirmed_frame_is_sent_eight_times_and_given_up() -> None:
    device = a_device(replace(ABP, confirmed=1.0))
    sends = [exchange(device)[0] for _ in range(9)]
    counters = [data(send).fcnt for send in sends]
    assert counters == [0] * 8 + [1]
    assert len({send.payload for send in sends[:8]}) == 1
    assert device.events() == [Unacked(0, 8)]
    assert sends[7].sf is not None and sends[7].sf > 7  # repeated at lower data rates


def test_an_acknowledgement_ends_the_repetition() -> None:
    device = a_device(replace(ABP, confirmed=1.0))
    exchange(device)
    exchange(device, downlink(0, ack=True))
    acked, told = device.events()
    assert acked == Acked(0, 2)
    assert isinstance(told, Downlinked) and told.ack
    assert data(woken(device)[0]).fcnt == 1


def test_a_replayed_downlink_is_ignored() -> None:
    device = a_device()
    exchange(device, downlink(5))
    exchange(device, downlink(5))
    first, second = device.events()
    assert isinstance(first, Downlinked) and isinstance(second, Ignored)


def test_a_confirmed_downlink_is_acknowledged_soon() -> None:
    device = a_device()
    _, start_ns, _ = exchange(device, downlink(0, header=Header(MType.CONFIRMED_DOWN)))
    send, answer_ns = woken(device)
    assert data(send).ack and answer_ns - start_ns < 20 * S


def test_mac_commands_are_obeyed_and_answered_once() -> None:
    device = a_device()
    requests = bytes.fromhex("06" + "0350070001" + "0805")  # DevStatus, LinkADR DR5 idx 0, RX 5 s
    exchange(device, downlink(0, fopts=requests))
    assert device.mac.rx_delay_s == 5
    answers = data(exchange(device)[0]).fopts
    assert answers == bytes.fromhex("060009" + "0307" + "08")
    # RXTimingSetupAns is repeated until a downlink comes; the others are not.
    assert data(exchange(device, downlink(1))[0]).fopts == bytes.fromhex("08")
    assert data(exchange(device)[0]).fopts == b""


def test_a_link_adr_request_for_a_missing_channel_changes_nothing() -> None:
    device = a_device()
    exchange(device, downlink(0, fopts=bytes.fromhex("0312ff0001")))
    assert device.mac.data_rate == 5 and len(device.mac.enabled) == 3
    assert data(exchange(device)[0]).fopts[:1] == b"\x03"


def test_windows_follow_the_crystal_of_the_device() -> None:
    device = a_device(replace(OTAA, crystal_ppm=40.0))
    send, start_ns, (rx1, _) = exchange(device)
    true_ns = start_ns + air_ns(send) + 5 * S
    middle_of_error = rx1.from_ns + 3_000_000
    assert true_ns - middle_of_error == pytest.approx(5 * 40_000, abs=2)


def test_devices_keep_their_duty_cycle() -> None:
    busy = replace(ABP, traffic=Traffic(every_s=0.5), confirmed=0.3)
    device = a_device(busy)
    air = 0
    while device.next_ns is not None and device.next_ns < 3600 * S:
        air += air_ns(exchange(device)[0])
    assert air <= 36 * S + 2 * S  # one frame may straddle the end


@pytest.mark.parametrize("name", sorted(REGIONS))
def test_a_device_sends_and_listens_in_every_region(name: str) -> None:
    device = a_device(replace(ABP, region=REGIONS[name], dr=None))
    for _ in range(20):
        send, _, windows = exchange(device)
        assert any(abs(ch.freq_hz - send.freq_hz) < 1 for ch in REGIONS[name].channels)
        assert windows[1].freq_hz == REGIONS[name].rx2_freq_hz


# With air, board, driver and server.


def test_a_sensor_joins_through_the_registers_within_ten_seconds() -> None:
    network = Network(load("one-sensor"))
    network.run(10)
    (joined,) = network.of(Joined)
    assert isinstance(joined, Joined) and joined.tries == 1
    network.run(120)
    assert network.world.counts["lost"] == 0
    assert any(isinstance(event, Downlinked) for event in network.of(Downlinked))


def test_without_answers_no_device_joins() -> None:
    network = Network(load("one-sensor"), answers=False)
    network.run(60)
    assert not network.of(Joined)
    assert len(network.of(JoinMissed)) == len(network.heard(JoinHeard)) >= 3


def test_confirmed_frames_are_acknowledged_through_the_air() -> None:
    network = Network(read(CONFIRMED))
    network.run(300)
    assert len(network.of(Acked)) > 20 and not network.of(Unacked)


def test_one_seed_gives_one_outcome() -> None:
    runs = []
    for _ in range(2):
        network = Network(load("demo"), quiet=False)
        network.run(120)
        runs.append([(d.spec.name, s.payload, r.frame.start_ns) for d, s, r in network.sent])
    assert runs[0] == runs[1] and len(runs[0]) > 30


CONFIRMED = """
[[devices]]
activation = "abp"
confirmed = 1.0
place = { kind = "points", points = [[200, 0, 1]] }
traffic = { every = "10s" }
"""
