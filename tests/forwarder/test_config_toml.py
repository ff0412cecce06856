"""Our TOML: three lines are enough, everything can be said, mistakes are named. Rung 1: pure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.config import NO_EUI, load, loads
from forwarder.config.base import Strict
from forwarder.config.schema import ROWS, TABLES, File
from forwarder.config.servers import SERVER_TABLES, SERVERS
from forwarder.errors import ConfigError
from forwarder.links.mqtt.settings import BrokerAddress, MqttSettings
from forwarder.links.settings import OutagePolicy
from hal.config import MultiSfChannel
from hal.frames import Crc
from hal.gpio import BoardLines
from tests.forwarder.semtech_makers import udp_servers

CONFIG = Path(__file__).parent.parent.parent / "config"
SMALL = 'board = "rak2287"\nregion = "EU868"\n'
SERVER = '[[server]]\naddress = "localhost"\n'


def test_board_region_and_server_are_enough() -> None:
    config = loads(SMALL + SERVER, "gateway.toml")
    assert config.radio_uri == "spi:/dev/spidev0.0"
    assert config.lines == BoardLines(sx1302_reset=17)
    assert config.concentrator.multi_sf[0] == MultiSfChannel(True, 1, -400_000)
    assert config.concentrator.public and config.limits.enforce_duty_cycle
    (server,) = udp_servers(config)
    assert (server.name, server.port_up, server.eui) == ("localhost:1700", 1700, NO_EUI)
    assert config.warnings == ()


def test_the_gateways_eui_goes_to_the_servers_that_have_none() -> None:
    own = '[[server]]\naddress = "b"\neui = "00:16:C0:01:00:00:00:01"\n'
    config = loads(SMALL + SERVER + own, "gateway.toml")
    first, second = config.servers_for("0016c00100000002")
    assert (first.eui, second.eui) == ("0016c00100000002", "0016c00100000001")


def test_what_the_file_says_wins_over_board_and_region() -> None:
    text = (
        SMALL
        + "[radio_0]\nrssi_offset_db = -210.0\n[concentrator]\nantenna_gain_dbi = 3\n"
        + "cable_loss_db = 0.5\n[limits]\nenforce_duty_cycle = false\n[lora_std]\nenable = false\n"
        + SERVER
    )
    config = loads(text, "gateway.toml")
    assert config.concentrator.radios[0].rssi_offset_db == -210.0
    assert config.concentrator.radios[1].rssi_offset_db == -215.4
    assert config.antenna_gain_dbi == 2.5 and not config.limits.enforce_duty_cycle
    assert not config.concentrator.lora_std.enable and config.concentrator.fsk.enable
    assert config.sources["radio_0.rssi_offset_db"] == "gateway.toml:4"
    assert config.sources["radio_1.rssi_offset_db"] == "board RAK2287"
    assert config.sources["radio_0.freq_hz"] == "region EU868"


def test_channels_by_frequency_find_their_radio() -> None:
    text = SMALL + "[[multi_sf]]\nfreq_hz = 867_300_000\n[[multi_sf]]\nradio = 0\nif_hz = 1000\n"
    multi_sf = loads(text + SERVER, "gateway.toml").concentrator.multi_sf
    assert multi_sf[:3] == (
        MultiSfChannel(True, 0, -200_000),
        MultiSfChannel(True, 0, 1000),
        MultiSfChannel(),
    )


def test_a_region_with_sub_bands_takes_its_default_and_says_so() -> None:
    text = 'board = "sim"\nregion = "us915"\n' + SERVER
    config = loads(text, "gateway.toml")
    assert config.region == "US915" and "sub-band 2" in config.warnings[0]
    eighth = loads("sub_band = 8\n" + text, "gateway.toml")
    assert eighth.warnings == () and eighth.concentrator.radios[0].freq_hz == 913_900_000


def test_a_usb_board_has_no_lines() -> None:
    text = 'board = "corecell-usb"\nregion = "EU868"\n' + SERVER
    assert loads(text, "gateway.toml").lines is None


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("eu1.example:1701", "eu1.example", 1701),
        ("::1", "::1", 1700),
        ("[::1]:1702", "::1", 1702),
        ("[::1]", "::1", 1700),
        ("192.0.2.1", "192.0.2.1", 1700),
    ],
)
def test_a_server_address_may_carry_its_port(address: str, host: str, port: int) -> None:
    text = f'{SMALL}[[server]]\naddress = "{address}"\n'
    (server,) = udp_servers(loads(text, "gateway.toml"))
    assert (server.address, server.port_up, server.port_down) == (host, port, port)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "gateway.toml: board is missing"),
        ('board = "rak2287"\n', "gateway.toml: region is missing"),
        ('region = "EU868"\nboard = "rak2278"\n', "toml:2: board = .*did you mean 'rak2287'"),
        ('board = "sim"\nregion = "EU686"\n', 'toml:2: region = .*did you mean "eu868"'),
        ('board = "pg1302"\nregion = "CN470"\n', "toml:1: board = .*no gain table for CN470"),
        (SMALL + "sub_band = 1\n", "toml:3: sub_band = 1: EU868 has no sub-bands"),
        ('board = "sim"\nregion = "US915"\nsub_band = 9\n', "toml:3: sub_band = 9: US915 has 1 to 8"),
        ('board = 5\n', "toml:1: board = 5: expected a name"),
        (SMALL + "[gateway]\neiu = 1\n", "toml:4: \"eiu\" is no key of .gateway.; did you mean 'eui'"),
        (SMALL + "[lines]\nmulti_sf = []\n", "toml:4: .*before the first"),
        (SMALL + "[gatway]\n", "toml:3: .*did you mean 'gateway'"),
        (SMALL + "[radio_0]\nfreq_hz = 1.5\n", "toml:4: radio_0.freq_hz = 1.5: expected a whole"),
        (SMALL + "[[server]]\naddres = 'x'\n", "toml:4: .*did you mean 'address'"),
        (SMALL + "[[server]]\nport = 1\n", r"toml:3: server\[0\]: .* field address"),
        (SMALL + SERVER + "port = 0\n", r"toml:5: server\[0\].port = 0: expected .* from 1 up to"),
        (SMALL + '[[server]]\naddress = "a:b"\n', "toml:4: .*a port from 1 to 65535"),
        (SMALL + '[[server]]\naddress = "x"\ntype = "mqt"\n', 'toml:5: .*"mqt": expected one of "udp", "mqtt"; did you mean'),
        (SMALL + "[gateway]\neui = '12'\n", "toml:4: gateway.eui = \"12\": expected 16 hex"),
        (SMALL + "[gateway]\neui = 1\n", "toml:4: gateway.eui = 1: expected str"),
        (SMALL + "[[multi_sf]]\nfreq_hz = 869_900_000\n", "toml:3: .*expected within 737.5 kHz"),
        (SMALL + "[[multi_sf]]\nradio = 1\n", "toml:3: multi_sf.0.: expected freq_hz, or"),
        (SMALL + "[beacon]\nperiod_s = 3\n", "toml:4: beacon.period_s = 3: expected 0"),
        (SMALL + "[concentrator]\nradio = '/dev/x'\n", "toml:4: concentrator.radio = .*spi:/dev"),
        (SMALL + "[concentrator]\nspreading_factors = [7, 13]\n", r"toml:4: .*\[1\] = 13"),
        (SMALL + "[concentrator]\nclock_source = 1\n[radio_1]\nenable = false\n[[multi_sf]]\nfreq_hz = 867_500_000\n[lora_std]\nenable = false\n[fsk]\nenable = false\n", "toml:4: clksrc 1"),
        (SMALL + "[radio_0\n", "toml:3: not TOML"),
        (SMALL + "[radio_0]\nrssi_offset_db = nan\n", "toml:4: .*offset_db = nan: expected a finite"),
        (SMALL + "[radio_1]\nrssi_tcomp = [0.0, 0.0, 0.0, inf, 0.0]\n", "toml:4: .*3. = inf: expected"),
        (SMALL + "multi_sf = {enable = true}\n", "toml:3: multi_sf: expected array"),
        (SMALL + "[[radio_0]]\n", "toml:3: radio_0 = .*expected object"),
        ("a = " + "[" * 5000, "toml: not TOML|toml:1: not TOML"),
        ("a = " + "9" * 5000, "toml.*not TOML|is no key"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_key_value_and_what_is_allowed(
    text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        loads(text, "gateway.toml")


def test_a_file_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "nothing.toml")
    with pytest.raises(ConfigError, match=r"a folder without gateway\.toml"):
        load(tmp_path)


@pytest.mark.parametrize("path", sorted(CONFIG.glob("examples/*.toml")), ids=lambda p: p.stem)
def test_every_example_loads_without_a_warning(path: Path) -> None:
    assert load(path).warnings == ()


def reference() -> str:
    """gateway.toml with every setting in force, but the one that EU868 does not have."""
    text = (CONFIG / "gateway.toml").read_text(encoding="utf-8").replace("#: ", "")
    return re.sub(r"(?m)^sub_band.*$", "", text)


def test_the_reference_file_loads_as_it_is_and_with_every_setting_in_force() -> None:
    assert load(CONFIG / "gateway.toml").warnings == ()
    loads(reference(), "gateway.toml")


def test_the_reference_file_names_every_setting_that_there_is() -> None:
    text = (CONFIG / "gateway.toml").read_text(encoding="utf-8")
    servers = [*SERVERS.values(), *SERVER_TABLES.values()]
    tables: list[type[Strict]] = [File, *TABLES.values(), *ROWS.values(), *servers]
    names = {name for table in tables for name in table.__struct_fields__}
    missing = [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)]
    assert not missing


def test_the_defaults_that_the_reference_file_states_are_the_defaults() -> None:
    text = (CONFIG / "gateway.toml").read_text(encoding="utf-8")
    stated = {}
    for block in re.split(r"(?m)^(?=\[|#: \[)", text):
        if head := re.match(r"(?:#: )?\[+(\w+)\]+", block):
            for key, value in re.findall(r"(?m)^#: (\w+) = (\S+)", block):
                stated[f"{head[1]}.{key}"] = value
    for name in ("gateway", "concentrator", "sx1261"):
        for key in TABLES[name].__struct_fields__:
            value = getattr(TABLES[name](), key)
            if isinstance(value, bool):
                assert stated[f"{name}.{key}"] == str(value).lower(), key
            elif isinstance(value, int | float):
                assert float(stated[f"{name}.{key}"]) == value, key


_WORDS = st.sampled_from(
    ["board", "region", "sub_band", "gateway", "eui", "radio_0", "tx_gains", "multi_sf", "server",
     "address", "lines", "limits", "bands", "beacon", "lora_std", "x"]
)  # fmt: skip
_RIGHT = st.sampled_from(
    ["1", "-1", "1.5", "true", '"sim"', '"EU868"', "[]", "{}", "[{}]", "[1]", '[{address = "x"}]',
     "{enable = true}", "inf", "nan", "2020-01-01", '"""', "9" * 30]
)  # fmt: skip
_LINE = st.one_of(
    st.builds("{} = {}".format, _WORDS, _RIGHT),
    st.builds("[{}]".format, _WORDS),
    st.builds("[[{}]]".format, _WORDS),
    st.text(alphabet='ab="[]{}.#1 \\', max_size=12),
)


