"""`edgemast config convert`: the files of other programs become one gateway.toml."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from forwarder.__main__ import main
from forwarder.config import load
from forwarder.config.migrate import Choice, Migrated, collect, migrate
from forwarder.config.migrate.models import BOARDS
from forwarder.config.migrate.station import eui_of
from forwarder.errors import ConfigError

DAEMON = """
[concentratord]
log_level = "INFO"
stats_interval = "1m"
[concentratord.api]
event_bind = "ipc:///tmp/concentratord_event"
[gateway]
antenna_gain = 3
region = "EU868"
model = "rak_2287"
model_flags = ["GNSS", "ENFORCE_DC"]
gateway_id = "0016c001f1500812"
"""
CHANNELS = """
[gateway.concentrator]
multi_sf_channels = [868100000, 868300000, 868500000, 867100000,
                     867300000, 867500000, 867700000, 867900000]
[gateway.concentrator.lora_std]
frequency = 868300000
bandwidth = 250000
spreading_factor = 7
[gateway.concentrator.fsk]
frequency = 868800000
bandwidth = 125000
datarate = 50000
"""
BEACON = """
[gateway.beacon]
compulsory_rfu_size = 2
frequencies = [869525000]
bandwidth = 125000
spreading_factor = 9
tx_power = 14
"""
FORWARDER = """
[mqtt]
topic_prefix = "eu868"
json = true
server = "ssl://broker.example:8883"
username = "gateway-7"
password = "hush"
ca_cert = "/etc/ssl/ca.pem"
tls_cert = "/etc/ssl/cert.pem"
tls_key = "/etc/ssl/key.pem"
keep_alive_interval = "1m"
[backend]
enabled = "concentratord"
[backend.filters]
forward_crc_invalid = true
dev_addr_prefixes = ["26010000/16"]
join_eui_prefixes = ["70b3d57ed0000000/40"]
[metadata.static]
"serial number" = "A1"
[metadata.commands]
temperature = ["/usr/bin/temp", "-c"]
[commands]
reboot = ["/sbin/reboot"]
[callbacks]
on_mqtt_connected = ["/usr/bin/led", "on"]
"""
BRIDGE = """
[filters]
net_ids = ["000013"]
join_euis = [["0000000000000000", "00000000000000ff"]]
[backend]
type = "semtech_udp"
[backend.semtech_udp]
udp_bind = "0.0.0.0:1700"
[integration]
marshaler = "json"
[integration.mqtt]
event_topic_template = "eu868/gateway/{{ .GatewayID }}/event/{{ .EventType }}"
state_topic_template = "eu868/gateway/{{ .GatewayID }}/state/{{ .StateType }}"
command_topic_template = "eu868/gateway/{{ .GatewayID }}/command/#"
max_reconnect_interval = "2m0s"
[integration.mqtt.auth]
type = "generic"
[integration.mqtt.auth.generic]
servers = ["tcp://a.example:1883", "tcp://b.example:1883"]
qos = 0
[meta_data.static]
site = "roof"
[commands.commands.reboot]
max_execution_duration = "5s"
command = "/usr/bin/reboot --force 'right now'"
"""
MULTIPLEXER = """
[multiplexer]
bind = "0.0.0.0:1700"
[[multiplexer.server]]
server = "eu1.cloud.thethings.network:1700"
[[multiplexer.server]]
server = "archive.example:1701"
uplink_only = true
gateway_id_prefixes = ["0016c001f1500000/40"]
[multiplexer.server.filters]
dev_addr_prefixes = ["26010000/16"]
"""
STATION = """{
  /* the plan comes from the server */
  "SX1302_conf": {
    "device": "/dev/spidev0.0", "lorawan_public": true, "clksrc": 0,
    "radio_0": {"type": "SX1250", "rssi_offset": -215.4, "tx_enable": true, "antenna_gain": 2,
      "tx_gain_lut": [{"rf_power": 14, "pa_gain": 0, "pwr_idx": 17}]},
    "radio_1": {"type": "SX1250", "rssi_offset": -215.4, "tx_enable": false}
  },
  "station_conf": {"routerid": "0016:c001:f150:812", "gps": "/dev/ttyAMA0", "log_level": "DEBUG",
    "nodc": true}
}"""


def _channel(hz: int) -> dict[str, object]:
    radio = int(hz > 868_000_000)
    return {"enable": True, "radio": radio, "if": hz - (867_500_000, 868_500_000)[radio]}


EU868_HZ = [868_100_000, 868_300_000, 868_500_000, *range(867_100_000, 868_000_000, 200_000)]
SEMTECH: dict[str, Any] = {
    "SX130x_conf": {
        "com_type": "USB",
        "com_path": "/dev/ttyACM0",
        "lorawan_public": True,
        "antenna_gain": 3,
        "radio_0": {
            "enable": True,
            "type": "SX1250",
            "freq": 867_500_000,
            "tx_enable": True,
            "tx_freq_min": 863_000_000,
            "tx_freq_max": 870_000_000,
            "tx_gain_lut": [{"rf_power": 14, "pa_gain": 0, "pwr_idx": 17}],
        },
        "radio_1": {"enable": True, "type": "SX1250", "freq": 868_500_000},
        **{f"chan_multiSF_{n}": _channel(hz) for n, hz in enumerate(EU868_HZ)},
        "chan_Lora_std": {
            **_channel(868_300_000),
            "bandwidth": 250_000,
            "spread_factor": 7,
        },
        "chan_FSK": {**_channel(868_800_000), "bandwidth": 125_000, "datarate": 50_000},
    },
    "gateway_conf": {
        "gateway_ID": "0016c001f1500812",
        "server_address": "lns.example",
        "serv_port_up": 1700,
        "serv_port_down": 1700,
        "keepalive_interval": 20,
    },
}


def put(folder: Path, **texts: str) -> list[Path]:
    """The files, by name with `__` for a dot."""
    paths = [folder / name.replace("__", ".") for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def converted(
    folder: Path, choice: Choice | None = None, **texts: str
) -> tuple[dict[str, Any], Migrated]:
    made = migrate(collect(put(folder, **texts)), choice or Choice())
    return tomllib.loads(made.text), made


def concentratord(folder: Path, channels: str = CHANNELS, **texts: str) -> Migrated:
    whole = {"c__toml": DAEMON, "channels__toml": channels, "region__toml": BEACON, **texts}
    return migrate(collect(put(folder, **whole)), Choice())


def said(made: Migrated, what: str) -> str:
    return next(note for note in made.notes if what in note)


def test_concentratord_and_mqtt_forwarder_become_one_file(tmp_path: Path) -> None:
    table = tomllib.loads(concentratord(tmp_path, mf__toml=FORWARDER).text)
    assert table == {
        "board": "rak2287",
        "region": "EU868",
        "gateway": {"gps": True, "eui": "0016c001f1500812"},
        "concentrator": {"antenna_gain_dbi": 3.0},
        "beacon": {"period_s": 128, "power_dbm": 14},
        "server": [
            {
                "type": "mqtt",
                "address": "mqtts://broker.example:8883",
                "topic_prefix": "eu868",
                "username": "gateway-7",
                "password_file": "broker.password",
                "ca_file": "/etc/ssl/ca.pem",
                "cert_file": "/etc/ssl/cert.pem",
                "key_file": "/etc/ssl/key.pem",
                "json": True,
                "keepalive_s": 60,
                "forward_crc_error": True,
                "stat_interval_s": 60.0,
                "filter": {
                    "dev_addr": ["26010000/16"],
                    "join_eui": ["70b3d57ed0000000/40"],
                },
                "metadata": {"serial number": "A1"},
                "metadata_commands": {"temperature": ["/usr/bin/temp", "-c"]},
                "commands": {"reboot": ["/sbin/reboot"]},
            }
        ],
    }


def test_what_is_converted_loads(tmp_path: Path) -> None:
    made = concentratord(tmp_path, mf__toml=FORWARDER)
    (path,) = put(tmp_path, gateway__toml=made.text)
    config = load(path)
    assert config.board == "rak2287"
    assert [server.name for server in config.servers] == ["broker.example:8883"]


def test_what_is_dropped_is_told_with_its_line(tmp_path: Path) -> None:
    made = concentratord(tmp_path, mf__toml=FORWARDER)
    assert said(made, "api").startswith("c.toml:5: concentratord.api: there are no ZeroMQ")
    assert said(made, "on_mqtt_connected").startswith("mf.toml:25: callbacks.")
    assert all(f"# {note}" in made.text for note in made.notes)


def test_a_password_is_named_and_never_shown(tmp_path: Path) -> None:
    twice = FORWARDER.replace("hush", "secret")
    made = concentratord(tmp_path, a__toml=FORWARDER, b__toml=twice)
    assert "broker.password" in said(made, "mqtt.password: is not copied")
    assert "given twice" in said(made, "mqtt.password: given")
    assert "hush" not in made.text and "secret" not in made.text + " ".join(made.notes)


def test_of_two_values_for_one_key_the_later_is_taken(tmp_path: Path) -> None:
    other = '[mqtt]\ntopic_prefix = "us915_1"\nclient_id = "$NAME"\n'
    _, made = converted(tmp_path, Choice("sim", "EU868"), a__toml=FORWARDER, b__toml=other)
    table = tomllib.loads(made.text)
    assert table["server"][0]["topic_prefix"] == "us915_1"
    assert said(made, "given twice").startswith("b.toml:2: mqtt.topic_prefix")
    assert said(made, "$NAME").startswith("b.toml:3")


def test_a_sub_band_is_seen_from_the_channels(tmp_path: Path) -> None:
    hertz = [902_300_000 + 8 * 200_000 + n * 200_000 for n in range(8)]
    channels = f"[gateway.concentrator]\nmulti_sf_channels = {hertz}\n"
    daemon = DAEMON.replace("EU868", "US915")
    table, _ = converted(tmp_path, c__toml=daemon, ch__toml=channels, mf__toml=FORWARDER)
    assert (table["region"], table["sub_band"]) == ("US915", 2)
    assert "multi_sf" not in table
    assert table["lora_std"] == {"enable": False}


def test_channels_of_ones_own_move_the_radios(tmp_path: Path) -> None:
    hertz = [863_100_000, 864_300_000, 868_100_000, 869_300_000]
    channels = f"[gateway.concentrator]\nmulti_sf_channels = {[*hertz, 0, 0, 0, 0]}\n"
    made = concentratord(tmp_path, channels, mf__toml=FORWARDER)
    (path,) = put(tmp_path, gateway__toml=made.text)
    config = load(path)
    centres = [radio.freq_hz for radio in config.concentrator.radios]
    heard = [centres[c.radio] + c.if_hz for c in config.concentrator.multi_sf if c.enable]
    assert heard == hertz
    assert not config.concentrator.lora_std.enable


def test_channels_that_no_two_radios_reach_are_refused(tmp_path: Path) -> None:
    channels = "[gateway.concentrator]\nmulti_sf_channels = [863100000, 866000000, 869000000]\n"
    with pytest.raises(ConfigError, match=r"channels\.toml:2: these channels need 3 radios"):
        concentratord(tmp_path, channels, mf__toml=FORWARDER)


def test_channels_tell_the_region_where_no_file_does(tmp_path: Path) -> None:
    daemon = DAEMON.replace('region = "EU868"\n', "")
    table, made = converted(tmp_path, c__toml=daemon, ch__toml=CHANNELS, mf__toml=FORWARDER)
    assert table["region"] == "EU868"
    assert "no region is given" in said(made, "no region")


@pytest.mark.parametrize("model", BOARDS)
def test_a_model_of_concentratord_is_a_board_that_is_there(model: str) -> None:
    known = {path.stem for path in Path("config/boards").glob("*.toml")}
    assert {name for name in BOARDS[model] if name} <= known


def test_beacons_without_gps_stay_off_and_are_told(tmp_path: Path) -> None:
    daemon = DAEMON.replace('"GNSS", ', "")
    table, made = converted(tmp_path, c__toml=daemon, b__toml=BEACON, mf__toml=FORWARDER)
    assert "beacon" not in table
    assert "beacons need GPS" in said(made, "beacons")


def test_another_prefix_than_the_regions_is_told(tmp_path: Path) -> None:
    made = concentratord(tmp_path, mf__toml=FORWARDER.replace('"eu868"', '"us915_1"'))
    assert "never seen" in said(made, "topic_prefix")


def test_a_forwarder_alone_lacks_board_and_region(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = put(tmp_path, mf__toml=FORWARDER)
    assert main(["config", "convert", str(path)]) == 1
    err = capsys.readouterr().err
    assert "not complete: board (--board), region (--region) missing" in err
    out = tmp_path / "gateway.toml"
    given = ["--board", "sim", "--region", "EU868", "-o", str(out)]
    assert main(["config", "convert", str(path), *given]) == 0
    assert load(out).region == "EU868"


def test_a_folder_of_concentratord_is_taken_whole(tmp_path: Path) -> None:
    put(tmp_path, concentratord__toml=DAEMON, channels__toml=CHANNELS, region__toml=BEACON)
    assert [file.name for file in collect([tmp_path])] == [
        "concentratord.toml",
        "channels.toml",
        "region.toml",
    ]


def test_a_gateway_bridge_becomes_a_server(tmp_path: Path) -> None:
    table, _ = converted(tmp_path, Choice("sim", "EU868"), bridge__toml=BRIDGE)
    assert table["server"] == [
        {
            "type": "mqtt",
            "address": "mqtt://a.example:1883",
            "fallback_addresses": ["mqtt://b.example:1883"],
            "qos": 0,
            "json": True,
            "topic_prefix": "eu868",
            "most_backoff_s": 120.0,
            "filter": {"net_id": ["000013"], "join_eui": ["0000000000000000-00000000000000ff"]},
            "metadata": {"site": "roof"},
            "commands": {"reboot": ["/usr/bin/reboot", "--force", "right now"]},
            "command_timeout_s": 5,
        }
    ]


def test_topics_of_ones_own_stay_templates(tmp_path: Path) -> None:
    odd = BRIDGE.replace("eu868/gateway/{{ .GatewayID }}/event", "x/{{ .GatewayID }}/up")
    table, _ = converted(tmp_path, Choice("sim", "EU868"), bridge__toml=odd)
    (server,) = table["server"]
    assert server["event_topic"] == "x/{eui}/up/{event}"
    assert server["command_topic"] == "eu868/gateway/{eui}/command/{command}"
    assert server["topic_prefix"] == ""


def test_topics_without_a_prefix_may_be_of_chirpstack_3(tmp_path: Path) -> None:
    _, made = converted(
        tmp_path, Choice("sim", "EU868"), bridge__toml=BRIDGE.replace("eu868/gateway", "gateway")
    )
    assert 'profile = "chirpstack-v3"' in said(made, "chirpstack-v3")


def test_the_cloud_kinds_of_the_bridge_are_refused(tmp_path: Path) -> None:
    text = BRIDGE.replace('"generic"', '"azure_iot_hub"')
    with pytest.raises(ConfigError, match=r"bridge\.toml:17: .*docs/mqtt\.md"):
        converted(tmp_path, bridge__toml=text)


def test_a_multiplexer_takes_the_place_of_the_local_server(tmp_path: Path) -> None:
    semtech = Path("tests/data/semtech_eu868_usb.json").read_text(encoding="utf-8")
    semtech = semtech.replace("0016C001FF1C2D3E", "0016C001F1500812")
    local = '{"gateway_conf": {"server_address": "127.0.0.1", "serv_port_up": 1700}}'
    put(tmp_path, local_conf__json=local)
    table, made = converted(tmp_path, global_conf__json=semtech, mux__toml=MULTIPLEXER)
    assert [server["address"] for server in table["server"]] == [
        "eu1.cloud.thethings.network:1700",
        "archive.example:1701",
    ]
    assert table["server"][1] == {
        "address": "archive.example:1701",
        "uplink_only": True,
        "filter": {"dev_addr": ["26010000/16"]},
    }
    assert "was the program that this one replaces" in said(made, "replaces")
    assert "take the server out" in said(made, "gateway_id_prefixes")


@pytest.mark.parametrize(
    "text",
    [
        BRIDGE,
        FORWARDER.replace('"concentratord"', '"semtech_udp"'),
        FORWARDER.replace('"concentratord"', '"semtech_udp"')
        + '[backend.semtech_udp]\nbind = "0.0.0.0:1700"\n',
    ],
)
def test_a_bridge_of_the_gateways_own_is_not_needed(text: str, tmp_path: Path) -> None:
    semtech = Path("tests/data/semtech_eu868_usb.json").read_text(encoding="utf-8")
    local = '{"gateway_conf": {"server_address": "localhost", "serv_port_up": 1700}}'
    put(tmp_path, local_conf__json=local)
    table, _ = converted(tmp_path, global_conf__json=semtech, bridge__toml=text)
    assert [server.get("type") for server in table["server"]] == ["mqtt"]
    assert table["radio_0"]["enable"]


def test_a_server_elsewhere_stays_beside_a_bridge(tmp_path: Path) -> None:
    semtech = Path("tests/data/semtech_eu868_usb.json").read_text(encoding="utf-8")
    other = '{"gateway_conf": {"server_address": "lns.example", "serv_port_up": 1700}}'
    put(tmp_path, local_conf__json=other)
    table, _ = converted(tmp_path, global_conf__json=semtech, bridge__toml=BRIDGE)
    assert [server["address"] for server in table["server"]] == [
        "lns.example",
        "mqtt://a.example:1883",
    ]


def test_a_semtech_file_for_a_board_of_ours_is_short(tmp_path: Path) -> None:
    choice = Choice("corecell-usb")
    table, made = converted(tmp_path, choice, global_conf__json=json.dumps(SEMTECH))
    assert table == {
        "board": "corecell-usb",
        "region": "EU868",
        "gateway": {"eui": "0016c001f1500812"},
        "concentrator": {"antenna_gain_dbi": 3},
        "server": [{"address": "lns.example", "keepalive_s": 20}],
    }
    assert "limited as the region demands" in said(made, "those of the board")


def test_channels_of_ones_own_stay_in_the_short_file(tmp_path: Path) -> None:
    conf = {**SEMTECH["SX130x_conf"], "chan_multiSF_7": {"enable": False}}
    text = json.dumps({**SEMTECH, "SX130x_conf": conf})
    choice = Choice("corecell-usb", "EU868")
    table, _ = converted(tmp_path, choice, global_conf__json=text)
    assert len(table["multi_sf"]) == 7
    assert "lora_std" not in table and "fsk" not in table


def test_listening_stays_in_the_short_file(tmp_path: Path) -> None:
    lbt = {
        "enable": True,
        "rssi_target": -70,
        "channels": [
            {
                "freq_hz": 868_100_000,
                "bandwidth": 125_000,
                "scan_time_us": 5000,
                "transmit_time_ms": 4000,
            }
        ],
    }
    conf = {**SEMTECH["SX130x_conf"], "sx1261_conf": {"spi_path": "", "lbt": lbt}}
    text = json.dumps({**SEMTECH, "SX130x_conf": conf})
    choice = Choice("corecell-usb", "EU868")
    table, _ = converted(tmp_path, choice, global_conf__json=text)
    assert table["sx1261"]["lbt_rssi_target_dbm"] == -70
    assert table["sx1261"]["lbt_channels"][0]["freq_hz"] == 868_100_000


def test_the_older_multiplexer_and_kerlinks_file_are_read(tmp_path: Path) -> None:
    old = '[packet_multiplexer]\nbind="0.0.0.0:1700"\n[[packet_multiplexer.backend]]\nhost="a:1"\n'
    kerlink = '[gwmp]\nnode = "b"\nservice.uplink = 2\nservice.downlink = 3\nheartbeat = 10\n'
    table, made = converted(tmp_path, Choice("sim", "EU868"), m__toml=old, k__toml=kerlink)
    assert table["server"] == [
        {"address": "a:1"},
        {"address": "b", "port_up": 2, "port_down": 3},
    ]
    assert "is not used here" in said(made, "heartbeat")


def test_a_stations_board_part_is_kept(tmp_path: Path) -> None:
    put(tmp_path, reset_lgw__sh="SX1302_RESET_PIN=17\n")
    table, made = converted(
        tmp_path,
        Choice(region="EU868"),
        station__conf=STATION,
        tc__uri="wss://eu1.cloud.thethings.network:8887",
    )
    assert table["concentrator"] == {"radio": "spi:/dev/spidev0.0", "antenna_gain_dbi": 2.0}
    assert table["lines"] == {"sx1302_reset": 17}
    assert table["gateway"] == {
        "eui": "0016c001f1500812",
        "gps": True,
        "gps_tty": "/dev/ttyAMA0",
    }
    assert table["radio_0"]["tx_gains"] == [{"rf_power": 14, "pa_gain": 0, "pwr_idx": 17}]
    assert table["server"] == [
        {
            "type": "mqtt",
            "profile": "tts",
            "address": "mqtts://eu1.cloud.thethings.network",
            "password_file": "tts.key",
        }
    ]
    assert "is not taken over" in said(made, "nodc")
    assert not made.missing


def test_a_board_that_is_named_stands_above_the_stations(tmp_path: Path) -> None:
    choice = Choice("rak2287", "EU868")
    table, made = converted(tmp_path, choice, station__conf=STATION, tc__uri="wss://a.example:8887")
    assert "radio_0" not in table and "lines" not in table
    assert "those of the board rak2287" in said(made, "rak2287")


def test_tc_uri_is_found_beside_the_station(tmp_path: Path) -> None:
    put(tmp_path, tc__uri="wss://a.example:8887\n")
    (path,) = put(tmp_path, station__conf=STATION)
    assert [file.name for file in collect([path])] == ["station.conf", "tc.uri"]


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("wss://A1.lns.lorawan.eu-west-1.amazonaws.com:443", "takes nothing else"),
        ("ws://cs.example:3001", "ChirpStack's Gateway Bridge is to be reached another way"),
        ("https://cups.example:443", "CUPS is not spoken"),
    ],
)
def test_a_server_that_speaks_only_station_is_told(uri: str, word: str, tmp_path: Path) -> None:
    made = converted(tmp_path, Choice("sim", "EU868"), station__conf=STATION, tc__uri=uri)[1]
    assert word in said(made, ".uri:1:")
    assert made.missing == ["[[server]]"]


@pytest.mark.parametrize(
    ("text", "eui"),
    [
        ("0016:c001:f150:812", "0016c001f1500812"),
        ("80::fd46", "008000000000fd46"),
        ("f::4002", "000f000000004002"),
        ("0016C001F1500812", "0016c001f1500812"),
        ("::1", ""),
        ("1:2:3:4:5", ""),
        ("/etc/id", ""),
        ("", ""),
    ],
)
def test_a_router_id_is_an_eui_if_it_is_whole(text: str, eui: str) -> None:
    assert eui_of(text) == eui


def test_two_files_that_describe_a_board_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="each of these describes a board"):
        converted(tmp_path, c__toml=DAEMON, station__conf=STATION)


def test_variables_of_the_environment_are_told(tmp_path: Path) -> None:
    text = FORWARDER.replace("ssl://broker.example:8883", "ssl://$BROKER:8883")
    made = migrate(collect(put(tmp_path, mf__toml=text)), Choice())
    assert said(made, "$BROKER").startswith("mf.toml:5: $BROKER: names of environment")


def test_certificates_mean_tls_as_they_do_there(tmp_path: Path) -> None:
    text = FORWARDER.replace("ssl://", "tcp://")
    table, _ = converted(tmp_path, Choice("sim", "EU868"), mf__toml=text)
    assert table["server"][0]["address"] == "mqtts://broker.example:8883"


@pytest.mark.parametrize("text", ["[mqtt]\nserver = 5\n", '[mqtt]\nkeep_alive_interval = "soon"\n'])
def test_a_value_that_means_nothing_is_a_mistake_with_its_line(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = put(tmp_path, mf__toml=text)
    assert main(["config", "convert", str(path)]) == 2
    assert "mf.toml:2: mqtt." in capsys.readouterr().err
