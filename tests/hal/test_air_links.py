"""Links: sensitivity, luck that belongs to a link, ghosts, and recorded receptions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.frames import Crc
from hal.sim.air import Air, Outcome, Pinned, Rules
from hal.sim.air.propagation import channel_rssi_dbm, signal_dbm
from hal.sim.air.tables import SX1302_SENSITIVITY_DBM
from hal.sim.values import HeardFrame

from .air_board import MS, FakeBoard, S, a_frame, an_air, clear, outcomes


def loss_at(sf: int, above_db: float, *, count: int = 1500) -> float:
    """Share of 12-byte frames lost at `above_db` over the table's sensitivity."""
    air = Air(3, rules=replace(clear(), per_step=False), keep=4)
    board = FakeBoard()
    air.attach(board, name="gw")
    air.advance(0)
    power_dbm = SX1302_SENSITIVITY_DBM[sf] + 100.0 + above_db
    for i in range(count):
        frame = a_frame(payload=bytes(12), sf=sf, power_dbm=power_dbm, start_ns=(2 * i + 1) * S)
        air.transmit(frame)
    air.advance(3 * count * S)
    return 1 - air.counts["gw", sf, Outcome.RECEIVED] / count


@pytest.mark.parametrize("sf", range(7, 13))
def test_one_frame_in_ten_is_lost_at_the_sensitivity(sf: int) -> None:
    assert loss_at(sf, 0.0) == pytest.approx(0.10, abs=0.02)


@pytest.mark.parametrize("sf", [7, 12])
def test_three_decibels_decide_between_all_and_nothing(sf: int) -> None:
    assert loss_at(sf, 3.0, count=500) < 0.01
    assert loss_at(sf, -3.0, count=500) > 0.9


def test_steps_make_a_cliff_at_the_sensitivity() -> None:
    floor_dbm = SX1302_SENSITIVITY_DBM[9] + 100.0
    air, _ = an_air()
    frames = [a_frame(sf=9, power_dbm=floor_dbm + 0.1), a_frame(sf=9, power_dbm=floor_dbm - 0.1)]
    assert outcomes(air, frames[0], replace(frames[1], start_ns=3 * S)) == [
        "received",
        "below sensitivity",
    ]


def story(seed: int, *, boards: int = 1, others: bool = False) -> list[HeardFrame]:
    """What board 0 stores of one device's fifty frames at the edge of its reach."""
    air = Air(seed, rules=replace(Rules.default(), noise_bursts_per_hour=0.0))
    made = [FakeBoard() for _ in range(boards)]
    for i, board in enumerate(made):
        air.attach(board, name=f"gw{i}", at=(400.0 * i, 0.0, 10.0))
    for i in range(50):
        air.transmit(a_frame(at=(900.0, 0.0, 1.0), start_ns=(i + 1) * S, payload=bytes([i])))
        if others:  # elsewhere in the band, before and after
            air.transmit(a_frame(who="x", freq_hz=867.1e6, start_ns=(i + 1) * S - 300 * MS))
    step = 7 * MS if boards > 1 else 100 * S
    for now_ns in range(0, 60 * S, step):
        air.advance(now_ns)
    air.advance(60 * S)
    return [heard for heard in made[0].stored if len(heard.payload) == 1]


def test_one_seed_has_one_outcome() -> None:
    assert story(5) == story(5)
    assert story(5) != story(6)


def test_another_board_or_sender_changes_nothing_for_the_first() -> None:
    alone = [replace(heard, modem=0) for heard in story(5)]
    assert 0 < len(alone) <= 50
    assert [replace(heard, modem=0) for heard in story(5, boards=2)] == alone
    assert [replace(heard, modem=0) for heard in story(5, others=True)] == alone


def test_a_near_device_is_heard_on_other_channels_too() -> None:
    rules = replace(Rules.default().quiet(), ghosts=True)
    air, board = an_air(rules)
    outcomes(air, a_frame(at=(1.0, 0.0, 0.0)))
    best = max(board.stored, key=lambda heard: heard.rssi_signal_dbm)
    ghosts = [heard for heard in board.stored if heard is not best]
    assert best.chan == 0 and ghosts
    assert len({heard.chan for heard in board.stored}) == len(board.stored)
    for ghost in ghosts:
        assert ghost.payload == best.payload and ghost.crc_ok
        assert 34 <= best.rssi_signal_dbm - ghost.rssi_signal_dbm <= 75
        assert abs(ghost.end_ns - best.end_ns) <= 8_000


