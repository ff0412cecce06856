"""What local mode makes of frames: states, attacks, sessions that change, shared addresses."""

from __future__ import annotations

import secrets

import pytest

from forwarder.edge.lifecycle import GRACE_S, Enrolment
from forwarder.edge.local import LocalMode
from forwarder.edge.session import Device
from forwarder.edge.values import (
    FcntState,
    FrameMatch,
    KeyNews,
    KeyOrigin,
    MicState,
    PayloadState,
    Record,
)
from forwarder.lorawan import crypto
from forwarder.lorawan.frame import Header, JoinRequest, MType

from .devices import NOW_S, RADIO, Node, PlainVault


class Site:
    """Local mode with a clock of its own; `hear` gives the record of a frame."""

    def __init__(self, *devices: Device, **settings: bool) -> None:
        self.vault = PlainVault()
        self.enrolment = Enrolment(devices, self.vault)
        self.mode = LocalMode(self.enrolment, self.vault, **settings)
        self.now_s = NOW_S

    def tell(self, news: KeyNews) -> list[Record]:
        return self.mode.news(news, self.now_s)

    def hear(self, frame: bytes, after_s: float = 1.0) -> Record | None:
        self.now_s += after_s
        return self.mode.frame(frame, RADIO, int(self.now_s * 1e9), self.now_s)

    def heard(self, frame: bytes, after_s: float = 1.0) -> Record:
        record = self.hear(frame, after_s)
        assert record is not None
        return record

    def wait(self, seconds: float) -> list[Record]:
        self.now_s += seconds
        return self.mode.tick(self.now_s)


def states(record: Record) -> tuple[MicState, PayloadState, FcntState]:
    return record.mic, record.payload_state, record.fcnt_state


READ = (MicState.OK, PayloadState.DECRYPTED, FcntState.NEW)
REPLAYED = (MicState.OK, PayloadState.REFUSED, FcntState.REPEAT)


def a_site(node: Node, **device: object) -> Site:
    site = Site(node.device(**device))
    site.tell(node.news())
    return site


def test_a_frame_of_an_enrolled_device_is_read() -> None:
    node = Node()
    record = a_site(node, name="cellar").heard(node.send(0, b"21.5"))
    assert states(record) == READ
    assert (record.payload, record.fcnt, record.fport) == (b"21.5", 0, 1)
    assert (record.dev_eui, record.device_name) == (node.dev_eui, "cellar")
    assert record.key_origin is KeyOrigin.TUNNEL


@pytest.mark.parametrize("size", [1, 15, 16, 17, 51, 222, 242])
def test_payloads_of_every_length_are_read(size: int) -> None:
    node, clear = Node(), secrets.token_bytes(size)
    assert a_site(node).heard(node.send(3, clear)).payload == clear


def test_a_repetition_by_the_device_makes_one_record() -> None:
    node = Node()
    site = a_site(node)
    frame = node.send(5)
    site.heard(frame)
    assert site.hear(frame) is None
    assert site.mode.counters["repeated"] == 1


def test_a_replay_of_the_last_frame_hours_later_is_refused() -> None:
    node = Node()
    site = a_site(node)
    frame = node.send(5)
    site.heard(frame)
    record = site.heard(frame, after_s=7200.0)
    assert states(record) == REPLAYED
    assert record.payload is None


def test_a_replay_of_an_older_frame_is_told_from_a_forged_one() -> None:
    node = Node()
    site = a_site(node)
    old = node.send(5)
    for fcnt in (5, 6, 7):
        site.heard(node.send(fcnt))
    record = site.heard(old)
    assert states(record) == REPLAYED
    assert record.fcnt == 5
    assert states(site.heard(node.send(8))) == READ


def test_a_forged_mic_is_bad_where_the_device_has_its_address_for_itself() -> None:
    node = Node()
    site = a_site(node, exclusive=True)
    frame = bytearray(node.send(0))
    frame[-1] ^= 1
    record = site.heard(bytes(frame))
    assert (record.mic, record.payload, record.dev_eui) == (MicState.BAD, None, node.dev_eui)
    assert states(site.heard(node.send(0))) == READ


def test_a_forged_mic_is_nobodys_where_others_may_have_the_address() -> None:
    node = Node()
    site = a_site(node)
    assert site.hear(Node(2).send(4)) is None
    assert site.mode.counters["unknown device"] == 1


def test_a_forged_frame_with_a_far_counter_moves_nothing() -> None:
    node = Node()
    site = a_site(node, exclusive=True)
    site.heard(node.send(10))
    assert site.heard(Node(9).send(60_000)).mic is MicState.BAD
    assert states(site.heard(node.send(11))) == READ


