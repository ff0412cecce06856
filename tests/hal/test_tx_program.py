"""Frames to register writes, beside the registers that Semtech's forwarder left."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.config import ConcentratorConfig, RadioKind, TxGain
from hal.errors import TxRefusal, TxRefused
from hal.frames import AtCounter, Immediate, OnPps, TxFrame, TxStart
from hal.modulation import CODING_RATES, Cw, Fsk, LoRa, Modulation
from hal.sx1302.tx_program import TxProgram, program, start_delay_ticks
from hal.transport.base import Modify, Op, Write

from ..shared import shared
from .configs import CORECELL, EU868, config_of

DATA = Path(__file__).parents[1] / "data"
TX_A, TX_B = 0x5200, 0x5400
BUFFER_A = 0x5300
# The 128 registers of a TX chain when the start-up is over: reset values, and what the start-up
# wrote at 0x20 and 0x21.
STARTED = bytes.fromhex(
    "00 00 00 00 00 bb 80 00 01 00 00 00 00 00 00 00 "
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "0c 01 00 00 00 6c 90 00 00 00 40 00 00 00 00 00 "
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "0f 02 00 14 1a 0b 68 97 23 52 25 56 53 65 64 00 "
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "57 82 21 0c 00 00 08 00 40 06 14 00 0a a2 64 00 "
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
)
Row = dict[str, Any]

A_FRAME = TxFrame(
    payload=b"payload",
    freq_hz=868_100_000,
    power_dbm=14,
    modulation=LoRa(7),
    start=AtCounter(1_000_000),
)


class Chip:
    """A register file, and the trigger's edges as the chip would see them."""

    def __init__(self) -> None:
        self.bytes = dict(enumerate(STARTED, start=TX_A)) | dict(enumerate(STARTED, start=TX_B))
        self.edges: list[int] = []
        self.buffer_writes_while_closed = 0

    def execute(self, ops: tuple[Op, ...], base: int = TX_A) -> None:
        for op in ops:
            before = self.bytes.get(base, 0)
            if isinstance(op, Modify):
                old = self.bytes.get(op.address, 0)
                assert not op.value & ~op.mask
                self.bytes[op.address] = old & ~op.mask | op.value
            else:
                assert isinstance(op, Write)
                if 0 <= op.address - base - 0x100 < 0x100 and not self.bytes.get(base + 7, 0) & 1:
                    self.buffer_writes_while_closed += 1
                self.bytes.update(enumerate(op.data, start=op.address))
            rising = self.bytes.get(base, 0) & ~before & 0x07
            if rising:
                self.edges.append(rising)

    def block(self, base: int = TX_A, size: int = 0x80) -> bytes:
        return bytes(self.bytes.get(base + at, 0) for at in range(size))

    def number(self, address: int, size: int) -> int:
        return int.from_bytes(self.block(address, size), "big")


def executed(
    frame: TxFrame, config: ConcentratorConfig = EU868, start_ticks: int = 32_000_000
) -> tuple[Chip, TxProgram]:
    chip, plan = Chip(), program(frame, config, start_ticks=start_ticks)
    chip.execute(plan.ops, (TX_A, TX_B)[frame.rf_chain])
    assert chip.buffer_writes_while_closed == 0
    return chip, plan


def refusal(frame: TxFrame, config: ConcentratorConfig = EU868) -> TxRefusal:
    with pytest.raises(TxRefused) as caught:
        program(frame, config, start_ticks=0)
    return caught.value.reason


def modulation_of(txpk: Row) -> Modulation:
    if txpk["modu"] == "FSK":
        return Fsk(txpk["datr"], deviation_hz=txpk["fdev"])
    sf, bw_khz = txpk["datr"].removeprefix("SF").split("BW")
    rates = {text: number for number, text in CODING_RATES.items()}
    return LoRa(int(sf), int(bw_khz) * 1000, rates[txpk["codr"]])


def frame_of(txpk: Row) -> TxFrame:
    """A request of Semtech's protocol; all were timed in the end, immediate ones too."""
    return TxFrame(
        payload=base64.b64decode(txpk["data"]),
        freq_hz=round(txpk["freq"] * 1e6),
        power_dbm=txpk["powe"],
        modulation=modulation_of(txpk),
        start=AtCounter(0),
        rf_chain=txpk["rfch"],
        preamble=txpk.get("prea"),
        crc=not txpk.get("ncrc", False),
        invert_polarity=txpk["ipol"],
    )