def test_a_device_further_off_makes_no_ghosts() -> None:
    air, board = an_air(replace(clear(), ghosts=True))
    outcomes(air, a_frame())  # at -86 dBm
    assert len(board.stored) == 1


@pytest.mark.parametrize(("snr_db", "signal"), [(-6.8, -116.6), (17.0, -109.1)])
@pytest.mark.parametrize("crc", Crc)
def test_a_pinned_reception_comes_out_as_it_was_recorded(
    crc: Crc, snr_db: float, signal: float
) -> None:
    air, board = an_air(Rules.default())
    pinned = Pinned(-109.0, snr_db, crc, 0 if crc is Crc.BAD else 1)
    frame = a_frame(pinned={"gw": pinned}, invert=True, public=False)
    outcomes(air, frame, a_frame(who="jammer", power_dbm=30.0))
    (heard,) = [h for h in board.stored if h.end_ns == frame.end_ns]
    assert heard.payload == frame.payload and heard.snr_db == snr_db
    assert heard.rssi_channel_dbm == pytest.approx(-109.0)
    assert heard.rssi_signal_dbm == pytest.approx(signal, abs=0.1)
    assert heard.coding_rate == pinned.coding_rate
    assert (heard.crc_present, heard.crc_ok) == (crc is not Crc.NONE, crc is not Crc.BAD)


def test_a_pinned_reception_is_heard_by_the_named_boards_only() -> None:
    air, board = an_air()
    other = FakeBoard()
    air.attach(other, name="other")
    outcomes(air, a_frame(pinned={"other": Pinned(-60.0, 9.0)}))
    assert not board.stored and len(other.stored) == 1


def test_the_chips_estimate_of_a_strong_signal_saturates() -> None:
    air, board = an_air()
    outcomes(air, a_frame())
    assert board.stored[0].snr_db == 14.0


def test_a_frame_pinned_to_nobody_here_is_refused() -> None:
    air, _ = an_air()
    with pytest.raises(ValueError, match="boards on this air: gw"):
        air.transmit(a_frame(pinned={"elsewhere": Pinned(-60.0, 9.0)}))


@pytest.mark.parametrize(
    "changes",
    [{"sf": 4}, {"sf": 13}, {"bw_hz": 62_500}, {"sf": None}, {"sf": None, "bitrate_bps": 0}],
)
def test_what_no_radio_sends_is_refused(changes: dict[str, object]) -> None:
    air, _ = an_air()
    with pytest.raises(ValueError, match=r"expected|positive"):
        air.transmit(a_frame(**changes))


def test_pinned_receptions_still_need_demodulators() -> None:
    air, board = an_air()
    frames = [a_frame(who=f"d{i}", pinned={"gw": Pinned(-60.0, 9.0)}) for i in range(20)]
    words = outcomes(air, *frames)
    assert words.count("no demodulator") == 4 and len(board.stored) == 16


@pytest.mark.parametrize("snr_db", [-20.0, -5.0, 0.0, 9.5])
def test_signal_and_channel_rssi_are_each_others_inverse(snr_db: float) -> None:
    assert signal_dbm(channel_rssi_dbm(-100.0, snr_db), snr_db) == pytest.approx(-100.0)


def test_antenna_loss_is_felt_from_the_next_frame_on() -> None:
    air, board = an_air()
    air.transmit(a_frame())
    air.advance(2 * S)
    air.set_antenna_loss("gw", 40.0)
    air.transmit(a_frame(start_ns=3 * S))
    air.advance(4 * S)
    assert board.stored[0].rssi_signal_dbm - board.stored[1].rssi_signal_dbm == pytest.approx(40.0)


def test_the_reason_is_told_with_its_numbers() -> None:
    air, _ = an_air()
    outcomes(air, a_frame(label="fcnt=7"), a_frame(who="b", power_dbm=12.0, start_ns=S + 30 * MS))
    story = air.explain(lambda frame: frame.who == "dev")
    assert "#1 dev fcnt=7" in story and "SF7BW125" in story and "received" in story
    story = air.explain(2)
    assert "no preamble: interference" in story
    assert "-2.0 dB over #1 dev fcnt=7, 1.0 dB needed" in story
    assert "no such frame" in air.explain(99)


def test_old_frames_are_forgotten() -> None:
    air = Air(1, rules=clear(), keep=10)
    air.attach(FakeBoard(), name="gw")
    outcomes(air, *[a_frame(start_ns=(i + 1) * S) for i in range(30)])
    assert air.verdicts(30) and not air.verdicts(20)
    assert "among the last 10" in air.explain(20)
