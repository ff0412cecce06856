"""Background scan from the radio thread to whoever reads it, and the command that scans at once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from forwarder.__main__ import main
from forwarder.config.load import loads
from forwarder.errors import ConfigError
from forwarder.radio.spectrum import MOST_CHANNELS, Spectrum
from forwarder.state.log_lines import status_line
from forwarder.state.status import snapshot
from hal.config import LbtChannel, ScanConfig, Sx1261Config
from hal.spectrum import SpectrumReport, levels_dbm
from tests.hal.configs import EU868
from tests.worlds import PATIENCE_S, World, a_gateway

HEAD = 'board = "sim"\nregion = "EU868"\n[[server]]\naddress = "localhost"\n'


def report(freq_hz: int, level: int = 28, at_ns: int = 0) -> SpectrumReport:
    counts = tuple(1000 if i == level else 0 for i in range(33))
    return SpectrumReport(freq_hz, 125_000, levels_dbm(0), counts, at_ns)


def test_the_newest_of_a_channel_is_kept_and_its_scans_are_counted() -> None:
    book = Spectrum()
    for at_ns in (0, 10**9):
        book.add(report(868_100_000, at_ns=at_ns))
    (row,) = book.state(3 * 10**9)
    assert row["age_s"] == 2.0 and row["scans"] == 2 and row["median_dbm"] == -112
    json.dumps(row)


def test_what_is_kept_is_bounded() -> None:
    book = Spectrum()
    for index in range(MOST_CHANNELS + 50):
        book.add(report(863_100_000 + 200_000 * index))
    assert len(book.reports()) == MOST_CHANNELS


def test_the_log_names_the_loudest_channel() -> None:
    book = Spectrum()
    assert book.line() == ""
    book.add(report(868_100_000))
    book.add(report(868_300_000, level=17))
    assert "loudest 868.3 MHz (-68 dBm, 100% above -90 dBm)" in book.line()


def test_our_toml_switches_the_scan_on() -> None:
    text = "[sx1261.scan]\nenable = true\nfreq_start_hz = 863_100_000\nchannels = 35\npace_s = 2\n"
    sx1261 = loads(HEAD + text, "gateway.toml").concentrator.sx1261
    assert sx1261 is not None and not sx1261.lbt_enable
    assert sx1261.scan == ScanConfig(863_100_000, 35, 2000, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("enable = true", "freq_start_hz = 0, 8 channels: expected within 150 to 960 MHz"),
        ("enable = true\nfreq_start_hz = 959_900_000", "expected within 150 to 960 MHz"),
        ("readings = 70_000", "expected a whole number from 1 up to 65535"),
        ("chanels = 4", "did you mean 'channels'"),
    ],
)
def test_a_scan_that_cannot_be_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(f"{HEAD}[sx1261.scan]\n{text}\n", "gateway.toml")
    assert words in str(caught.value) and str(caught.value).startswith("gateway.toml:")


async def scanned(world: World, channels: int) -> list[SpectrumReport]:
    async with asyncio.timeout(PATIENCE_S):
        while len(world.gateway.spectrum.reports()) < channels:
            world.clock.sleep(1.0)  # the pace, which nobody waits for
            await asyncio.sleep(0.002)
    return world.gateway.spectrum.reports()


def test_a_running_gateway_scans_while_it_receives() -> None:
    async def story() -> None:
        scan = ScanConfig(867_100_000, 3, 200, pace_s=1)
        async with a_gateway(concentrator=replace(EU868, sx1261=Sx1261Config(scan=scan))) as world:
            found = await scanned(world, 3)
            assert [one.freq_hz for one in found] == [867_100_000, 867_300_000, 867_500_000]
            assert "spectrum of 3 channels" in status_line(world.gateway)
            state = json.loads(json.dumps(snapshot(world.gateway)))
            assert [row["freq_hz"] for row in state["spectrum"]] == [one.freq_hz for one in found]

    asyncio.run(story())


def test_what_listening_found_is_in_the_status_line() -> None:
    async def story() -> None:
        channels = (LbtChannel(868_100_000, 125_000, 128, 4000),)
        sx1261 = Sx1261Config(lbt_enable=True, lbt_channels=channels)
        async with a_gateway(concentrator=replace(EU868, sx1261=sx1261)) as world:
            world.server.downlink(json.dumps({"txpk": TXPK | {"imme": True}}).encode())
            await world.server.tx_ack()
            async with asyncio.timeout(PATIENCE_S):
                while "listened 1 times, 0 busy" not in status_line(world.gateway):
                    world.clock.sleep(0.1)
                    await asyncio.sleep(0.005)
            state = json.loads(json.dumps(snapshot(world.gateway)))
            counts = {"free": 1, "busy": 0, "untried": 0}
            assert state["listening"] == [{"freq_hz": 868_100_000, "bw_hz": 125_000, **counts}]

    asyncio.run(story())


TXPK = {
    "freq": 868.1, "rfch": 0, "powe": 14, "modu": "LORA", "datr": "SF7BW125", "codr": "4/5",
    "ipol": True, "size": 5, "data": "aGVsbG8=",
}  # fmt: skip


def test_the_command_prints_a_line_a_channel(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spectrum", "--freq-start", "867.1", "--channels", "2", "--scans", "10"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["867.10", "867.30"]


def test_the_command_prints_objects_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["spectrum", "--channels", "1", "--scans", "10", "--rssi-offset", "-11", "--json"])
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["freq_hz"] == 863_100_000 and found["readings"] == 10
    assert len(found["levels_dbm"]) == len(found["counts"]) == 33
    assert found["levels_dbm"][0] == -11


@pytest.mark.parametrize(
    "wrong",
    [
        ["--channels", "0"],
        ["--scans", "70000"],
        ["--freq-start", "0"],
        ["--freq-start", "nan"],
        ["--rssi-offset", "200"],
    ],
)
def test_a_number_that_cannot_be_is_wrong_usage(wrong: list[str]) -> None:
    assert main(["spectrum", *wrong]) == 2
