"""Every board file: pins, gain tables, buses. Rung 1: pure."""

from __future__ import annotations

import re

import pytest

from forwarder.config import data
from forwarder.config.boards import HEADER_PINS, pin, read, regions
from forwarder.config.load import loads
from hal.gpio import BoardLines

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
    lines = read(name).lines
    used = [getattr(lines, field) for field in lines.__struct_fields__]
    assert len(noted) == sum(line >= 0 for line in used)


@pytest.mark.parametrize("name", NAMES)
def test_spi_boards_can_be_reset_and_others_have_no_lines(name: str) -> None:
    board = read(name)
    assert (board.lines.sx1302_reset >= 0) == board.radio.startswith("spi:")


@pytest.mark.parametrize("name", NAMES)
def test_every_board_names_its_sources(name: str) -> None:
    text = data.path("boards", name).read_text(encoding="utf-8")
    for key in re.findall(r"(?m)^(radio = |gps_tty = |\[lines\]|\[\[band\]\])", text):
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