@pytest.mark.parametrize("gap", [1, 2, 16_385, 60_000, 65_535])
def test_frames_that_were_not_heard_do_not_matter(gap: int) -> None:
    node = Node()
    site = a_site(node)
    site.heard(node.send(100))
    record = site.heard(node.send(100 + gap))
    assert states(record) == READ and record.fcnt == 100 + gap


def test_a_counter_goes_on_past_65535() -> None:
    node = Node()
    site = a_site(node)
    for fcnt in (65_534, 65_535, 65_536, 65_537):
        record = site.heard(node.send(fcnt, b"%d" % fcnt))
        assert states(record) == READ and record.fcnt == fcnt
        assert record.payload == b"%d" % fcnt


@pytest.mark.parametrize("silence", [65_537, 70_000, 1_000_000])
def test_a_device_that_was_silent_for_long_is_found_by_searching_upward(silence: int) -> None:
    node = Node()
    site = a_site(node)
    site.heard(node.send(7))
    record = site.heard(node.send(7 + silence))
    assert states(record) == READ and record.fcnt == 7 + silence
    assert "searching upward" in record.note


def test_a_half_mic_is_not_searched_but_found_by_the_networks_report() -> None:
    node = Node(lorawan_1_1=True)
    site = a_site(node)
    site.heard(node.send(7))
    frame = node.send(70_007)
    assert site.hear(frame) is None
    late = site.tell(node.news(match=node.report(70_007, frame)))
    assert [(r.mic, r.fcnt, r.late) for r in late] == [(MicState.OK_HALF, 70_007, True)]


def test_a_counter_of_16_bits_wraps_where_the_device_says_so() -> None:
    node = Node()
    site = a_site(node, fcnt_mask=0xFFFF)
    site.heard(node.send(65_535))
    record = site.heard(node.send(65_536, b"wrapped", fcnt_mask=0xFFFF))
    assert states(record) == READ and record.payload == b"wrapped"


def test_the_counter_at_its_end_does_not_wrap() -> None:
    node = Node()
    site = a_site(node)
    site.tell(node.news(match=FrameMatch(0xFFFFFFFF)))
    assert site.heard(node.send(0xFFFFFFFF)).fcnt == 0xFFFFFFFF
    record = site.hear(node.send(0))
    assert record is None or record.fcnt_state is not FcntState.NEW


# LoRaWAN 1.1.


def test_half_a_mic_is_never_called_ok() -> None:
    node = Node(lorawan_1_1=True)
    record = a_site(node).heard(node.send(0, b"half", tx_dr=3, tx_ch=6))
    assert states(record) == (MicState.OK_HALF, PayloadState.DECRYPTED, FcntState.NEW)
    assert record.payload == b"half"


def test_half_a_mic_among_several_sessions_is_called_weak() -> None:
    nodes = [Node(n, lorawan_1_1=True) for n in range(1, 5)]
    site = Site(*(node.device() for node in nodes))
    for node in nodes:
        site.tell(node.news())
    record = site.heard(nodes[2].send(0))
    assert record.dev_eui == nodes[2].dev_eui
    assert record.note == "weak: 4 sessions share this DevAddr, one forged frame in 16384 fits"


# Shared DevAddrs.


def test_two_devices_on_one_devaddr_are_told_apart() -> None:
    one, two = Node(1), Node(2)
    site = Site(one.device(), two.device())
    site.tell(one.news())
    site.tell(two.news())
    for fcnt in range(20):
        assert site.heard(one.send(fcnt, b"one")).dev_eui == one.dev_eui
        assert site.heard(two.send(fcnt, b"two")).payload == b"two"


def test_fifty_sessions_on_one_devaddr_take_nothing_of_a_stranger() -> None:
    nodes = [Node(n) for n in range(1, 51)]
    site = Site(*(node.device(exclusive=False) for node in nodes), unknown=True)
    for node in nodes:
        site.tell(node.news())
    stranger = Node(99)
    for fcnt in range(3):
        record = site.heard(stranger.send(fcnt))
        assert (record.mic, record.dev_eui) == (MicState.UNKNOWN_DEVICE, None)
        for node in nodes:
            record = site.heard(node.send(fcnt))
            assert states(record) == READ and record.dev_eui == node.dev_eui


def test_without_a_network_key_the_only_session_is_read_and_called_unverified() -> None:
    node = Node()
    site = Site(node.device())
    site.tell(node.news(network=False))
    record = site.heard(node.send(4, b"data"))
    assert states(record) == (MicState.NO_KEY, PayloadState.DECRYPTED, FcntState.NEW)
    assert record.payload == b"data" and record.note.startswith("unverified")


def test_without_a_network_key_a_forged_counter_moves_nothing() -> None:
    node = Node()
    site = Site(node.device())
    site.tell(node.news(network=False))
    site.heard(node.send(4))
    site.heard(Node(8).send(30_000))
    record = site.heard(node.send(5, b"five"))
    assert (record.fcnt, record.payload) == (5, b"five")


