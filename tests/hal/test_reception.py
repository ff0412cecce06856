"""From RX buffer bytes to frames, beside what Semtech's forwarder made of the same bytes."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.config import ConcentratorConfig, MultiSfChannel, RadioConfig
from hal.counter import WRAP_TICKS, Counter
from hal.frames import Crc, RxFrame
from hal.modulation import CODING_RATES, Fsk, LoRa
from hal.sx1302.fine_time import PpsHistory
from hal.sx1302.reception import Decoder, merge, payload_crc16
from hal.sx1302.rx_record import Damage

from ..shared import shared
from .configs import EU868, EU868_FINE, config_of
from .records import crc16, rx_record

DATA = Path(__file__).parents[1] / "data"
SECOND = 32_000_000
Row = dict[str, Any]


def counter_at(ticks: int) -> Counter:
    counter = Counter()
    counter.update(ticks % WRAP_TICKS)
    return counter


def decode(
    buffer: bytes,
    config: ConcentratorConfig = EU868,
    *,
    at_ticks: int = 300_000_000,
    temperature_c: float = 25.0,
    pps: PpsHistory | None = None,
    model: str = "SX1303",
) -> tuple[list[RxFrame], list[Damage]]:
    decoder = Decoder(config, model=model)
    return decoder.decode(buffer, counter_at(at_ticks), temperature_c, pps)


def the_frame(buffer: bytes, config: ConcentratorConfig = EU868) -> RxFrame:
    (frame,), damage = decode(buffer, config)
    assert damage == []
    return frame


def as_rxpk(frame: RxFrame) -> Row:
    """The frame in the words of Semtech's forwarder, rounded as it rounds."""
    rxpk: Row = {
        "tmst": frame.counter_us % 2**32,
        "chan": frame.if_chain,
        "rfch": frame.rf_chain,
        "freq": frame.freq_hz / 1e6,
        "mid": frame.modem,
        "stat": frame.crc.value,
        "rssi": _whole(frame.rssi_channel_dbm),
        "size": len(frame.payload),
        "data": base64.b64encode(frame.payload).decode(),
    }
    if frame.fine_time_ns is not None:
        rxpk["ftime"] = frame.fine_time_ns
    if isinstance(frame.modulation, Fsk):
        assert frame.snr_db is frame.rssi_signal_dbm is None
        return rxpk | {"modu": "FSK", "datr": frame.modulation.bitrate_bps}
    assert frame.snr_db is not None and frame.rssi_signal_dbm is not None
    lora = frame.modulation
    return rxpk | {
        "modu": "LORA",
        "datr": f"SF{lora.sf}BW{lora.bw_hz // 1000}",
        "codr": CODING_RATES.get(lora.coding_rate, "OFF"),
        "rssis": _whole(frame.rssi_signal_dbm),
        "lsnr": float(f"{frame.snr_db:.1f}"),
        "foff": frame.freq_offset_hz,
    }


def _whole(dbm: float) -> int:
    return int(math.copysign(math.floor(abs(dbm) + 0.5), dbm))


def golden(name: str) -> list[Row]:
    return [json.loads(line) for line in shared(f"golden/{name}.jsonl").read_text().splitlines()]


def expected(row: Row, key: str = "rxpk") -> list[Row]:
    return [{name: value for name, value in rxpk.items() if name != "jver"} for rxpk in row[key]]


# What Semtech's forwarder forwards, we forward, value by value.


@pytest.mark.parametrize(
    "row",
    json.loads((DATA / "rx_frames.json").read_text())["rows"],
    ids=lambda row: str(row["name"]),
)
def test_a_record_means_what_semtechs_forwarder_says(row: Row) -> None:
    frame = the_frame(bytes.fromhex(row["fifo"]), config_of(row["name"]))
    assert as_rxpk(frame) == row["rxpk"]


def test_every_recorded_reception() -> None:
    for row in golden("rx"):
        frames, damage = decode(
            bytes.fromhex(row["fifo"]),
            config_of(row["name"]),
            at_ticks=row["ticks"][-1] + 1000,
            temperature_c=row.get("temperature_c", 25.0),
        )
        assert [as_rxpk(frame) for frame in frames] == expected(row), row["name"]
        assert damage == []


