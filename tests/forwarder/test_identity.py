"""Which EUI, and why. Rung 1: pure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder import host
from forwarder.errors import ConfigError
from forwarder.identity import Identity, choose, from_mac, gateway_eui, parse, refuse_sample

CHIP = "0016c001ff1c2d3e"
STORED = "0016c00100000001"
MACS = {"wlan0": "b8:27:eb:aa:bb:cc", "eth0": "b8:27:eb:12:34:56"}


@pytest.mark.parametrize(
    "text",
    ["0016C001FF1C2D3E", "0x0016c001ff1c2d3e", "00:16:c0:01:ff:1c:2d:3e", "00-16-C0-01-FF-1C-2D-3E",
     " 0016.c001.ff1c.2d3e "],
)  # fmt: skip
def test_separators_case_and_0x_do_not_matter(text: str) -> None:
    assert parse(text) == CHIP


@pytest.mark.parametrize(
    "text", ["", "0x", "0016c001ff1c2d3", "0016c001ff1c2d3eg", "eui", "１" * 16]
)
def test_what_is_no_eui_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(ConfigError, match="16 hex digits"):
        parse(text)


def test_the_order_is_setting_chip_stored_mac() -> None:
    assert choose("0016c00100000009", CHIP, STORED, MACS).eui == "0016c00100000009"
    assert choose("auto", CHIP, STORED, MACS).eui == CHIP
    assert choose("auto", None, STORED, MACS).eui == STORED
    assert choose("auto", None, None, MACS) == Identity(
        "b827ebfffe123456", "MAC of eth0 (b8:27:eb:12:34:56) with FFFE"
    )


def test_a_kind_that_is_asked_for_alone_has_no_fallback() -> None:
    assert choose("mac", CHIP, STORED, MACS).eui == "b827ebfffe123456"
    with pytest.raises(ConfigError, match="the chip's could not be read"):
        choose("chip", None, STORED, MACS)


@pytest.mark.parametrize("eui", ["AA555A0000000000", "0" * 16, "F" * 16])
def test_sample_euis_and_zero_are_refused_with_what_to_do(eui: str) -> None:
    with pytest.raises(ConfigError, match="edgemast whoami"):
        choose(eui, CHIP, STORED, MACS)
    with pytest.raises(ConfigError, match='"chip"'):
        refuse_sample(eui.lower())


def test_a_chip_without_an_eui_is_passed_over() -> None:
    assert choose("auto", "0" * 16, None, MACS).eui == "b827ebfffe123456"


@pytest.mark.parametrize(
    ("mac", "why"),
    [("02:00:00:00:00:01", "locally administered"), ("01:00:5e:00:00:01", "not the address"),
     ("00:00:00:00:00:00", "not the address"), ("b8:27", "no MAC"), ("", "no MAC")],
)  # fmt: skip
def test_macs_that_may_change_are_refused(mac: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        from_mac(mac)
    with pytest.raises(ConfigError, match=f"usb0: .*{why}"):
        choose("auto", None, None, {"usb0": mac})


@given(
    st.text(max_size=24),
    st.none() | st.text(max_size=20),
    st.dictionaries(st.text(max_size=5), st.text(max_size=17), max_size=2),
)
def test_whatever_comes_it_is_16_hex_digits_or_a_config_error(
    setting: str, chip: str | None, macs: dict[str, str]
) -> None:
    try:
        eui = choose(setting, chip, chip, macs).eui
    except ConfigError:
        return
    assert len(eui) == 16 and int(eui, 16) > 0 and eui == eui.lower()


def test_interfaces_are_read_and_those_without_hardware_left_out(tmp_path: Path) -> None:
    for name, device in (("eth0", True), ("lo", False)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "address").write_text("b8:27:eb:12:34:56\n", encoding="ascii")
        if device:
            (tmp_path / name / "device").mkdir()
    assert host.macs(tmp_path) == {"eth0": "b8:27:eb:12:34:56"}


def test_the_first_answer_is_stored_and_used_when_the_chips_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEMAST_DATA", str(tmp_path))
    assert gateway_eui("auto", CHIP).eui == CHIP
    eui, source = gateway_eui("auto", None)
    assert eui == CHIP and "stored" in source


def test_neither_a_simulated_boards_eui_nor_an_explicit_one_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEMAST_DATA", str(tmp_path))
    gateway_eui("auto", CHIP, simulated=True)
    gateway_eui(STORED, CHIP)
    assert host.stored_eui() is None and not list(tmp_path.iterdir())


def test_a_data_folder_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    host.store_eui(CHIP, tmp_path / "file")
    assert host.stored_eui(tmp_path / "file") is None
