"""The service unit: what systemd thinks of it, and the lines that others rely on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hal.firmware_store import SYSTEM_DIR

UNIT = Path(__file__).parents[2] / "systemd" / "edgemast.service"
MOST_EXPOSURE = 1.5

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="needs systemd-analyze: sudo apt-get install systemd",
)


def settings(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)


@needs_systemd
def test_the_exposure_of_the_unit_is_small() -> None:
    words = ("systemd-analyze", "--no-pager", "security", "--offline=true", str(UNIT))
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert float(exposure) <= MOST_EXPOSURE


@needs_systemd
def test_systemd_understands_every_line() -> None:
    words = ("systemd-analyze", "verify", str(UNIT))
    said = subprocess.run(words, capture_output=True, text=True, check=False).stderr
    complaints = [line for line in said.splitlines() if "edgemast.service:" in line]
    assert [line for line in complaints if "not executable" not in line] == []


def test_a_wrong_configuration_is_not_tried_again_and_all_else_for_ever() -> None:
    assert settings("RestartPreventExitStatus") == ["2"] and settings("Restart") == ["always"]
    assert settings("StartLimitIntervalSec") == ["0"]


def test_duty_cycles_outlive_a_restart_of_the_service() -> None:
    assert settings("RuntimeDirectoryPreserve") == ["yes"]


def test_the_service_keeps_its_data_where_roots_commands_look_for_it() -> None:
    assert settings("Environment") == [f"EDGEMAST_DATA={SYSTEM_DIR}"]
    assert settings("StateDirectory") == [SYSTEM_DIR.name]


def test_every_device_that_a_board_file_names_may_be_opened() -> None:
    allowed = {line.split()[0].removeprefix("char-") for line in settings("DeviceAllow")}
    boards = UNIT.parents[1] / "config" / "boards"
    named = {
        re.sub(r"(spi)dev$", r"\1", re.sub(r"[\d.-]+$", "", device))
        for path in boards.glob("*.toml")
        for device in re.findall(r"/dev/([A-Za-z0-9.-]+)", path.read_text(encoding="utf-8"))
    }
    assert named and named - allowed == set()
