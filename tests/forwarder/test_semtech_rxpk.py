"""Uplinks are written byte for byte as Semtech's SX1302 forwarder writes them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.semtech_udp import wire
from forwarder.links.semtech_udp.rxpk import push_text, rxpk
from forwarder.packets import Uplink
from hal.counter import WRAP_TICKS, Counter
from hal.frames import Crc
from hal.modulation import Fsk, LoRa
from hal.sx1302.reception import Decoder
from tests.hal.configs import config_of
from tests.shared import shared

from .semtech_makers import GATEWAY, frame, fsk_uplink, golden_uplink, uplink

WORKED_EXAMPLE = (
    '{"rxpk":[{"jver":1,"tmst":3512348611,"chan":2,"rfch":0,"freq":868.500000,"mid": 8,"stat":1,'
    '"modu":"LORA","datr":"SF7BW125","codr":"4/5","rssis":-37,"lsnr":9.0,"foff":-215,"rssi":-36,'
    '"size":17,"data":"QAQDAgEAAAEKESIzRFVmd4g="}]}'
)


def test_the_worked_example_comes_out_with_the_references_padded_modem_number() -> None:
    payload = bytes.fromhex("40040302010000010a1122334455667788")
    text = push_text([rxpk(uplink(payload))])
    assert text == WORKED_EXAMPLE
    datagram = wire.push_data(0x3AC1, GATEWAY, text)
    assert datagram == bytes.fromhex("023ac1000016c001f1500812") + WORKED_EXAMPLE.encode()
    assert len(datagram) == 239 + 1  # the example of semtech-udp.md 1.8 is without the pad


def test_fsk_has_a_number_for_a_rate_and_no_lora_fields() -> None:
    assert rxpk(fsk_uplink(freq_hz=868_800_000, rf_chain=1, rssi_channel_dbm=-42.0)) == (
        '{"jver":1,"tmst":3512348611,"chan":9,"rfch":1,"freq":868.800000,"mid":17,"stat":1,'
        '"modu":"FSK","datr":50000,"rssi":-42,"size":5,"data":"aGVsbG8="}'
    )


def test_gps_time_and_fine_time_stand_after_the_counter() -> None:
    known = Uplink(frame(fine_time_ns=606_863_609), utc_ns=1_400_000_000_000_001_999, gps_ms=7)
    assert rxpk(known).startswith(
        '{"jver":1,"tmst":3512348611,"time":"2014-05-13T16:53:20.000001Z","tmms":7,'
        '"ftime":606863609,"chan":2,'
    )


def test_a_whole_second_still_has_six_decimals() -> None:
    assert '"time":"1970-01-01T00:00:01.000000Z"' in rxpk(Uplink(frame(), utc_ns=10**9))


@pytest.mark.parametrize(
    ("dbm", "text"),
    [(-104.5, "-105"), (-103.5, "-104"), (-103.49, "-103"), (0.5, "1"), (-0.4, "0"), (41.0, "41")],
)
def test_rssi_is_rounded_with_halves_away_from_zero(dbm: float, text: str) -> None:
    written = rxpk(uplink(rssi_channel_dbm=dbm, rssi_signal_dbm=dbm))
    assert f'"rssi":{text},' in written
    assert f'"rssis":{text},' in written


@pytest.mark.parametrize(("raw", "text"), [(-81, "-20.2"), (-2, "-0.5"), (55, "13.8"), (0, "0.0")])
def test_snr_has_one_decimal_as_printf_rounds_it(raw: int, text: str) -> None:
    assert f'"lsnr":{text},' in rxpk(uplink(snr_db=raw / 4))


@pytest.mark.parametrize(("rate", "text"), [(0, "OFF"), (1, "4/5"), (4, "4/8"), (7, "OFF")])
def test_a_frame_without_a_coding_rate_says_off(rate: int, text: str) -> None:
    assert f'"codr":"{text}"' in rxpk(uplink(modulation=LoRa(7, coding_rate=rate)))


def test_the_counter_wraps_to_32_bits() -> None:
    assert '"tmst":5,' in rxpk(uplink(counter_us=(3 << 32) + 5))


@pytest.mark.parametrize("name", ["rx", "rx-ftime", "rx-wrap"])
def test_every_golden_row_comes_out_byte_for_byte(name: str) -> None:
    rows = [json.loads(line) for line in shared(f"golden/{name}.jsonl").read_text().splitlines()]
    assert rows
    for row in rows:
        written = push_text(rxpk(golden_uplink(each)) for each in row["rxpk"])
        assert [written] == row["json"], row["name"]


def test_every_golden_fifo_becomes_the_references_datagram() -> None:
    for line in shared("golden/rx.jsonl").read_text().splitlines():
        row = json.loads(line)
        counter = Counter()
        counter.update((row["ticks"][-1] + 1000) % WRAP_TICKS)
        frames, damage = Decoder(config_of(row["name"]), model="SX1302").decode(
            bytes.fromhex(row["fifo"]), counter, row.get("temperature_c", 25.0)
        )
        assert damage == []
        assert [push_text(rxpk(Uplink(each)) for each in frames)] == row["json"], row["name"]


@given(
    payload=st.binary(max_size=255),
    counter_us=st.integers(0, 1 << 64),
    freq_hz=st.integers(1, 4_000_000_000),
    crc=st.sampled_from(Crc),
    rssi=st.floats(-300, 100),
    snr=st.floats(-32, 32),
    offset=st.integers(-125_000, 125_000),
    modem=st.integers(0, 17),
)
def test_any_frame_is_json_whose_integers_are_integers(
    payload: bytes,
    counter_us: int,
    freq_hz: int,
    crc: Crc,
    rssi: float,
    snr: float,
    offset: int,
    modem: int,
) -> None:
    heard = frame(
        payload, counter_us=counter_us, freq_hz=freq_hz, crc=crc, rssi_channel_dbm=rssi,
        rssi_signal_dbm=rssi, snr_db=snr, freq_offset_hz=offset, modem=modem,
    )  # fmt: skip
    for each in (heard, replace(heard, modulation=Fsk(50_000), snr_db=None, rssi_signal_dbm=None)):
        read = json.loads(rxpk(Uplink(each)))
        assert round(read["freq"] * 1e6) == freq_hz
        assert abs(read["rssi"] - rssi) <= 0.5
        assert {type(read[key]) for key in ("tmst", "rssi", "size", "stat", "mid")} == {int}
        assert (read["size"], read["stat"], read["mid"]) == (len(payload), crc.value, modem)