def test_without_network_keys_the_report_tells_whose_frame_it_is() -> None:
    one, two = Node(1), Node(2)
    site = Site(one.device(), two.device())
    site.tell(one.news(network=False))
    site.tell(two.news(network=False))
    frame = two.send(9, b"mine")
    assert site.hear(frame) is None
    (late,) = site.tell(two.news(network=False, match=two.report(9, frame)))
    assert (late.dev_eui, late.payload, late.late) == (two.dev_eui, b"mine", True)
    assert late.mic is MicState.NO_KEY


def test_a_frame_that_nobody_claims_says_so_in_the_end() -> None:
    one, two = Node(1), Node(2)
    site = Site(one.device(), two.device())
    site.tell(one.news(network=False))
    site.tell(two.news(network=False))
    site.hear(one.send(9))
    (record,) = site.wait(60.0)
    assert states(record) == (MicState.NO_KEY, PayloadState.NO_KEY, FcntState.NEW)


# Sessions that change.


def test_the_first_frames_of_a_session_are_read_when_its_key_comes() -> None:
    node = Node()
    site = Site(node.device())
    frames = [node.send(n, b"%d" % n) for n in range(3)]
    assert [site.hear(frame) for frame in frames] == [None] * 3
    late = site.tell(node.news())
    assert [(r.payload, r.late, r.mic) for r in late] == [
        (b"0", True, MicState.OK),
        (b"1", True, MicState.OK),
        (b"2", True, MicState.OK),
    ]
    assert states(site.heard(node.send(3))) == READ


def test_a_key_that_comes_too_late_reads_what_comes_after_it() -> None:
    node = Node()
    site = Site(node.device())
    site.hear(node.send(0))
    site.wait(31.0)
    assert site.tell(node.news()) == []
    assert states(site.heard(node.send(1))) == READ


@pytest.mark.parametrize("same_address", [True, False])
def test_after_a_rejoin_old_and_new_are_read_until_the_grace_is_over(same_address: bool) -> None:
    old = Node()
    new = old.rejoined(None if same_address else 0x26019999)
    site = a_site(old)
    site.heard(old.send(100))
    site.tell(new.news())
    assert states(site.heard(old.send(101))) == READ  # agreed, and not proven yet
    assert site.heard(new.send(0, b"new")).payload == b"new"
    assert states(site.heard(old.send(102))) == READ
    assert site.heard(old.send(101), after_s=40.0).fcnt_state is FcntState.REPEAT
    site.wait(GRACE_S)
    assert site.hear(old.send(103)) is None
    assert states(site.heard(new.send(1))) == READ


def test_a_session_told_again_under_another_name_does_not_open_the_door_to_replays() -> None:
    node = Node()
    site = a_site(node)
    frames = [node.send(n) for n in range(5)]
    for frame in frames:
        site.heard(frame)
    node.session_id = b"renamed!"
    site.tell(node.news())
    for frame in frames:
        assert site.heard(frame, after_s=100.0).fcnt_state is FcntState.REPEAT


def test_a_session_known_by_its_id_alone_is_asked_for_and_waits() -> None:
    node = Node()
    site = Site(node.device(join_eui="70b3d50000000001"))
    site.tell(node.news(application=False))
    assert site.mode.asks == [(node.dev_eui, "70b3d50000000001", node.session_id)]
    first = site.heard(node.send(0, b"first"))
    assert states(first) == (MicState.OK, PayloadState.PENDING_KEY, FcntState.NEW)
    (late,) = site.tell(node.news(network=False, addressed=False, origin=KeyOrigin.APP_S_KEY_REQ))
    assert (late.payload, late.late, late.dedup) == (b"first", True, first.dedup)


def test_a_frame_from_before_its_session_was_named_waits_for_the_key_and_says_so_once() -> None:
    node = Node()
    site = Site(node.device())
    site.hear(node.send(0, b"first"))
    (waiting,) = site.tell(node.news(application=False))
    assert waiting.payload_state is PayloadState.PENDING_KEY
    assert site.tell(node.news(application=False)) == []
    (late,) = site.tell(node.news())
    assert (late.payload, late.dedup) == (b"first", waiting.dedup)
    assert site.wait(60.0) == []


def test_a_lifetime_that_is_over_ends_reading_and_not_telling() -> None:
    node = Node()
    site = Site(node.device())
    site.tell(node.news(lifetime_s=3600))
    assert states(site.heard(node.send(0))) == READ
    record = site.heard(node.send(1), after_s=3601.0)
    assert record.payload_state is PayloadState.NO_KEY and "lifetime" in record.note


