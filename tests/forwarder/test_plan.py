"""Boards that are planned from what was heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.errors import ConfigError
from forwarder.sim.plan import plan
from hal.modulation import Fsk, LoRa


def heard_hz(channels: list[tuple[int, LoRa | Fsk]]) -> list[int]:
    config = plan(channels)
    assert config.validate() == []
    return [
        config.radios[chain.radio].freq_hz + chain.if_hz
        for chain in config.multi_sf
        if chain.enable
    ]


def test_eight_channels_of_eu868_need_one_radio() -> None:
    eight = [867_100_000 + 200_000 * n for n in range(8)]
    assert heard_hz([(hz, LoRa(7)) for hz in eight]) == eight
    assert not plan([(hz, LoRa(7)) for hz in eight]).radios[1].enable


def test_spreading_factors_share_a_channel() -> None:
    assert heard_hz([(868_100_000, LoRa(sf)) for sf in range(7, 13)]) == [868_100_000]


def test_far_apart_channels_take_both_radios() -> None:
    config = plan([(867_100_000, LoRa(7)), (869_525_000, LoRa(9))])
    assert all(radio.enable for radio in config.radios)


def test_wide_lora_and_fsk_get_their_own_chains() -> None:
    config = plan([(868_300_000, LoRa(7, 250_000)), (868_800_000, Fsk(50_000))])
    assert config.validate() == []
    assert (config.lora_std.enable, config.lora_std.sf, config.lora_std.bw_hz) == (True, 7, 250_000)
    assert (config.fsk.enable, config.fsk.bitrate_bps) == (True, 50_000)


@pytest.mark.parametrize(
    "channels",
    [
        pytest.param([], id="nothing"),
        pytest.param([(863_000_000 + 125_000 * n, LoRa(7)) for n in range(9)], id="nine"),
        pytest.param(
            [(hz, LoRa(7)) for hz in (863_000_000, 866_000_000, 869_000_000)], id="three windows"
        ),
        pytest.param(
            [(868_300_000, LoRa(7, 250_000)), (868_300_000, LoRa(8, 250_000))], id="two rates"
        ),
    ],
)
def test_what_no_board_can_hear_is_said(channels: list[tuple[int, LoRa | Fsk]]) -> None:
    with pytest.raises(ConfigError, match="a board"):
        plan(channels)


@given(
    st.lists(st.integers(0, 25), min_size=1, max_size=8, unique=True),
    st.integers(430_000_000, 920_000_000),
)
def test_whatever_fits_is_heard_on_its_exact_frequency(steps: list[int], base_hz: int) -> None:
    wanted = sorted(base_hz + 100_000 * step for step in steps)
    assert heard_hz([(hz, LoRa(7)) for hz in wanted]) == wanted