def programmed_as_recorded(chip: Chip, row: Row) -> TxProgram:
    """Execute what a recorded request asks for at its recorded instant, and compare."""
    frame = frame_of(row["txpk"])
    config = replace(config_of(row["name"]), allow_lowest_gain=True)
    radio = config.radios[frame.rf_chain]
    lead = start_delay_ticks(frame, radio.kind) if isinstance(frame.modulation, LoRa) else 0
    plan = program(frame, config, start_ticks=(row["trigger_ticks"] + lead) % 2**32)
    chip.execute(plan.ops)
    assert chip.block().hex() == row["regs"], row["name"]
    assert plan.trigger_ticks == row["trigger_ticks"]
    return plan


# What Semtech's forwarder leaves in the chip, we leave, bit by bit.


@pytest.mark.parametrize(
    "row", json.loads((DATA / "tx_regs.json").read_text())["rows"], ids=lambda row: str(row["name"])
)
def test_the_registers_are_those_that_semtechs_forwarder_wrote(row: Row) -> None:
    chip = Chip()
    if row["txpk"]["modu"] == "FSK":
        lora = replace(A_FRAME, payload=bytes(17), invert_polarity=True)
        chip.execute(program(lora, EU868, start_ticks=0).ops)
    programmed_as_recorded(chip, row)


def test_every_recorded_request_in_its_order() -> None:
    chips: dict[int, Chip] = {}
    count = 0
    for line in shared("golden/tx.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["tx"] is None:
            continue
        tx = row["tx"]
        chip = chips.setdefault(id(config_of(row["name"])), Chip())
        plan = programmed_as_recorded(
            chip, row | {"regs": tx["regs"], "trigger_ticks": tx["timer_trig"]}
        )
        assert plan.airtime_us == tx["airtime_us"]
        assert plan.start_delay_ticks == tx["start_delay_ticks"]
        payload = bytes.fromhex(tx["payload"])
        if tx["modu"] == "FSK":
            payload = bytes((len(payload),)) + payload
            assert chip.number(0x578A, 3) == tx["agc_fdev"]
        assert chip.block(BUFFER_A, len(payload)) == payload
        count += 1
    assert count > 20


def test_start_delays_are_those_of_the_c_library() -> None:
    for row in json.loads((DATA / "codec.json").read_text())["tx_start_delay_ticks"]:
        sf = 7 if row["chirp_lowpass"] == 6 else 12
        frame = replace(A_FRAME, modulation=LoRa(sf, row["bw"] * 1000))
        assert start_delay_ticks(frame, RadioKind[row["radio"].upper()]) == row["ticks"]


# Start.


@pytest.mark.parametrize(
    ("start", "bit"), [(Immediate(), 0b001), (AtCounter(5), 0b010), (OnPps(), 0b100)]
)
@pytest.mark.parametrize("left_over", range(8))
def test_exactly_one_trigger_rises_whatever_was_left_from_before(
    start: TxStart, bit: int, left_over: int
) -> None:
    chip = Chip()
    chip.bytes[TX_A] = left_over
    chip.execute(program(replace(A_FRAME, start=start), EU868, start_ticks=160).ops)
    assert chip.edges == [bit]
    assert chip.bytes[TX_A] == bit


def test_the_trigger_is_the_last_thing_that_happens() -> None:
    *before, fall, rise = program(A_FRAME, EU868, start_ticks=0).ops
    assert isinstance(fall, Modify) and isinstance(rise, Modify)
    assert (fall.address, rise.address) == (TX_A, TX_A)
    assert all(isinstance(op, Modify | Write) and op.address != TX_A for op in before)


def test_the_trigger_comes_one_start_delay_before_the_first_symbol_across_a_wrap() -> None:
    chip, plan = executed(A_FRAME, start_ticks=100)
    assert plan.trigger_ticks == (100 - 47_413) % 2**32
    assert chip.number(TX_A + 1, 4) == plan.trigger_ticks


def test_a_timed_start_without_its_instant_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="to_ticks"):
        program(A_FRAME, EU868)


def test_starts_without_an_instant_leave_the_timer_alone() -> None:
    plan = program(replace(A_FRAME, start=Immediate()), EU868)
    assert plan.trigger_ticks is None
    assert not any(isinstance(op, Write) and op.address == TX_A + 1 for op in plan.ops)


