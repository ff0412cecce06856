"""The latest frames and changes: bounded, in order, and never more than what is in clear."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from forwarder.packets import (
    Accepted,
    AsSoonAsPossible,
    AtBeacon,
    AtTmst,
    Downlink,
    Refusal,
    Refused,
    Uplink,
)
from forwarder.state.frame_words import plain
from forwarder.state.recent import CHANGES, FRAMES, Recent, changes
from hal.frames import Crc, RxFrame
from hal.modulation import Fsk, LoRa

DATA_UP = bytes.fromhex("40efbeadde8005000aaabbccdd01020304")
JOIN = bytes.fromhex("00" + "0807060504030201" + "1817161514131211" + "0900" + "01020304")


def heard(payload: bytes = DATA_UP, crc: Crc = Crc.OK, *, ghost: bool = False) -> Uplink:
    frame = RxFrame(payload, 5, 868_100_000, LoRa(7), crc, 0, 0, 0, -57.26, -58.34, 9.25, 0)
    return Uplink(frame, ghost=ghost)


def asked(payload: bytes = b"\x60" + DATA_UP[1:], when: object = None) -> Downlink:
    chosen = when if isinstance(when, AtBeacon | AsSoonAsPossible) else AtTmst(1)
    return Downlink("lns", 1, chosen, payload, 869_525_000, LoRa(12))


def test_a_data_frame_is_shown_with_its_head_and_without_its_payload() -> None:
    recent = Recent()
    recent.received(heard(), 1000)
    shown = plain(recent.frames[-1])
    assert shown["dev_addr"] == "deadbeef" and shown["fcnt"] == 5 and shown["fport"] == 10
    assert (shown["rssi_dbm"], shown["snr_db"], shown["flags"]) == (-58.3, 9.2, ["ADR"])
    assert "aabbccdd" not in json.dumps(shown)


def test_a_join_request_is_shown_by_its_euis() -> None:
    recent = Recent()
    recent.received(heard(JOIN), 0)
    shown = plain(recent.frames[-1])
    assert (shown["join_eui"], shown["dev_eui"]) == ("0102030405060708", "1112131415161718")


def test_nothing_is_read_out_of_a_damaged_frame() -> None:
    recent = Recent()
    recent.received(heard(crc=Crc.BAD, ghost=True), 0)
    shown = plain(recent.frames[-1])
    assert shown["type"] == "unreadable" and "dev_addr" not in shown
    assert shown["crc"] == "bad" and shown["ghost"] is True


@given(st.binary(max_size=60), st.sampled_from(Crc))
def test_whatever_the_air_brings_can_be_shown(payload: bytes, crc: Crc) -> None:
    recent = Recent()
    recent.received(heard(payload, crc), 0)
    json.dumps(plain(recent.frames[-1]))


def test_fsk_has_no_snr() -> None:
    recent = Recent()
    frame = RxFrame(b"\xe0", 5, 868_800_000, Fsk(50_000), Crc.OK, 0, 0, 0, -57.0, None, None, 0)
    recent.received(Uplink(frame), 0)
    shown = plain(recent.frames[-1])
    assert shown["snr_db"] is None and shown["rssi_dbm"] == -57.0


def test_a_downlink_keeps_its_number_through_its_fate() -> None:
    recent, told = Recent(), list[str]()
    recent.on_frame = lambda frame: told.append(f"{frame.number} {frame.fate}")
    downlink = asked()
    recent.answered(downlink, Accepted(9, 14.0, False, 25_000), 0)
    recent.received(heard(), 1)
    recent.ended(downlink)
    assert told == ["1 waiting", "2 ", "1 sent"]
    assert plain(recent.frames[0])["margin_ms"] == 25.0


def test_of_two_equal_downlinks_each_has_its_own_fate() -> None:
    recent, first, second = Recent(), asked(), asked()
    for downlink in (first, second):
        recent.answered(downlink, Accepted(9, 14.0, False, None), 0)
    recent.ended(first, "the radio failed")
    assert [(frame.fate, frame.why) for frame in recent.frames] == [
        ("lost", "the radio failed"), ("waiting", "")]  # fmt: skip


def test_a_refusal_is_told_in_words() -> None:
    recent = Recent()
    recent.answered(asked(), Refused(Refusal.TOO_LATE, "12.0 ms in the past", -12_000), 0)
    recent.answered(asked(when=AsSoonAsPossible()), Refused(Refusal.FULL), 0)
    late, full = (plain(frame) for frame in recent.frames)
    assert late["why"] == "TOO_LATE: 12.0 ms in the past" and late["margin_ms"] == -12.0
    assert full["why"] == "FULL: the queue is full" and full["when"] == "at once"


def test_a_beacon_is_no_lorawan_frame_and_no_fault() -> None:
    recent = Recent()
    recent.answered(asked(b"\x00" * 17, AtBeacon(128)), Accepted(9, 14.0, False, 1), 0)
    assert plain(recent.frames[-1])["type"] == "beacon"


def test_memory_is_bounded_and_the_oldest_goes() -> None:
    recent = Recent()
    for number in range(10 * FRAMES):
        recent.received(heard(), number)
        recent.changed("link", str(number), "up", "", number)
    assert len(recent.frames) == FRAMES and len(recent.changes) == CHANGES
    assert recent.frames[-1].at_ms == 10 * FRAMES - 1
    assert changes(recent)[0]["at_ms"] == 10 * FRAMES - 1


def test_the_same_again_is_counted_where_it_stands() -> None:
    recent = Recent()
    for at_ms in (1, 2, 3):
        recent.changed("radio", "", "down", "no board", at_ms)
    (only,) = changes(recent)
    assert (only["count"], only["at_ms"], only["last_ms"]) == (3, 1, 3)


def test_a_state_is_told_when_it_changes_and_only_then() -> None:
    recent = Recent()
    for at_ms, state in enumerate(["starting", "up", "up", "lost"]):
        recent.look([{"what": "link", "name": "a", "state": state, "text": ""}], at_ms)
    assert [one["state"] for one in changes(recent)] == ["lost", "up", "starting"]


def test_a_flap_between_two_looks_shows_by_its_connections() -> None:
    recent = Recent()
    for connections in (1, 1, 2):
        part = {"what": "link", "name": "a", "state": "up", "connections": connections}
        recent.look([part], connections)
    assert [one["text"] for one in changes(recent)] == ["connected anew", ""]


def test_what_begins_as_usual_is_no_news() -> None:
    recent = Recent()
    for silent in ("heard", "silent"):
        recent.look([{"what": "hearing", "state": silent, "quiet_start": True}], 0)
    assert [one["state"] for one in changes(recent)] == ["silent"]


def test_a_long_reason_is_cut() -> None:
    recent = Recent()
    recent.changed("link", "a", "down", "x" * 10_000, 0)
    assert len(str(changes(recent)[0]["text"])) == 300


def test_a_frame_is_explained_once_and_a_downlink_again_when_it_has_ended() -> None:
    recent = Recent()
    recent.received(heard(), 0)
    assert plain(recent.frames[-1]) is plain(recent.frames[-1])
    downlink = asked()
    recent.answered(downlink, Accepted(1, 14.0, False, 5), 0)
    assert plain(recent.frames[-1])["fate"] == "waiting"
    recent.ended(downlink)
    assert plain(recent.frames[-1])["fate"] == "sent"
