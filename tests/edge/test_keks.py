"""KEKs by label and version, and the file of them."""

from __future__ import annotations

import copy
import pickle
import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forwarder.edge.errors import KekError, TokenError
from forwarder.edge.kek_file import parse_file
from forwarder.edge.kek_store import add_to_file, open_ring, open_vault, read_file
from forwarder.edge.keks import KekSettings, KeyRing, SoftKek, TokenSettings, check_value

from .envelopes import KEKS, wrapped

HEX = KEKS[16].hex()
OTHER = KEKS[32].hex()


def kek(label: str = "k", version: int = 1, size: int = 16) -> SoftKek:
    return SoftKek(label, KEKS[size], version)


def test_versions_come_newest_first() -> None:
    ring = KeyRing([kek(version=2), kek(version=9), kek(version=1)])
    assert [each.version for each in ring.versions("k")] == [9, 2, 1]


def test_a_version_can_be_named_alone() -> None:
    ring = KeyRing([kek(version=1), kek(version=2)])
    assert [each.version for each in ring.versions("k@1")] == [1]
    assert ring.versions("k@3") == [] and ring.versions("@1") == []


def test_a_label_may_look_like_a_version() -> None:
    ring = KeyRing([kek("k"), kek("k@1", 7)])
    assert [each.version for each in ring.versions("k@1")] == [7]


def test_one_version_twice_is_refused_with_both_places() -> None:
    ring = KeyRing([kek()])
    with pytest.raises(KekError, match=r"'k' version 1 is there twice \(file and credential\)"):
        ring.add(SoftKek("k", KEKS[16], 1, "credential"))


@pytest.mark.parametrize("size", [0, 8, 15, 17, 31, 33, 64])
def test_only_aes_has_a_say_about_sizes(size: int) -> None:
    with pytest.raises(KekError, match=f"{size} bytes; a KEK has 16, 24 or 32"):
        SoftKek("k", bytes(size))


def test_the_check_value_is_the_classic_one() -> None:
    # FIPS 197 key, one block of zeros under it.
    assert check_value(KEKS[16]) == "c6a13b"
    assert kek().check_value() == "c6a13b"


def test_a_kek_is_not_seen_in_any_text_or_pickle() -> None:
    one = kek()
    for text in (repr(one), str(one), f"{one}", repr([one]), repr(KeyRing([one]).__dict__)):
        assert HEX not in text and repr(KEKS[16]) not in text
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(one)
    assert not hasattr(one, "__dict__")


def test_what_comes_late_is_asked_for_only_when_nobody_else_has_the_label() -> None:
    asked: list[int] = []

    def late() -> list[SoftKek]:
        asked.append(1)
        return [kek("late"), kek("k", 1)]

    ring = KeyRing([kek("k", 2)])
    ring.add_late(late)
    assert len(ring.versions("k")) == 1 and not asked
    assert len(ring.versions("late")) == 1 and len(ring.versions("k")) == 2
    assert ring.versions("none") == [] and len(asked) == 1


def test_a_double_that_comes_late_is_no_end_of_the_program() -> None:
    ring = KeyRing([kek("k")])
    ring.add_late(lambda: [kek("k")])
    with pytest.raises(TokenError, match="there twice"):
        ring.versions("other")
    assert ring.versions("other") == []


# The file.


def test_lines_with_colons_versions_quotes_and_comments() -> None:
    text = f"""
# for the lab
as:edge-as.example = {HEX}
as:edge-as.example = 2:0x{OTHER}
"ns:000013:lab" = "{HEX.upper()}"
a=b = {HEX}
"""
    found = [(each.label, each.version, each.bits) for each in parse_file(text.encode(), "keks")]
    assert found == [
        ("as:edge-as.example", 1, 128),
        ("as:edge-as.example", 2, 256),
        ("ns:000013:lab", 1, 128),
        ("a=b", 1, 128),
    ]


def test_the_same_in_toml() -> None:
    text = f'[[kek]]\nlabel = "k"\nversion = 3\nkey = "{HEX}"\n'
    (only,) = parse_file(text.encode(), "keks")
    assert (only.label, only.version) == ("k", 3) and only.same_key(kek())


def test_what_is_written_is_read_again() -> None:
    for one in (kek(), kek("x:y = z", 77, 24)):
        (again,) = parse_file(one.line().encode(), "keks")
        assert (again.label, again.version) == (one.label, one.version) and again.same_key(one)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(f"k {HEX}", "keks:1: a line LABEL = HEX", id="no equals sign"),
        pytest.param(f"\n{HEX} = k", "keks:2: a key stands where", id="turned round"),
        pytest.param(f"k = {HEX[:30]}", "keks:1: KEK 'k': 15 bytes", id="a digit short"),
        pytest.param(f"k = {HEX[:31]}", "31 characters that are not pairs", id="an odd digit"),
        pytest.param(f"k = {HEX[:-1]}g", "not pairs of hexadecimal", id="no hex"),
        pytest.param(f"k = x:{HEX}", "a version is a number", id="no version"),
        pytest.param(f"k = 0:{HEX}", "version 0; 1 to 65535", id="version nought"),
        pytest.param(f" = {HEX}", "label has 1 to 200", id="no label"),
        pytest.param(
            f'[[kek]]\nlabel = "k"\nkey = "{HEX}"\nversion = "{HEX}"', "version", id="type"
        ),
        pytest.param(f'[[kek]]\nlabel = "k"\nkey = {HEX}', "not TOML", id="no string"),
        pytest.param(f'[[kek]]\nlabel = "k"\nkeey = "{HEX}"', "unknown field `keey`", id="typo"),
        pytest.param(f'[[kek]]\n{HEX} = "k"', "unknown field `...`", id="turned round in TOML"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line_and_without_the_key(
    text: str, says: str
) -> None:
    with pytest.raises(KekError, match=re.escape(says)) as refused:
        parse_file(text.encode(), "keks")
    assert HEX[:20] not in str(refused.value)
    shown = "".join(traceback.format_exception(refused.value))
    assert HEX[:20] not in shown


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"[[kek]]\n" + b"[" * 5000)
def test_any_bytes_are_keks_or_a_kek_error(data: bytes) -> None:
    try:
        found = parse_file(data, "keks")
    except KekError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(each, SoftKek) for each in found)


def test_a_kek_is_added_to_a_new_file_and_to_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "keks"
    add_to_file(path, kek())
    assert path.stat().st_mode & 0o777 == 0o600
    add_to_file(path, kek(version=2, size=32))
    assert [(each.label, each.version) for each in read_file(path)] == [("k", 1), ("k", 2)]
    before = path.read_bytes()
    with pytest.raises(KekError, match="version 2 is there twice"):
        add_to_file(path, kek(version=2))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


# Settings.


def test_file_and_credential_make_one_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keks"
    add_to_file(path, kek())
    (tmp_path / "more").write_text(f"k = 2:{OTHER}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    settings = KekSettings(file=str(path), credential="more")
    ring = open_ring(settings)
    assert [(each.version, each.where) for each in ring] == [(2, "credential"), (1, "file")]
    assert open_vault(settings).open(wrapped(16), "any").encrypt_blocks(b"") == b""


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"module": "libsofthsm2.so", "label": "t", "pin_file": "/p"}, "whole path"),
        ({"module": "/m", "label": "", "pin_file": "/p"}, "label"),
        ({"module": "/m", "label": "t"}, "one of pin_file and pin_credential"),
        ({"module": "/m", "label": "t", "pin_file": "/p", "max_keys": 0}, "max_keys"),
    ],
)
def test_a_token_that_cannot_be_is_refused_in_words(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        TokenSettings(**values)