def test_receptions_around_a_wrap_of_the_counter() -> None:
    decoder, counter = Decoder(EU868, model="SX1302"), Counter()
    for row in golden("rx-wrap"):
        counter.update((row["ticks"][-1] + 40_000) % WRAP_TICKS)
        frames, _ = decoder.decode(bytes.fromhex(row["fifo"]), counter, 25.0)
        assert [as_rxpk(frame) for frame in frames] == expected(row), row["name"]


def test_every_recorded_fine_timestamp() -> None:
    for row in golden("rx-ftime"):
        ticks, phase = row["ticks"][-1], row.get("pps_phase_ticks", 12_345)
        pps = PpsHistory()
        newest = (ticks - phase) // SECOND
        for second in range(max(0, newest - 15), newest + 1):
            pps.capture(phase + second * SECOND)
        frames, _ = decode(bytes.fromhex(row["fifo"]), EU868_FINE, at_ticks=ticks + 1000, pps=pps)
        assert [as_rxpk(frame) for frame in frames] == expected(row), row["name"]


def test_damaged_buffers_give_all_that_c_forwards_and_the_good_records_it_loses() -> None:
    saved = {"bad-checksum-then-good": ["c2Vjb25k"], "good-then-garbage": ["MDEyMzQ1Njc4OQ=="]}
    for row in golden("rx-errors"):
        frames, damage = decode(bytes.fromhex(row["fifo"]))
        if row["name"] in saved:
            assert [as_rxpk(frame)["data"] for frame in frames] == saved[row["name"]]
        else:
            assert [as_rxpk(frame) for frame in frames] == expected(row, "forwarded"), row["name"]
        assert damage or row["name"] == "sync-error-flag"


# Damage.


def test_a_payload_that_is_not_what_its_crc_says_is_damage_between_good_frames() -> None:
    good, wrong = rx_record(b"good"), rx_record(b"wrong", crc_value=0x1234)
    frames, damage = decode(good + wrong + good)
    assert [frame.payload for frame in frames] == [b"good", b"good"]
    (found,) = damage
    assert (found.offset, found.size) == (len(good), len(wrong))
    assert found.why.startswith("payload CRC 1234 received")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"crc_error": True}, id="bad on the air already"),
        pytest.param({"crc": False}, id="no CRC sent"),
        pytest.param({"chan": 9, "modem": 17}, id="FSK has its own CRC"),
    ],
)
def test_only_a_good_lora_crc_is_checked_again(changes: dict[str, Any]) -> None:
    assert the_frame(rx_record(b"payload", crc_value=1, **changes)).payload == b"payload"


def test_an_empty_payload_has_no_crc_to_check() -> None:
    assert the_frame(rx_record(b"", crc_value=0x5555)).crc is Crc.OK


@given(buffer=st.binary(max_size=400), temperature_c=st.floats(-55, 125))
def test_any_bytes_give_frames_or_damage_and_never_raise(
    buffer: bytes, temperature_c: float
) -> None:
    frames, damage = decode(buffer, EU868_FINE, temperature_c=temperature_c, pps=PpsHistory())
    assert sum(item.size for item in damage) <= len(buffer)
    assert bool(frames or damage) == bool(buffer)


