"""Boards on the air: half duplex, and what devices hear through their windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hal.sim.air import Air, Downlink, Listen, Position
from hal.sim.air.timing import lora_timing

from .air_board import MS, FakeBoard, S, a_frame, an_air, an_emission, clear, outcomes

AIRTIME_NS = lora_timing(7, 125_000, 1, 12, 8, False, False).end_ns


def test_a_transmission_kills_what_was_being_received_and_frees_its_demodulator() -> None:
    air, board = an_air()
    board.emit(S + 30 * MS)
    air.transmit(a_frame())
    air.advance(S + 30 * MS)
    assert air.demodulators_busy("gw") == 0
    air.advance(2 * S)
    assert air.verdicts(2)[0].outcome.value == "gateway transmitting" and not board.stored


def test_nothing_is_received_during_a_transmission_and_the_next_frame_is() -> None:
    air, board = an_air()
    board.emit(S, airtime_ns=100 * MS)
    during = a_frame(start_ns=S + 20 * MS, freq_hz=867.1e6)
    after = a_frame(who="b", start_ns=S + 101 * MS)
    assert outcomes(air, during, after) == ["gateway transmitting", "received"]


def test_a_transmission_that_ends_in_a_preamble_leaves_five_symbols_to_find_it() -> None:
    symbol_ns = 1_024_000
    for symbols, word in ((3, "received"), (4, "gateway transmitting")):
        air, board = an_air()
        board.emit(S, airtime_ns=100 * MS)
        frame = a_frame(start_ns=S + 100 * MS - symbols * symbol_ns)
        assert outcomes(air, frame) == [word]


def test_a_transmission_disturbs_only_the_board_that_sends() -> None:
    air, board = an_air()
    other = FakeBoard()
    air.attach(other, name="other")
    board.emit(S, airtime_ns=100 * MS, freq_hz=869.525e6)
    air.transmit(a_frame(start_ns=S + 10 * MS))
    air.advance(2 * S)
    assert not board.stored and len(other.stored) == 1


def test_a_transmission_called_off_before_it_began_disturbs_nobody() -> None:
    air, board = an_air()
    emission = board.emit(S)
    for hook in board.on_abort:
        hook(emission, S // 2)
    assert outcomes(air, a_frame()) == ["received"]


def test_reception_goes_on_after_a_transmission_was_cut_short() -> None:
    air, board = an_air()
    emission = board.emit(S, airtime_ns=900 * MS)
    air.advance(S + 100 * MS)
    for hook in board.on_abort:
        hook(emission, S + 100 * MS)
    assert outcomes(air, a_frame(start_ns=S + 101 * MS)) == ["received"]


def listen(
    air: Air, from_ns: int, to_ns: int, *, at: Position = (0.0, 0.0, 0.0), **changes: Any
) -> list[Downlink | None]:
    """A window of SF7 on the first channel; what it catches appears in the list."""
    caught: list[Downlink | None] = []
    window = Listen("dev", at, 868.1e6, 7, from_ns, to_ns, caught.append)
    air.listen(replace(window, **changes))
    return caught


def test_a_window_catches_an_emission_once_at_its_end() -> None:
    air, board = an_air()
    caught = listen(air, S - 5 * MS, S + 30 * MS)
    board.emit(S, airtime_ns=AIRTIME_NS)
    air.advance(S + AIRTIME_NS - 1)
    assert not caught
    air.advance(10 * S)
    (heard,) = caught
    assert heard is not None and heard.board == "gw" and heard.payload == bytes(12)
    assert heard.crc_ok and heard.rssi_dbm == -86.0 and heard.end_ns == S + AIRTIME_NS


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"sf": 8}, id="another SF"),
        pytest.param({"freq_hz": 868.3e6}, id="another channel"),
        pytest.param({"invert": False}, id="another polarity"),
        pytest.param({"bw_hz": 250_000}, id="another bandwidth"),
        pytest.param({"from_ns": S + 5 * MS}, id="opened late"),
        pytest.param({"to_ns": S + 4 * MS}, id="closed early"),
        pytest.param({"public": False}, id="another sync word"),
    ],
)
def test_a_window_that_does_not_fit_closes_empty_handed(changes: dict[str, Any]) -> None:
    air, board = an_air()
    caught: list[Downlink | None] = []
    window = Listen("dev", (0.0, 0.0, 0.0), 868.1e6, 7, S - 5 * MS, S + 30 * MS, caught.append)
    air.listen(replace(window, **changes))
    board.emit(S, airtime_ns=AIRTIME_NS)
    air.advance(10 * S)
    assert caught == [None]


def test_a_window_into_which_nobody_sends_closes_empty_handed() -> None:
    air, _ = an_air()
    caught = listen(air, S, S + 30 * MS)
    air.advance(2 * S)
    assert caught == [None]


def test_an_emission_too_weak_for_a_device_is_not_heard() -> None:
    air, board = an_air()
    caught = listen(air, S, S + 30 * MS)
    board.emit(S, airtime_ns=AIRTIME_NS, power_dbm=-24.5)
    air.advance(2 * S)
    assert caught == [None]
    caught = listen(air, 3 * S, 3 * S + 30 * MS)
    board.emit(3 * S, airtime_ns=AIRTIME_NS, power_dbm=-23.5)
    air.advance(4 * S)
    assert caught[0] is not None


def test_two_boards_at_once_destroy_each_others_downlink() -> None:
    air, board = an_air()
    other = FakeBoard()
    air.attach(other, name="other")
    caught = listen(air, S - MS, S + 30 * MS)
    for sender in (board, other):
        sender.emit(S, airtime_ns=AIRTIME_NS)
    air.advance(2 * S)
    assert caught == [None]


def test_an_uplink_over_the_payload_of_a_downlink_spoils_its_crc() -> None:
    air, board = an_air()
    caught = listen(air, S - MS, S + 30 * MS)
    board.emit(S, airtime_ns=AIRTIME_NS)
    air.transmit(a_frame(who="loud", start_ns=S + 30 * MS, power_dbm=30.0))
    air.advance(2 * S)
    assert caught[0] is not None and not caught[0].crc_ok


def test_an_uplink_as_strong_as_a_downlink_does_not_harm_it() -> None:
    air, board = an_air()
    caught = listen(air, S - MS, S + 30 * MS)
    board.emit(S, airtime_ns=AIRTIME_NS)
    air.transmit(a_frame(who="other"))
    air.advance(2 * S)
    assert caught[0] is not None and caught[0].crc_ok


def test_a_downlink_that_is_cut_short_is_lost() -> None:
    air, board = an_air()
    caught = listen(air, S - MS, S + 30 * MS)
    emission = board.emit(S, airtime_ns=AIRTIME_NS)
    air.advance(S + 20 * MS)
    for hook in board.on_abort:
        hook(emission, S + 20 * MS)
    air.advance(2 * S)
    assert caught == [None]


def test_a_carrier_without_modulation_is_noise_to_others() -> None:
    air, board = an_air()
    other = FakeBoard()
    air.attach(other, name="other")
    for hook in board.on_transmit:
        hook(replace(an_emission(S, 2 * S), sf=None, payload=b"", power_dbm=30.0))
    air.transmit(a_frame(start_ns=S + 50 * MS, power_dbm=0.0))
    air.advance(3 * S)
    assert not other.stored
    assert "interference" in air.explain(2)
    assert air.rules == clear()


@pytest.mark.parametrize(
    "changes", [{"sf": 0}, {"sf": 15}, {"bw_hz": 0}, {"freq_hz": 0.0}, {"end_ns": S}]
)
def test_an_emission_from_nonsense_in_the_registers_hurts_nobody(
    changes: dict[str, Any],
) -> None:
    air, board = an_air()
    caught = listen(air, S - MS, S + 30 * MS)
    board.emit(S, **changes)
    assert outcomes(air, a_frame(start_ns=2 * S)) == ["received"]
    assert caught == [None]


def test_callbacks_happen_in_the_order_of_time() -> None:
    air, _ = an_air()
    seen: list[int] = []
    for when_ns in (3 * S, S, 2 * S):
        air.call_at(when_ns, seen.append)
    assert air.next_event_ns() == S
    air.advance(2 * S)
    assert seen == [S, 2 * S]
