"""Files that only their owner may read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from forwarder.edge.errors import KekError
from forwarder.edge.secret_files import MAX_BYTES, read_credential, read_private, write_private


def secret(path: Path, mode: int = 0o600) -> Path:
    path.write_bytes(b"secret")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_read(tmp_path: Path, mode: int) -> None:
    assert read_private(secret(tmp_path / "keks", mode)) == b"secret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o601, 0o777])
def test_what_others_may_open_is_refused_with_the_command_that_helps(
    tmp_path: Path, mode: int
) -> None:
    path = secret(tmp_path / "my keks", mode)
    with pytest.raises(KekError) as refused:
        read_private(path)
    assert str(refused.value).endswith(f"type: chmod 600 '{path}'")
    assert f"{mode:04o}" in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = secret(tmp_path / "keks")
    os.chown(path, 12345, -1)
    with pytest.raises(KekError, match=f"belongs to user 12345; type: chown root {path}"):
        read_private(path)


def test_what_is_no_file_or_too_long_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    long = secret(tmp_path / "long")
    long.write_bytes(bytes(MAX_BYTES + 1))
    for name, says in (
        ("pipe", "no file"),
        ("folder", "no file"),
        ("long", "more than"),
        ("none", "cannot be read: No such file"),
    ):
        with pytest.raises(KekError, match=says):
            read_private(tmp_path / name)


def test_a_credential_is_what_systemd_passed(tmp_path: Path) -> None:
    secret(tmp_path / "keks", 0o440)  # systemd's access list shows as a group's right
    assert read_credential("keks", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == b"secret"


@pytest.mark.parametrize(
    ("name", "environ", "says"),
    [
        ("keks", {}, "LoadCredentialEncrypted=keks"),
        ("../keks", {"CREDENTIALS_DIRECTORY": "/"}, "a plain name"),
        ("..", {"CREDENTIALS_DIRECTORY": "/"}, "a plain name"),
        ("", {"CREDENTIALS_DIRECTORY": "/"}, "a plain name"),
        ("none-such", {"CREDENTIALS_DIRECTORY": "/"}, "cannot be read"),
    ],
)
def test_a_credential_that_is_not_there_says_what_to_add(
    name: str, environ: dict[str, str], says: str
) -> None:
    with pytest.raises(KekError, match=says):
        read_credential(name, environ)


def test_a_secret_is_written_for_its_owner_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        write_private(tmp_path / "key", b"1")
    finally:
        os.umask(old)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_key_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    path = secret(tmp_path / "key")
    with pytest.raises(KekError, match="not overwritten"):
        write_private(path, b"1")
    assert path.read_bytes() == b"secret"
    write_private(path, b"1", replace=True)
    assert path.read_bytes() == b"1"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_what_root_replaces_still_belongs_to_the_service(tmp_path: Path) -> None:
    path = secret(tmp_path / "key")
    os.chown(path, 12345, 54321)
    write_private(path, b"1", replace=True)
    facts = path.stat()
    assert (facts.st_uid, facts.st_gid, facts.st_mode & 0o777) == (12345, 54321, 0o600)


def test_of_a_link_the_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(secret(tmp_path / "key"))
    write_private(tmp_path / "link", b"1", replace=True)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "key").read_bytes() == b"1"


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KekError, match="cannot be written"):
        write_private(tmp_path / "no" / "key", b"1")
    draft = tmp_path / f".key.{os.getpid()}"
    draft.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KekError):
        write_private(tmp_path / "key", b"1")
    assert not (tmp_path / "elsewhere").exists()