@given(st.lists(_LINE, max_size=8), st.booleans())
def test_no_toml_does_worse_than_a_config_error_with_the_file(
    lines: list[str], small: bool
) -> None:
    try:
        loads((SMALL if small else "") + "\n".join(lines), "gateway.toml")
    except ConfigError as error:
        assert "gateway.toml" in str(error)


MQTT = '[[server]]\ntype = "mqtt"\naddress = "mqtts://broker.example"\n'


def mqtt_server(text: str, region: str = "EU868") -> MqttSettings:
    (server,) = loads(f'board = "sim"\nregion = "{region}"\n{MQTT}{text}', "gateway.toml").servers
    assert isinstance(server, MqttSettings)
    return server


def test_an_mqtt_server_needs_no_more_than_an_address() -> None:
    server = mqtt_server("")
    assert server.addresses == (BrokerAddress("broker.example", 8883, tls=True),)
    assert (server.name, server.profile, server.qos) == ("broker.example:8883", "chirpstack", 1)
    assert server.feed.outage.policy is OutagePolicy.REPLAY and not server.feed.conducted
    assert not server.feed.ghosts and server.feed.crcs == {Crc.OK}


@pytest.mark.parametrize(
    ("region", "extra", "prefix"),
    [
        ("EU868", "", "eu868"),
        ("AS923-1", "", "as923"),
        ("AS923-2", "", "as923_2"),
        ("US915", "", "us915_1"),
        ("EU868", 'topic_prefix = "/site/eu/"\n', "site/eu"),
        ("EU868", 'topic_prefix = ""\n', ""),
        ("EU868", 'profile = "chirpstack-v3"\n', ""),
        ("EU868", 'profile = "tts"\n', ""),
    ],
)
def test_the_topic_prefix_is_the_region_as_chirpstack_names_it(
    region: str, extra: str, prefix: str
) -> None:
    assert mqtt_server(extra, region).topic_prefix == prefix


