"""The vendor's start-up on the simulated board, and the two controllers step by step."""

from __future__ import annotations

import json

import pytest

from hal.clock import ManualClock
from hal.sim.board import SimBoard
from hal.sim.transport import SimTransport
from hal.sim.values import ChainKind
from hal.transport.base import Command, Modify, Read, Target, Write

from ..shared import shared
from .sim_golden import replay, rows

STATUS, MAIL_IN, MAIL_OUT = 0x5781, (0x578C, 0x578B, 0x578A, 0x5789), 0x578D


def a_transport() -> SimTransport:
    return SimTransport(SimBoard(ManualClock()))


def read(transport: SimTransport, address: int, size: int = 1) -> bytes:
    return transport.transfer([Read(address, size)])[0]


def mail(transport: SimTransport, *values: int) -> None:
    """Host-to-controller mailboxes, in the order given from byte 0."""
    transport.transfer([Write(at, bytes([v])) for at, v in zip(MAIL_IN, values, strict=False)])


@pytest.mark.parametrize("name", ["startup-EU868.jsonl", "startup-EU868-spi.jsonl"])
def test_every_answer_of_the_recorded_start_up_comes_out(name: str) -> None:
    transport = a_transport()
    for row in rows(shared(f"golden/{name}")):
        for word, value in replay(transport, row).items():
            assert value == row.get(word, value), row
    assert transport.board.agc.running and transport.board.arb.running


def test_the_recorded_start_up_gives_the_recorded_channels() -> None:
    transport = a_transport()
    for row in rows(shared("golden/startup-EU868.jsonl")):
        replay(transport, row)
    expected = json.loads(shared("golden/startup-EU868.channels.json").read_text())
    for chain, wanted in zip(transport.board.chains(), expected, strict=True):
        assert (chain.chan, chain.radio, chain.kind.value) == (
            wanted["chan"],
            wanted["radio"],
            wanted["kind"],
        )
        assert chain.enabled and chain.freq_hz == wanted["freq_hz"]


def test_a_chip_after_reset_hears_nothing() -> None:
    assert not any(chain.enabled for chain in SimBoard(ManualClock()).chains())


