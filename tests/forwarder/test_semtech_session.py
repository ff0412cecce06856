"""The conversation with one server, walked through in simulated time over a path that loses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.semtech_udp.acks import KEPT_S, MOST
from forwarder.links.semtech_udp.pacing import WINDOW_S, Pacer
from forwarder.links.semtech_udp.profiles import PROFILES, TX_ACK_ERROR, tx_ack_text
from forwarder.links.semtech_udp.session import (
    ANSWERS_KEPT,
    LOST_AFTER,
    RECONNECT_AFTER,
    DownlinkRequested,
    DownlinkUnreadable,
    Event,
    PathLost,
    PathOpened,
    Reconnect,
    Session,
    StatDue,
)
from forwarder.links.semtech_udp.settings import UdpSettings
from forwarder.links.semtech_udp.wire import ProtocolError
from forwarder.packets import Accepted, Refusal, Refused
from hal.frames import Crc

from .semtech_makers import ACCEPTED, EUI, GATEWAY, body, fsk_uplink, settings, uplink

KEEPALIVE_S = settings().keepalive_s


def keepalives(session: Session) -> list[bytes]:
    return [datagram for datagram in session.datagrams() if datagram[3] == 2]


def answer_to(datagram: bytes) -> bytes:
    """What a server says to a PUSH_DATA or PULL_DATA."""
    return datagram[:3] + bytes([{0: 1, 2: 4}[datagram[3]]])


def walk(
    session: Session, until: float, answered: Callable[[float], bool] = lambda now: True
) -> list[tuple[float, Event]]:
    """Live until then with a server that answers keepalives when `answered` says so."""
    seen: list[tuple[float, Event]] = []
    while (now := session.next_tick()) <= until:
        session.tick(now)
        for datagram in keepalives(session):
            if answered(now):
                session.receive(answer_to(datagram), now + 0.02)
        seen += [(now, event) for event in session.events() if not isinstance(event, StatDue)]
    return seen


def started(config: UdpSettings | None = None, **start: int) -> Session:
    session = Session(config or settings())
    session.start(0.0, **start)
    return session


def pull_resp(text: bytes, token: int = 0xBEEF, version: int = 2) -> bytes:
    return bytes([version]) + token.to_bytes(2, "big") + b"\x03" + text


def requests(session: Session) -> list[DownlinkRequested]:
    return [event for event in session.events() if isinstance(event, DownlinkRequested)]


# Keepalives and the state of the path.


def test_the_first_keepalive_leaves_at_once_and_the_others_on_time() -> None:
    session = started()
    sent = []
    for _ in range(4):
        now = session.next_tick()
        session.tick(now)
        sent += [(now, datagram[:1] + datagram[3:]) for datagram in keepalives(session)]
    pull = b"\x02\x02" + GATEWAY
    assert sent == [(0.0, pull), (KEEPALIVE_S, pull), (2 * KEEPALIVE_S, pull), (30.0, pull)]


def test_no_two_keepalives_in_a_row_share_a_token() -> None:
    session = started()
    session.tick(0.0)
    session.tick(KEEPALIVE_S)
    first, second = keepalives(session)
    assert first[1:3] != second[1:3]


def test_the_first_answer_opens_the_path() -> None:
    assert walk(started(), 30.0) == [(0.0, PathOpened())]


def test_an_answer_with_a_foreign_token_opens_nothing() -> None:
    session = started()
    session.tick(0.0)
    session.receive(b"\x02\xff\xff\x04", 0.1)
    assert session.events() == []
    assert session.pulls.unknown == 1


def test_three_silent_keepalives_lose_the_path_and_an_answer_brings_it_back() -> None:
    silence = (100.0, 140.0)
    seen = walk(started(), 200.0, lambda now: not silence[0] <= now <= silence[1])
    assert seen == [(0.0, PathOpened()), (130.0, PathLost(LOST_AFTER)), (150.0, PathOpened())]


def test_two_lost_keepalives_are_no_event() -> None:
    assert walk(started(), 200.0, lambda now: now not in (50.0, 60.0)) == [(0.0, PathOpened())]


def test_longer_silence_asks_for_new_sockets_again_and_again() -> None:
    seen = walk(started(), 150.0, lambda now: False)
    assert seen == [(60.0, Reconnect(RECONNECT_AFTER)), (120.0, Reconnect(12))]


def test_autoquit_reconnects_after_as_many_keepalives_and_never_ends() -> None:
    seen = walk(started(settings(autoquit=2)), 45.0, lambda now: False)
    assert seen == [(20.0, Reconnect(2)), (40.0, Reconnect(4))]


def test_an_address_that_never_answered_is_left_sooner_than_one_that_did() -> None:
    assert walk(started(patience=2), 25.0, lambda now: False) == [(20.0, Reconnect(2))]
    once = walk(started(patience=2), 75.0, lambda now: now == 0.0)
    assert once == [(0.0, PathOpened()), (40.0, PathLost(3)), (70.0, Reconnect(6))]


def test_an_error_of_the_network_loses_an_open_path_at_once_and_only_once() -> None:
    session = started()
    walk(session, 5.0)
    session.fail()
    session.fail()
    assert session.events() == [PathLost(0)]


def test_a_late_tick_sends_one_keepalive_and_not_those_it_missed() -> None:
    session = started()
    session.tick(0.0)
    session.datagrams()
    session.tick(1000.0)
    assert len(keepalives(session)) == 1
    assert session.next_tick() == 1000.0 + KEEPALIVE_S


def test_an_uplink_only_server_gets_no_keepalive_and_is_judged_by_its_push_acks() -> None:
    session = started(settings(uplink_only=True))
    seen = []
    for step in range(12):
        session.tick(now := step * KEEPALIVE_S)
        push = session.push("{}", now)
        if step < 3:
            session.receive(answer_to(push), now + 0.1)
        seen += [(step, event) for event in session.events() if not isinstance(event, StatDue)]
    assert session.datagrams() == []
    # What was sent in steps 3, 4 and 5 had until 4, 5 and 6 to be answered.
    assert seen == [(0, PathOpened()), (7, PathLost(3)), (10, Reconnect(6))]


def test_an_uplink_only_server_is_not_lost_for_one_uplink_without_an_answer() -> None:
    session = started(settings(uplink_only=True))
    session.receive(answer_to(session.push("{}", 0.0)), 0.1)
    session.push("{}", 1.0)
    assert walk(session, 200.0) == [(0.0, PathOpened())]


def test_a_push_ack_does_not_hide_that_downlinks_have_no_way() -> None:
    session = started()
    session.receive(answer_to(session.push("{}", 0.0)), 0.1)
    assert session.events() == []


def test_reports_are_due_once_an_interval() -> None:
    session = started(settings(stat_interval_s=7, keepalive_s=5))
    due = []
    while (now := session.next_tick()) < 30.0:
        session.tick(now)
        due += [now for event in session.events() if isinstance(event, StatDue)]
    assert due == [7.0, 14.0, 21.0, 28.0]


# Uplinks and their acknowledgements.


def test_a_push_is_the_worked_example() -> None:
    session = Session(settings(), first_token=0x3AC1)
    assert session.push('{"a":1}', 0.0) == bytes.fromhex("023ac100" + EUI) + b'{"a":1}'


def test_late_acknowledgements_count_and_are_told_apart() -> None:
    session = started(settings(push_timeout_ms=100))
    early, late, never = (session.push("{}", 1.0) for _ in range(3))
    session.receive(answer_to(early), 1.05)
    session.receive(answer_to(late), 6.0)
    table = session.pushes
    assert (table.sent, table.acknowledged, table.late) == (3, 2, 1)
    assert table.percent() == 66.7
    assert never


def test_an_acknowledgement_counts_once() -> None:
    session = started()
    push = session.push("{}", 0.0)
    session.receive(answer_to(push), 0.1)
    session.receive(answer_to(push), 0.2)
    assert (session.pushes.acknowledged, session.pushes.unknown) == (1, 1)


def test_round_trips_are_measured_on_the_first_answer() -> None:
    session = started()
    assert session.pushes.rtt_ms() is None
    for rtt_s in (0.010, 0.020, 0.500):
        session.receive(answer_to(session.push("{}", 5.0)), 5.0 + rtt_s)
    assert session.pushes.rtt_ms() == {"last": 500.0, "median": 20.0, "p99": 500.0}


def test_any_push_timeout_is_accepted() -> None:
    for timeout in (0, 2000, 10**9):
        session = started(settings(push_timeout_ms=timeout))
        session.receive(answer_to(session.push("{}", 0.0)), 0.5)
        assert session.pushes.late == (timeout == 0)


def test_a_server_that_never_answers_costs_no_more_than_a_full_table() -> None:
    session = started()
    for _ in range(3 * MOST):
        session.push("{}", 1.0)
    assert session.pushes.lost == 2 * MOST
    session.push("{}", 2.0 + KEPT_S)
    assert session.pushes.lost == 3 * MOST


def test_tokens_go_round_and_a_lost_one_is_used_again() -> None:
    session = Session(settings(), first_token=0xFFFF)
    assert session.push("{}", 0.0)[1:3] == b"\xff\xff"
    assert session.push("{}", 0.0)[1:3] == b"\x00\x00"


def test_a_push_that_did_not_leave_is_not_counted() -> None:
    session = started()
    session.unsent(session.push("{}", 0.0))
    assert session.pushes.sent == 0


# Downlinks.


def test_a_downlink_is_answered_with_the_worked_example() -> None:
    session = started()
    session.receive(pull_resp(body()), 1.0)
    (request,) = requests(session)
    assert request.downlink.token == 0xBEEF and request.downlink.link == "here"
    session.answer(request, ACCEPTED, 1.0)
    assert session.datagrams() == [bytes.fromhex("02beef05" + EUI)]


def test_a_refusal_is_answered_with_the_worked_example() -> None:
    session = started()
    session.receive(pull_resp(body()), 1.0)
    session.answer(requests(session)[0], Refused(Refusal.TOO_LATE), 1.0)
    (ack,) = session.datagrams()
    assert ack == bytes.fromhex("02beef05" + EUI) + b'{"txpk_ack":{"error":"TOO_LATE"}}'
    assert len(ack) == 45


def test_a_pull_resp_of_version_1_is_answered_too() -> None:
    session = started()
    session.receive(pull_resp(body(), token=0, version=1), 1.0)
    assert len(requests(session)) == 1


@pytest.mark.parametrize(
    "text", [b"", b"{", b"{}", b'{"txpk":{}}', b"[" * 50_000, body(rfch=2), body(size=0, data="")]
)
def test_a_body_that_cannot_be_read_is_answered_unknown_and_never_scheduled(text: bytes) -> None:
    session = started()
    session.receive(pull_resp(text), 1.0)
    (event,) = session.events()
    assert isinstance(event, DownlinkUnreadable) and event.detail
    (ack,) = session.datagrams()
    assert ack[1:4] == b"\xbe\xef\x05"
    assert json.loads(ack[12:]) == {"txpk_ack": {"error": "UNKNOWN"}}
    assert (session.downlinks, session.unreadable) == (0, 1)


def test_a_datagram_delivered_twice_is_answered_twice_and_scheduled_once() -> None:
    session = started()
    session.receive(pull_resp(body()), 1.0)
    session.answer(requests(session)[0], Refused(Refusal.TX_FREQ), 1.0)
    session.receive(pull_resp(body()), 1.2)
    first, second = session.datagrams()
    assert first == second
    assert requests(session) == []
    assert (session.downlinks, session.repeated) == (1, 1)


def test_another_body_under_the_same_token_is_another_downlink() -> None:
    session = started()
    session.receive(pull_resp(body()), 1.0)
    session.answer(requests(session)[0], Refused(Refusal.TOO_LATE), 1.0)
    session.receive(pull_resp(body(tmst=3514348611)), 1.1)
    (request,) = requests(session)
    session.answer(request, ACCEPTED, 1.1)
    assert [len(ack) for ack in session.datagrams()] == [45, 12]


def test_the_same_words_some_time_later_are_another_downlink() -> None:
    session = started()
    session.receive(pull_resp(body()), 1.0)
    session.answer(requests(session)[0], ACCEPTED, 1.0)
    session.receive(pull_resp(body()), 2.5)
    assert len(requests(session)) == 1


def test_a_flood_of_downlinks_leaves_a_bounded_memory() -> None:
    session = started()
    for token in range(5 * ANSWERS_KEPT):
        session.receive(pull_resp(b"{}", token), 1.0)
    session.datagrams()
    assert len(session.events()) == 5 * ANSWERS_KEPT
    session.receive(pull_resp(b"{}", 0), 1.0)
    assert session.repeated == 0


@pytest.mark.parametrize(
    "datagram",
    [b"", b"\x02\x00\x00\x09", b"\x03\x00\x00\x03{}", b"\x02\x00\x00\x00" + bytes(8) + b"{}"],
)
def test_what_a_server_may_not_send_is_refused_and_changes_nothing(datagram: bytes) -> None:
    session = started()
    with pytest.raises(ProtocolError):
        session.receive(datagram, 1.0)
    assert session.events() == [] and session.datagrams() == []


@given(st.lists(st.binary(max_size=60).map(lambda tail: b"\x02\x00\x01" + tail), max_size=30))
def test_whatever_comes_every_pull_resp_is_answered_exactly_once(datagrams: list[bytes]) -> None:
    session = started()
    expected = 0
    for data in datagrams:
        try:
            session.receive(data, 1.0)
        except ProtocolError:
            continue
        expected += data[3] == 3
        for request in requests(session):
            session.answer(request, ACCEPTED, 1.0)
    assert len([ack for ack in session.datagrams() if ack[3] == 5]) == expected


# The words of a TX_ACK.


STANDARD = {
    "TOO_LATE", "TOO_EARLY", "COLLISION_PACKET", "COLLISION_BEACON", "TX_FREQ", "TX_POWER",
    "GPS_UNLOCKED",
}  # fmt: skip
# What each server's own code accepts beside the standard words: chirpstack-gateway-bridge
# (gw.TxAckStatus), lorawan-stack (pkg/ttnpb/udp), semtech-udp (packet/tx_ack.rs).
KNOWN = {
    "generic": {"UNKNOWN"},
    "chirpstack": {"QUEUE_FULL", "INTERNAL_ERROR", "DUTY_CYCLE_OVERFLOW"},
    "tts": {"UNKNOWN"},
    "helium": {"SEND_FAIL"},
}


def test_every_refusal_has_a_standard_word() -> None:
    assert set(TX_ACK_ERROR) == {None, *Refusal}
    assert set(TX_ACK_ERROR.values()) == STANDARD | {"NONE", "UNKNOWN"}
    assert TX_ACK_ERROR[Refusal.FULL] == "COLLISION_PACKET"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("reason", Refusal)
def test_every_refusal_is_told_in_a_word_that_the_server_knows(
    reason: Refusal, profile: str
) -> None:
    told = json.loads(tx_ack_text(Refused(reason), PROFILES[profile]))["txpk_ack"]
    assert set(told) == {"error"}
    assert told["error"] in STANDARD | KNOWN[profile]
    if reason.name in STANDARD:
        assert told["error"] == reason.name


LOWERED = Accepted(start_us=1, power_dbm=12.0, adjusted=True, margin_us=1)
LONE = '{"txpk_ack":{"warn":"TX_POWER","value":12}}'
BESIDE_NONE = '{"txpk_ack":{"error":"NONE","warn":"TX_POWER","value":12}}'


@pytest.mark.parametrize(
    ("profile", "text"),
    [("generic", LONE), ("chirpstack", LONE), ("helium", LONE), ("tts", BESIDE_NONE)],
)
def test_less_power_is_a_warning_in_each_servers_form(profile: str, text: str) -> None:
    assert tx_ack_text(LOWERED, PROFILES[profile]) == text
    assert tx_ack_text(replace(LOWERED, adjusted=False), PROFILES[profile]) == ""


@pytest.mark.parametrize(
    ("profile", "kinds"),
    [
        ("generic", ["OK", "BAD", "NONE", "FSK"]),
        ("chirpstack", ["OK", "BAD", "NONE", "FSK"]),
        ("tts", ["OK", "NONE", "FSK"]),
        ("helium", ["OK", "NONE"]),
    ],
)
def test_no_server_is_sent_frames_that_it_cannot_take(profile: str, kinds: list[str]) -> None:
    heard = {crc.name: uplink(crc=crc) for crc in (Crc.OK, Crc.BAD, Crc.NONE)}
    heard["FSK"] = fsk_uplink()
    assert [k for k, v in heard.items() if PROFILES[profile].carries(v.frame)] == kinds


@pytest.mark.parametrize(
    "wrong",
    [{"profile": "ttn"}, {"eui": "123"}, {"eui": "zz16c001f1500812"}, {"keepalive_s": 0}],
    ids=str,
)
def test_settings_that_cannot_work_are_refused_with_words(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="server here"):
        settings(**wrong)


# Pacing.


@given(st.lists(st.floats(0, 0.004), min_size=12, max_size=80), st.integers(1, 7))
def test_no_window_ever_holds_more_than_its_number(gaps: list[float], most: int) -> None:
    pacer, now, sent = Pacer(most), 0.0, list[float]()
    for gap in gaps:
        now = max(now + gap, pacer.ready_at())
        pacer.sent(now)
        sent.append(now)
    pairs = zip(sent, sent[most:], strict=False)
    assert all(later - earlier >= WINDOW_S * 0.999999 for earlier, later in pairs)
