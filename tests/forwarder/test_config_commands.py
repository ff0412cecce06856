"""`edgemast config` and `whoami` as a person calls them. Rung 1, whoami on the simulated chip."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from forwarder.__main__ import main
from forwarder.commands.whoami import registration
from forwarder.config import load

DATA = Path(__file__).parent.parent / "data"
EU868 = str(DATA / "semtech_eu868_usb.json")
TOML = 'board = "rak2287"\nregion = "US915"\nsub_band = 2\n[[server]]\naddress = "x"\n'


@pytest.fixture
def toml(tmp_path: Path) -> str:
    path = tmp_path / "gateway.toml"
    path.write_text(TOML, encoding="utf-8")
    return str(path)


def test_check_says_good_with_warnings_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", EU868]) == 0
    out, err = capsys.readouterr()
    assert "good, usb:/dev/ttyACM0, 4 channels around 867.5, 868.5 MHz" in out
    assert all(line.startswith("warning: semtech_eu868_usb.json") for line in err.splitlines())


def test_check_refuses_a_mistake_in_one_line_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(TOML + "prot = 1\n", encoding="utf-8")
    assert main(["config", "check", str(path)]) == 2
    err = capsys.readouterr().err
    assert "bad.toml:6" in err and "did you mean" in err and err.count("\n") == 1


@pytest.mark.parametrize("eui", ["AA555A0000000000", "0000000000000000"])
def test_check_refuses_the_sample_eui(
    eui: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "global_conf.json"
    text = Path(EU868).read_text(encoding="utf-8").replace("0016C001FF1C2D3E", eui)
    path.write_text(text, encoding="utf-8")
    assert main(["config", "check", str(path)]) == 2
    assert "global_conf.json:51: gateway EUI" in capsys.readouterr().err
    assert main(["config", "convert", str(path)]) == 0


@pytest.mark.parametrize(
    ("address", "told"),
    [("lns.example.org", True), ("93.184.216.34", True), ("10.9.0.1", False), ("localhost", False)],
)
def test_check_tells_of_udp_outside_a_network_of_ones_own(
    address: str, told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "g.toml"
    path.write_text(TOML.replace('"x"', f'"{address}"'), encoding="utf-8")
    assert f'"{address}"' in path.read_text(encoding="utf-8")
    assert main(["config", "check", str(path)]) == 0
    assert ("no password and no encryption" in capsys.readouterr().err) == told


def test_show_prints_every_value_with_its_origin_aligned(
    toml: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "show", toml]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines}
    assert rows["radio_0.freq_hz"].endswith("region US915, sub-band 2")
    assert rows["radio_0.rssi_offset_db"].endswith("board RAK2287")
    assert rows["server[0].address"].endswith("gateway.toml:5")
    assert rows["server[0].port"].endswith("default")
    assert "17 (GPIO17, header pin 11)" in rows["lines.sx1302_reset"]
    assert "903.9000 MHz, 125 kHz, radio 0 -400000 Hz" in rows["channel.0"]


def test_show_as_json_has_the_same_rows(toml: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", toml, "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["sub_band"] == {"value": 2, "source": "gateway.toml:3"}
    assert table["radio_1.tx_enable"]["source"] == "default"


def test_convert_writes_a_file_that_loads_to_the_same_concentrator(tmp_path: Path) -> None:
    out = tmp_path / "gateway.toml"
    assert main(["config", "convert", EU868, "-o", str(out)]) == 0
    assert load(out).concentrator == load(EU868).concentrator
    assert load(out).servers == load(EU868).servers


@pytest.mark.parametrize("line", ["", "-c FILE"])
def test_whoami_asks_the_chip_and_gives_lines_to_paste(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEMAST_DATA", str(tmp_path))
    path = tmp_path / "g.toml"
    path.write_text(TOML, encoding="utf-8")
    options = line.replace("FILE", str(path)).split()
    assert main(["whoami", "--radio", "sim:", *options]) == 0
    out = capsys.readouterr().out
    assert "read from the concentrator chip" in out
    assert "ttn-lw-cli gateways create eui-" in out and "ChirpStack" in out
    (body,) = re.findall(r"-d '(.*)' http://<server>:8090/api/gateways", out)
    assert json.loads(body)["gateway"]["gatewayId"] in out.splitlines()[0]
    assert ("US_902_928_FSB_2" in out) == bool(options)
    assert main(["whoami", "--radio", "sim:", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["eui"] in out


def test_whoami_names_the_region_as_aws_does() -> None:
    *_, aws = registration("0016c001ff10a235", "AS923-1-JP")
    assert aws.endswith("GatewayEui=0016c001ff10a235,RfRegion=AS923-1")
