"""What holds whatever is on the air: everything ends, is told once, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from hal.sim.air import Air, Downlink, Interferer, Listen, Report, Rules, Transmission
from hal.sim.values import Emission

from .air_board import CHANNELS_HZ, MS, FakeBoard, an_emission

TIMES_NS = st.integers(0, 3000).map(lambda ms: ms * MS)
CHANNEL_HZ = st.sampled_from([*CHANNELS_HZ[:3], 868.2e6])

FRAMES = st.builds(
    Transmission,
    who=st.sampled_from(["a", "b", "c"]),
    payload=st.binary(max_size=60),
    start_ns=TIMES_NS,
    freq_hz=CHANNEL_HZ,
    sf=st.one_of(st.none(), st.integers(5, 12)),
    bw_hz=st.sampled_from([125_000, 250_000, 500_000]),
    coding_rate=st.integers(0, 4),
    power_dbm=st.floats(-60, 30),
    at=st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000), st.just(1.0)),
    preamble=st.one_of(st.none(), st.integers(1, 20)),
    crc=st.booleans(),
    invert=st.booleans(),
    public=st.booleans(),
    bitrate_bps=st.just(50_000),
    crystal_ppm=st.floats(-40, 40),
)
EMISSIONS = st.builds(
    lambda start, length, freq, sf, cut: (
        replace(an_emission(start, start + length), freq_hz=freq, sf=sf),
        cut,
    ),
    TIMES_NS,
    st.integers(0, 500).map(lambda ms: ms * MS),
    CHANNEL_HZ,
    st.one_of(st.none(), st.integers(0, 15)),
    st.one_of(st.none(), TIMES_NS),
)
INTERFERERS = st.builds(
    Interferer,
    freq_hz=CHANNEL_HZ,
    power_dbm=st.floats(-120, 0),
    from_ns=TIMES_NS,
    to_ns=TIMES_NS,
    duty=st.floats(0, 1),
    period_ns=st.integers(1, 1000).map(lambda ms: ms * MS),
)
RULES = st.sampled_from(["default", "goursaud", "lorasim", "aloha", "ns3"]).map(Rules.named)


@given(
    rules=RULES,
    frames=st.lists(FRAMES, max_size=12),
    emissions=st.lists(EMISSIONS, max_size=3),
    windows=st.lists(st.tuples(TIMES_NS, TIMES_NS, st.integers(5, 12)), max_size=4),
    interferers=st.lists(INTERFERERS, max_size=2),
    step_ms=st.integers(1, 700),
)
@settings(max_examples=60, derandomize=True, deadline=None, database=None)
def test_everything_ends_is_told_once_and_leaves_nothing_behind(
    rules: Rules,
    frames: list[Transmission],
    emissions: list[tuple[Emission, int | None]],
    windows: list[tuple[int, int, int]],
    interferers: list[Interferer],
    step_ms: int,
) -> None:
    air = Air(1, rules=replace(rules, noise_bursts_per_hour=0.0))
    boards = [FakeBoard(), FakeBoard(dual=frozenset(range(5, 11)))]
    for i, board in enumerate(boards):
        air.attach(board, name=f"gw{i}", at=(1000.0 * i, 0.0, 10.0))
    air.advance(0)
    reports: list[Report] = []
    heard: list[list[Downlink | None]] = [[] for _ in windows]
    numbers = [air.transmit(frame, reports.append) for frame in frames]
    for into, (from_ns, to_ns, sf) in zip(heard, windows, strict=True):
        air.listen(Listen("d", (9.0, 0.0, 0.0), 868.1e6, sf, from_ns, to_ns, into.append))
    for interferer in interferers:
        air.add_interferer(interferer)
    for emission, cut_ns in emissions:
        for tell in boards[0].on_transmit:
            tell(emission)
        if cut_ns is not None:
            air.call_at(cut_ns, partial(boards[0].on_abort[0], emission))
    for now_ns in range(0, 20_000 * MS, step_ms * MS):
        air.advance(now_ns)
    air.advance(40_000 * MS)
    assert sorted(report.number for report in reports) == sorted(numbers)
    assert all(len(into) == 1 for into in heard)
    assert air.next_event_ns() is None
    assert [air.demodulators_busy(f"gw{i}") for i in range(2)] == [0, 0]
    for number in numbers:
        assert f"#{number} " in air.explain(number)
