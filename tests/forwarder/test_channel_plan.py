"""A pushed channel plan runs if it can, whatever comes; else it says why not, and nothing changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.mqtt.dialect import ChannelPlanPushed
from forwarder.radio.channel_plan import UnfitPlan, planned
from hal.concentrator import Concentrator
from hal.config import RADIO_HALF_SPAN_HZ, ConcentratorConfig, Sx1261Config
from hal.errors import ChipError
from tests.hal.configs import EU868
from tests.worlds import PATIENCE_S, World, a_gateway


def heard(config: ConcentratorConfig) -> set[int]:
    """The frequencies of the channels that hear every spreading factor."""
    chains = [chain for chain in config.multi_sf if chain.enable]
    return {config.radios[chain.radio].freq_hz + chain.if_hz for chain in chains}


def running_plan(config: ConcentratorConfig) -> ChannelPlanPushed:
    std, fsk = config.lora_std, config.fsk
    chains = [chain for chain in config.multi_sf if chain.enable]
    radios = config.radios
    return ChannelPlanPushed(
        "v1",
        30.0,
        tuple(radios[chain.radio].freq_hz + chain.if_hz for chain in chains),
        (radios[std.radio].freq_hz + std.if_hz, std.bw_hz, std.sf) if std.enable else None,
        (radios[fsk.radio].freq_hz + fsk.if_hz, fsk.bw_hz, fsk.bitrate_bps) if fsk.enable else None,
    )


def plan(
    *freqs_hz: int, lora_std: tuple[int, int, int] | None = None, fault: str = ""
) -> ChannelPlanPushed:
    return ChannelPlanPushed("v1", None, freqs_hz, lora_std, fault=fault)


def test_the_running_plan_changes_nothing() -> None:
    assert planned(EU868, running_plan(EU868)) == EU868


def test_the_running_channels_in_another_order_change_nothing() -> None:
    wanted = running_plan(EU868)
    assert planned(EU868, replace(wanted, multi_sf_hz=wanted.multi_sf_hz[::-1])) is EU868


def test_channels_within_reach_leave_the_radios_where_they_stand() -> None:
    made = planned(EU868, plan(867_300_000, 868_300_000))
    assert heard(made) == {867_300_000, 868_300_000}
    assert [one.freq_hz for one in made.radios] == [one.freq_hz for one in EU868.radios]
    assert not made.lora_std.enable and not made.fsk.enable


def test_radios_move_where_the_channels_are() -> None:
    low, high = range(863_100_000, 863_900_000, 200_000), range(869_100_000, 869_900_000, 200_000)
    made = planned(EU868, plan(*low, *high, lora_std=(869_500_000, 250_000, 7)))
    assert heard(made) == {*low, *high} and not made.validate()
    std = made.lora_std
    assert made.radios[std.radio].freq_hz + std.if_hz == 869_500_000
    assert (std.enable, std.bw_hz, std.sf) == (True, 250_000, 7)


def test_one_channel_far_from_the_others_has_a_radio_of_its_own() -> None:
    made = planned(EU868, plan(863_100_000, 868_700_000, 869_500_000))
    assert heard(made) == {863_100_000, 868_700_000, 869_500_000} and not made.validate()


@pytest.mark.parametrize(("asked_hz", "bw_hz"), [(250_000, 250_000), (0, EU868.fsk.bw_hz)])
def test_an_fsk_channel_without_a_bandwidth_keeps_that_of_the_board(
    asked_hz: int, bw_hz: int
) -> None:
    wanted = replace(plan(868_100_000), fsk=(868_500_000, asked_hz, 100_000))
    fsk = planned(EU868, wanted).fsk
    assert (fsk.enable, fsk.bw_hz, fsk.bitrate_bps) == (True, bw_hz, 100_000)


def test_power_and_all_else_stay_the_owners() -> None:
    made = planned(EU868, plan(863_100_000))
    for now, before in zip(made.radios, EU868.radios, strict=True):
        assert replace(now, freq_hz=0) == replace(before, freq_hz=0)


LBT = replace(EU868, sx1261=Sx1261Config(lbt_enable=True))


@pytest.mark.parametrize(
    ("config", "wanted", "word"),
    [
        pytest.param(EU868, plan(863_000_000, 866_000_000, 869_000_000), "radios", id="too wide"),
        pytest.param(EU868, plan(433_175_000), "band", id="another band"),
        pytest.param(EU868, plan(5, fault="no channel came"), "no channel", id="no plan"),
        pytest.param(LBT, plan(868_100_000), "listens before", id="listen before talk"),
    ],
)
def test_a_plan_that_cannot_run_says_why(
    config: ConcentratorConfig, wanted: ChannelPlanPushed, word: str
) -> None:
    with pytest.raises(UnfitPlan, match=word):
        planned(config, wanted)


@given(
    st.lists(st.integers(860_000_000, 872_000_000), min_size=1, max_size=8, unique=True),
    st.none()
    | st.tuples(
        st.integers(860_000_000, 872_000_000),
        st.sampled_from([125_000, 250_000, 500_000]),
        st.integers(5, 12),
    ),
)
def test_whatever_is_taken_can_run_and_hears_what_was_asked(
    freqs_hz: list[int], std: tuple[int, int, int] | None
) -> None:
    try:
        made = planned(EU868, plan(*freqs_hz, lora_std=std))
    except UnfitPlan:
        ranked = sorted(freqs_hz + ([std[0]] if std else []))
        assert ranked[-1] - ranked[0] > RADIO_HALF_SPAN_HZ
        return
    assert not made.validate() and heard(made) == set(freqs_hz)


def unexpected(why: str) -> None:
    raise AssertionError(why)


async def changed(world: World, wanted: ChannelPlanPushed) -> str:
    why = world.gateway.use_plan(wanted, unexpected)
    if not why:
        await world.gateway.until("up 2")
    return why


def test_the_radio_is_started_with_a_plan_once() -> None:
    async def scenario() -> None:
        async with asyncio.timeout(2 * PATIENCE_S), a_gateway() as world:
            wanted = plan(867_300_000, 868_300_000)
            assert await changed(world, wanted) == ""
            running = world.gateway.radio.plan
            assert running is not None and heard(running) == {867_300_000, 868_300_000}
            assert world.gateway.use_plan(wanted, unexpected) == ""
            assert world.gateway.radio.plan is running

    asyncio.run(scenario())


def test_a_plan_that_cannot_run_leaves_the_radio_alone() -> None:
    async def scenario() -> None:
        async with asyncio.timeout(2 * PATIENCE_S), a_gateway() as world:
            assert "band" in await changed(world, plan(433_175_000))
            assert world.gateway.radio.plan is None and world.gateway.radio.session == 1

    asyncio.run(scenario())


def test_a_radio_that_does_not_start_with_a_plan_goes_back_to_the_last() -> None:
    async def scenario() -> None:
        async with asyncio.timeout(2 * PATIENCE_S), a_gateway() as world:
            broken = replace(world.gateway.config.concentrator, clock_source=7)
            world.gateway.radio.use(broken, "a test")
            await world.gateway.until("up 2")
            assert world.gateway.radio.plan is None

    asyncio.run(scenario())


def test_a_start_with_new_channels_is_no_failure_of_the_radio() -> None:
    async def scenario() -> None:
        async with asyncio.timeout(2 * PATIENCE_S), a_gateway() as world:
            assert await changed(world, plan(867_300_000)) == ""
            radio = world.gateway.radio
            assert not radio.failures and not radio.recovery.steps and not radio.recovery.reasons
            assert not world.gateway.counters.restarts

    asyncio.run(scenario())


def test_whoever_gave_a_plan_that_the_radio_does_not_start_with_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, opened = Concentrator.start, EU868

    def start(self: Concentrator) -> None:
        if self._config is not opened:
            raise ChipError("calibration failed")
        real(self)

    told: list[str] = []

    async def scenario() -> None:
        async with asyncio.timeout(2 * PATIENCE_S), a_gateway() as world:
            nonlocal opened
            opened = world.gateway.config.concentrator
            monkeypatch.setattr(Concentrator, "start", start)
            assert world.gateway.use_plan(plan(867_300_000), told.append) == ""
            await world.gateway.until("up 2")
            assert world.gateway.radio.plan is None

    asyncio.run(scenario())
    assert told == ["the radio does not start with it: calibration failed"]
