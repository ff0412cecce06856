"""Two frames at one board: the matrices, and how much of a preamble must be clean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.sim.air import Interferer, Rules
from hal.sim.air.tables import MATRICES
from hal.sim.air.timing import timing_of

from .air_board import CHANNELS_HZ, MS, S, a_frame, an_air, clear, outcomes


def survives(matrix: str, sf: int, other_sf: int, sir_db: float) -> bool:
    """Whether a frame that lies wholly under another one comes out whole."""
    air, _ = an_air(clear(Rules(matrix=matrix)))
    victim = a_frame(sf=sf, payload=bytes(8), power_dbm=14.0)
    length = max(timing_of(victim).end_ns, 100 * MS)
    size = 1
    while timing_of(cover := a_frame(sf=other_sf, payload=bytes(size))).end_ns < length + 20 * MS:
        if size >= 255:  # one after the other, where one is too short
            break
        size += 1
    step = timing_of(cover).end_ns
    covers = [
        replace(cover, who="other", start_ns=S - 10 * MS + i * step, power_dbm=14.0 - sir_db)
        for i in range(-(-(length + 20 * MS) // step))
    ]
    return outcomes(air, victim, *covers)[0] == "received"


@pytest.mark.parametrize("matrix", ["croce", "goursaud"])
@pytest.mark.parametrize("other_sf", range(5, 13))
@pytest.mark.parametrize("sf", range(5, 13))
def test_survival_flips_at_the_matrix_value(matrix: str, sf: int, other_sf: int) -> None:
    needed_db = MATRICES[matrix][sf - 5][other_sf - 5]
    assert survives(matrix, sf, other_sf, needed_db + 0.5)
    assert not survives(matrix, sf, other_sf, needed_db - 0.5)


def test_a_strong_sf7_kills_sf12_under_croce_and_not_under_goursaud() -> None:
    assert not survives("croce", 12, 7, -26.0)
    assert survives("goursaud", 12, 7, -26.0)


def test_published_values_are_in_the_matrices_as_published() -> None:
    croce = [row[2:] for row in MATRICES["croce"][2:]]
    assert croce == [
        (1, -8, -9, -9, -9, -9),
        (-11, 1, -11, -12, -13, -13),
        (-15, -13, 1, -13, -14, -15),
        (-19, -18, -17, 1, -17, -18),
        (-22, -22, -21, -20, 1, -20),
        (-25, -25, -25, -24, -23, 1),
    ]
    goursaud = [row[2:] for row in MATRICES["goursaud"][2:]]
    assert goursaud == [
        (6, -16, -18, -19, -19, -20),
        (-24, 6, -20, -22, -22, -22),
        (-27, -27, 6, -23, -25, -25),
        (-30, -30, -30, 6, -26, -28),
        (-33, -33, -33, -33, 6, -29),
        (-36, -36, -36, -36, -36, 6),
    ]


@pytest.mark.parametrize("rules", ["default", "lorasim"])
@pytest.mark.parametrize("symbols", range(8))
def test_a_preamble_survives_the_loss_of_three_symbols_and_not_of_four(
    rules: str, symbols: int
) -> None:
    air, _ = an_air(clear(Rules.named(rules)))
    earlier = a_frame(who="a")
    symbol_ns = timing_of(earlier).symbol_ns
    later = a_frame(who="b", start_ns=earlier.end_ns - symbols * symbol_ns)
    word = outcomes(air, earlier, later)[1]
    assert word == "received" if symbols <= 3 else word != "received"


def test_five_clean_symbols_anywhere_in_a_preamble_are_enough() -> None:
    air, _ = an_air()
    frame = a_frame(preamble=16)
    symbol_ns = timing_of(frame).symbol_ns
    interferer = Interferer(868.1e6, -60.0, S + 5 * symbol_ns, S + 16 * symbol_ns)
    air.add_interferer(interferer)
    assert outcomes(air, frame) == ["received"]


def test_four_clean_symbols_on_both_sides_are_not_enough() -> None:
    air, _ = an_air()
    frame = a_frame(preamble=9)
    symbol_ns = timing_of(frame).symbol_ns
    air.add_interferer(Interferer(868.1e6, -60.0, S + 4 * symbol_ns, S + 5 * symbol_ns))
    assert outcomes(air, frame) == ["no preamble: interference"]


@pytest.mark.parametrize(("coding_rate", "word"), [(2, "received with a bad CRC"), (3, "received")])
def test_strong_codes_forgive_one_symbol_of_payload(coding_rate: int, word: str) -> None:
    air, board = an_air()
    frame = a_frame(coding_rate=coding_rate)
    timing = timing_of(frame)
    hit_ns = S + timing.header_ns + 3 * timing.symbol_ns
    air.add_interferer(Interferer(868.1e6, -60.0, hit_ns, hit_ns + timing.symbol_ns))
    assert outcomes(air, frame) == [word]
    assert (board.stored[0].payload == frame.payload) == (word == "received")
    assert len(board.stored[0].payload) == len(frame.payload)


def test_a_destroyed_header_gives_nothing_and_frees_the_demodulator() -> None:
    air, board = an_air()
    frame = a_frame()
    timing = timing_of(frame)
    air.add_interferer(Interferer(868.1e6, -60.0, S + timing.preamble_ns + 1, S + timing.header_ns))
    air.transmit(frame)
    air.advance(S + timing.header_ns - 1)
    assert air.demodulators_busy("gw") == 1
    air.advance(S + timing.header_ns)
    assert air.demodulators_busy("gw") == 0
    air.advance(frame.end_ns)
    assert not board.stored and "interference that is no frame" in air.explain(1)


def test_a_frame_that_is_all_header_is_judged_by_it() -> None:
    air, _ = an_air()
    frame = a_frame(payload=b"", crc=False)
    timing = timing_of(frame)
    assert timing.header_ns == timing.end_ns
    hit_ns = S + timing.header_ns - 2 * timing.symbol_ns
    air.add_interferer(Interferer(868.1e6, -60.0, hit_ns, hit_ns + timing.symbol_ns))
    assert outcomes(air, frame) == ["interference that is no frame"]


def test_the_stronger_of_two_wins_even_when_it_comes_second() -> None:
    air, _ = an_air()
    weak, strong = a_frame(who="w"), a_frame(who="s", start_ns=S + 25 * MS, power_dbm=20.0)
    assert outcomes(air, weak, strong) == ["received with a bad CRC", "received"]


@pytest.mark.parametrize("freq_hz", CHANNELS_HZ)
def test_an_enemy_counts_once_on_every_channel(freq_hz: float) -> None:
    air, _ = an_air()
    weak = a_frame(who="weak", freq_hz=freq_hz, power_dbm=12.5)
    assert outcomes(air, a_frame(freq_hz=freq_hz), weak)[0] == "received"


def test_an_interferer_that_is_already_over_does_nothing() -> None:
    air, _ = an_air()
    air.advance(S)
    air.add_interferer(Interferer(868.1e6, 0.0, 0, S, duty=0.5))
    assert outcomes(air, a_frame()) == ["received"]
    assert air.next_event_ns() is None


def test_frames_on_neighbouring_channels_do_not_meet() -> None:
    air, _ = an_air()
    loud = a_frame(who="loud", freq_hz=868.3e6, power_dbm=30.0)
    assert outcomes(air, a_frame(), loud) == ["received", "received"]


def test_an_inverted_frame_of_the_same_sf_only_adds_to_the_noise() -> None:
    air, _ = an_air()
    downlink = a_frame(who="other gateway", invert=True, power_dbm=18.0)
    assert outcomes(air, a_frame(), downlink) == ["received", "inverted IQ"]


@pytest.mark.parametrize(
    ("freq_hz", "bw_hz", "in_band_db"),
    [
        pytest.param(868.1e6, 125_000, 0.0, id="all of it"),
        pytest.param(868.1e6, 500_000, -6.02, id="a quarter of a wide one"),
        pytest.param(868.2e6, 125_000, -6.99, id="a fifth beside the channel"),
        pytest.param(868.1625e6, 31_250, -3.01, id="half of a narrow one at the edge"),
    ],
)
def test_noise_counts_as_far_as_it_is_in_the_band(
    freq_hz: float, bw_hz: int, in_band_db: float
) -> None:
    limit_dbm = -86.0 + 7.5 - in_band_db  # the floor of SF7, against a frame at -86 dBm
    words = {-0.2: "received", 0.2: "no preamble: interference"}
    for over_db, word in words.items():
        air, _ = an_air()
        power_dbm = limit_dbm + over_db
        air.add_interferer(Interferer(freq_hz, power_dbm, 0, 3 * S, bw_hz=bw_hz))
        assert outcomes(air, a_frame()) == [word]


def test_energy_rules_forgive_a_short_strong_overlap() -> None:
    air, _ = an_air(clear(Rules.named("ns3")))
    long = a_frame(payload=bytes(200))
    short = a_frame(who="b", payload=bytes(1), start_ns=S + 200 * MS, power_dbm=15.0)
    assert outcomes(air, long, short)[0] == "received"
    air, _ = an_air()
    assert outcomes(air, long, short)[0] == "received with a bad CRC"


def test_a_duty_cycled_interferer_hits_its_share_of_the_frames() -> None:
    air, _ = an_air()
    air.add_interferer(Interferer(868.1e6, -60.0, 0, 1000 * S, duty=0.3, period_ns=1000 * MS))
    frames = [a_frame(start_ns=S + i * 1010 * MS, payload=b"") for i in range(100)]
    words = outcomes(air, *frames)
    assert 0.6 < words.count("received") / len(words) < 0.72