def test_a_channel_is_radio_plus_if_word() -> None:
    """EU868 channel 0: radio B at 868.5 MHz, IF word 0x1CCD (-819), really 868100097.65625 Hz."""
    transport = a_transport()
    word = (868_500_000 * (1 << 25) // 32_000_000).to_bytes(4, "big")
    transport.transfer([Command(Target.RADIO_B, 0x86, word)])
    transport.transfer([Write(0x5810, b"\x01"), Write(0x5800, b"\x1c\xcd")])
    transport.transfer([Write(0x5605, b"\x0f"), Write(0x5821, b"\x01"), Write(0x5822, b"\xc0")])
    chain = transport.board.chains()[0]
    assert chain.enabled and chain.kind is ChainKind.MULTI
    assert chain.freq_hz == 868_100_097.65625 and chain.sfs == (11, 12)


def test_program_memory_is_reached_only_while_the_host_owns_it() -> None:
    transport = a_transport()
    transport.transfer([Write(0x0000, b"lost")])
    assert read(transport, 0x0000, 4) == bytes(4)
    transport.transfer([Modify(0x5780, 0x02, 0x02), Write(0x0000, b"kept")])
    assert read(transport, 0x0000, 4) == b"kept"
    transport.transfer([Modify(0x5780, 0x02, 0x00)])
    assert read(transport, 0x0000, 4) == bytes(4)


# Sections 5.1 and 5.2: mailbox bytes 0 to 3, and the status that follows.
AGC_STEPS = [
    ((0xFF, 0xFF, 0, 0x80), 0x02),
    ((0xFF, 0xFF, 0, 0x20), 0x03),
    ((1, 13, 0, 0x03), 0x04),
    ((3, 12, 0, 0x04), 0x05),
    ((4, 15, 0, 0x05), 0x06),
    ((40, 80, 90, 0x06), 0x07),
    ((4, 14, 0, 0x07), 0x08),
    ((52, 132, 0, 0x08), 0x09),
    ((0, 7, 4, 0x09), 0x0A),
    ((8, 0, 0, 0x0A), 0x0B),
    ((0, 0, 0, 0x0B), 0x0F),
    ((0, 0, 0, 0x0F), 0x00),
]


def test_the_agc_walks_its_hand_shake_and_echoes() -> None:
    transport = a_transport()
    transport.transfer([Modify(0x5780, 0x04, 0x00)])
    assert read(transport, STATUS) == b"\x01"
    assert read(transport, 0x5790) == b"\x0a"  # version 10 with SX1250 radios
    for mailboxes, status in AGC_STEPS:
        mail(transport, *mailboxes)
        assert read(transport, STATUS)[0] == status
        assert read(transport, MAIL_OUT, 4)[:0:-1] == bytes(mailboxes[:3])
    assert transport.board.agc.running


def test_a_wrong_go_code_moves_nothing() -> None:
    transport = a_transport()
    transport.transfer([Modify(0x5780, 0x04, 0x00)])
    mail(transport, 0, 0, 0, 0x20)
    assert read(transport, STATUS) == b"\x01"


def test_with_sx125x_radios_the_agc_is_version_6_and_skips_a_step() -> None:
    transport = a_transport()
    transport.transfer([Modify(0x5601, 0x03, 0x00), Modify(0x5780, 0x04, 0x00)])
    assert read(transport, 0x5790) == b"\x06"
    for mailboxes, _ in AGC_STEPS[:8]:
        mail(transport, *mailboxes)
    mail(transport, *AGC_STEPS[9][0])
    assert read(transport, STATUS) == b"\x0b"


def test_the_arbiter_answers_its_version_and_goes() -> None:
    transport = a_transport()
    transport.transfer([Modify(0x6080, 0x04, 0x00)])
    assert (read(transport, 0x6081), read(transport, 0x608D)) == (b"\x01", b"\x02")
    transport.transfer([Write(0x608A, b"\x01")])
    assert read(transport, 0x6081) == b"\x00"


@pytest.mark.parametrize(("model", "model_id"), [("sx1302", 2), ("sx1303", 3)])
def test_the_otp_holds_eui_and_model(model: str, model_id: int) -> None:
    transport = SimTransport(SimBoard(ManualClock(), eui="0102030405060708", model=model))
    eui = b""
    for index in range(8):
        transport.transfer([Write(0x6180, bytes([index]))])
        eui += read(transport, 0x6181)
    assert eui.hex() == "0102030405060708"
    transport.transfer([Write(0x6180, b"\xd0")])
    assert read(transport, 0x6181)[0] == model_id


def test_a_radio_tells_its_mode_and_forgets_it_in_reset() -> None:
    transport = a_transport()

    def status() -> int:
        return transport.transfer([Command(Target.RADIO_A, 0xC0, b"\0")])[0][0]

    assert status() == 0x22
    transport.transfer([Command(Target.RADIO_A, 0x80, b"\x01")])
    assert status() == 0x32
    transport.transfer([Modify(0x5783, 0x08, 0x08), Modify(0x5783, 0x08, 0x00)])
    assert status() == 0x22


@pytest.mark.parametrize("target", [Target.RADIO_A, Target.RADIO_B, Target.SX1261])
def test_a_radio_keeps_its_buffer_and_its_registers(target: Target) -> None:
    transport = a_transport()
    transport.transfer([Command(target, 0x0E, b"\xfeabc"), Command(target, 0x0D, b"\x08\xb6xy")])
    (buffer,) = transport.transfer([Command(target, 0x1E, b"\xfe" + bytes(4))])
    (registers,) = transport.transfer([Command(target, 0x1D, b"\x08\xb6" + bytes(3))])
    assert (buffer[2:], registers[3:]) == (b"abc", b"xy")


def test_a_radio_s_frequency_can_be_read_back() -> None:
    transport = a_transport()
    transport.transfer([Command(Target.RADIO_A, 0x86, b"\x36\x38\0\0")])
    answer = transport.transfer([Command(Target.RADIO_A, 0x1D, b"\x08\x8b" + bytes(5))])[0]
    assert answer[3:] == b"\x36\x38\0\0"
    assert transport.board.radios[0].freq_hz == 867_500_000.0


def test_the_sx1261_shows_its_patch_after_it_runs() -> None:
    transport = a_transport()

    def version() -> bytes:
        args = b"\x03\x20" + bytes(1 + 15)
        return transport.transfer([Command(Target.SX1261, 0x1D, args)])[0][3:]

    assert transport.transfer([Command(Target.SX1261, 0xC0, b"\0")])[0] == b"\x22"
    assert version() == b"SX1261 V2D 0000"
    transport.transfer([Command(Target.SX1261, 0xD9, b"")])
    assert version() == b"SX1261 V2D 2D06"


def test_reset_acts_on_the_falling_edge_and_gives_a_fresh_chip() -> None:
    transport = a_transport()
    board = transport.board
    board.fifo.store(b"record")
    transport.transfer([Write(0x5643, b"\x01")])
    board.set_line(2, 1)
    assert len(board.fifo) == 6
    board.set_line(2, 0)
    assert len(board.fifo) == 0 and read(transport, 0x5643) == b"\x00"
    assert read(transport, 0x5601) == b"\x0b"


def test_the_counter_starts_again_at_a_reset() -> None:
    clock = ManualClock()
    transport = SimTransport(SimBoard(clock, start_ticks=77))
    clock.sleep(100)
    transport.reset(hold_s=0.0)
    assert transport.board.counter.ticks() == 77


@pytest.mark.parametrize("eui", ["", "0102", "zz02030405060708", "010203040506070809"])
def test_an_eui_that_is_none_is_refused(eui: str) -> None:
    with pytest.raises(ValueError, match="16 hex digits"):
        SimBoard(ManualClock(), eui=eui)