def test_the_things_stack_asks_for_conducted_power_and_takes_no_late_frames() -> None:
    feed = mqtt_server('profile = "tts"\n').feed
    assert feed.conducted and feed.outage.policy is OutagePolicy.DROP


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('address = "http://x"', r"toml:5: server.0..address = .*expected one of mqtt://"),
        ('address = "x:70000"', "toml:5: .*a port from 1 to 65535"),
        ('address = "me@x"', "toml:5: .*username and password_file are"),
        ('address = "x"\nca_file = "ca.pem"', r"toml:3: server.0.: certificates need mqtts://"),
        ('address = "x"\ncert_file = "c"', "toml:3: .*key_file go together"),
        ('address = "x"\nport = 1', 'toml:6: "port" is no key of .server.0..; '),
        ('address = "x"\nkeepalive_s = 1', "toml:6: .*keepalive_s = 1: expected a whole number"),
        (
            'address = "x"\n[server.outage]\npolicy = "x"',
            'toml:7: .*expected one of "auto", "drop"',
        ),
        ('address = "x"\n[server.filter]\ndevaddr = []', "toml:7: .*did you mean 'dev_addr'"),
    ],
)
def test_a_mistake_in_an_mqtt_server_is_told(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loads(SMALL + '[[server]]\ntype = "mqtt"\n' + text + "\n", "gateway.toml")
