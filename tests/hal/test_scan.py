"""Spectral scan: the shipping driver on the simulated chip, with an air above it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.config import ConcentratorConfig, LbtChannel, ScanConfig, Sx1261Config
from hal.errors import ChipError, TxRefusal, TxRefused
from hal.frames import AtCounter, TxFrame
from hal.modulation import LoRa
from hal.sim.air import Air, Interferer, Transmission
from hal.sim.spectrum import Tone, histogram, noise_dbm, stretches
from hal.spectrum import SpectrumReport, levels_dbm
from hal.sx1302 import bringup
from hal.sx1302.scan import PATIENCE_NS
from hal.transport.base import Command, Op, Target
from tests.hal.air_board import clear
from tests.hal.boards import a_concentrator, commands, wait
from tests.hal.concentrator_bench import hear
from tests.hal.configs import AS923, EU868

PLAN = ScanConfig(freq_start_hz=867_900_000, channels=3, readings=2000, pace_s=1)
SCANNING = replace(EU868, sx1261=Sx1261Config(scan=PLAN))
FRAME = TxFrame(b"hello", 868_100_000, 14, LoRa(7))
TURN_S = 0.003  # between two polls
# What Semtech's spectral_scan says for 867.9 MHz, opcode and arguments; of its nine arguments of
# the last the radio reads three (its library sends six bytes from beyond its buffer).
TUNE = ["0d089b00", "c1", "86363e6666", "0d089b14", "8a00", "8b001400000a02e90f"]
TUNE += ["8c002005200001ff0000", "82ffffff"]
SCAN = [*TUNE, "9b07d00b"]


class Site:
    """A gateway that polls as the radio thread does."""

    def __init__(self, config: ConcentratorConfig = SCANNING, *, tamper: bool = False) -> None:
        self.radio, self.bus, self.clock = a_concentrator(config)
        self.air = Air(1, rules=clear())
        self.air.attach(self.bus.board, name="gw")
        self.radio.start()
        self.bus.ops.clear()

    def polls(self, seconds: float) -> list[SpectrumReport]:
        found = []
        for _ in range(round(seconds / TURN_S)):
            wait(self.clock, TURN_S)
            self.radio.receive()
            found += [report] if (report := self.radio.scan()) else []
        return found

    def until_scanning(self) -> None:
        while not self.bus.board.sx1261.scanning:
            self.polls(TURN_S)


def test_channels_are_scanned_in_turn_at_their_pace_and_begin_anew() -> None:
    reports = Site().polls(4.2)
    wanted = [867_900_000, 868_100_000, 868_300_000, 867_900_000]
    assert [report.freq_hz for report in reports] == wanted
    assert {report.readings for report in reports} == {2000}


def test_what_is_said_to_the_radio_is_what_the_vendors_program_says() -> None:
    site = Site()
    site.until_scanning()
    assert commands(site.bus, Target.SX1261) == SCAN


def test_a_quiet_band_shows_the_receivers_noise() -> None:
    (report,) = Site().polls(1.1)
    median_dbm = report.median_dbm()
    assert median_dbm is not None and abs(median_dbm - noise_dbm(234_300)) <= 4
    assert report.share_above(-90) == 0


def test_a_signal_shows_at_its_level_for_as_long_as_it_was_there() -> None:
    site = Site()
    site.polls(0.9)
    now_ns = site.clock.now_ns()
    site.air.add_interferer(
        Interferer(868_000_000, -60.0, now_ns, now_ns + 10**9, bw_hz=400_000, duty=0.25,
                   period_ns=4_000_000)
    )  # fmt: skip
    (report,) = site.polls(0.2)
    assert report.share_above(-80) == pytest.approx(0.25, abs=0.06)
    loud = [dbm for dbm, count in zip(report.levels_dbm, report.counts, strict=True) if count]
    assert -70 <= max(loud) <= -56


def test_a_frame_on_a_frequency_that_no_channel_hears_is_seen_too() -> None:
    site = Site(
        replace(SCANNING, sx1261=Sx1261Config(scan=replace(PLAN, freq_start_hz=865_100_000)))
    )
    site.polls(0.9)
    site.air.transmit(
        Transmission("foreign", bytes(200), site.clock.now_ns(), 865.1e6, 12, power_dbm=14.0)
    )
    (report,) = site.polls(0.2)
    assert report.median_dbm() is not None and (report.median_dbm() or -200) > -100


def test_levels_carry_the_offset_of_the_boards_path() -> None:
    plain, shifted = (
        Site(),
        Site(replace(SCANNING, sx1261=Sx1261Config(rssi_offset_db=20, scan=PLAN))),
    )
    (a,), (b,) = plain.polls(1.1), shifted.polls(1.1)
    assert b.levels_dbm == tuple(dbm + 20 for dbm in a.levels_dbm) and a.counts == b.counts


def test_a_poll_is_never_kept_longer_than_one_more_transfer() -> None:
    site = Site()
    for _ in range(800):
        wait(site.clock, TURN_S)
        site.radio.receive()
        before = site.bus.transfers
        site.radio.scan()
        assert site.bus.transfers - before <= 1


def test_frames_are_received_while_a_scan_runs() -> None:
    site = Site()
    site.until_scanning()
    hear(site.bus)
    assert len(site.radio.receive().frames) == 1


def test_a_transmission_ends_the_scan_and_its_channel_comes_again_soon() -> None:
    site = Site()
    site.until_scanning()
    site.radio.send(replace(FRAME, start=AtCounter(site.radio.now_us() + 5_000)))
    assert not site.bus.board.sx1261.scanning
    assert commands(site.bus, Target.SX1261)[-2:] == ["0d089b00", "c1"]
    (report,) = site.polls(0.3)
    assert report.freq_hz == PLAN.freq_start_hz
    assert site.radio.scan_counts().yielded == 1


def test_no_scan_begins_while_a_frame_is_scheduled_or_on_the_air() -> None:
    site = Site()
    site.polls(0.9)
    site.radio.send(replace(FRAME, start=AtCounter(site.radio.now_us() + 500_000)))
    site.bus.ops.clear()
    assert site.polls(0.5) == [] and commands(site.bus, Target.SX1261) == []
    assert len(site.polls(0.4)) == 1


def test_scanning_and_listening_share_the_radio() -> None:
    channels = (LbtChannel(923_200_000, 125_000, 5000, 4000),)
    plan = replace(PLAN, freq_start_hz=923_200_000)
    both = Sx1261Config(lbt_enable=True, lbt_channels=channels, scan=plan)
    site = Site(replace(AS923, sx1261=both))
    site.until_scanning()
    frame = TxFrame(b"hello", 923_200_000, 14, LoRa(7))
    site.radio.send(replace(frame, start=AtCounter(site.radio.now_us() + 40_000)))
    assert site.radio.lbt_counts()[923_200_000, 125_000].free == 1
    assert [report.freq_hz for report in site.polls(0.5)] == [923_200_000]


@pytest.mark.parametrize(("level_dbm", "busy"), [(-70.0, True), (-90.0, False)])
def test_listening_hears_the_air(level_dbm: float, busy: bool) -> None:
    channels = (LbtChannel(923_200_000, 125_000, 5000, 4000),)
    site = Site(replace(AS923, sx1261=Sx1261Config(lbt_enable=True, lbt_channels=channels)))
    now_ns = site.clock.now_ns()
    site.air.add_interferer(Interferer(923_200_000, level_dbm, now_ns, now_ns + 10**9))
    frame = TxFrame(b"hello", 923_200_000, 14, LoRa(7))
    refused = None
    try:
        site.radio.send(replace(frame, start=AtCounter(site.radio.now_us() + 40_000)))
    except TxRefused as error:
        refused = error.reason
    assert refused is (TxRefusal.LBT if busy else None)


def test_a_scan_that_never_ends_is_given_up_and_the_next_channel_comes() -> None:
    site = Site()

    def forever(op: Op, answer: bytes) -> bytes:
        status = isinstance(op, Command) and op.args[:2] == b"\x07\xcd"
        return answer[:-1] + b"\x0f" if status else answer

    site.bus.tamper = forever
    assert site.polls(1.1 + PATIENCE_NS / 1e9) == []
    site.bus.tamper = lambda op, answer: answer
    assert [report.freq_hz for report in site.polls(0.4)] == [868_100_000]
    assert site.radio.scan_counts().failed == 1


def test_a_tool_scans_at_once() -> None:
    site = Site()
    report = site.radio.spectrum(866_000_000, 100)
    assert report is not None and (report.freq_hz, report.readings) == (866_000_000, 100)


def test_without_an_sx1261_a_gateway_receives_and_a_tool_is_told() -> None:
    radio, bus, _ = a_concentrator(SCANNING)
    bus.tamper = lambda op, answer: (
        bytes(len(answer)) if isinstance(op, Command) and op.target is Target.SX1261 else answer
    )
    radio.start()
    assert radio.scan() is None
    radio.receive()
    with pytest.raises(ChipError, match=r"no spectral scan: .*standby RC and ready, read 0x00"):
        radio.spectrum(866_000_000, 100)
    radio.send(FRAME)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(replace(PLAN, channels=0), id="no channel"),
        pytest.param(replace(PLAN, channels=256), id="too many channels"),
        pytest.param(replace(PLAN, readings=65_536), id="too many readings"),
        pytest.param(replace(PLAN, freq_start_hz=959_800_000), id="beyond the radio"),
    ],
)
def test_what_cannot_be_scanned_is_named_before_the_start(plan: ScanConfig) -> None:
    assert len(bringup.faults(replace(EU868, sx1261=Sx1261Config(scan=plan)))) == 1


# The values, and what the simulated radio measures. Rung 1: pure.


def test_a_report_tells_its_median_and_how_long_a_level_was_reached() -> None:
    counts = [0] * 33
    counts[20], counts[28], counts[32] = 250, 500, 250
    report = SpectrumReport(868_100_000, 125_000, levels_dbm(0), tuple(counts), 0)
    assert (report.median_dbm(), report.reached_by(0.25)) == (-112, -80)
    assert report.share_above(-80) == 0.25 and report.share_above(-124) == 0.75


@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.floats(-200, 30)), min_size=1, max_size=6),
    st.integers(1, 65_535),
)
def test_a_histogram_counts_every_reading_once(
    heard: list[tuple[int, float]], readings: int
) -> None:
    counts = histogram(heard, readings)
    assert sum(counts) == readings and min(counts) >= 0


@given(
    st.lists(
        st.builds(Tone, st.integers(0, 100), st.integers(0, 100), st.floats(0, 1)), max_size=6
    ),
    st.integers(0, 50),
    st.integers(51, 100),
)
def test_stretches_fill_the_time_and_never_fall_below_the_noise(
    tones: list[Tone], from_ns: int, to_ns: int
) -> None:
    found = list(stretches(tones, 125_000, from_ns, to_ns))
    assert sum(length for length, _ in found) == to_ns - from_ns
    assert min(level for _, level in found) >= noise_dbm(125_000) - 1e-9
