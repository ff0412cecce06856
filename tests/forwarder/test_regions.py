"""Every region file: its plan fits radios and band. Rung 1: pure."""

from __future__ import annotations

import json
from itertools import combinations

import pytest

from forwarder.config import data
from forwarder.config.load import loads
from forwarder.config.regions import Plan, RegionFile, choose, read
from forwarder.errors import ConfigError
from hal.config import FskChannel, LoraStdChannel, MultiSfChannel

from ..shared import shared

HALF_SPAN_HZ = 800_000
NAMES = data.names("regions")
PLANS = [
    (name, number) for name in NAMES for number in (sorted(read(name).sub_bands, key=int) or [""])
]


def plan_of(name: str, number: str) -> tuple[RegionFile, Plan]:
    region = choose(name, int(number) if number else None)
    return region.file, region.plan


def channels(plan: Plan) -> list[tuple[int, int]]:
    found = [(freq_hz, 125_000) for freq_hz in plan.multi_sf_hz]
    found += [(plan.lora_std.freq_hz, plan.lora_std.bw_hz)] if plan.lora_std else []
    found += [(plan.fsk.freq_hz, plan.fsk.bw_hz)] if plan.fsk else []
    return found


@pytest.mark.parametrize(("name", "number"), PLANS)
def test_every_channel_is_inside_a_radios_span(name: str, number: str) -> None:
    _, plan = plan_of(name, number)
    centres = [plan.radio_0_hz, plan.radio_1_hz or plan.radio_0_hz]
    for freq_hz, bw_hz in channels(plan):
        assert min(abs(freq_hz - centre) for centre in centres) + bw_hz // 2 <= HALF_SPAN_HZ


@pytest.mark.parametrize(("name", "number"), PLANS)
def test_no_two_multi_sf_channels_overlap(name: str, number: str) -> None:
    _, plan = plan_of(name, number)
    assert all(abs(a - b) >= 125_000 for a, b in combinations(plan.multi_sf_hz, 2))


@pytest.mark.parametrize(("name", "number"), PLANS)
def test_the_radios_stand_close_enough_to_share_one_antenna_filter(name: str, number: str) -> None:
    _, plan = plan_of(name, number)
    assert plan.radio_1_hz is None or 400_000 <= abs(plan.radio_0_hz - plan.radio_1_hz) < 5_000_000


@pytest.mark.parametrize("name", NAMES)
def test_rx2_and_beacon_may_be_sent(name: str) -> None:
    file = read(name)
    last_hz = file.beacon.freq_hz + (file.beacon.channels - 1) * file.beacon.step_hz
    for freq_hz in (file.rx2.freq_hz, file.beacon.freq_hz, last_hz):
        assert file.tx.min_hz <= freq_hz <= file.tx.max_hz
        assert any(band.min_hz <= freq_hz < band.max_hz for band in file.limits.bands)


@pytest.mark.parametrize("name", NAMES)
def test_bands_are_in_order_and_inside_the_tx_range(name: str) -> None:
    edges = [edge for band in read(name).limits.bands for edge in (band.min_hz, band.max_hz)]
    assert edges == sorted(edges)
    file = read(name)
    assert file.tx.min_hz <= edges[0] and edges[-1] <= file.tx.max_hz + 100_000


@pytest.mark.parametrize(("name", "number"), PLANS)
def test_a_gateway_runs_on_it(name: str, number: str) -> None:
    sub_band = f"sub_band = {number}\n" if number else ""
    text = f'board = "sim"\nregion = "{name}"\n{sub_band}[[server]]\naddress = "x"\n'
    config = loads(text, "gateway.toml")
    assert config.concentrator.validate() == []
    assert [w for w in config.warnings if "listen before talk" not in w] == []


# What network servers and devices expect; LoRaWAN Regional Parameters RP002.
@pytest.mark.parametrize(
    ("name", "number", "first_hz", "last_hz", "std_hz"),
    [
        ("EU868", "", 868_100_000, 867_900_000, 868_300_000),
        ("US915", "1", 902_300_000, 903_700_000, 903_000_000),
        ("US915", "2", 903_900_000, 905_300_000, 904_600_000),
        ("US915", "8", 913_500_000, 914_900_000, 914_200_000),
        ("AU915", "2", 916_800_000, 918_200_000, 917_500_000),
        ("AS923-1", "", 923_200_000, 924_600_000, 924_500_000),
        ("AS923-2", "", 921_400_000, 922_800_000, 922_700_000),
        ("AS923-3", "", 916_600_000, 918_000_000, 917_900_000),
        ("AS923-4", "", 917_300_000, 918_700_000, 918_600_000),
        ("CN470", "1", 470_300_000, 471_700_000, None),
        ("CN470", "11", 486_300_000, 487_700_000, None),
        ("KR920", "", 922_100_000, 923_300_000, None),
        ("IN865", "", 865_062_500, 866_785_000, None),
        ("RU864", "", 868_900_000, 864_900_000, None),
        ("EU433", "", 433_175_000, 434_575_000, 434_075_000),
    ],
)
def test_the_plan_is_the_one_that_devices_use(
    name: str, number: str, first_hz: int, last_hz: int, std_hz: int | None
) -> None:
    _, plan = plan_of(name, number)
    assert (plan.multi_sf_hz[0], plan.multi_sf_hz[-1]) == (first_hz, last_hz)
    assert (plan.lora_std.freq_hz if plan.lora_std else None) == std_hz


def test_as923_alone_means_group_1_and_case_does_not_matter() -> None:
    assert read("as923").name == read("AS923_1").name == "AS923-1"


def test_every_region_file_is_named_as_its_region() -> None:
    assert [read(name).name.lower() for name in NAMES] == NAMES


def test_every_number_of_a_region_has_a_source_above_it() -> None:
    for name in NAMES:
        text = data.path("regions", name).read_text(encoding="utf-8")
        for table in ("[tx]", "[[limits.bands]]", "[rx2]", "[beacon]"):
            before = text[: text.index(table)].rstrip().splitlines()[-1]
            assert before.startswith("#"), f"{name} {table}"


def test_an_unknown_region_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"known: AS923-1, .*EU868"):
        read("MARS")


def test_eu868_gives_the_channels_that_semtechs_program_set_up() -> None:
    """Its start-up was recorded with its EU868 sample; the chip rounds to its IF steps of 244 Hz."""
    golden = json.loads(shared("golden/startup-EU868.channels.json").read_text(encoding="utf-8"))
    config = loads('board = "corecell-usb"\nregion = "EU868"\n', "gateway.toml").concentrator
    ours: list[MultiSfChannel | LoraStdChannel | FskChannel] = [
        *config.multi_sf,
        config.lora_std,
        config.fsk,
    ]
    assert len(golden) == len(ours)
    for theirs, channel in zip(golden, ours, strict=True):
        freq_hz = config.radios[channel.radio].freq_hz + channel.if_hz
        assert channel.enable and channel.radio == theirs["radio"]
        assert abs(freq_hz - theirs["freq_hz"]) < 500