def test_chain_b_is_programmed_in_its_own_block() -> None:
    config = replace(EU868, radios=(EU868.radios[1], EU868.radios[0]))
    frame = replace(A_FRAME, rf_chain=1)
    chip, _ = executed(frame, config)
    on_a, _ = executed(A_FRAME)
    assert chip.block(TX_B) == on_a.block(TX_A)
    assert chip.block(TX_B + 0x100, 7) == b"payload"
    assert chip.block(TX_A) == STARTED


def test_bits_beside_the_fields_stay_as_they_are() -> None:
    ones, zeros = Chip(), Chip()
    ones.bytes.update(dict.fromkeys(range(TX_A, TX_A + 0x80), 0xFF))
    zeros.bytes.update(dict.fromkeys(range(TX_A, TX_A + 0x80), 0))
    for chip in (ones, zeros):
        chip.execute(program(A_FRAME, EU868, start_ticks=0).ops)
    written = {
        place: 0xFF & ~(one ^ zero)
        for place, (one, zero) in enumerate(zip(ones.block(), zeros.block(), strict=True))
        if one ^ zero != 0xFF
    }
    parts = {place: mask for place, mask in written.items() if mask != 0xFF}
    general = {0x00: 0x07, 0x07: 0x01, 0x09: 0x01, 0x20: 0x03, 0x22: 0x03, 0x28: 0x0F}
    assert parts == general | {
        0x61: 0xF7,
        0x62: 0xF3,
        0x65: 0x80,
        0x69: 0x73,
        0x6D: 0x1F,
        0x6E: 0x1F,
    }
    whole = {*range(0x01, 0x07), 0x0C, 0x0D, *range(0x23, 0x28), 0x29, 0x60, 0x63, 0x66, 0x67}
    assert set(written) - set(parts) == whole


def test_a_program_is_short_enough_for_one_message() -> None:
    ops = program(replace(A_FRAME, payload=bytes(255)), EU868, start_ticks=0).ops
    assert len(ops) <= 24
    assert sum(9 + len(op.data) if isinstance(op, Write) else 6 for op in ops) < 600


# Modulations.


@pytest.mark.parametrize(
    ("asked", "symbols"), [(None, 8), (0, 8), (1, 6), (5, 6), (6, 6), (9, 9), (65_535, 65_535)]
)
def test_a_lora_preamble_has_eight_symbols_and_never_less_than_six(
    asked: int | None, symbols: int
) -> None:
    chip, _ = executed(replace(A_FRAME, preamble=asked))
    assert chip.block(TX_A + 0x66, 2) == symbols.to_bytes(2, "little")


@pytest.mark.parametrize(("asked", "size"), [(None, 5), (0, 5), (1, 3), (3, 3), (300, 300)])
def test_an_fsk_preamble_has_five_bytes_and_never_less_than_three(
    asked: int | None, size: int
) -> None:
    chip, _ = executed(replace(A_FRAME, modulation=Fsk(50_000), preamble=asked))
    assert chip.number(TX_A + 0x42, 2) == size


@pytest.mark.parametrize(
    ("sf", "public", "peaks"),
    [
        (5, True, (2, 4)),
        (6, True, (2, 4)),
        (7, True, (6, 8)),
        (12, True, (6, 8)),
        (7, False, (2, 4)),
    ],
)
def test_sync_words_by_network_and_spreading_factor(
    sf: int, public: bool, peaks: tuple[int, int]
) -> None:
    frame = replace(A_FRAME, modulation=LoRa(sf))
    chip, _ = executed(frame, replace(EU868, public=public))
    assert tuple(byte & 0x1F for byte in chip.block(TX_A + 0x6D, 2)) == peaks


def test_implicit_header_crc_and_polarity_reach_the_modem() -> None:
    chip, _ = executed(replace(A_FRAME, implicit_header=True, crc=False, invert_polarity=True))
    assert chip.bytes[TX_A + 0x62] & 0b11 == 0b10
    assert chip.bytes[TX_A + 0x69] & 0b10
    chip, _ = executed(A_FRAME)
    assert chip.bytes[TX_A + 0x62] & 0b11 == 0b01
    assert not chip.bytes[TX_A + 0x69] & 0b10


