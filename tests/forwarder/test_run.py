"""`edgemast run` when it cannot: one line, the right exit code, and nothing tried that cannot help."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from forwarder import parts
from forwarder.__main__ import main
from hal.config import Sx1261Config
from hal.sim.transport import SimTransport
from tests.hal.configs import EU868
from tests.semtech import semtech_json
from tests.worlds import a_config


def file(folder: Path, eui: str = "0016C001F1500812", device: str = "/dev/tty-none") -> str:
    content = semtech_json(EU868, device, 1700)
    content["gateway_conf"]["gateway_ID"] = eui
    path = folder / "global_conf.json"
    path.write_text(json.dumps(content))
    return str(path)


@pytest.mark.parametrize("eui", ["AA555A0000000000", "0000000000000000"])
def test_an_eui_that_many_gateways_have_is_refused_before_the_radio_is_touched(
    eui: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-c", file(tmp_path, eui)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert eui.lower() in error and "edgemast whoami" in error


def test_a_board_that_is_not_there_ends_the_program_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-c", file(tmp_path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("edgemast: the radio did not start: /dev/tty-none does not exist")
    assert not any("radio lost" in line for line in lines)


def test_a_file_that_is_not_there_is_a_configuration_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-c", str(tmp_path / "missing.json")]) == 2
    assert "missing.json" in capsys.readouterr().err


def test_the_listening_radio_that_is_configured_is_opened_with_the_board(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[dict[str, object]] = []

    def open_transport(uri: str, **options: object) -> SimTransport:
        opened.append(options)
        return SimTransport()

    monkeypatch.setattr(parts, "open_transport", open_transport)
    config = a_config(1700)
    sx1261 = Sx1261Config(spi_path="/dev/spidev0.1", lbt_enable=True)
    with_lbt = replace(config, concentrator=replace(config.concentrator, sx1261=sx1261))
    for gateway in (config, with_lbt):
        parts.radio_opener(gateway, "spi:/dev/spidev0.0")(None, 0.0)
    assert [options["sx1261_path"] for options in opened] == [None, "/dev/spidev0.1"]
