"""What a server asks for is understood as it was meant, or refused with words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.semtech_udp import txpk
from forwarder.packets import (
    AsSoonAsPossible,
    AtGps,
    AtTmst,
    Downlink,
    Refusal,
    Refused,
    When,
)
from hal.modulation import Fsk, LoRa
from tests.shared import shared

from .semtech_makers import body
from .semtech_makers import txpk as a_txpk

PAYLOAD = bytes.fromhex("60f17dbe4980020001954378762b11ff0d")


def read(**changes: Any) -> Downlink:
    found = txpk.read(body(**changes), link="here", token=7)
    assert isinstance(found, Downlink), found
    return found


def why_not(text: bytes) -> str:
    found = txpk.read(text, link="here", token=7)
    assert isinstance(found, Refused), found
    assert found.reason is Refusal.UNREADABLE
    return found.detail


def test_a_class_a_downlink_is_read_whole() -> None:
    assert read() == Downlink(
        link="here",
        token=7,
        when=AtTmst(3513348611),
        payload=PAYLOAD,
        freq_hz=868_500_000,
        modulation=LoRa(7, 125_000, 1),
        power_dbm=14,
        rf_chain=0,
        preamble=None,
        crc=True,
        implicit_header=False,
        invert_polarity=True,
    )


@pytest.mark.parametrize(
    ("changes", "when"),
    [
        pytest.param({"imme": True, "tmms": 5}, AsSoonAsPossible(), id="imme before the others"),
        pytest.param({"imme": False, "tmms": 5}, AtTmst(3513348611), id="tmst before tmms"),
        pytest.param(
            {"tmst": None, "tmms": 1_400_000_000_123}, AtGps(1_400_000_000_123), id="tmms"
        ),
        pytest.param({"tmst": 0}, AtTmst(0), id="tmst 0"),
        pytest.param({"tmst": 4294967295}, AtTmst(4294967295), id="largest tmst"),
    ],
)
def test_timing_is_taken_in_the_references_order(changes: dict[str, Any], when: When) -> None:
    assert read(**changes).when == when


def test_null_counts_as_absent() -> None:
    nulls = dict.fromkeys(("prea", "powe", "ncrc", "nhdr", "ipol", "imme", "tmms", "fdev", "brd"))
    text = json.dumps({"txpk": a_txpk() | nulls}).encode()
    found = txpk.read(text, link="here", token=7)
    assert isinstance(found, Downlink)
    assert (found.preamble, found.power_dbm, found.crc) == (None, None, True)
    assert not found.invert_polarity


@pytest.mark.parametrize(
    ("mhz", "hz"),
    [
        (868.1, 868_100_000),
        (867.700012, 867_700_012),  # 867.7 by way of a 32-bit float
        (923.3, 923_300_000),
        (868.0999999, 868_100_000),
        (903, 903_000_000),
    ],
)
def test_frequencies_are_rounded_to_the_hertz(mhz: float, hz: int) -> None:
    assert read(freq=mhz).freq_hz == hz


@given(st.integers(100_000_000, 1_000_000_000))
def test_no_frequency_written_with_six_decimals_loses_a_hertz(hz: int) -> None:
    text = body().replace(b"868.5", f"{hz / 1e6:.6f}".encode())
    found = txpk.read(text, link="here", token=7)
    assert isinstance(found, Downlink) and found.freq_hz == hz


@pytest.mark.parametrize(
    ("codr", "rate"), [("4/5", 1), ("4/6", 2), ("2/3", 2), ("4/7", 3), ("4/8", 4), ("1/2", 4)]
)
def test_every_way_to_write_a_coding_rate_is_known(codr: str, rate: int) -> None:
    assert read(codr=codr).modulation == LoRa(7, 125_000, rate)


@pytest.mark.parametrize("sf", range(5, 13))
@pytest.mark.parametrize("bw", [125, 250, 500])
def test_every_data_rate_of_the_modem_is_known(sf: int, bw: int) -> None:
    assert read(datr=f"SF{sf}BW{bw}").modulation == LoRa(sf, bw * 1000, 1)


@pytest.mark.parametrize(
    ("powe", "dbm"), [(14, 14), (254, -2), (-2, -2), (127, 127), (128, -128), (13.85, 13.85)]
)
def test_power_is_a_signed_byte_however_it_is_written(powe: float, dbm: float) -> None:
    assert read(powe=powe).power_dbm == dbm


@pytest.mark.parametrize("modu", ["FSK", "Fsk", "fsk"])
def test_fsk_in_any_case_takes_its_deviation_in_hertz(modu: str) -> None:
    found = read(modu=modu, datr=50000, fdev=25000, codr=None)
    assert found.modulation == Fsk(50_000, 25_000)


@pytest.mark.parametrize(("datr", "fdev"), [(500, 1_000), (250_000, 200_000)])
def test_the_modems_slowest_and_fastest_fsk_are_understood(datr: int, fdev: int) -> None:
    assert read(modu="FSK", datr=datr, fdev=fdev).modulation == Fsk(datr, fdev)


@pytest.mark.parametrize(
    ("changes", "preamble"),
    [
        ({"prea": 10}, 10),
        ({"prea": 4}, 6),
        ({"prea": 0}, 6),
        ({"prea": 65535}, 65535),
        ({"prea": 1, "modu": "FSK", "datr": 50000, "fdev": 25000}, 3),
    ],
)
def test_a_preamble_too_short_is_raised(changes: dict[str, Any], preamble: int) -> None:
    assert read(**changes).preamble == preamble


def test_flags_of_header_and_crc_are_turned_round() -> None:
    found = read(ncrc=True, nhdr=True, ipol=False)
    assert (found.crc, found.implicit_header, found.invert_polarity) == (False, True, False)


@pytest.mark.parametrize(
    ("data", "size"), [("AQ==", 1), ("AQ", 1), ("AQ=", 1), ("Agk=", 2), ("Agk", 2), ("AwoR", 3)]
)
def test_base64_needs_no_padding(data: str, size: int) -> None:
    assert len(read(data=data, size=size).payload) == size


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert read(size=17.0, rfch=1.0, tmst=5.0).when == AtTmst(5)


REFUSED: dict[str, dict[str, Any]] = {
    "no time": {"tmst": None},
    "imme false alone": {"tmst": None, "imme": False},
    "imme a number": {"imme": 1},
    "tmst too large": {"tmst": 4294967296},
    "tmst negative": {"tmst": -1},
    "tmst a fraction": {"tmst": 0.5},
    "tmst a text": {"tmst": "5"},
    "tmms negative": {"tmst": None, "tmms": -1},
    "no freq": {"freq": None},
    "freq a text": {"freq": "868.1"},
    "freq in hertz": {"freq": 868100000},
    "freq zero": {"freq": 0},
    "freq true": {"freq": True},
    "no rfch": {"rfch": None},
    "rfch 2": {"rfch": 2},
    "rfch negative": {"rfch": -1},
    "rfch true": {"rfch": True},
    "powe too large": {"powe": 256},
    "powe a text": {"powe": "14"},
    "no modu": {"modu": None},
    "modu a number": {"modu": 1},
    "modu unknown": {"modu": "LR-FHSS"},
    "no datr": {"datr": None},
    "datr a number for LoRa": {"datr": 7},
    "datr SF4": {"datr": "SF4BW125"},
    "datr SF13": {"datr": "SF13BW125"},
    "datr BW62": {"datr": "SF7BW62"},
    "datr with more": {"datr": "SF7BW125x"},
    "no codr": {"codr": None},
    "codr unknown": {"codr": "4/9"},
    "codr OFF": {"codr": "OFF"},
    "FSK without fdev": {"modu": "FSK", "datr": 50000},
    "FSK with a LoRa rate": {"modu": "FSK", "datr": "SF7BW125", "fdev": 25000},
    "FSK too slow": {"modu": "FSK", "datr": 499, "fdev": 25000},
    "FSK too fast": {"modu": "FSK", "datr": 250001, "fdev": 25000},
    "FSK deviation in kHz": {"modu": "FSK", "datr": 50000, "fdev": 25},
    "ipol a text": {"ipol": "true"},
    "ncrc a number": {"ncrc": 0},
    "prea negative": {"prea": -1},
    "prea a text": {"prea": "8"},
    "no size": {"size": None},
    "size 0": {"size": 0, "data": ""},
    "size 256": {"size": 256},
    "size not that of data": {"size": 16},
    "no data": {"data": None},
    "data a number": {"data": 5},
    "data with a blank": {"data": "YPF9vkmAAgAB lUN4disR/w0="},
    "data URL-safe": {"data": "YPF9vkmAAgABlUN4disR_w0="},
    "data not ASCII": {"data": "é" * 24},
    "data one letter": {"data": "A", "size": 1},
    "data over-padded": {"data": "AQ===", "size": 1},
    "data padded inside": {"data": "AQ==AQ==", "size": 2},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
def test_what_the_reference_drops_or_dies_of_is_refused_with_words(changes: dict[str, Any]) -> None:
    key = next(iter(changes))
    assert "txpk" in why_not(body(**changes)), key


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"null", b"[]", b"5", b"{}", b'{"txpk":null}', b'{"txpk":[]}', b"[" * 60_000],
)
def test_a_body_without_a_txpk_object_is_refused(text: bytes) -> None:
    assert why_not(text)


def test_a_huge_number_is_refused_and_not_printed() -> None:
    text = body().replace(b"3513348611", b"9" * 5000)
    assert len(why_not(text)) < 200
    text = body().replace(b'"LORA"', b"9" * 5000)
    assert len(why_not(text)) < 200


def test_words_about_a_long_value_stay_short() -> None:
    assert len(why_not(body(modu="x" * 10_000))) < 200
    assert len(why_not(body(datr=[[1] * 1000]))) < 200


WORDS = st.text('aSFBW4/5="\\é☃0', max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*a_txpk(), "imme", "tmms", "prea", "fdev"]), JSON))
def test_no_json_at_all_raises(changes: dict[str, Any]) -> None:
    text = json.dumps({"txpk": a_txpk() | changes}).encode()
    match txpk.read(text, link="here", token=7):
        case Refused(Refusal.UNREADABLE, detail):
            assert 0 < len(detail) < 300
        case Downlink() as found:
            assert 1 <= len(found.payload) <= 255
            assert found.rf_chain in (0, 1)
            assert 0 < found.freq_hz < 4_000_000_000


@given(st.binary(max_size=300))
def test_no_bytes_at_all_raise(text: bytes) -> None:
    assert isinstance(txpk.read(text, link="here", token=7), Refused)


def test_every_golden_request_is_understood() -> None:
    for line in shared("golden/tx.jsonl").read_text().splitlines():
        row = json.loads(line)
        found = txpk.read(json.dumps({"txpk": row["txpk"]}).encode(), link="here", token=7)
        assert isinstance(found, Downlink), row["name"]
        if row["tx"]:
            sent = row["tx"]
            assert found.payload.hex() == sent["payload"], row["name"]
            assert found.crc == sent["crc"] and abs(found.freq_hz - sent["freq_hz"]) < 100
