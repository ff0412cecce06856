from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hal.config import (
    ConcentratorConfig,
    FineTimestamp,
    FskChannel,
    LoraStdChannel,
    RadioConfig,
    RadioKind,
    Sx1261Config,
)
from hal.errors import StartError
from hal.radio import sx1250
from hal.sx1302 import bringup
from hal.sx1302.channelizer import if_word
from hal.sx1302.modems import freq_to_time_drift
from hal.transport.base import Op, Read, Target, Write
from tests.hal.boards import Bus, SpiLike, Tamper, brought_up, commands, peek
from tests.hal.configs import AS923, CN490, EU868, EU868_FINE, US915
from tests.shared import shared

DATA = Path(__file__).parents[1] / "data"
VECTOR = json.loads((DATA / "startup_eu868.json").read_text())
REGIONS = json.loads((DATA / "startup_regions.json").read_text())
AS923_LBT = replace(AS923, sx1261=Sx1261Config(lbt_enable=True))
REGISTERS = range(0x5200, 0x6200)
RADIOS = (("radio_a", Target.RADIO_A), ("radio_b", Target.RADIO_B))


def golden_bytes(name: str) -> dict[int, int]:
    """What a recorded start-up leaves in the chip, from its reset values on."""
    resets = json.loads(shared("golden/reset-values.json").read_text())["reset"]
    held = {int(address, 16): value for address, value in resets.items()}
    for line in shared(f"golden/{name}.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["op"] not in ("w", "rmw"):
            continue
        address = int(row["addr"], 16)
        if row["op"] == "rmw":
            mask, value = int(row["mask"], 16), int(row["value"], 16)
            held[address] = held.get(address, 0) & ~mask | value
        else:
            held.update(enumerate(bytes.fromhex(row["data"]), address))
    return held


@pytest.mark.parametrize("bus", [Bus, SpiLike])
@pytest.mark.parametrize("golden", ["startup-EU868", "startup-EU868-spi"])
def test_the_chip_holds_what_the_recorded_start_up_leaves(golden: str, bus: type[Bus]) -> None:
    expected = golden_bytes(golden)
    read_only = json.loads(shared("golden/reset-values.json").read_text())["read_only_mask"]
    transport, _ = brought_up(bus=bus)
    different = [
        hex(address)
        for address in REGISTERS
        if (peek(transport, address) ^ expected.get(address, 0))
        & ~read_only.get(f"0x{address:04x}", 0)
    ]
    assert different == []  # not a single one to justify


@pytest.mark.parametrize("bus", [Bus, SpiLike])
def test_every_register_that_semtechs_start_up_writes_ends_the_same(bus: type[Bus]) -> None:
    transport, _ = brought_up(bus=bus)
    held = {a: f"{peek(transport, int(a, 16)):02x}" for a in VECTOR["registers"]}
    assert held == VECTOR["registers"]


@pytest.mark.parametrize(
    ("region", "config"), [("US915", US915), ("AS923", AS923_LBT), ("CN490", CN490)]
)
def test_other_regions_end_as_under_semtechs_forwarder(
    region: str, config: ConcentratorConfig
) -> None:
    transport, _ = brought_up(config)
    held = {a: f"{peek(transport, int(a, 16)):02x}" for a in VECTOR["registers"]}
    assert held == VECTOR["registers"] | REGIONS[region]


@pytest.mark.parametrize(("name", "target"), RADIOS)
def test_each_radio_is_told_the_same_in_the_same_order(name: str, target: Target) -> None:
    transport, _ = brought_up()
    assert commands(transport, target) == VECTOR[name]


def test_the_recorded_channels_result() -> None:
    golden = json.loads(shared("golden/startup-EU868.channels.json").read_text())
    transport, _ = brought_up()
    for chain, row in zip(transport.board.chains(), golden, strict=True):
        assert (chain.chan, chain.radio, chain.kind.value) == (
            row["chan"],
            row["radio"],
            row["kind"],
        )
        assert chain.freq_hz == pytest.approx(row["freq_hz"])


def test_the_start_takes_a_third_of_the_vendors_time() -> None:
    transport, bench = brought_up()
    assert bench.clock.now_ns() < 0.85e9
    assert transport.transfers < 100


def test_identity_is_read() -> None:
    _, bench = brought_up(model="sx1303")
    assert (bench.eui, bench.model) == ("0016c001ff10a235", "SX1303")


@pytest.mark.parametrize(
    ("read", "words"),
    [(0x00, "held in reset"), (0xFF, "SPI is off"), (0x67, "no SX1302")],
)
def test_a_wrong_version_says_what_it_means(read: int, words: str) -> None:
    with pytest.raises(StartError, match=words) as caught:
        start_with(lambda op, answer: bytes((read,)) if op == Read(0x5606, 1) else answer)
    assert caught.value.step == "identify the chip"
    assert caught.value.read.startswith(f"{read:#04x}")


@pytest.mark.parametrize("version", [0x10, 0x12, 0x11])
def test_versions_of_the_family_start(version: int) -> None:
    start_with(lambda op, answer: bytes((version,)) if op == Read(0x5606, 1) else answer)


def start_with(tamper: Tamper, config: ConcentratorConfig = EU868) -> Bus:
    bus, bench = brought_up(config)
    bus.reset()
    bus.tamper = tamper
    bringup.run(bench)
    return bus


def test_a_radio_that_does_not_answer_is_named() -> None:
    def silent(op: Op, answer: bytes) -> bytes:
        return bytes(len(answer)) if getattr(op, "target", None) is Target.RADIO_B else answer

    with pytest.raises(StartError, match="radio B: mode standby RC") as caught:
        start_with(silent)
    assert caught.value.step == "set up the radios"


def test_a_failed_image_calibration_is_told() -> None:
    def failing(op: Op, answer: bytes) -> bytes:
        return b"\x22\x00\x10" if getattr(op, "opcode", None) == 0x17 else answer

    with pytest.raises(StartError, match="image calibration"):
        start_with(failing)


@pytest.mark.parametrize("flipped", [0, 4095, 4096, 8191])
def test_firmware_that_reads_back_otherwise_is_told_with_its_place(flipped: int) -> None:
    def flip(op: Op, answer: bytes) -> bytes:
        if isinstance(op, Read) and op.size == 4096 and op.address == flipped & ~0xFFF:
            at = flipped & 0xFFF
            return answer[:at] + bytes((answer[at] ^ 1,)) + answer[at + 1 :]
        return answer

    with pytest.raises(StartError, match=f"byte {flipped} ") as caught:
        start_with(flip)
    assert caught.value.step == "start the AGC firmware"


@pytest.mark.parametrize(("control", "step"), [(0x5780, "AGC"), (0x6080, "ARB")])
def test_a_parity_error_ends_the_start(control: int, step: str) -> None:
    def parity(op: Op, answer: bytes) -> bytes:
        return bytes((answer[0] | 1,)) if op == Read(control, 1) else answer

    with pytest.raises(StartError, match=f"parity error from the {step}"):
        start_with(parity)


def test_the_private_sync_word_is_set() -> None:
    transport, _ = brought_up(replace(EU868, public=False))
    assert [peek(transport, address) & 0x1F for address in (0x588E, 0x588F)] == [2, 4]
    assert [peek(transport, address) & 0x1F for address in (0x5B2E, 0x5B2F)] == [2, 4]


@pytest.mark.parametrize("sf", [5, 6])
def test_a_service_modem_of_a_short_spreading_factor_is_always_private(sf: int) -> None:
    transport, _ = brought_up(replace(EU868, lora_std=LoraStdChannel(True, sf=sf)))
    assert [peek(transport, address) & 0x1F for address in (0x588E, 0x5B2E, 0x5B2F)] == [6, 2, 4]
    assert peek(transport, 0x5B23) & 0x20  # fine sync
    assert peek(transport, 0x5B27) == 12  # preamble symbols


@pytest.mark.parametrize(
    ("sf", "bw_hz", "timing", "ppm"),
    [
        (10, 125_000, 0, 0),
        (11, 125_000, 1, 1),
        (12, 125_000, 1, 1),
        (11, 250_000, 2, 0),
        (12, 250_000, 2, 1),
        (11, 500_000, 3, 0),
        (12, 500_000, 3, 0),
    ],
)
def test_the_service_modem_knows_slow_symbols(sf: int, bw_hz: int, timing: int, ppm: int) -> None:
    channel = LoraStdChannel(True, radio=0, bw_hz=bw_hz, sf=sf)
    transport, _ = brought_up(replace(EU868, lora_std=channel))
    assert peek(transport, 0x5B33) >> 6 == timing
    assert peek(transport, 0x5B22) >> 4 & 3 == ppm
    assert peek(transport, 0x5B21) == {125_000: 4, 250_000: 5, 500_000: 6}[bw_hz] << 4 | sf
    assert peek(transport, 0x5B32) & 7 == (7 if sf >= 11 else 6)


def test_an_implicit_service_channel_is_set_up() -> None:
    channel = LoraStdChannel(
        True, sf=9, implicit_header=True, implicit_length=17, implicit_crc=True,
        implicit_coding_rate=3,
    )  # fmt: skip
    transport, _ = brought_up(replace(EU868, lora_std=channel))
    assert peek(transport, 0x5B23) & 3 == 3
    assert peek(transport, 0x5B22) & 7 == 3
    assert peek(transport, 0x5B24) == 17


@pytest.mark.parametrize(
    ("mode", "mask"), [(FineTimestamp.ALL_SF, 0xFF), (FineTimestamp.HIGH_CAPACITY, 0x3F)]
)
def test_fine_timestamps_are_latched_in_the_header(mode: FineTimestamp, mask: int) -> None:
    transport, _ = brought_up(replace(EU868_FINE, fine_timestamp=mode), model="sx1303")
    assert peek(transport, 0x58C0) & 4 == 0
    assert peek(transport, 0x58C1) == 32
    assert peek(transport, 0x58B3) & 0x0F == 0x08
    assert peek(transport, 0x608C) == mask


def test_an_sx1302_goes_on_without_fine_timestamps() -> None:
    transport, bench = brought_up(EU868_FINE)
    assert bench.config.fine_timestamp is FineTimestamp.OFF
    assert peek(transport, 0x58C0) & 4 and peek(transport, 0x608C) == 0


def test_single_ended_radios_are_told() -> None:
    transport, _ = brought_up(CN490)
    assert "0d08e20d" in commands(transport, Target.RADIO_A)
    transport, _ = brought_up(EU868)
    assert "0d08e20d" not in commands(transport, Target.RADIO_A)


@pytest.mark.parametrize(
    ("config", "band"), [(EU868, "d7db"), (US915, "e1e9"), (CN490, "7581"), (AS923, "e1e9")]
)
def test_each_band_has_its_image_calibration(config: ConcentratorConfig, band: str) -> None:
    transport, _ = brought_up(config)
    assert f"98{band}" in commands(transport, Target.RADIO_B)


def test_a_board_without_fsk_leaves_its_modem_alone() -> None:
    transport, _ = brought_up(US915)
    assert [peek(transport, address) for address in (0x5B50, 0x5B51, 0x5B52, 0x5B5B)] == [0] * 4


def test_full_duplex_keeps_the_amplifier_of_radio_a_listening() -> None:
    transport, _ = brought_up(replace(EU868, full_duplex=True))
    assert (peek(transport, 0x5785), peek(transport, 0x5786)) == (0xCF, 0x42)


def test_one_radio_alone_starts_and_clocks_the_chip() -> None:
    one = replace(
        US915,
        radios=(RadioConfig(), US915.radios[1]),
        multi_sf=tuple(replace(ch, radio=1) for ch in US915.multi_sf),
        lora_std=LoraStdChannel(),
        clock_source=1,
    )
    transport, _ = brought_up(one)
    assert peek(transport, 0x57C0) == 0x06
    assert commands(transport, Target.RADIO_A) == []


def test_other_radios_and_uncalibrated_frequencies_are_refused_before_anything_is_done() -> None:
    old = replace(EU868.radios[1], kind=RadioKind.SX1257)
    off = replace(EU868.radios[1], freq_hz=600_000_000)
    mixed = bringup.faults(replace(EU868, radios=(EU868.radios[0], old)))
    assert any("SX1250 go with SX1250 only" in fault for fault in mixed)
    faults = bringup.faults(replace(EU868, radios=(EU868.radios[0], off)))
    assert any("600000000 Hz" in fault for fault in faults)
    assert bringup.faults(EU868) == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (replace(EU868, fsk=FskChannel(sync_word=0xC194C1C1)), "0xc194c1c1 of 3 bytes"),
        (replace(EU868, fsk=FskChannel(sync_word=0, sync_word_size=0)), "0x0 of 0 bytes"),
        (
            replace(EU868, lora_std=replace(EU868.lora_std, implicit_coding_rate=9)),
            "implicit_coderate is 9; 1 to 4 expected",
        ),
        (
            replace(EU868, lora_std=replace(EU868.lora_std, implicit_length=256)),
            "implicit_payload_length is 256",
        ),
    ],
)
def test_what_has_no_room_in_a_register_is_a_fault_before_the_chip_is_touched(
    config: ConcentratorConfig, words: str
) -> None:
    (fault,) = bringup.faults(config)
    assert words in fault


@pytest.mark.parametrize(("if_hz", "word"), [(-400_000, -819), (400_000, 819), (0, 0), (1, 0)])
def test_intermediate_frequencies_are_truncated_towards_zero(if_hz: int, word: int) -> None:
    assert if_word(if_hz) == word


def test_the_drift_table_of_the_vendor_comes_out() -> None:
    rows = json.loads(shared("golden/misc.json").read_text())["freq_to_time_drift"]
    for row in rows:
        assert freq_to_time_drift(row["freq_hz"], row["bw"] * 1000) == (row["mant"], row["exp"])


def test_drift_of_867_5_mhz() -> None:  # sx1302_hal's debug output for EU868
    assert freq_to_time_drift(867_500_000, 125_000) == (0x970, 4)
    assert freq_to_time_drift(867_500_000, 250_000) == (0x970, 3)


def test_a_frequency_outside_every_band_cannot_be_calibrated() -> None:
    with pytest.raises(ValueError, match="863-870"):
        sx1250.calibration(863_000_000)


def test_nothing_is_written_twice_into_a_controllers_memory() -> None:
    transport, _ = brought_up()
    sizes = [len(op.data) for op in transport.ops if isinstance(op, Write) and op.address < 0x4000]
    assert sizes == [4096] * 4
