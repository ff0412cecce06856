"""Each value of another program's file: what it becomes here, or what is said about it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from forwarder.config.migrate import Choice, Foreign, Migrated, migrate
from forwarder.config.migrate.kind import kind_of
from forwarder.errors import ConfigError

from .test_migrate import BEACON, BRIDGE, CHANNELS, DAEMON, FORWARDER, MULTIPLEXER, STATION

BRIDGE_MQTT = "[integration.mqtt]\n"
STD = "[gateway.concentrator.lora_std]\nfrequency = 868300000\nbandwidth = 250000\n"


def made_of(*texts: str, board: str = "", region: str = "") -> Migrated:
    files = [Foreign(f"{n}.toml", text, kind_of("x", text)) for n, text in enumerate(texts)]
    return migrate(files, Choice(board, region))


def concentratord(extra: str, channels: str = CHANNELS, daemon: str = DAEMON) -> Migrated:
    """Concentratord with `extra` at the end of its `[gateway]`, and a server."""
    return made_of(daemon + extra + channels + BEACON, FORWARDER)


def value(made: Migrated, key: str) -> Any:
    found: Any = tomllib.loads(made.text)
    for part in key.split("."):
        found = found[int(part)] if part.isdigit() else found[part]
    return found


@pytest.mark.parametrize(
    ("extra", "key", "expected"),
    [
        ('com_dev_path = "/dev/spidev1.0"', "concentrator.radio", "spi:/dev/spidev1.0"),
        ('com_dev_path = "/dev/ttyACM1"', "concentrator.radio", "usb:/dev/ttyACM1"),
        ('gnss_dev_path = "gpsd://localhost:2947"', "gateway.gps_tty", "gpsd://localhost:2947"),
        ('sx1261_dev_path = "/dev/spidev0.1"', "sx1261.spi_path", "/dev/spidev0.1"),
        ("sx1302_reset_pin = 25", "lines.sx1302_reset", 25),
        ("sx1302_power_en_pin = 18", "lines.power_enable", 18),
        ("sx1261_reset_pin = 5", "lines.sx1261_reset", 5),
        ("lorawan_public = false", "concentrator.public", False),
        ("[gateway.location]\nlatitude = 52.5", "gateway.latitude_deg", 52.5),
        ("[gateway.location]\nlongitude = 13", "gateway.longitude_deg", 13.0),
        ("[gateway.location]\naltitude = 34.6", "gateway.altitude_m", 35),
        ("[gateway.fine_timestamp]\nenable = true", "concentrator.fine_timestamp", "all_sf"),
        ("[gateway.lbt]\nenable = true\nrssi_target = -85", "sx1261.lbt_rssi_target_dbm", -85),
        (
            "[gateway.lbt]\nenable = true\n[[gateway.lbt.channels]]\nfrequency = 868100000",
            "sx1261.lbt_channels.0",
            {
                "freq_hz": 868_100_000,
                "bw_hz": 125_000,
                "scan_time_us": 5000,
                "transmit_time_ms": 4000,
            },
        ),
    ],
)
def test_a_value_of_concentratord_becomes_a_setting(extra: str, key: str, expected: object) -> None:
    assert value(concentratord(extra), key) == expected


def test_beacons_of_ones_own_are_written() -> None:
    beacon = BEACON.replace("[869525000]", "[923300000, 923900000]").replace("125000", "500000")
    made = made_of(DAEMON + CHANNELS + beacon.replace("factor = 9", "factor = 12"), FORWARDER)
    assert value(made, "beacon") == {
        "period_s": 128,
        "freq_hz": 923_300_000,
        "channels": 2,
        "step_hz": 600_000,
        "bw_hz": 500_000,
        "sf": 12,
        "power_dbm": 14,
    }


@pytest.mark.parametrize(
    ("text", "table"),
    [
        (DAEMON, "[concentratord]"),
        (DAEMON, "[gateway]"),
        (CHANNELS, "[gateway.concentrator]"),
        (DAEMON + BEACON, "[gateway.beacon]"),
        (FORWARDER, "[mqtt]"),
        (FORWARDER, "[backend]"),
        (FORWARDER, "[backend.filters]"),
        (FORWARDER.replace("[metadata.static]", "[metadata]\n[metadata.static]"), "[metadata]"),
        (BRIDGE, "[filters]"),
        (BRIDGE, "[integration.mqtt.auth.generic]"),
        (MULTIPLEXER, "[[multiplexer.server]]"),
        (MULTIPLEXER, "[multiplexer.server.filters]"),
    ],
)
def test_an_unknown_key_is_told(text: str, table: str) -> None:
    made = made_of(text.replace(f"{table}\n", f"{table}\nodd = 1\n", 1), board="sim")
    assert any("odd: unknown key, ignored" in note for note in made.notes)


@pytest.mark.parametrize("text", [DAEMON, FORWARDER, BRIDGE, MULTIPLEXER])
def test_an_unknown_table_is_told(text: str) -> None:
    made = made_of(text + "[odd]\nx = 1\n", board="sim")
    assert any("odd: unknown key, ignored" in note for note in made.notes)


def test_a_plan_without_fsk_is_heard_without_it() -> None:
    channels = CHANNELS.partition("[gateway.concentrator.fsk]")[0]
    assert value(concentratord("", channels), "fsk") == {"enable": False}


def test_the_multiplexers_metrics_and_a_stations_unknown_table_are_told() -> None:
    text = MULTIPLEXER + '[monitoring]\nbind = "0.0.0.0:9100"\n'
    made = made_of(text, board="sim", region="EU868")
    assert any("metrics of its own" in note for note in made.notes)
    station = STATION.replace('"station_conf"', '"odd": {}, "station_conf"')
    made = made_of(station, board="sim", region="EU868")
    assert any("odd: unknown key, ignored" in note for note in made.notes)


def test_listening_is_switched_on() -> None:
    assert value(concentratord("[gateway.lbt]\nenable = true"), "sx1261.lbt") is True


def test_a_service_channel_of_ones_own_is_written() -> None:
    std = STD + "spreading_factor = 9\nimplicit_header = true\nimplicit_payload_length = 20\n"
    channels = CHANNELS.replace(STD + "spreading_factor = 7\n", std + 'implicit_coderate = "4/6"\n')
    assert value(concentratord("", channels), "lora_std") == {
        "freq_hz": 868_300_000,
        "bw_hz": 250_000,
        "sf": 9,
        "implicit_header": True,
        "implicit_length": 20,
        "implicit_crc": False,
        "implicit_coding_rate": 2,
    }


def test_an_absent_antenna_gain_is_what_it_is_there() -> None:
    made = concentratord("", daemon=DAEMON.replace("antenna_gain = 3\n", ""))
    assert value(made, "concentrator.antenna_gain_dbi") == 2
    assert any("is missing, which is 2 dBi there" in note for note in made.notes)


def test_a_usb_model_is_the_usb_board() -> None:
    made = concentratord("", daemon=DAEMON.replace('"GNSS"', '"GNSS", "USB"'))
    assert value(made, "board") == "rak2287-usb"
    assert value(made, "gateway.gps_tty") == "/dev/ttyAMA0"


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("rak_2287", "multitech_mtac_003e00", "is none of our boards: name one"),
        (', "ENFORCE_DC"', "", "here the duty cycle is kept"),
        ('"ENFORCE_DC"', '"ENFORCE_DC", "ODD"', "ODD is not known, left out"),
        ("antenna_gain = 3", "time_fallback_enabled = true", "is never sent as the time of a"),
        ("antenna_gain = 3", 'i2c_dev_path = "/dev/i2c-1"', "where its temperature sensor is"),
        ("antenna_gain = 3", 'sx1302_reset_chip = "/dev/gpiochip4"', "found by its label"),
        ('log_level = "INFO"', "disable_crc_filter = true", "forward_crc_error of each"),
        ("antenna_gain = 3", "antena_gain = 3", "did you mean 'antenna_gain'?"),
    ],
)
def test_what_concentratord_has_and_we_do_not_is_told(old: str, new: str, note: str) -> None:
    made = concentratord("", daemon=DAEMON.replace(old, new))
    assert any(note in told for told in made.notes)


def test_part_of_a_sub_band_is_written_as_it_is_and_told() -> None:
    channels = "[gateway.concentrator]\nmulti_sf_channels = [903900000, 904100000, 904400000]\n"
    made = concentratord("", channels, DAEMON.replace("EU868", "US915"))
    assert value(made, "sub_band") == 2
    assert [row["freq_hz"] for row in value(made, "multi_sf")][-1] == 904_400_000
    assert any("of sub-band 2 only in part" in note for note in made.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DAEMON + '[gateway.fine_timestamp]\nenable = true\nmode = "X"\n', "ALL_SF or HIGH"),
        (DAEMON + BEACON.replace("[869525000]", "[1, 2, 4]"), "evenly apart"),
        (DAEMON + '[gateway.concentrator]\nmulti_sf_channels = ["a"]\n', "frequencies in Hz"),
        (FORWARDER.replace('["/sbin/reboot"]', "[1]"), "a list of strings"),
        (BRIDGE.replace("[integration.mqtt.auth.generic]", "[x]"), "expected the broker there"),
        (BRIDGE.replace(".EventType", ".Odd"), "a template with .GatewayID"),
        (BRIDGE.replace('[["0000000000000000", "00000000000000ff"]]', "[[1]]"), "pairs of Join"),
        (BRIDGE.replace("'right now'", "'right"), "a command (No closing quotation)"),
        (MULTIPLEXER.replace("server = ", "serve = "), "HOST:PORT"),
        ('[gateway]\neui = "auto"\n', "is a file of Edgemast, or of no program that is known"),
    ],
)
def test_what_means_nothing_is_a_mistake(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        made_of(text, board="sim", region="EU868")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        ("json = true", "qos = 2", "qos", 2),
        ("json = true", 'client_id = "c"', "client_id", "c"),
        ("[backend]", '[backend]\ngateway_id = "0016c001f1500813"', "eui", "0016c001f1500813"),
        ("forward_crc_invalid = true", "lorawan_only = true", "filter.lorawan_only", True),
        ("forward_crc_invalid", "forward_crc_missing", "forward_crc_disabled", True),
        ("forward_crc_invalid = true", "forward_crc_ok = false", "forward_crc_valid", False),
        ('"1m"', '"2h"', "keepalive_s", 3600),
        ('"1m"', '"500ms"', "keepalive_s", 5),
    ],
)
def test_a_value_of_the_mqtt_forwarder_becomes_a_setting(
    old: str, new: str, key: str, expected: object
) -> None:
    made = made_of(FORWARDER.replace(old, new), board="sim", region="EU868")
    assert value(made, f"server.0.{key}") == expected


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("json = true", "clean_session = false", "sessions are always clean"),
        ("json = true", "json = false", "qos: was 0; the default here is 1"),
        ("json = true", "json = false", "takes the place of the system's authorities"),
        ("json = true", 'reconnect_interval = "1s"', "up to most_backoff_s"),
        ("forward_crc_invalid = true", "lorawan_only = true", "lets rejoin-requests pass"),
        ("[metadata.static]", '[metadata]\nsplit_delimiter = ":"\n[metadata.static]', 'always "="'),
        (
            'enabled = "concentratord"',
            'enabled = "semtech_udp"\n[backend.semtech_udp]\ntime_fallback_enabled = true',
            "is never sent as the time of a frame",
        ),
    ],
)
def test_what_the_mqtt_forwarder_has_and_we_do_not_is_told(old: str, new: str, note: str) -> None:
    made = made_of(FORWARDER.replace(old, new), board="sim", region="EU868")
    assert any(note in told for told in made.notes)


@pytest.mark.parametrize(
    ("more", "key", "expected"),
    [
        ("state_retained = false", "retain_state", False),
        ('keep_alive = "1m"', "keepalive_s", 60),
        ('state_topic_template = ""', "state_topic", "none"),
    ],
)
def test_a_value_of_the_bridge_becomes_a_setting(more: str, key: str, expected: object) -> None:
    lines = [line for line in BRIDGE.splitlines() if not line.startswith("state_topic")]
    text = "\n".join(lines).replace(BRIDGE_MQTT, f"{BRIDGE_MQTT}{more}\n")
    assert value(made_of(text, board="sim", region="EU868"), f"server.0.{key}") == expected


def test_the_bridges_credentials_are_taken_but_not_its_password() -> None:
    login = '[integration.mqtt.auth.generic]\nusername = "u"\npassword = "hush"\ntls_cert = "c"\ntls_key = "k"\n'
    made = made_of(
        BRIDGE.replace("[integration.mqtt.auth.generic]\n", login), board="sim", region="EU868"
    )
    server = value(made, "server.0")
    assert (server["username"], server["cert_file"]) == ("u", "c")
    assert server["password_file"] == "broker.password"
    assert server["address"] == "mqtts://a.example:1883"
    assert "hush" not in made.text


def test_the_bridges_programs_are_split_into_words() -> None:
    text = BRIDGE + '[meta_data.dynamic.commands]\ntemperature = "/opt/t.sh --unit C"\n'
    made = made_of(text, board="sim", region="EU868")
    assert value(made, "server.0.metadata_commands") == {
        "temperature": ["/opt/t.sh", "--unit", "C"]
    }
    assert any("beside each report" in note for note in made.notes)


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        (BRIDGE_MQTT, f"{BRIDGE_MQTT}terminate_on_connect_error = true\n", "goes on and tries"),
        ("[backend.semtech_udp]", "[backend.semtech_udp]\nfake_rx_time = true", "is never sent"),
        ('type = "semtech_udp"', 'type = "basic_station"', "station.conf says more"),
        ("[meta_data.static]", "[metrics.prometheus]\n[meta_data.static]", "metrics of its own"),
    ],
)
def test_what_the_bridge_has_and_we_do_not_is_told(old: str, new: str, note: str) -> None:
    made = made_of(BRIDGE.replace(old, new), board="sim", region="EU868")
    assert any(note in told for told in made.notes)


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        ('"/dev/spidev0.0"', '"usb:/dev/ttyACM0"', "concentrator.radio", "usb:/dev/ttyACM0"),
        ('"/dev/spidev0.0"', '"/dev/ttyACM0"', "concentrator.radio", "usb:/dev/ttyACM0"),
        ('"lorawan_public": true', '"lorawan_public": false', "concentrator.public", False),
        ('"clksrc": 0', '"clksrc": 1', "concentrator.clock_source", 1),
        ('"clksrc": 0', '"full_duplex": true', "concentrator.full_duplex", True),
    ],
)
def test_a_value_of_a_station_becomes_a_setting(
    old: str, new: str, key: str, expected: object
) -> None:
    made = made_of(STATION.replace(old, new), FORWARDER, region="EU868")
    assert value(made, key) == expected


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("SX1302_conf", "SX1301_conf", "was written for an SX1301: name the new board"),
        ('"/dev/spidev0.0"', '"spidev"', '"spidev" is no device: name the board'),
        ('"nodc": true', '"pps": "gps"', "edges are used wherever the board has them"),
        ('"nodc": true', '"radio_init": "r.sh"', "no script is run"),
        ('"0016:c001:f150:812"', '"::1"', "tells no whole EUI"),
        ('"nodc": true', '"RX_POLL_INTV": "10ms"', "RX_POLL_INTV: is not used here"),
    ],
)
def test_what_a_station_has_and_we_do_not_is_told(old: str, new: str, note: str) -> None:
    made = made_of(STATION.replace(old, new), FORWARDER, region="EU868")
    assert any(note in told for told in made.notes)


def test_a_stations_radios_are_taken_whole() -> None:
    tcomp = '"rssi_tcomp": {"coeff_a": 1, "coeff_b": 2, "coeff_c": 3, "coeff_d": 4, "coeff_e": 5}'
    text = STATION.replace('"tx_enable": false', f'"tx_enable": false, {tcomp}, "odd": 1')
    made = made_of(text, FORWARDER, region="EU868")
    assert value(made, "radio_1") == {
        "type": "SX1250",
        "rssi_offset_db": -215.4,
        "rssi_tcomp": [1.0, 2.0, 3.0, 4.0, 5.0],
        "tx_enable": False,
    }
    assert value(made, "radio_0.tx_enable") is True
    assert any("radio_1.odd: unknown key" in note for note in made.notes)


def test_what_would_not_load_is_said_to_be_of_the_new_file() -> None:
    text = FORWARDER.replace('tls_key = "/etc/ssl/key.pem"\n', "")
    with pytest.raises(ConfigError, match=r"^the new file would not load: gateway\.toml:\d+: serv"):
        made_of(text, board="sim", region="EU868")


def test_a_station_of_an_sx1301_needs_a_board() -> None:
    made = made_of(STATION.replace("SX1302_conf", "SX1301_conf"), FORWARDER, region="EU868")
    assert made.missing == ["board (--board)"]


def test_a_folder_without_a_known_file_is_a_mistake(tmp_path: Path) -> None:
    from forwarder.config.migrate import collect

    with pytest.raises(ConfigError, match=r"a folder without concentratord\.toml"):
        collect([tmp_path])
