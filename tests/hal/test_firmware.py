from __future__ import annotations

import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.__main__ import main
from hal import firmware_store
from hal.errors import FirmwareError
from hal.sx1302 import firmware
from hal.sx1302.firmware import KNOWN, Firmware, parse_var

IMAGE = bytes(range(256)) * 32  # ours; nobody runs it
WORDS = b"".join((index * 0x1001).to_bytes(4, "big") for index in range(386))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The list of known images holds ours under the names of the real ones. Gives a data folder."""
    images = (
        replace(firmware.AGC_SX1250, sha256=sha256(IMAGE).hexdigest()),
        replace(firmware.ARB, sha256=sha256(IMAGE[::-1]).hexdigest()),
        replace(firmware.SX1261_PATCH, sha256=sha256(WORDS).hexdigest()),
    )
    for module in (firmware, firmware_store):
        monkeypatch.setattr(module, "KNOWN", images)
    for name, image in zip(("AGC_SX1250", "ARB", "SX1261_PATCH"), images, strict=True):
        monkeypatch.setattr(firmware_store, name, image)
    monkeypatch.setattr(firmware_store, "SYSTEM_DIR", tmp_path / "system")
    data = tmp_path / "data"
    monkeypatch.setenv("EDGEMAST_DATA", str(data))
    return data


def as_var(data: bytes, form: str = "0x{:02X}", *, kind: str = "uint8_t") -> str:
    size = 4 if "32" in kind else 1
    numbers = [int.from_bytes(data[at : at + size], "big") for at in range(0, len(data), size)]
    return (
        f"static {kind} x[] = {{ /* note, 12 */\n" + ", \n".join(map(form.format, numbers)) + "};"
    )


def a_copy(folder: Path) -> Path:
    """Like a copy of sx1302_hal, with a file that is no firmware in it."""
    source = folder / "sx1302_hal" / "libloragw" / "src"
    source.mkdir(parents=True)
    (source / "agc_fw_sx1250.var").write_text(as_var(IMAGE))
    (source / "arb_fw.var").write_text(as_var(IMAGE[::-1], "{}"))
    (source / "sx1261_pram.var").write_text(as_var(WORDS, "0x{:x}", kind="uint32_t"))
    (source / "other.var").write_text("int x = 3;")
    return folder / "sx1302_hal"


@given(st.binary(min_size=1, max_size=64), st.sampled_from(["0x{:02X}", "{}", "0X{:x}"]))
def test_an_array_of_bytes_is_read_in_any_notation(data: bytes, form: str) -> None:
    assert parse_var(as_var(data, form)) == data


def test_an_array_of_words_gives_four_bytes_each_and_may_end_with_a_comma() -> None:
    assert parse_var("uint32_t p[] = { 0x337fe1, // a\n 0x1, };") == b"\x00\x33\x7f\xe1\0\0\0\1"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="open"),
        pytest.param("{}", id="no numbers"),
        pytest.param("{1, 256}", id="more than a byte"),
        pytest.param("{1, -1}", id="negative"),
        pytest.param("{1; 2}", id="no commas"),
        pytest.param("{1,,2}", id="a gap"),
        pytest.param("{010}", id="octal"),
        pytest.param("{0x}", id="no digits"),
        pytest.param("{" + "9" * 5000 + "}", id="endless number"),
    ],
)
def test_what_is_no_array_is_refused(text: str) -> None:
    with pytest.raises(FirmwareError):
        parse_var(text)


@given(st.text(max_size=200))
def test_any_text_is_an_array_or_refused(text: str) -> None:
    try:
        parse_var(text)
    except FirmwareError as error:
        assert str(error)


def test_what_was_imported_from_a_copy_is_what_a_start_gets(
    known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["firmware", "import", str(a_copy(tmp_path))]) == 0
    said = capsys.readouterr().out
    assert "agc-sx1250 version 10" in said and "other.var: left out: no C array" in said
    assert firmware_store.load(lbt=True) == Firmware(IMAGE, IMAGE[::-1], WORDS)
    assert not [path for path in known.rglob("*") if path.name.startswith(".")]


def test_boards_with_sx125x_radios_get_their_own_gain_control_and_the_calibration(
    known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {
        firmware.AGC_SX1257.file_name: bytes([7]) * 8192,
        firmware.CALIBRATION.file_name: bytes([8]) * 8192,
        firmware.ARB.file_name: bytes([9]) * 8192,
    }
    (known / "firmware").mkdir(parents=True)
    for name, data in kept.items():
        (known / "firmware" / name).write_bytes(data)
    by_data = {data: name for name, data in kept.items()}
    images = (firmware.AGC_SX1257, firmware.CALIBRATION, firmware.ARB)
    monkeypatch.setattr(firmware_store, "ARB", firmware.ARB)
    monkeypatch.setattr(
        firmware_store,
        "recognise",
        lambda data: next((i for i in images if i.file_name == by_data.get(data)), None),
    )
    found = firmware_store.load(sx1250=False)
    assert (found.agc[0], found.calibration) == (7, kept[firmware.CALIBRATION.file_name])


def test_a_raw_image_and_a_single_var_are_imported_too(known: Path, tmp_path: Path) -> None:
    (tmp_path / "agc.img").write_bytes(IMAGE)
    (tmp_path / "arb.var").write_text(as_var(IMAGE[::-1]))
    for name in ("agc.img", "arb.var"):
        firmware_store.import_from(tmp_path / name, known)
    assert firmware_store.load().agc == IMAGE


def test_a_missing_image_says_which_and_how_to_get_it(known: Path) -> None:
    with pytest.raises(FirmwareError, match=r"agc-sx1250.*edgemast firmware import PATH_TO/sx1302"):
        firmware_store.load()


def test_a_damaged_image_is_never_used(known: Path, tmp_path: Path) -> None:
    firmware_store.import_from(a_copy(tmp_path), known)
    path = known / "firmware" / "arb-v2.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    with pytest.raises(FirmwareError, match="damaged"):
        firmware_store.load()
    assert [intact for _, _, intact in firmware_store.known_images()] == [True, False, True]


def test_the_users_images_come_before_the_systems(known: Path, tmp_path: Path) -> None:
    firmware_store.import_from(a_copy(tmp_path), firmware_store.SYSTEM_DIR)
    assert firmware_store.load().agc == IMAGE
    assert firmware_store.search_dirs() == [known, firmware_store.SYSTEM_DIR]


@pytest.mark.parametrize(
    ("environ", "uid", "place"),
    [
        ({"EDGEMAST_DATA": "/d", "XDG_DATA_HOME": "/x"}, 1000, "/d"),
        ({"XDG_DATA_HOME": "/x"}, 1000, "/x/edgemast"),
        ({}, 0, "/var/lib/edgemast"),
    ],
)
def test_where_imports_go(
    environ: dict[str, str], uid: int, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert firmware_store.data_dir(None, environ) == Path(place)
    assert firmware_store.data_dir(Path("/given"), environ) == Path("/given")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.var", "{1,2}"), ("a.var", "\xff\xfe"), ("a.bin", "x"), ("a.var", "{" + "1," * 600_000)],
)
def test_files_that_are_no_firmware_are_refused(
    name: str, content: str, known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content, encoding="latin-1")
    assert main(["firmware", "import", str(tmp_path / name)]) == 1
    assert "no known firmware" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["", "nothing"])
def test_a_place_without_firmware_is_told(
    path: str, known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["firmware", "import", str(tmp_path / path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_a_place_that_cannot_be_written_names_the_way_out(
    known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(
        ["firmware", "import", str(a_copy(tmp_path)), "--data-dir", str(tmp_path / "file")]
    ) == 1  # fmt: skip
    assert "--data-dir" in capsys.readouterr().err


def test_the_list_tells_people_and_programs_what_is_there(
    known: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["firmware", "list"]) == 0
    assert "a real board needs agc-sx1250 and arb" in capsys.readouterr().out
    firmware_store.import_from(a_copy(tmp_path), known)
    assert main(["firmware", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows if row["present"] and row["intact"]] == [
        "agc-sx1250",
        "arb",
        "sx1261-pram",
    ]


def test_a_pseudo_terminal_needs_no_images_and_a_bus_does(known: Path) -> None:
    leader, follower = os.openpty()
    try:
        found = firmware_store.load_for(f"usb:{os.ttyname(follower)}?timeout=1")
        assert found == Firmware.simulated()
    finally:
        os.close(leader)
        os.close(follower)
    for uri in ("usb:/dev/ttyACM0", "spi:/dev/spidev0.0"):
        with pytest.raises(FirmwareError, match="not installed"):
            firmware_store.load_for(uri)


def test_the_list_is_complete_and_every_entry_has_its_file() -> None:
    assert len({image.file_name for image in KNOWN}) == len(KNOWN) == 5
    assert all(len(image.sha256) == 64 for image in KNOWN)


def test_an_image_of_another_size_is_no_firmware() -> None:
    with pytest.raises(FirmwareError, match="8192 expected"):
        Firmware(IMAGE[:-1], IMAGE)