def test_a_revoked_device_is_not_read_any_more() -> None:
    node = Node()
    site = a_site(node)
    site.heard(node.send(0))
    assert site.enrolment.revoke(node.dev_eui) == 1
    assert site.hear(node.send(1)) is None


def test_keys_of_devices_that_are_not_enrolled_are_not_kept() -> None:
    site = Site(Node(1).device())
    site.tell(Node(2).news())
    assert len(site.enrolment.table) == 0 and site.enrolment.strangers == 1


def test_joins_without_an_end_do_not_fill_the_memory() -> None:
    node = Node()
    site = Site(node.device())
    for _ in range(200):
        site.tell(node.rejoined().news())
    assert len(site.enrolment.devices[node.dev_eui].sessions) <= 5


# ABP, multicast, and what is no reading.


def abp(node: Node, **device: object) -> Site:
    site = Site(node.device(**device))
    site.tell(node.news(origin=KeyOrigin.STATIC))
    site.heard(node.send(500))
    return site


def test_an_abp_device_that_counts_anew_is_flagged_and_not_read() -> None:
    node = Node()
    site = abp(node)
    record = site.heard(node.send(0))
    assert states(record) == (MicState.OK, PayloadState.REFUSED, FcntState.RESET)
    assert states(site.heard(node.send(501))) == READ


def test_an_abp_device_that_may_count_anew_is_read_and_flagged() -> None:
    node = Node()
    record = abp(node, allow_reset=True).heard(node.send(0, b"anew"))
    assert (record.fcnt_state, record.payload) == (FcntState.RESET, b"anew")


def test_a_multicast_downlink_is_read_with_its_groups_key() -> None:
    node = Node(dev_addr=0xFE000001)
    site = Site(node.device())
    site.tell(node.news(origin=KeyOrigin.STATIC, multicast=True))
    record = site.heard(node.send(3, b"all", kind=MType.UNCONFIRMED_DOWN))
    assert states(record) == (MicState.OK, PayloadState.MULTICAST, FcntState.NEW)
    assert record.payload == b"all"


@pytest.mark.parametrize(
    ("fport", "payload", "state"),
    [
        (0, b"\x02", PayloadState.MAC_ONLY),
        (226, b"inner", PayloadState.RELAY),
        (1, b"", PayloadState.EMPTY),
        (None, b"", PayloadState.EMPTY),
    ],
)
def test_what_is_no_payload_of_the_application_is_named(
    fport: int | None, payload: bytes, state: PayloadState
) -> None:
    node = Node()
    record = a_site(node).heard(node.send(0, payload, fport=fport))
    assert (record.payload_state, record.payload) == (state, None)


# The filter.


def test_only_what_is_forged_for_certain_may_be_dropped() -> None:
    node = Node()
    site = a_site(node, exclusive=True)
    forged = node.send(1)[:-4] + bytes(4)
    assert site.mode.forged(forged, NOW_S)
    assert not site.mode.forged(node.send(1), NOW_S)
    assert not site.mode.forged(Node(2, 0x26010002).send(1), NOW_S)
    assert not site.mode.forged(b"\xe0proprietary", NOW_S)


def test_nothing_is_dropped_while_a_session_may_change() -> None:
    node = Node()
    site = a_site(node, exclusive=True)
    forged = node.send(1)[:-4] + bytes(4)
    request = JoinRequest(Header(MType.JOIN_REQUEST), 1, node.number, 77)
    site.hear(request.body() + crypto.cmac4(node.nwk, request.body()))
    assert not site.mode.forged(forged, site.now_s)


def test_nothing_is_dropped_where_others_may_have_the_address() -> None:
    node = Node()
    assert not a_site(node).mode.forged(node.send(1)[:-4] + bytes(4), NOW_S)


def test_a_flood_of_forged_frames_is_counted_and_takes_no_memory() -> None:
    node = Node()
    site = a_site(node, exclusive=True)
    forged = node.send(1)[:-4]
    for number in range(20_000):
        address = (0x26010001 if number % 2 else number).to_bytes(4, "little")
        site.hear(forged[:1] + address + forged[5:] + number.to_bytes(4, "big"), after_s=0.0006)
    counters = site.mode.counters
    assert counters["bad"] + counters["unknown device"] + counters["decrypted"] == 20_000
    assert len(site.mode.hold) <= 512 and len(site.enrolment.table) == 1
    assert states(site.heard(node.send(2))) == READ


def test_a_static_session_that_comes_back_goes_on_with_its_counter() -> None:
    one = Node()
    two = one.rejoined()
    site = abp(one)
    site.tell(two.news(origin=KeyOrigin.STATIC))
    site.wait(GRACE_S + NOW_S)
    site.tell(one.news(origin=KeyOrigin.STATIC))
    assert site.heard(one.send(500), after_s=100.0).fcnt_state is FcntState.REPEAT
    assert states(site.heard(one.send(501))) == READ
