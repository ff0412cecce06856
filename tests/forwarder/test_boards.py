"""Every board file: pins, gain tables, buses. Rung 1: pure."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from forwarder.__main__ import main
from forwarder.commands.boards import markdown
from forwarder.commands.bus_test import SAFE_HZ
from forwarder.config import data, schema
from forwarder.config.boards import HEADER_PINS, pin, read, regions
from forwarder.config.load import loads
from hal.gpio import BoardLines
from hal.transport.spi import SPEED_HZ

ROOT = Path(__file__).parents[2]
NAMES = data.names("boards")


@pytest.mark.parametrize("name", NAMES)
def test_a_gateway_runs_on_it_in_every_region_that_it_has_a_table_for(name: str) -> None:
    known = regions(read(name))
    assert known
    for region in known:
        text = f'board = "{name}"\nregion = "{region}"\n[[server]]\naddress = "x"\n'
        config = loads(text, "gateway.toml")
        assert config.concentrator.validate() == []
        assert config.concentrator.radios[0].tx_gains


@pytest.mark.parametrize("name", NAMES)
def test_gain_tables_ascend_in_power_and_in_drive(name: str) -> None:
    for band in read(name).band:
        powers = [power for power, _, _ in band.tx_gains]
        assert powers == sorted(set(powers))
        for pa in (0, 1):
            drives = [index for _, gain, index in band.tx_gains if gain == pa]
            assert drives == sorted(set(drives))


@pytest.mark.parametrize("name", NAMES)
def test_the_header_pin_beside_every_line_is_that_lines(name: str) -> None:
    text = data.path("boards", name).read_text(encoding="utf-8")
    noted = re.findall(r"(?m)^\w+ = (\d+)  # header pin (\d+)$", text)
    assert all(HEADER_PINS[int(line)] == int(header) for line, header in noted)
    inside = re.findall(r"(?m)^\w+ = (\d+)  # inside the module: on no header$", text)
    assert not any(int(line) in HEADER_PINS for line in inside)
    lines = read(name).lines
    used = [getattr(lines, field) for field in lines.__struct_fields__]
    assert len(noted) + len(inside) == sum(line >= 0 for line in used)


@pytest.mark.parametrize("name", NAMES)
def test_spi_boards_can_be_reset_and_others_have_no_lines(name: str) -> None:
    board = read(name)
    assert (board.lines.sx1302_reset >= 0) == board.radio.startswith("spi:")


@pytest.mark.parametrize("name", NAMES)
def test_every_board_names_its_sources(name: str) -> None:
    text = data.path("boards", name).read_text(encoding="utf-8")
    for key in re.findall(
        r"(?m)^((?:radio|gps_tty|gps|chip|temperature|sx1261|sx1261_spi_path) = |\[lines\]|\[\[band\]\])",
        text,
    ):
        before = text[: text.index(key)].rstrip().splitlines()[-1]
        assert before.startswith("#"), f"{name} {key}"


def test_the_header_has_28_lines_on_28_pins() -> None:
    assert sorted(HEADER_PINS) == list(range(28)) and len(set(HEADER_PINS.values())) == 28


def test_a_line_is_told_with_its_header_pin() -> None:
    assert pin(17) == "GPIO17, header pin 11" and pin(149) == "GPIO149"


def test_the_corecell_board_has_the_lines_of_semtechs_script() -> None:
    config = loads('board = "corecell"\nregion = "EU868"\n', "gateway.toml")
    assert config.lines == BoardLines(18, 23, 22, 13)


def test_a_board_like_another_has_its_tables_and_its_own_bus() -> None:
    assert read("rak5146-usb").band == read("rak5146").band
    assert read("RAK5146_USB").radio == "usb:/dev/ttyACM0"


def test_the_table_in_the_documents_is_the_one_in_the_program() -> None:
    text = (ROOT / "docs" / "boards.md").read_text(encoding="utf-8")
    table = list(markdown({name: read(name) for name in NAMES}))
    assert "\n".join(table) in text, "edgemast boards --markdown gives the table"


def test_boards_are_listed_with_their_pins(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["boards"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert set(NAMES) <= set(lines)
    assert "17/11  18/12  5/29" in lines["wm1302"]


@pytest.mark.parametrize("name", NAMES)
def test_all_that_is_known_of_a_board_is_told_with_its_sources(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["boards", name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["board"] == name and told["bands"] and "radio" in told["sources"]
    assert bool(told["lines"]) == ("lines" in told["sources"])
    assert main(["boards", name]) == 0
    assert f"{name}: {told['name']}" in capsys.readouterr().out


def test_a_board_that_is_not_known_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["boards", "rak2288"]) == 2
    assert "did you mean 'rak2287'" in capsys.readouterr().err


def test_the_clock_of_the_bus_is_a_setting() -> None:
    text = 'board = "rak2287"\nregion = "EU868"\n[concentrator]\n'
    assert loads(text, "x.toml").radio_uri == "spi:/dev/spidev0.0"
    slow = loads(text + "spi_hz = 1_000_000\n", "x.toml")
    assert slow.radio_uri == "spi:/dev/spidev0.0?speed=1000000"
    with_uri = text + 'radio = "spi:/dev/spidev0.0?speed=500000"\nspi_hz = 1_000_000\n'
    assert loads(with_uri, "x.toml").radio_uri == "spi:/dev/spidev0.0?speed=500000"


def test_a_usb_board_has_no_clock_to_set() -> None:
    text = 'board = "rak2287-usb"\nregion = "EU868"\n[concentrator]\nspi_hz = 1_000_000\n'
    assert loads(text, "x.toml").radio_uri == "usb:/dev/ttyACM0"


def test_the_default_clock_is_the_drivers() -> None:
    assert schema.Concentrator().spi_hz == SPEED_HZ == SAFE_HZ
