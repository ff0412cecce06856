"""Time on air, by the modem's low data rate rule."""

from __future__ import annotations

import json

import pytest

from forwarder.__main__ import main
from hal.airtime import airtime_us
from hal.modulation import Cw, Fsk, LoRa

from ..shared import shared

# C's helper optimises SF11 and SF12 at any bandwidth; the modem, and so we, only long symbols.
C_DIFFERS = {(11, 250), (11, 500), (12, 500)}

# Semtech's calculator, LoRaSim and ns-3: SF5 to SF12, 125 kHz, 4/5, header, CRC; preamble 8, and 12
# for SF5 and SF6.
TABLE_US = {
    12: (14_400, 26_240, 41_216, 82_432, 144_384, 288_768, 577_536, 1_155_072),
    20: (18_240, 33_920, 56_576, 102_912, 185_344, 370_688, 741_376, 1_318_912),
    23: (19_520, 36_480, 61_696, 113_152, 205_824, 370_688, 823_296, 1_482_752),
    51: (34_880, 59_520, 102_656, 184_832, 328_704, 616_448, 1_314_816, 2_465_792),
}


@pytest.mark.parametrize("size", TABLE_US)
def test_lora_frames_take_as_long_as_the_literature_says(size: int) -> None:
    found = [airtime_us(LoRa(sf), size, preamble=8 if sf >= 7 else 12) for sf in range(5, 13)]
    assert tuple(found) == TABLE_US[size]


@pytest.mark.parametrize(
    ("modulation", "size", "preamble", "crc", "implicit", "expected_us"),
    [
        pytest.param(LoRa(7), 17, None, True, False, 51_456, id="downlink"),
        pytest.param(LoRa(12), 33, None, False, False, 1_810_432, id="no CRC"),
        pytest.param(LoRa(9), 17, 10, False, True, 152_576, id="beacon of EU868"),
        pytest.param(LoRa(12, 125_000, 4), 20, None, True, False, 1_712_128, id="4/8"),
        pytest.param(LoRa(11, 250_000), 20, None, True, False, 329_728, id="SF11 at 250 kHz"),
        pytest.param(LoRa(12, 250_000), 20, None, True, False, 659_456, id="SF12 at 250 kHz"),
        pytest.param(Fsk(50_000), 17, None, True, False, 4_480, id="FSK"),
        pytest.param(Fsk(50_000), 17, 8, False, False, 4_640, id="FSK, no CRC"),
    ],
)
def test_single_cases(
    modulation: LoRa | Fsk,
    size: int,
    preamble: int | None,
    crc: bool,
    implicit: bool,
    expected_us: int,
) -> None:
    us = airtime_us(modulation, size, preamble=preamble, crc=crc, implicit_header=implicit)
    assert us == expected_us


def test_a_bare_carrier_has_no_time_on_air() -> None:
    with pytest.raises(ValueError, match="aborted"):
        airtime_us(Cw(), 10)


def test_every_lora_row_of_the_c_library_where_its_rule_is_the_modems() -> None:
    golden = json.loads(shared("golden/time-on-air.json").read_text())
    differing = 0
    for row in golden["lora"]:
        modulation = LoRa(row["sf"], row["bw"] * 1000, row["cr"])
        ours = [
            airtime_us(
                modulation,
                size,
                preamble=row["preamble"],
                crc=row["crc"],
                implicit_header=row["implicit"],
            )
            for size in golden["payload_sizes"]
        ]
        if (row["sf"], row["bw"]) in C_DIFFERS:
            assert all(mine <= theirs for mine, theirs in zip(ours, row["us"], strict=True))
            differing += ours != row["us"]
        else:
            assert ours == row["us"], row
    assert differing > 0


def test_every_fsk_row_of_the_c_library() -> None:
    golden = json.loads(shared("golden/time-on-air.json").read_text())
    assert golden["fsk_sync_word_size"] == 3
    for row in golden["fsk"]:
        for size, ms in zip(golden["payload_sizes"], row["ms"], strict=True):
            us = airtime_us(Fsk(row["bitrate"]), size, preamble=row["preamble"], crc=row["crc"])
            assert us // 1000 + 1 == ms  # C rounds up, and adds one where there is nothing to round


# The command.


@pytest.mark.parametrize(
    ("arguments", "us"),
    [
        ("--sf 7 --bw 125 --size 23", "61696"),
        ("--sf 12 --bw 125 --size 20 --cr 4/8", "1712128"),
        ("--sf 9 --bw 125 --size 17 --preamble 10 --implicit --no-crc", "152576"),
        ("--sf 7 --bw 500 --size 17", "12864"),
        ("--sf 7 --bw 125 --size 0", "25856"),
    ],
)
def test_the_command_prints_whole_microseconds_and_nothing_else(
    arguments: str, us: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["airtime", *arguments.split()]) == 0
    assert capsys.readouterr() == (us + "\n", "")


def test_the_command_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["airtime", "--sf", "12", "--bw", "125", "--size", "20", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["airtime_us"] == 1_318_912
    assert answer["low_data_rate"] is True
    assert (answer["cr"], answer["crc"], answer["implicit"]) == ("4/5", True, False)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("--sf 13 --bw 125 --size 1", "--sf is '13'"),
        ("--sf seven --bw 125 --size 1", "--sf is 'seven'"),
        ("--sf 7 --bw 200 --size 1", "--bw is '200'"),
        ("--sf 7 --bw 125 --size 256", "--size is '256'"),
        ("--sf 7 --bw 125 --size 1 --cr 4/9", "--cr is '4/9'"),
        ("--sf 7 --bw 125 --size 1 --preamble 65536", "--preamble is '65536'"),
        ("--sf 7 --bw 125 --size " + "9" * 5000, "--size is '999"),
    ],
)
def test_the_command_refuses_in_one_line_with_what_is_allowed(
    arguments: str, names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["airtime", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert names in err
    assert ": give" in err
