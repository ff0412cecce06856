"""GPS and beacons as they are configured: sources, mistakes, and what is probably not meant."""

from __future__ import annotations

import re

import pytest

from forwarder.config import loads
from forwarder.config.model import GpsSettings
from forwarder.errors import ConfigError

SERVER = '[[server]]\naddress = "localhost"\n'


def head(board: str = "rak2287") -> str:
    return f'board = "{board}"\nregion = "EU868"\n'


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        ("gps = true", GpsSettings("/dev/ttyAMA0")),
        ('gps = true\ngps_tty = "/dev/ttyUSB1"\ngps_baud = 115200\ngps_source = "nmea"',
         GpsSettings("/dev/ttyUSB1", "nmea", 115_200)),
        ('gps = true\ngps_tty = "gpsd://pi.local:3000"', GpsSettings("gpsd://pi.local:3000", "gpsd")),
        ('gps = true\ngps_tty = "gpsd://[::1]"', GpsSettings("gpsd://[::1]", "gpsd")),
        ('gps = true\ngps_source = "gpsd"', GpsSettings("gpsd://localhost", "gpsd")),
        ('gps_source = "gpsd"', None),
    ],
)  # fmt: skip
def test_the_source_is_a_device_or_a_gpsd(lines: str, settings: GpsSettings | None) -> None:
    config = loads(f"{head()}[gateway]\n{lines}\n{SERVER}", "gateway.toml")
    assert config.gps == settings
    assert config.gps_tty == (settings.source if settings and settings.kind != "gpsd" else None)


@pytest.mark.parametrize(
    ("board", "lines", "message"),
    [
        ("rak2287-usb", "gps = true", "toml:4: gateway.gps = true: expected gateway.gps_tty"),
        ("rak2287", 'gps = true\ngps_tty = "gpsd://"', "toml:5: .*expected gpsd://HOST"),
        ("rak2287", 'gps = true\ngps_tty = "gpsd://h:99999"', "toml:5: .*gpsd://HOST:PORT"),
        ("rak2287", 'gps = true\ngps_tty = "gpsd://h"\ngps_source = "nmea"', "toml:6: .*auto or"),
        ("rak2287", 'gps = true\ngps_source = "ubx"', "toml:5: .*expected one of"),
        ("rak2287", "gps = true\ngps_baud = 10", "toml:5: .*from 1200"),
    ],
)
def test_a_source_that_is_none_is_told(board: str, lines: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loads(f"{head(board)}[gateway]\n{lines}\n{SERVER}", "gateway.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (head() + SERVER + "[beacon]\nperiod_s = 128\n", "beacons without GPS.*NTP"),
        (head() + SERVER + "[beacon]\nperiod_s = 130\n", "does not divide a day"),
        (head("sim") + SERVER + '[gateway]\ngps = true\ngps_tty = "/dev/x"\n', "simulated board"),
    ],
)
def test_what_is_probably_not_meant_is_warned_of(text: str, words: str) -> None:

    warnings = loads(text, "gateway.toml").warnings
    assert any(re.search(words, warning) for warning in warnings), warnings


def test_beacons_with_gps_are_no_reason_to_warn() -> None:
    text = head() + SERVER + "[gateway]\ngps = true\n[beacon]\nperiod_s = 128\n"
    assert loads(text, "gateway.toml").warnings == ()
