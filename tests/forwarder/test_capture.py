"""Captures for Wireshark: LoRaTap headers and the pcap format. Rung 1, and the rx command."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.__main__ import main
from forwarder.capture import pcap
from forwarder.capture.loratap import LINK_TYPE, TapFrame, decode, encode
from forwarder.capture.ring import FOLLOWER_QUEUE, CaptureRing
from forwarder.packets import Uplink
from forwarder.sim.recording import Reception, Unreadable, parse
from hal.frames import Crc, RxFrame, TxFrame
from hal.modulation import Cw, Fsk, LoRa
from tests.shared import shared

# The first record of alpov/LoRaTap, branch testfiles, 00_Test_v1.pcap: SF10, RSSI -109, SNR -6.75.
HEADER = bytes.fromhex("0100002333b80d20010affff1ee534b827ebafac0000026d950d740a05000006000000")
FRAME = TapFrame(
    payload=b"\x60\x45",
    freq_hz=867_700_000,
    modulation=LoRa(10, 125_000, 1),
    crc=Crc.OK,
    rssi_dbm=-109.0,
    snr_db=-6.75,
    gateway=0xB827EBAFAC000002,
    counter_us=1838484852,
    if_chain=6,
    inverted=True,
)


def test_a_header_is_read_and_written_as_wireshark_knows_it() -> None:
    assert decode(HEADER + b"\x60\x45") == FRAME
    assert encode(FRAME) == HEADER + b"\x60\x45"


def test_version_0_keeps_what_old_wiresharks_show_and_nothing_else() -> None:
    frame = decode(encode(FRAME, version=0))
    assert frame == replace(FRAME, gateway=0, counter_us=0, if_chain=0, inverted=False,
                            modulation=LoRa(10, 125_000, 0))  # fmt: skip


_MODULATIONS = st.one_of(
    st.builds(
        LoRa, st.integers(5, 12), st.sampled_from([125_000, 250_000, 500_000]), st.integers(0, 4)
    ),
    st.builds(Fsk, st.integers(1, 65_535)),
)
_FRAMES = st.builds(
    TapFrame,
    payload=st.binary(max_size=255),
    freq_hz=st.integers(0, 2**32 - 1),
    modulation=_MODULATIONS,
    crc=st.sampled_from(Crc),
    rssi_dbm=st.none() | st.integers(-139, 115).map(float),
    rssi_signal_dbm=st.none() | st.integers(-139, 115).map(float),
    snr_db=st.integers(-128, 127).map(lambda quarters: quarters / 4),
    gateway=st.integers(0, 2**64 - 1),
    counter_us=st.integers(0, 2**32 - 1),
    if_chain=st.integers(0, 255),
    rf_chain=st.integers(0, 255),
    inverted=st.booleans(),
    implicit_header=st.booleans(),
)


@given(_FRAMES)
def test_whatever_is_captured_comes_back(frame: TapFrame) -> None:
    fsk = isinstance(frame.modulation, Fsk)
    expected = replace(frame, snr_db=None, sync_word=0) if fsk else frame
    assert decode(encode(frame)) == expected


@given(st.binary(max_size=80))
def test_any_bytes_are_a_frame_or_a_value_error(record: bytes) -> None:
    try:
        decode(record)
    except ValueError as error:
        assert str(error)


@given(st.binary(max_size=200), st.sampled_from(["<", ">"]))
def test_any_file_ends_in_records_or_a_value_error(tail: bytes, order: str) -> None:
    data = struct.pack(order + "IHHiIII", pcap.NANOSECONDS, 2, 4, 0, 0, 65_535, LINK_TYPE) + tail
    assert pcap.is_pcap(data)
    try:
        link_type, records = pcap.read(data)
        assert link_type == LINK_TYPE
        assert sum(len(record.data) for record in records) <= len(tail)
    except ValueError as error:
        assert str(error)


def test_a_damaged_file_gives_what_came_before_the_damage() -> None:
    whole = pcap.head(LINK_TYPE) + pcap.record(1_500_000_123_456, encode(FRAME))
    (good, bad) = parse(whole + b"\x00" * 10)
    assert isinstance(good, Reception) and good.at_us == 1_500_000_123
    assert good.gateway == "b827ebafac000002" and good.rssi_dbm == -109.0
    assert isinstance(bad, Unreadable) and bad.line == 2 and "within the head" in bad.why


def test_a_capture_of_something_else_is_told() -> None:
    (told,) = parse(pcap.head(1))
    assert isinstance(told, Unreadable) and "LoRaTap" in told.why


def test_the_real_captures_come_back_byte_for_byte() -> None:
    data = shared("data/loratap/00_Test_v1.pcap").read_bytes()
    link_type, records = pcap.read(data)
    again = pcap.head(link_type)
    for record in records:
        again += pcap.record(record.at_ns, encode(decode(record.data)))
    assert len(again) == len(data)
    different = sum(mine != theirs for mine, theirs in zip(again[24:], data[24:], strict=True))
    assert different == 0


def test_a_capture_and_a_log_of_the_same_traffic_are_the_same_receptions() -> None:
    tapped = list(parse(shared("data/loratap/00_Test_v1.pcap").read_bytes()))
    logged = list(parse(shared("data/loratap/00_Test.log").read_bytes()))
    assert len(tapped) == len(logged) == 192
    for mine, theirs in zip(tapped, logged, strict=True):
        assert isinstance(mine, Reception) and isinstance(theirs, Reception)
        assert abs(mine.snr_db - theirs.snr_db) <= 0.25
        assert replace(mine, snr_db=0.0) == replace(theirs, snr_db=0.0)


def test_version_0_and_the_session_with_keys_are_read_too() -> None:
    old = list(parse(shared("data/loratap/00_Test_v0.pcap").read_bytes()))
    keys = list(parse(shared("data/loratap/06_Encrypted.pcap").read_bytes()))
    assert len(old) == 140 and len(keys) == 61
    assert not any(isinstance(one, Unreadable) for one in (*old, *keys))


RX = RxFrame(b"\x40\x01", 5_000_000, 868_100_000, LoRa(7), Crc.OK, 2, 1, 3, -40.4, -41.2, 9.5, 120)


def ring(now_us: int | None = 7_000_000) -> CaptureRing:
    return CaptureRing(lambda: now_us, gateway=5, frames=3, utc_ns=lambda: 10_000_000_000)


def records_of(data: bytes) -> list[tuple[int, TapFrame]]:
    _, records = pcap.read(data)
    return [(record.at_ns, decode(record.data)) for record in records]


def test_a_frame_stands_at_the_wall_time_at_which_it_ended() -> None:
    kept = ring()
    kept.uplink(Uplink(RX))
    kept.uplink(Uplink(RX, utc_ns=1_000_000_000))
    kept.sent(
        TxFrame(b"\x60", 869_525_000, 14.0, LoRa(12), crc=False, invert_polarity=True), 8_000_000
    )
    (heard, with_gps, sent) = records_of(kept.snapshot())
    assert heard[0] == 8_000_000_000 and with_gps[0] == 1_000_000_000 and sent[0] == 11_000_000_000
    assert (heard[1].rssi_dbm, heard[1].rssi_signal_dbm, heard[1].snr_db) == (-40.0, -41.0, 9.5)
    assert sent[1].inverted and sent[1].rssi_dbm is None and sent[1].crc is Crc.NONE


def test_the_oldest_frame_makes_room_and_a_bare_carrier_is_kept_as_something() -> None:
    kept = ring(None)
    for _ in range(4):
        kept.uplink(Uplink(RX))
    kept.sent(TxFrame(b"", 868_100_000, 14.0, Cw()), 0)
    assert len(records_of(kept.snapshot())) == 3
    assert kept.status()["frames"] == 3


def test_a_follower_sees_what_was_and_what_comes_and_never_holds_the_ring() -> None:
    async def follow() -> None:
        kept = ring()
        kept.uplink(Uplink(RX))
        stream = kept.follow()
        assert await anext(stream) == kept.snapshot()
        for _ in range(FOLLOWER_QUEUE + 2):
            kept.uplink(Uplink(RX))
        assert kept.missed == 2
        assert decode((await anext(stream))[16:]).payload == RX.payload
        await stream.aclose()
        assert kept.status()["followers"] == 0

    asyncio.run(follow())


def test_rx_writes_a_capture_and_says_where_it_cannot(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "air.pcap"
    assert main(["rx", "--seconds", "0", "--pcap", str(path)]) == 0
    assert path.read_bytes() == pcap.head(LINK_TYPE)
    assert main(["rx", "--seconds", "0", "--pcap", str(tmp_path / "no" / "x")]) == 2
    assert "cannot be written" in capfd.readouterr().err