def test_the_largest_fsk_frame_fills_the_buffer_with_its_length_first() -> None:
    chip, _ = executed(replace(A_FRAME, payload=b"\x55" * 255, modulation=Fsk(50_000)))
    assert chip.block(BUFFER_A, 256) == b"\xff" + b"\x55" * 255


@pytest.mark.parametrize(
    ("word", "size", "pattern"),
    [
        (0x2D, 1, "2d00000000000000"),
        (0x0123456789ABCDEF, 8, "0123456789abcdef"),
        (0x7C194C1, 3, "c194c10000000000"),
    ],
)
def test_an_fsk_sync_word_stands_on_the_left(word: int, size: int, pattern: str) -> None:
    config = replace(EU868, fsk=replace(EU868.fsk, sync_word=word, sync_word_size=size))
    chip, _ = executed(replace(A_FRAME, modulation=Fsk(50_000)), config)
    assert chip.block(TX_A + 0x47, 8).hex() == pattern
    assert chip.bytes[TX_A + 0x46] >> 5 == size - 1


def test_fsk_always_has_a_known_start_delay() -> None:
    chip = Chip()
    chip.execute(program(replace(A_FRAME, modulation=LoRa(12)), EU868, start_ticks=0).ops)
    plan = program(replace(A_FRAME, modulation=Fsk(50_000)), EU868, start_ticks=64_000)
    chip.execute(plan.ops)
    assert chip.number(TX_A + 5, 2) == plan.start_delay_ticks == 47_413
    assert plan.trigger_ticks == 64_000


@pytest.mark.parametrize(
    ("offset_hz", "deviation_hz", "tone"),
    [(20_000, 20_000, 64), (15_000, 20_000, 48), (-15_000, 20_000, 0x100 - 48), (0, 0, 0)],
)
def test_a_carrier_is_a_tone_beside_the_frequency(
    offset_hz: int, deviation_hz: int, tone: int
) -> None:
    frame = replace(A_FRAME, payload=b"", modulation=Cw(offset_hz))
    chip, plan = executed(frame)
    assert chip.bytes[TX_A + 0x20] & 0b11 == 0
    assert chip.bytes[TX_A + 0x0C] == 0x80
    assert chip.number(TX_A + 0x28, 2) & 0xFFF == deviation_hz * 2**18 // 32_000_000
    assert chip.number(0x578A, 3) == deviation_hz * 2**25 // 32_000_000
    assert chip.bytes[TX_A + 0x2A] == tone
    assert plan.airtime_us == 0


def test_an_sx1255_is_told_twice_the_frequency() -> None:
    gains = (TxGain(14, pa_gain=2, dac_gain=3, mix_gain=10, dig_gain=1),)
    radio = replace(EU868.radios[0], kind=RadioKind.SX1255, tx_gains=gains)
    chip, _ = executed(A_FRAME, replace(EU868, radios=(radio, EU868.radios[1])))
    assert chip.number(TX_A + 0x25, 3) == 868_100_000 * 2 * 2**18 // 32_000_000
    assert chip.bytes[TX_A + 0x0D] == 2 << 6 | 3 << 4 | 10
    assert chip.bytes[TX_A + 0x22] & 0b11 == 1


# Power.


@given(power_dbm=st.floats(12, 60))
def test_the_power_is_never_more_than_asked_nor_less_than_the_table_allows(
    power_dbm: float,
) -> None:
    plan = program(replace(A_FRAME, power_dbm=power_dbm), EU868, start_ticks=0)
    assert plan.power_dbm == min(int(power_dbm), 27)


def test_the_order_of_the_gain_table_does_not_matter() -> None:
    radio = replace(EU868.radios[0], tx_gains=tuple(reversed(CORECELL)))
    config = replace(EU868, radios=(radio, EU868.radios[1]))
    assert program(replace(A_FRAME, power_dbm=20.9), config, start_ticks=0).power_dbm == 20


def test_less_than_the_lowest_entry_is_refused_unless_the_board_allows_it() -> None:
    weak = replace(A_FRAME, power_dbm=11.9)
    assert refusal(weak) is TxRefusal.POWER
    plan = program(weak, replace(EU868, allow_lowest_gain=True), start_ticks=0)
    assert plan.power_dbm == 12