@given(
    payload=st.binary(max_size=255),
    chan=st.integers(0, 9),
    sf=st.integers(5, 12),
    coding_rate=st.integers(0, 7),
    ticks=st.integers(0, 2**32 - 1),
    metrics=st.binary(max_size=510).map(lambda data: data[: len(data) // 2 * 2]),
    crc=st.booleans(),
    crc_error=st.booleans(),
)
def test_every_well_formed_record_becomes_a_frame(
    payload: bytes,
    chan: int,
    sf: int,
    coding_rate: int,
    ticks: int,
    metrics: bytes,
    crc: bool,
    crc_error: bool,
) -> None:
    record = rx_record(
        payload,
        chan=chan,
        modem=17 if chan == 9 else 3,
        sf=sf,
        coding_rate=coding_rate,
        ticks=ticks,
        metrics=metrics,
        timing_set=True,
        crc=crc,
        crc_error=crc_error,
    )
    pps = PpsHistory()
    for second in range(16):
        pps.capture((ticks - second * SECOND) % WRAP_TICKS)
    (frame,), damage = decode(record, EU868_FINE, at_ticks=ticks, pps=pps)
    assert damage == []
    assert frame.payload == payload
    assert frame.crc is (Crc.NONE if not crc else Crc.BAD if crc_error else Crc.OK)


# Details of a frame.


def test_the_line_goes_on_where_a_new_session_was_told_to() -> None:
    counter = Counter(line_start_us=10_000_000_000)
    counter.update(64_000_000)
    decoder = Decoder(EU868, model="SX1302")
    (frame,), _ = decoder.decode(rx_record(b"\x00" * 12, ticks=32_000_000), counter, 25.0)
    assert 9_998_999_000 < frame.counter_us < 9_999_000_000


def test_a_frame_before_the_lines_beginning_keeps_its_sign() -> None:
    frame = the_frame(rx_record(b"xxxxxxxxx", ticks=0))
    assert -1000 < frame.counter_us < 0


def test_the_service_channel_with_implicit_headers_has_the_configured_rate_and_crc() -> None:
    std = replace(EU868.lora_std, implicit_header=True, implicit_coding_rate=3, implicit_crc=True)
    frame = the_frame(
        rx_record(b"implicit", chan=8, modem=16, coding_rate=0, crc=False),
        replace(EU868, lora_std=std),
    )
    assert frame.modulation == LoRa(7, 250_000, 3)
    assert frame.crc is Crc.OK


def test_an_implicit_crc_is_checked_again_too() -> None:
    std = replace(EU868.lora_std, implicit_header=True, implicit_crc=True)
    record = rx_record(b"implicit", chan=8, modem=16, crc=False, crc_value=0)
    frames, damage = decode(record, replace(EU868, lora_std=std))
    assert frames == [] and len(damage) == 1


def test_an_fsk_frame_has_no_snr_signal_level_or_frequency_error() -> None:
    frame = the_frame(rx_record(b"fsk", chan=9, modem=17, sf=0, freq_error=77, snr_qdb=9))
    assert frame.modulation == Fsk(50_000)
    assert (frame.snr_db, frame.rssi_signal_dbm, frame.freq_offset_hz) == (None, None, 0)


@pytest.mark.parametrize("coding_rate", [0, 5, 7])
def test_a_coding_rate_that_does_not_exist_is_reported_as_none(coding_rate: int) -> None:
    frame = the_frame(rx_record(b"noise", coding_rate=coding_rate, crc_error=True))
    assert frame.modulation == LoRa(7, 125_000, 0)


def test_each_radio_has_its_own_offset_and_temperature_curve() -> None:
    cold, warm = EU868.radios
    config = replace(EU868, radios=(cold, replace(warm, rssi_offset_db=-200.0)))
    radio_a, radio_b = rx_record(b"a", chan=5), rx_record(b"b", chan=2)
    frames, _ = decode(radio_a + radio_b, config)
    assert frames[1].rssi_channel_dbm - frames[0].rssi_channel_dbm == pytest.approx(15.4)


# Precision timestamps.


def test_fine_time_is_for_an_sx1303_in_precision_mode() -> None:
    record = rx_record(b"x", timing_set=True, metrics=b"\x01\x02", ticks=20 * SECOND + 4_000_000)
    pps = PpsHistory()
    for second in range(5, 21):
        pps.capture(second * SECOND)

    def fine(config: ConcentratorConfig, model: str) -> int | None:
        (frame,), _ = decode(record, config, at_ticks=21 * SECOND, pps=pps, model=model)
        return frame.fine_time_ns

    assert fine(EU868_FINE, "SX1303") is not None
    assert fine(EU868_FINE, "SX1302") is None
    assert fine(EU868, "SX1303") is None


@pytest.mark.parametrize("changes", [{"timing_set": False}, {"crc_error": True}, {"crc": False}])
def test_fine_time_needs_a_good_frame_whose_timing_was_set(changes: dict[str, Any]) -> None:
    settings: Row = {"timing_set": True, "metrics": b"\x01\x02", "ticks": 20 * SECOND + 4_000_000}
    pps = PpsHistory()
    for second in range(5, 21):
        pps.capture(second * SECOND)
    record = rx_record(b"x", **(settings | changes))
    (frame,), _ = decode(record, EU868_FINE, at_ticks=21 * SECOND, pps=pps)
    assert frame.fine_time_ns is None


def test_a_record_of_a_chain_without_a_radio_has_no_fine_time_and_is_no_error() -> None:
    config = replace(EU868_FINE, radios=(RadioConfig(), EU868.radios[1]), clock_source=1)
    parked = replace(config, multi_sf=(MultiSfChannel(),) * 8)
    pps = PpsHistory()
    for second in range(5, 21):
        pps.capture(second * SECOND)
    record = rx_record(b"x", timing_set=True, metrics=b"\x01\x02", ticks=20 * SECOND + 4_000_000)
    (frame,), _ = decode(record, parked, at_ticks=21 * SECOND, pps=pps)
    assert frame.fine_time_ns is None


A_FRAME = RxFrame(
    payload=b"same",
    counter_us=1_000_000,
    freq_hz=868_100_000,
    modulation=LoRa(7),
    crc=Crc.OK,
    if_chain=0,
    rf_chain=1,
    modem=0,
    rssi_channel_dbm=-100.0,
    rssi_signal_dbm=-100.0,
    snr_db=5.0,
    freq_offset_hz=0,
)


def test_of_two_demodulations_the_one_with_a_good_crc_stays() -> None:
    bad = replace(A_FRAME, crc=Crc.BAD, fine_time_ns=5)
    assert merge([A_FRAME, bad]) == [A_FRAME]
    assert merge([bad, A_FRAME]) == [A_FRAME]


def test_of_two_good_demodulations_the_one_with_a_fine_time_stays_else_the_later() -> None:
    fine = replace(A_FRAME, modem=3, fine_time_ns=5)
    late = replace(A_FRAME, modem=4, counter_us=1_000_024)
    assert merge([fine, A_FRAME]) == [fine]
    assert merge([A_FRAME, fine]) == [fine]
    assert merge([A_FRAME, late]) == [late]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(A_FRAME, counter_us=1_000_025), id="another time"),
        pytest.param(replace(A_FRAME, if_chain=1), id="another channel"),
        pytest.param(replace(A_FRAME, modulation=LoRa(8)), id="another rate"),
        pytest.param(replace(A_FRAME, payload=b"some"), id="another payload"),
    ],
)
def test_frames_that_differ_are_two(other: RxFrame) -> None:
    assert len(merge([A_FRAME, other])) == 2


def test_merged_frames_come_in_the_order_of_their_time() -> None:
    early = replace(A_FRAME, counter_us=-5, if_chain=1)
    assert merge([A_FRAME, early, A_FRAME]) == [early, A_FRAME]


def test_duplicates_are_merged_in_precision_mode_only() -> None:
    twice = rx_record(b"twice", modem=1) + rx_record(b"twice", modem=9)
    assert len(decode(twice, EU868)[0]) == 2
    (frame,), _ = decode(twice, EU868_FINE)
    assert frame.modem == 9


# The payload CRC.


def test_payload_crcs_are_those_of_the_c_library() -> None:
    for row in json.loads((DATA / "codec.json").read_text())["payload_crc16"]:
        assert payload_crc16(bytes.fromhex(row["payload"])) == row["crc"]


@given(payload=st.binary(min_size=1, max_size=255))
def test_the_payload_crc_is_the_bitwise_division(payload: bytes) -> None:
    assert payload_crc16(payload) == crc16(payload)
