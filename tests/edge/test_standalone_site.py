"""Simulated devices join through the standalone server with an external Join Server, and talk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from forwarder.edge.standalone.settings import StandaloneSettings
from forwarder.edge.standalone.values import JoinAsk, KeyAsk, State
from forwarder.edge.values import Envelope, LocalDownlink, MicState, PayloadState, Scheme
from forwarder.lorawan.keys import wrap
from forwarder.packets import Accepted, Refused, Uplink
from forwarder.sim.device_events import Acked, Downlinked, Ignored, Joined, JoinMissed, Unacked
from forwarder.sim.device_spec import Payload, PayloadKind, Traffic
from forwarder.sim.join_server import Gives
from tests.edge.standalone_network import AS_KEK, SETTINGS, Site, spec

JOIN_S = 16.0  # the first device has joined by then


def eui(number: int) -> str:
    return f"{0x70B3D57ED1000000 + number:016x}"


def down(number: int = 1, payload: bytes = b"hello", **more: Any) -> LocalDownlink:
    return LocalDownlink(eui(number), 10, payload, **more)


def test_devices_join_and_their_payloads_come_out_clear(tmp_path: Path) -> None:
    payload = Payload(PayloadKind.COUNTER, size=3)
    site = Site([spec(n, payload=payload) for n in (1, 2, 3)], tmp_path / "s.db")
    site.run(120)
    assert len(site.of(Joined)) == 3 and site.of(JoinMissed) == []
    assert len({joined.dev_addr for joined in site.of(Joined)}) == 3
    of_one = [record for record in site.records if record.dev_eui == eui(1)]
    assert [record.fcnt for record in of_one] == list(range(len(of_one))) and len(of_one) >= 3
    assert of_one[0].payload == b"\0\0\1" and of_one[0].payload_state is PayloadState.DECRYPTED
    assert {record.mic for record in site.records} == {MicState.OK}


def test_a_join_accept_leaves_five_seconds_later_with_channels_and_net_id(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db")
    site.run(JOIN_S)
    (ask,) = site.asks
    assert isinstance(ask, JoinAsk) and ask.cf_list == SETTINGS.cf_list(spec().region)
    assert ask.dev_addr >> 25 == 0x13
    (downlink, answer) = site.scheduled[0]
    assert isinstance(answer, Accepted)
    request = site.uplinks[0].frame
    assert answer.start_us == request.counter_us + 5_000_000
    assert downlink.freq_hz == request.freq_hz and downlink.invert_polarity
    assert site.core.join_margin_ms is not None and site.core.join_margin_ms > 4000


def test_a_late_join_server_is_answered_in_rx2_and_the_margin_told(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db", js_delay_s=5.3)
    site.run(JOIN_S)
    assert len(site.of(Joined)) == 1
    assert [isinstance(answer, Accepted) for _, answer in site.scheduled] == [False, True]
    assert any("in RX2" in event and "RX1 missed by" in event for event in site.events)
    assert site.core.join_margin_ms is not None and 0 < site.core.join_margin_ms < 1000


def test_a_join_server_later_than_rx2_is_reported_lost_with_its_margin(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db", js_delay_s=6.5)
    site.run(JOIN_S)
    assert site.of(Joined) == [] and site.of(JoinMissed)
    assert all(isinstance(answer, Refused) for _, answer in site.scheduled)
    assert any("too late for RX2" in event for event in site.events)
    assert site.core.join_margin_ms is not None and -1000 < site.core.join_margin_ms < 0
    assert len(site.core.sessions) == 0


def test_a_join_with_a_wrong_mic_gets_no_session_and_no_answer(tmp_path: Path) -> None:
    device = spec()
    site = Site([device], tmp_path / "s.db")
    site.join_server._devices[device.dev_eui].roots = replace(
        site.join_server._devices[device.dev_eui].roots, app_key=bytes(16)
    )
    site.run(JOIN_S)
    assert site.of(Joined) == [] and site.scheduled == []
    assert any("MICFailed" in event for event in site.events)


def test_a_replayed_join_request_is_not_even_asked_about(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db")
    site.run(JOIN_S)
    replayed = site.uplinks[0]
    site.run(30)
    asks, placed = len(site.asks), len(site.scheduled)
    site.hear(_now(replayed, site))
    site.settle()
    assert len(site.asks) == asks and len(site.scheduled) == placed
    assert any("was used before" in event for event in site.events)
    site.kill()  # nor after a restart
    site.hear(_now(replayed, site))
    site.settle()
    assert len(site.asks) == asks


def _now(uplink: Uplink, site: Site) -> Uplink:
    return replace(uplink, frame=replace(uplink.frame, counter_us=site.radio.now_us()))


def test_a_replayed_frame_makes_no_record_and_changes_no_counter(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db")
    site.run(100)
    records = len(site.records)
    for uplink in list(site.uplinks)[1:]:
        site.hear(_now(uplink, site))
    site.settle()
    assert records >= 2 and len(site.records) == records


def test_confirmed_frames_are_acknowledged_once_each(tmp_path: Path) -> None:
    site = Site([spec(confirmed=1.0)], tmp_path / "s.db")
    site.run(150)
    assert len(site.of(Acked)) >= 3 and site.of(Unacked) == []
    assert all(event.tries == 1 for event in site.of(Acked))


def test_a_downlink_goes_out_after_the_next_frame_and_arrives_clear(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db")
    site.run(JOIN_S)
    site.send(down(payload=b"open"))
    site.run(60)
    (got,) = site.of(Downlinked)
    assert (got.fport, got.payload) == (10, b"open")
    assert [one.state for one in site.states] == [State.QUEUED, State.SENT]


def test_a_confirmed_downlink_is_told_when_the_device_acknowledges(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db")
    site.run(JOIN_S)
    site.send(down(confirmed=True))
    site.run(90)
    states = [one.state for one in site.states]
    assert states == [State.QUEUED, State.SENT, State.ACKNOWLEDGED]


def test_several_downlinks_follow_one_another_with_fpending(tmp_path: Path) -> None:
    site = Site([spec(traffic=Traffic(every_s=300.0))], tmp_path / "s.db")
    site.run(JOIN_S)
    for number in range(3):
        site.send(down(payload=b"%d" % number))
    site.run(340)
    assert [got.payload for got in site.of(Downlinked)] == [b"0", b"1", b"2"]
    assert [got.fcnt for got in site.of(Downlinked)] == [0, 1, 2]


def test_the_queue_is_bounded_and_refuses_what_can_never_be_sent(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db", settings=replace_settings(queue_most=2))
    site.run(JOIN_S)
    for _ in range(3):
        site.send(down())
    site.send(LocalDownlink(eui(1), 0, b"x"))
    site.send(LocalDownlink(eui(1), 1, None, {"valve": "open"}))
    site.send(LocalDownlink("00" * 8, 1, b"x"))
    site.settle()
    why = [one.why for one in site.states if one.state is State.FAILED]
    assert [words.split()[0] for words in why] == ["2", "FPort", "no", "this"]


def replace_settings(**more: Any) -> StandaloneSettings:
    facts = {name: getattr(SETTINGS, name) for name in SETTINGS.__struct_fields__}
    return StandaloneSettings(**(facts | more))


def test_sessions_and_counters_go_on_after_a_restart(tmp_path: Path) -> None:
    site = Site([spec(confirmed=1.0)], tmp_path / "s.db")
    site.run(80)
    before = len(site.records)
    site.kill()
    site.run(120)
    assert len(site.of(Joined)) == 1 and site.of(Unacked) == []
    assert len(site.records) > before + 2
    assert [record.fcnt for record in site.records] == list(range(len(site.records)))
    assert [one for one in site.of(Ignored) if "counter" in one.why] == []


def test_a_full_disk_ends_downlinks_before_a_counter_is_used_twice(tmp_path: Path) -> None:
    site = Site([spec(confirmed=1.0, traffic=Traffic(every_s=5.0))], tmp_path / "s.db")
    site.run(JOIN_S)
    site.disk_full = True
    site.run(400)
    assert site.core.counters["downlinks withheld"] > 0
    assert any("no counter is reserved" in event for event in site.events)
    assert site.records, "records go out all the same"
    site.disk_full = False
    got = len(site.of(Downlinked))
    site.kill()
    site.run(60)
    assert len(site.of(Downlinked)) > got
    counters = [event.fcnt for event in site.of(Downlinked)]
    assert counters == sorted(set(counters))


def test_nobody_joins_while_the_session_cannot_be_stored(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db", disk_full=True)
    site.run(JOIN_S)
    assert site.scheduled == [] and len(site.core.sessions) == 0
    assert any("could not be stored" in event for event in site.events)


def test_a_device_that_joins_again_keeps_the_old_session_until_the_new_one_speaks(
    tmp_path: Path,
) -> None:
    site = Site([spec()], tmp_path / "s.db")
    site.run(50)
    (old,) = site.core.sessions
    site.world.devices["d1"].session = None  # its battery was changed
    while len(site.of(Joined)) < 2:
        site.run(0.5)
    assert old in list(site.core.sessions) and len(site.core.sessions) == 2
    before = len(site.records)
    site.run(40)
    (new,) = site.core.sessions
    assert new is not old and site.records[before].fcnt == 0
    assert site.records[before].session == new.hash != old.hash
    assert len(site.store.load()[0]) == 1


def test_joins_are_left_to_a_server_when_there_is_one(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db")
    site.core.in_charge = False
    site.run(JOIN_S)
    assert site.asks == [] and site.core.counters["joins left to a server"]
    site.core.in_charge = True
    site.run(400)
    assert len(site.of(Joined)) == 1
    site.core.in_charge = False  # what was begun here is still served here
    records = len(site.records)
    site.run(60)
    assert len(site.records) > records


def test_a_join_under_way_is_dropped_when_a_server_is_back(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db", js_delay_s=2.0)
    while not site.asks:
        site.run(0.1)
    site.core.in_charge = False
    site.run(8)
    assert site.scheduled == [] and len(site.core.sessions) == 0
    assert any("a server answers again" in event for event in site.events)


def test_no_key_is_in_the_file_or_in_what_is_told(tmp_path: Path) -> None:
    device = spec(confirmed=1.0)
    site = Site([device], tmp_path / "s.db")
    site.run(60)
    session = site.world.devices["d1"].session
    assert session is not None and site.records
    said = repr((site.events, site.states, site.records, list(site.core.sessions), site.asks))
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir()) + said.encode()
    for key in (device.app_key, session.app_s, session.nwk_s_enc):
        assert key not in kept and key.hex().encode() not in kept


def test_devices_that_are_not_enrolled_are_not_touched(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db")
    site.core._devices = {}
    site.run(JOIN_S)
    assert site.asks == [] and site.scheduled == []


def test_a_key_that_the_join_server_keeps_back_is_asked_for(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db")
    site.join_server._gives = Gives.SESSION_ID
    site.run(60)
    ask = site.asks[1]
    assert isinstance(ask, KeyAsk) and ask.session_id
    assert site.records[0].payload_state is PayloadState.PENDING_KEY


def test_what_was_heard_before_the_key_came_is_told_again_in_order(tmp_path: Path) -> None:
    site = Site([spec()], tmp_path / "s.db")
    site.join_server._gives = Gives.SESSION_ID
    site.run(60)
    (ask,) = [one for one in site.asks if isinstance(one, KeyAsk)]
    early = [one for one in site.records if one.payload_state is PayloadState.PENDING_KEY]
    key = Envelope(Scheme.RFC3394, wrap(AS_KEK, bytes(16)), "as")
    assert site.core.app_s_key(ask.dev_eui, ask.session_id, key, "js", site.now_s)
    site.settle()
    late = [one for one in site.records if one.late]
    assert early and [one.fcnt for one in late] == [one.fcnt for one in early]
    assert {one.payload_state for one in late} == {PayloadState.DECRYPTED}