def test_a_chain_without_a_gain_table_is_refused() -> None:
    radio = replace(EU868.radios[0], tx_gains=())
    config = replace(EU868, radios=(radio, EU868.radios[1]), allow_lowest_gain=True)
    assert refusal(A_FRAME, config) is TxRefusal.POWER


# Refusals.


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"payload": b""}, TxRefusal.SIZE, id="nothing to send"),
        pytest.param({"payload": bytes(256)}, TxRefusal.SIZE, id="too long"),
        pytest.param({"freq_hz": 862_999_999}, TxRefusal.FREQ, id="below the range"),
        pytest.param({"freq_hz": 870_000_001}, TxRefusal.FREQ, id="above the range"),
        pytest.param({"rf_chain": 1}, TxRefusal.CHAIN, id="tx_enable is off"),
        pytest.param({"rf_chain": 2}, TxRefusal.CHAIN, id="no such chain"),
        pytest.param({"rf_chain": -1}, TxRefusal.CHAIN, id="negative chain"),
        pytest.param({"modulation": LoRa(4)}, TxRefusal.MODULATION, id="SF4"),
        pytest.param({"modulation": LoRa(13)}, TxRefusal.MODULATION, id="SF13"),
        pytest.param({"modulation": LoRa(7, 62_500)}, TxRefusal.MODULATION, id="62.5 kHz"),
        pytest.param({"modulation": LoRa(7, 125_000, 0)}, TxRefusal.MODULATION, id="rate 0"),
        pytest.param({"modulation": LoRa(7, 125_000, 5)}, TxRefusal.MODULATION, id="rate 5"),
        pytest.param({"modulation": Fsk(499)}, TxRefusal.MODULATION, id="slow FSK"),
        pytest.param({"modulation": Fsk(250_001)}, TxRefusal.MODULATION, id="fast FSK"),
        pytest.param({"modulation": Fsk(50_000, 999)}, TxRefusal.MODULATION, id="narrow FSK"),
        pytest.param({"modulation": Fsk(50_000, 200_001)}, TxRefusal.MODULATION, id="wide FSK"),
        pytest.param({"modulation": Cw(490_001)}, TxRefusal.MODULATION, id="far carrier"),
        pytest.param({"preamble": 65_536}, TxRefusal.MODULATION, id="endless preamble"),
        pytest.param({"preamble": -1}, TxRefusal.MODULATION, id="negative preamble"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_reason(changes: Row, reason: TxRefusal) -> None:
    assert refusal(replace(A_FRAME, **changes)) is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"freq_hz": 863_000_000},
        {"freq_hz": 870_000_000},
        {"payload": bytes(255)},
        {"modulation": Fsk(500, 1_000)},
        {"modulation": Fsk(250_000, 200_000)},
        {"modulation": Cw(-490_000)},
    ],
)
def test_the_limits_themselves_are_sent(changes: Row) -> None:
    executed(replace(A_FRAME, **changes))


def test_a_radio_that_is_off_sends_nothing() -> None:
    radio = replace(EU868.radios[0], enable=False)
    assert refusal(A_FRAME, replace(EU868, radios=(radio, EU868.radios[1]))) is TxRefusal.CHAIN


@given(
    modulation=st.one_of(
        st.builds(
            LoRa,
            st.integers(5, 12),
            st.sampled_from([125_000, 250_000, 500_000]),
            st.integers(1, 4),
        ),
        st.builds(Fsk, st.integers(500, 250_000), st.integers(1_000, 200_000)),
    ),
    payload=st.binary(min_size=1, max_size=255),
    freq_hz=st.integers(863_000_000, 870_000_000),
    start_ticks=st.integers(0, 2**32 - 1),
)
def test_every_frame_within_the_limits_reaches_the_buffer_whole(
    modulation: LoRa | Fsk, payload: bytes, freq_hz: int, start_ticks: int
) -> None:
    frame = replace(A_FRAME, modulation=modulation, payload=payload, freq_hz=freq_hz)
    chip, plan = executed(frame, start_ticks=start_ticks)
    at = BUFFER_A + isinstance(modulation, Fsk)
    assert chip.block(at, len(payload)) == payload
    lead = plan.start_delay_ticks if isinstance(modulation, LoRa) else 0
    assert (chip.number(TX_A + 1, 4) + lead) % 2**32 == start_ticks
    assert chip.edges == [0b010]
