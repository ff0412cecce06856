"""Semtech's files as they are, merged, and in every form that the field has. Rung 1: pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config import GatewayConfig, load, loads
from forwarder.config.convert import to_toml
from forwarder.errors import ConfigError
from hal.config import FskChannel, LbtChannel, LoraStdChannel, MultiSfChannel, RadioKind, ScanConfig
from hal.frames import Crc
from tests.forwarder.semtech_makers import udp_servers

DATA = Path(__file__).parent.parent / "data"
EU868 = DATA / "semtech_eu868_usb.json"
SX1301 = DATA / "semtech_sx1301.json"


def plain() -> dict[str, Any]:
    """The small EU868 file as values, for tests that change one of them."""
    text = EU868.read_text(encoding="utf-8")
    text = text[text.index("{") : text.rindex("}") + 1].replace("// dBi", "")
    value: dict[str, Any] = json.loads(text)
    return value


def changed(change: Callable[[dict[str, Any]], None]) -> GatewayConfig:
    conf = plain()
    change(conf)
    return loads(json.dumps(conf, indent=1), "global_conf.json")


def test_a_global_conf_becomes_what_semtechs_program_makes_of_it() -> None:
    config = load(EU868)
    concentrator = config.concentrator
    assert config.radio_uri == "usb:/dev/ttyACM0" and config.lines is None
    assert concentrator.radios[0].rssi_tcomp == (0.0, 0.0, 0.0, 0.0, 0.0)
    assert concentrator.radios[1].rssi_tcomp == (0.0, 0.0, 20.41, 2162.56, 0.0)
    assert not concentrator.radios[1].tx_enable and not concentrator.radios[1].tx_gains
    assert concentrator.multi_sf_sfs == {7, 8, 9, 10, 11, 12}
    assert concentrator.multi_sf[0] == MultiSfChannel(True, 1, -400_000)
    assert concentrator.multi_sf[1] == MultiSfChannel()
    assert concentrator.fsk == FskChannel(True, 1, 300_000, 125_000, 50_000)
    assert config.antenna_gain_dbi == 2 and config.eui == "0016c001ff1c2d3e"
    assert config.position is not None and config.position.altitude_m == 519
    assert not config.limits.enforce_duty_cycle


def test_where_it_sends_in_europe_the_bands_are_counted_and_nothing_is_limited() -> None:
    limits = load(EU868).limits
    assert [band.name for band in limits.bands] == ["K", "L", "M", "N", "P", "Q"]
    assert not limits.enforced


def test_a_word_of_ours_has_the_duty_cycle_enforced() -> None:
    config = changed(_set("gateway_conf", "enforce_duty_cycle", value=True))
    assert config.limits.enforce_duty_cycle and config.limits.bands


@pytest.mark.parametrize(("least_hz", "most_hz"), [(863_000_000, 870_000_001), (0, 870_000_000)])
def test_where_it_may_send_elsewhere_no_band_is_known_and_the_word_is_warned_of(
    least_hz: int, most_hz: int
) -> None:
    def elsewhere(conf: dict[str, Any]) -> None:
        conf["SX130x_conf"]["radio_0"] |= {"tx_freq_min": least_hz, "tx_freq_max": most_hz}

    def asking(conf: dict[str, Any]) -> None:
        elsewhere(conf)
        conf["gateway_conf"]["enforce_duty_cycle"] = True

    assert changed(elsewhere).limits.bands == ()
    assert not [text for text in changed(elsewhere).warnings if "enforce_duty_cycle" in text]
    assert [text for text in changed(asking).warnings if "enforce_duty_cycle" in text]


def test_explicit_headers_leave_zeros_for_the_implicit_fields_as_in_c() -> None:
    assert load(EU868).concentrator.lora_std == LoraStdChannel(
        True, 1, -200_000, 250_000, 7, implicit_coding_rate=0
    )


def test_an_implicit_header_needs_and_gets_its_three_values() -> None:
    def implicit(conf: dict[str, Any]) -> None:
        conf["SX130x_conf"]["chan_Lora_std"] |= {
            "implicit_hdr": True,
            "implicit_payload_length": 17,
            "implicit_crc_en": True,
            "implicit_coderate": 2,
        }

    assert changed(implicit).concentrator.lora_std == LoraStdChannel(
        True, 1, -200_000, 250_000, 7, True, 17, True, 2
    )


@pytest.mark.parametrize("name", ["global_conf.json.sx1250.EU868", "conf", "x.conf"])
def test_a_file_is_known_by_how_it_begins_when_its_name_says_nothing(name: str) -> None:
    text = EU868.read_text(encoding="utf-8")
    assert loads(text, name).eui == "0016c001ff1c2d3e"
    assert loads(text[text.index("{") :], name).eui == "0016c001ff1c2d3e"


def test_every_server_value_is_traced_to_its_line() -> None:
    sources = load(EU868).sources
    assert sources["server[0].port_up"] == "semtech_eu868_usb.json:53"
    assert sources["server[0].keepalive_s"] == "semtech_eu868_usb.json:55"
    assert not any(key.startswith("server[0].") for key in load(SX1301).sources)


def test_beacons_are_checked_when_they_are_on_and_only_doubted_when_off() -> None:
    def beacon(**values: int) -> GatewayConfig:
        return changed(lambda conf: conf["gateway_conf"].update(values))

    assert beacon(beacon_period=6, beacon_datarate=12, beacon_bw_hz=500_000).beacon.sf == 12
    with pytest.raises(ConfigError, match="beacon_datarate = 7: expected 8 or 9 or 10 or 12"):
        beacon(beacon_period=128, beacon_datarate=7)
    off = beacon(beacon_datarate=7)
    assert off.beacon.sf == 9 and any("beacons are off" in line for line in off.warnings)
    assert any("divide a day" in line for line in beacon(beacon_period=127).warnings)


def test_an_unsorted_gain_table_is_sorted_and_told() -> None:
    config = load(EU868)
    powers = [gain.rf_power_dbm for gain in config.concentrator.radios[0].tx_gains]
    assert powers == [12, 14, 27]
    assert any("sorted" in warning for warning in config.warnings)


def test_lbt_brings_the_sx1261_and_its_absence_leaves_it_alone() -> None:
    sx1261 = load(EU868).concentrator.sx1261
    assert sx1261 is not None and sx1261.lbt_rssi_target_dbm == -70
    assert sx1261.lbt_channels == (LbtChannel(869_525_000, 125_000, 5000, 4000),)

    def off(conf: dict[str, Any]) -> None:
        conf["SX130x_conf"]["sx1261_conf"]["lbt"]["enable"] = False

    assert changed(off).concentrator.sx1261 is None


def test_a_spectral_scan_is_taken_over_and_needs_no_listening() -> None:
    def scan(conf: dict[str, Any]) -> None:
        conf["SX130x_conf"]["sx1261_conf"]["lbt"]["enable"] = False
        conf["SX130x_conf"]["sx1261_conf"]["spectral_scan"] = {
            "enable": True, "freq_start": 867100000, "nb_chan": 8, "nb_scan": 2000, "pace_s": 0,
        }  # fmt: skip

    sx1261 = changed(scan).concentrator.sx1261
    assert sx1261 is not None and not sx1261.lbt_enable
    assert sx1261.scan == ScanConfig(867_100_000, 8, 2000, pace_s=1)  # C's least pace is a second


@pytest.mark.parametrize("key", ["freq_start", "nb_chan", "nb_scan"])
def test_a_scan_without_its_numbers_is_refused_by_name(key: str) -> None:
    def scan(conf: dict[str, Any]) -> None:
        table = {"enable": True, "freq_start": 867100000, "nb_chan": 8, "nb_scan": 2000}
        conf["SX130x_conf"]["sx1261_conf"]["spectral_scan"] = table | {key: "x"}

    with pytest.raises(ConfigError, match=key):
        changed(scan)


@pytest.mark.parametrize("full_duplex", [False, True])
def test_a_full_duplex_board_is_told_that_usb_does_not_reach_its_dac(full_duplex: bool) -> None:
    def change(conf: dict[str, Any]) -> None:
        conf["SX130x_conf"]["full_duplex"] = full_duplex

    assert any("AD5338R" in warning for warning in changed(change).warnings) is full_duplex


def test_servers_and_timers_have_semtechs_defaults() -> None:
    (server,) = udp_servers(load(EU868))
    assert (server.address, server.port_up, server.port_down) == ("192.0.2.7", 1730, 1731)
    assert (server.keepalive_s, server.stat_interval_s, server.push_timeout_ms) == (10, 30, 100)
    assert server.feed.crcs == {Crc.OK, Crc.BAD}


def test_a_file_that_says_almost_nothing_gets_semtechs_ports_and_private_network() -> None:
    def strip(conf: dict[str, Any]) -> None:
        del conf["gateway_conf"], conf["SX130x_conf"]["lorawan_public"]

    config = changed(strip)
    (server,) = udp_servers(config)
    assert (server.address, server.port_up, server.port_down) == ("127.0.0.1", 1780, 1782)
    assert server.keepalive_s == 5 and config.eui == "auto"
    assert not config.concentrator.public
    assert any("lorawan_public" in warning for warning in config.warnings)


def test_an_sx1301_file_loads_and_says_what_must_be_replaced() -> None:
    config = load(SX1301)
    radio = config.concentrator.radios[0]
    assert radio.kind is RadioKind.SX1257 and config.concentrator.clock_source == 1
    assert [(g.rf_power_dbm, g.mix_gain, g.dac_gain) for g in radio.tx_gains] == [
        (-6, 8, 3),
        (14, 12, 3),
    ]
    told = "\n".join(config.warnings)
    assert "written for an SX1301" in told and "only the first" in told


def test_mp_pkt_fwd_servers_are_kept_and_others_named() -> None:
    config = load(SX1301)
    assert [(s.address, s.uplink_only) for s in udp_servers(config)] == [
        ("a.example", False),
        ("c.example", True),
    ]
    assert any("retired" in warning for warning in config.warnings)


def test_a_server_may_have_an_eui_of_its_own() -> None:
    def add(conf: dict[str, Any]) -> None:
        conf["gateway_conf"]["servers"] = [
            {"server_address": "a", "gateway_ID": "0016C00100000007"}
        ]

    config = changed(add)
    assert [server.eui for server in config.servers] == ["0016c00100000007"]
    assert config.eui == "0016c001ff1c2d3e"


def test_local_conf_merges_deep_and_every_override_is_told(tmp_path: Path) -> None:
    copy(EU868, tmp_path / "global_conf.json")
    local = {
        "SX1301_conf": {"radio_0": {"freq": 867_600_000}, "chan_multiSF_0": {"if": -300_000}},
        "gateway_conf": {"gateway_ID": "00:16:c0:01:00:00:00:01"},
    }
    (tmp_path / "local_conf.json").write_text(json.dumps(local, indent=1), encoding="utf-8")
    config = load(tmp_path)
    radio = config.concentrator.radios[0]
    assert radio.freq_hz == 867_600_000 and len(radio.tx_gains) == 3
    assert config.concentrator.multi_sf[0] == MultiSfChannel(True, 1, -300_000)
    assert config.eui == "0016c00100000001"
    assert config.sources["gateway.eui"] == "local_conf.json:11"
    assert sum("overrides" in warning for warning in config.warnings) == 3


def test_the_reset_script_beside_an_spi_file_names_the_lines(tmp_path: Path) -> None:
    conf = plain()
    conf["SX130x_conf"] |= {"com_type": "SPI", "com_path": "/dev/spidev0.0"}
    path = tmp_path / "global_conf.json"
    path.write_text(json.dumps(conf), encoding="utf-8")
    lines = load(path).lines
    assert lines is not None and lines.sx1302_reset == 23 and lines.power_enable == 18
    (tmp_path / "reset_lgw.sh").write_text("# x\nSX1302_RESET_PIN=17 # y\n", encoding="utf-8")
    lines = load(path).lines
    assert lines is not None and lines.sx1302_reset == 17 and lines.power_enable is None


@pytest.mark.parametrize("path", [EU868, SX1301], ids=lambda path: path.stem)
def test_converted_to_toml_it_is_the_same_gateway(path: Path) -> None:
    before = load(path)
    after = loads(to_toml(before), "gateway.toml")
    for name in ("concentrator", "radio_uri", "lines", "eui", "servers", "site", "gps",
                 "beacon", "limits", "antenna_gain_dbi"):  # fmt: skip
        assert getattr(after, name) == getattr(before, name), name


def _set(*path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(conf: dict[str, Any]) -> None:
        for key in path[:-1]:
            conf = conf.setdefault(key, {})
        conf[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("gateway_conf", "keepalive_interval", value=0), "keepalive_interval = 0: expected 1"),
        (_set("gateway_conf", "serv_port_up", value=70000), "serv_port_up = 70000: expected"),
        (_set("gateway_conf", "beacon_period", value=5), "beacon_period = 5: expected 0"),
        (_set("gateway_conf", "gateway_ID", value="xyz"), 'eui = "xyz": expected 16 hex'),
        (_set("gateway_conf", "server_address", value=5), "server_address = 5: expected a string"),
        (_set("SX130x_conf", "com_type", value="I2C"), 'com_type = "I2C": expected "SPI" or'),
        (_set("SX130x_conf", "clksrc", value=2), "clksrc = 2: expected 0 to 1"),
        (_set("SX130x_conf", "radio_0", "type", value="SX1280"), 'type = "SX1280": expected'),
        (_set("SX130x_conf", "radio_0", "freq", value=3), "radio_0.freq is 3 Hz"),
        (_set("SX130x_conf", "radio_0", "tx_gain_lut", value=[{"rf_power": 1}]), "no pwr_idx"),
        (_set("SX130x_conf", "radio_0", "tx_gain_lut", value=[]), "1 to 16 lines"),
        (_set("SX130x_conf", "chan_multiSF_0", "if", value=790_000), "fits in the radio's span"),
        (_set("SX130x_conf", "chan_Lora_std", "implicit_hdr", value=True), "is missing: expected"),
        (_set("SX130x_conf", "fine_timestamp", value={"enable": True}), "mode is missing"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_refused_with_line_key_value_and_range(
    change: Callable[[dict[str, Any]], None], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        changed(change)
    assert str(caught.value).startswith("global_conf.json:")
    assert str(caught.value).split(":")[1].isdigit()


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (_set("gateway_conf", "server_adress", value="x"), "did you mean 'server_address'"),
        (_set("gateway_conf", "serv_port_up", value="1700"), "is a string; taken as 1700"),
        (_set("gateway_conf", "gps_tty_path", value="/dev/i2c-1"), "without GPS"),
        (_set("gateway_conf", "contact_email", value="x@y"), "is not used here"),
        (_set("SX130x_conf", "lorawan_public", value=1), "taken as false"),
        (_set("SX130x_conf", "radio_1", "freqq", value=1), "did you mean 'freq'"),
        (_set("SX130x_conf", "chan_Lora_std", "spread_factor", value=13), "taken as 7"),
        (_set("SX130x_conf", "chan_multiSF_All", "spreading_factor_enable", value=[4]), "all are"),
        (_set("SX130x_conf", "radio_0", "tx_freq_min", value=868_000_000.5), "taken as 868000000"),
    ],
)  # fmt: skip
def test_what_semtechs_program_shrugs_off_is_taken_with_a_warning(
    change: Callable[[dict[str, Any]], None], warning: str
) -> None:
    told = changed(change).warnings
    assert any(warning in line and line.startswith("global_conf.json:") for line in told), told


def test_a_basics_station_file_is_recognised() -> None:
    with pytest.raises(ConfigError, match="Basics Station"):
        loads('{"SX1302_conf": {"device": "/dev/spidev0.0"}}', "station.json")


_KEYS = st.sampled_from(
    ["SX130x_conf", "SX1301_conf", "gateway_conf", "debug_conf", "radio_0", "com_type", "com_path",
     "enable", "type", "freq", "tx_enable", "tx_gain_lut", "rf_power", "pwr_idx", "chan_FSK",
     "chan_multiSF_0", "chan_Lora_std", "if", "servers", "serv_port_up", "sx1261_conf", "lbt",
     "channels", "beacon_period", "gateway_ID", "rssi_tcomp", "fine_timestamp", "a.b", ""]
)  # fmt: skip
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**9) | st.floats(allow_nan=False, width=32)
    | st.sampled_from(["SX1250", "USB", "SPI", "/dev/x", "all_sf", "", "1700"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(_KEYS, _VALUES, max_size=4), _VALUES, st.sampled_from(range(3)))
def test_no_json_does_worse_than_a_config_error(
    root: dict[str, object], value: object, where: int
) -> None:
    conf = plain()
    if where == 1:
        conf["SX130x_conf"] |= root
    elif where == 2:
        conf["gateway_conf"] |= root
    try:
        loads(json.dumps(conf if where else root, allow_nan=False), "global_conf.json")
    except ConfigError as error:
        assert str(error).startswith("global_conf.json")
    except ValueError as error:  # json.dumps itself: an infinite float is no JSON
        assert "JSON" in str(error)
