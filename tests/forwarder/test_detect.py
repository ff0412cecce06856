"""Which board this machine has: what is certain, what is proposed, what is never guessed."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.__main__ import main
from forwarder.config import detect
from forwarder.config.detect import Hat, UsbSerial, known, propose
from forwarder.config.load import load
from forwarder.errors import ConfigError

KNOWN = known()
BY_ID = "/dev/serial/by-id/usb-STMicroelectronics_STM32_Virtual_ComPort_2081-if00"
PLAIN = UsbSerial(BY_ID, detect.BRIDGE, "STMicroelectronics", "STM32 Virtual ComPort")
GPS = UsbSerial("/dev/serial/by-id/usb-u-blox_7-if00", ("1546", "01a7"), "u-blox AG", "u-blox 7")


def hat(root: Path, **words: str) -> None:
    folder = root / "proc/device-tree/hat"
    folder.mkdir(parents=True)
    for name, text in words.items():
        (folder / name).write_bytes(text.encode() + b"\0")


def usb(root: Path, tty: str, name: str, **words: str) -> None:
    device = root / "sys/devices/usb1/1-1"
    (device / "1-1:1.0").mkdir(parents=True)
    for key, text in words.items():
        (device / key).write_text(text + "\n")
    (root / f"sys/class/tty/{tty}").mkdir(parents=True)
    (root / f"sys/class/tty/{tty}/device").symlink_to(device / "1-1:1.0")
    (root / "dev/serial/by-id").mkdir(parents=True)
    (root / f"dev/{tty}").touch()
    (root / f"dev/serial/by-id/{name}").symlink_to(f"../../{tty}")


# What is decided.


@pytest.mark.parametrize(
    ("product", "board"),
    [
        ("RAK2287 Pi HAT", "rak2287"),
        ("LoRaWAN HAT WM1303", "wm1303"),
        ("wm1302", "wm1302"),
        ("Waveshare SX1302 HAT", "waveshare-sx1302"),
    ],
)
def test_an_eeprom_that_names_one_board_is_certain(product: str, board: str) -> None:
    found = propose(Hat("somebody", product), [], known())
    assert found.board == board and found.why.startswith("HAT EEPROM: somebody, ")


@pytest.mark.parametrize(
    "product", ["", "PoE HAT", "SX1302 HAT", "RAK22871", "WM1302 and WM1303", "RAK2287 or RAK5146"]
)
def test_an_eeprom_that_names_no_board_or_two_is_not_certain(product: str) -> None:
    assert propose(Hat("somebody", product), [], known()).board is None


def test_a_longer_name_is_not_taken_for_the_shorter_within_it() -> None:
    table = {"one": ("SPI", "HAT", ()), "two": ("SPI", "HAT Plus", ())}
    assert propose(Hat("", "LoRa HAT Plus"), [], table).board == "two"
    assert propose(Hat("", "LoRa HAT"), [], table).board == "one"


def test_a_usb_board_that_names_itself_is_certain_and_has_a_name_that_stays() -> None:
    named = UsbSerial("/dev/serial/by-id/x", detect.BRIDGE, "RAKwireless", "RAK5146 USB")
    found = propose(None, [GPS, named], known())
    assert (found.board, found.radio) == ("rak5146-usb", "usb:/dev/serial/by-id/x")


def test_the_bridge_of_every_usb_board_is_only_a_proposal() -> None:
    found = propose(None, [PLAIN, GPS], known())
    assert found.board is None and found.radio == f"usb:{BY_ID}"
    assert {"corecell-usb", "rak2287-usb", "gwc-02"} <= set(found.candidates)
    assert "wm1302" not in found.candidates
    assert 'board = "corecell-usb"' in found.advice() and BY_ID in found.advice()


def test_a_gps_receiver_is_no_concentrator() -> None:
    assert propose(None, [GPS], known()).candidates == ()


def test_two_boards_that_name_themselves_are_not_certain() -> None:
    named = UsbSerial("/dev/serial/by-id/x", detect.BRIDGE, "", "RAK5146")
    found = propose(Hat("RAK", "RAK2287"), [named], known())
    assert found.board is None and set(found.candidates) >= {"rak2287", "rak5146-usb"}


@given(st.text(), st.text(), st.text())
def test_whatever_an_eeprom_holds_is_certain_only_if_it_holds_the_boards_name(
    vendor: str, product: str, usb_product: str
) -> None:
    device = UsbSerial("/dev/serial/by-id/x", detect.BRIDGE, vendor, usb_product)
    found = propose(Hat(vendor, product), [device], KNOWN)
    if found.board is not None:
        words = detect.words(f"{product} {usb_product}")
        assert detect.words(KNOWN[found.board][1].removesuffix(" USB")) in words


# What is read.


def test_the_eeprom_is_read_from_the_device_tree(tmp_path: Path) -> None:
    hat(tmp_path, vendor="RAKwireless", product="RAK2287", product_ver="0x0002", uuid="1-2")
    assert detect.hat(tmp_path) == Hat("RAKwireless", "RAK2287", "", "0x0002", "1-2")


def test_usb_devices_are_read_from_sysfs(tmp_path: Path) -> None:
    usb(tmp_path, "ttyACM0", "usb-ST-if00", idVendor="0483", idProduct="5740", product="STM32")
    (device,) = detect.usb_devices(tmp_path)
    assert device == UsbSerial("/dev/serial/by-id/usb-ST-if00", detect.BRIDGE, "", "STM32")


def test_a_machine_without_either_has_no_board(tmp_path: Path) -> None:
    found = detect.detect(tmp_path)
    assert found.board is None and "no HAT EEPROM, no USB serial device" in found.why


# In a configuration.


def auto(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text('board = "auto"\nregion = "EU868"\n')
    return file


def test_auto_takes_the_board_that_is_certain_and_says_which_and_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hat(tmp_path, vendor="RAKwireless", product="RAK2287 Pi HAT")
    with caplog.at_level(logging.INFO):
        config = load(auto(tmp_path), root=tmp_path)
    assert config.board == "rak2287" and config.lines is not None
    assert config.lines.sx1302_reset == 17
    assert "board auto: rak2287, because of the HAT EEPROM: RAKwireless, RAK2287" in caplog.text


def test_auto_uses_a_usb_board_by_the_name_that_stays(tmp_path: Path) -> None:
    usb(tmp_path, "ttyACM1", "usb-RAK-if00", idVendor="0483", idProduct="5740", product="RAK5146")
    config = load(auto(tmp_path), root=tmp_path)
    assert config.radio_uri == "usb:/dev/serial/by-id/usb-RAK-if00"
    assert config.sources["concentrator.radio"].startswith("board RAK5146 USB, /dev/serial/")


def test_auto_never_guesses_but_lists_who_it_may_be_and_what_to_write(tmp_path: Path) -> None:
    usb(tmp_path, "ttyACM0", "usb-ST-if00", idVendor="0483", idProduct="5740", product="STM32")
    with pytest.raises(ConfigError) as caught:
        load(auto(tmp_path), root=tmp_path)
    said = str(caught.value)
    assert said.startswith('gateway.toml:1: board = "auto" finds no board for certain')
    assert 'board = "corecell-usb" or' in said
    assert 'concentrator.radio = "usb:/dev/serial/by-id/usb-ST-if00"' in said


# The command.


def test_detect_is_told_for_people_and_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    certain = detect.Proposal("rak2287", "HAT EEPROM: RAK, RAK2287")
    monkeypatch.setattr(detect, "detect", lambda: certain)
    assert main(["boards", "--detect"]) == 0
    assert capsys.readouterr().out == "rak2287, because of the HAT EEPROM: RAK, RAK2287\n"
    monkeypatch.setattr(detect, "detect", lambda: propose(None, [PLAIN], known()))
    assert main(["boards", "--detect", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["board"] is None


def test_a_tool_with_board_auto_never_guesses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(detect, "detect", lambda root=None: propose(None, [PLAIN], KNOWN))
    assert main(["chip-id", "--board", "auto"]) == 2
    assert 'write board = "corecell-usb" or' in capsys.readouterr().err
