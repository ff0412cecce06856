"""Scenario files: what they mean, and what a mistake in them is told as."""

from __future__ import annotations

import contextlib
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.errors import ConfigError
from forwarder.lorawan.region import REGIONS
from forwarder.sim import keys
from forwarder.sim.device_events import Joined
from forwarder.sim.placing import devices_of, rules_of
from forwarder.sim.scenario import load, presets, read, seconds
from forwarder.sim.server_events import DataHeard

from .virtual_network import Network


@pytest.mark.parametrize("name", ["one-sensor", "street", "city", "demo"])
def test_presets_are_found_by_name_and_make_devices(name: str) -> None:
    assert name in presets()
    scenario = load(name)
    specs = devices_of(scenario)
    assert len(specs) == sum(group.count for group in scenario.devices) > 0
    assert len({spec.dev_eui for spec in specs}) == len(specs)
    addresses = [spec.dev_addr for spec in specs if spec.session is not None]
    assert len(set(addresses)) == len(addresses)


def test_the_same_seed_gives_the_same_devices_and_another_seed_others() -> None:
    once, again = devices_of(load("street")), devices_of(load("street"))
    assert keys.export(once) == keys.export(again)
    assert [spec.at for spec in once] == [spec.at for spec in again]
    other = devices_of(read("[scenario]\nseed = 8\n[[devices]]\nname = 'meter-001'"))
    assert other[0].app_key != once[0].app_key


def test_keys_are_exported_for_a_server_and_shown_by_nothing_else() -> None:
    specs = devices_of(load("demo"))
    rows = list(csv.DictReader(io.StringIO(keys.as_csv(specs))))
    otaa, abp = rows[0], rows[-1]
    assert len(otaa["app_key"]) == 32 and not otaa["nwk_s_key"]
    assert len(abp["nwk_s_key"]) == 32 and len(abp["dev_addr"]) == 8 and not abp["app_key"]
    for spec, row in zip(specs, rows, strict=True):
        assert f"{spec.dev_eui:016x}" == row["dev_eui"]
        assert spec.app_key.hex() not in repr(spec) and repr(spec.app_key) not in repr(spec)


@pytest.mark.parametrize(
    "text, why",
    [
        pytest.param("[scenaro]", "did you mean 'scenario'", id="unknown table"),
        pytest.param("[[devices]]\ncuont = 3", "did you mean 'count'", id="unknown key"),
        pytest.param(
            "[[devices]]\ntraffic = { evry = '1m' }",
            "did you mean 'every'",
            id="nested unknown key",
        ),
        pytest.param("[[devices]]\ncount = 0", "devices", id="no devices at all"),
        pytest.param("[[devices]]\ncount = 'many'", "devices", id="a word for a number"),
        pytest.param("[[devices]]\ndr = 'fast'", "devices", id="an unknown data rate"),
        pytest.param("[[devices]]\ntraffic = { every = 'soon' }", "every", id="no duration"),
        pytest.param("[[devices]]\ntraffic = { every = 0 }", "more than 0", id="no pause"),
        pytest.param("[[devices]]\ncount = 100001", "devices", id="too many"),
        pytest.param("[[fault]]\nwhat = 'earthquake'", "fault", id="unknown fault"),
        pytest.param("[scenario", "not TOML", id="not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read(text, "mine.toml")


@pytest.mark.parametrize(
    "text, why",
    [
        pytest.param("[scenario]\nregion = 'EU686'", "EU868", id="region"),
        pytest.param("[channel]\nsir_matrix = 'magic'", "croce", id="matrix"),
        pytest.param("[channel]\npath_loss = { model = 'hata' }", "log_distance", id="path loss"),
        pytest.param("[[devices]]\ndr = 7", "0 to 5", id="data rate of no channel"),
        pytest.param("[[devices]]\ncount = 2\nname = 'a'", "put {n}", id="one name for two"),
        pytest.param("[[devices]]\nname = '{x}'", "{n}", id="bad name"),
        pytest.param("[[devices]]\nplace = { kind = 'points' }", "points", id="no points"),
        pytest.param(
            "[scenario]\nregion = 'US915'\nsub_band = 12\n[[devices]]", "sub_band", id="sub-band"
        ),
    ],
)
def test_what_only_the_whole_shows_is_told_too(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        devices_of(read(text, "mine.toml"))


def test_an_unknown_preset_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'street'"):
        load("stret")


@pytest.mark.parametrize(
    "text, value", [("2h", 7200), ("1h30m", 5400), ("500ms", 0.5), (10, 10), ("1.5m", 90)]
)
def test_durations(text: str | int, value: float) -> None:
    assert seconds(text) == value


@given(st.text(max_size=20))
def test_any_other_duration_is_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert seconds(text) >= 0


@given(st.text(max_size=200))
def test_any_text_is_a_scenario_or_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        devices_of(read(text))


def test_the_channel_of_a_scenario_becomes_the_rules_of_the_air() -> None:
    text = "[channel]\nsir_matrix = 'goursaud'\nfading = { sigma = 0 }\nghosts = false"
    rules = rules_of(read(text).channel)
    assert (rules.matrix, rules.fading_sigma_db, rules.ghosts) == ("goursaud", 0, False)


@pytest.mark.parametrize("name", sorted(REGIONS))
def test_every_region_has_a_sub_band_to_join_in(name: str) -> None:
    (spec,) = devices_of(read(f"[scenario]\nregion = '{name}'\n[[devices]]"))
    if spec.channels is not None:
        assert len([i for i in spec.channels if i < 64 or name == "CN470"]) == 8


FAULTS = """
[[devices]]
name = "near"
activation = "abp"
place = { kind = "points", points = [[300, 0, 1]] }
traffic = { every = "10s" }
[[fault]]
what = "%s"
at = "60s"
for = "60s"
power_at_gateway = -20
"""


@pytest.mark.parametrize("what, extra", [("antenna_loss", "loss = 90"), ("device_off", "")])
def test_a_fault_costs_frames_while_it_lasts_and_no_longer(what: str, extra: str) -> None:
    network = Network(read(FAULTS % what + extra))
    network.world.arrange_fault(
        network.scenario.fault[0], {"gw1": network.board}, network.clock.now_ns()
    )
    heard = []
    for _ in range(3):
        before = len(network.heard(DataHeard))
        network.run(60)
        heard.append(len(network.heard(DataHeard)) - before)
    assert heard[0] >= 4 and heard[1] <= 1 and heard[2] >= 4


def test_a_street_joins_and_reports_in_simulated_time() -> None:
    network = Network(load("street"), quiet=False)
    network.run(720)
    assert len(network.of(Joined)) >= 90
    assert len(network.heard(DataHeard)) > 90
