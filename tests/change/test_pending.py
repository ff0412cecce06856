"""The files of a change: what a start uses, whenever the power fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from forwarder.change import pending
from forwarder.change.pending import Change, ChangeError, Pending, not_written
from forwarder.files.whole_file import sync_folder, write_whole

OLD, NEW = b"old = 1\n", b"new = 1\n"


@pytest.fixture
def files(tmp_path: Path) -> Pending:
    current = tmp_path / "gateway.toml"
    current.write_bytes(OLD)
    return Pending(current)


def test_without_a_change_the_configuration_itself_is_used(files: Pending) -> None:
    assert files.usable() == files.current


def test_while_a_change_is_proved_a_start_uses_the_new_one(files: Pending) -> None:
    with closing(Change(files)) as change:
        change.begin(NEW)
        assert files.usable().read_bytes() == NEW
        change.commit()


def test_a_change_that_nobody_proves_any_more_is_not_used(files: Pending) -> None:
    change = Change(files)
    change.begin(NEW)
    change.close()  # as when the process is killed: the lock goes, the marker stays
    assert files.usable().read_bytes() == OLD


def test_a_committed_change_is_used_and_what_was_before_is_kept(files: Pending) -> None:
    with closing(Change(files)) as change:
        change.begin(NEW)
        change.commit()
    assert files.usable().read_bytes() == NEW and files.previous.read_bytes() == OLD
    assert not files.marker.exists()


def test_the_next_change_tidies_up_after_one_that_was_killed(files: Pending) -> None:
    killed = Change(files)
    killed.begin(NEW)
    killed.close()
    with closing(Change(files)) as change:
        assert change.tidied and files.current.read_bytes() == OLD
    assert files.usable() == files.current and not files.marker.exists()


def test_two_changes_at_a_time_are_refused(files: Pending) -> None:
    with closing(Change(files)), pytest.raises(ChangeError, match="another change"):
        Change(files)


def test_a_first_configuration_that_is_taken_back_leaves_none(tmp_path: Path) -> None:
    files = Pending(tmp_path / "gateway.toml")
    with closing(Change(files)) as change:
        change.begin(NEW)
        change.restore()
    assert list(tmp_path.iterdir()) == []


def test_the_new_file_has_the_mode_of_the_old_one(files: Pending) -> None:
    files.current.chmod(0o640)
    with closing(Change(files)) as change:
        change.begin(NEW)
        change.commit()
    assert files.current.stat().st_mode & 0o777 == 0o640
    assert files.previous.stat().st_mode & 0o777 == 0o640


def test_a_start_as_another_user_may_read_the_marker_whatever_the_umask(files: Pending) -> None:
    before = os.umask(0o077)
    try:
        with closing(Change(files)):
            assert files.marker.stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.EROFS, "remount"), (errno.EACCES, "sudo")], ids=["ro", "denied"]
)
def test_a_place_that_cannot_be_written_says_what_to_do(number: int, advice: str) -> None:
    error = OSError(number, os.strerror(number), "/etc/edgemast/gateway.toml")
    assert advice in str(not_written(error)) and "/etc/edgemast" in str(not_written(error))


class PowerCut(BaseException):
    pass


@pytest.mark.parametrize("cut", range(8))
def test_whenever_the_power_fails_a_start_finds_a_whole_configuration(
    cut: int, files: Pending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power fails before the step number `cut` of those that change something."""
    steps = iter(range(100))

    def cutting(real: Callable[..., None]) -> Callable[..., None]:
        def step(*given: object, **named: object) -> None:
            if next(steps) == cut:
                raise PowerCut
            real(*given, **named)

        return step

    change = Change(files)
    monkeypatch.setattr(pending, "write_whole", cutting(write_whole))
    monkeypatch.setattr(pending, "sync_folder", cutting(sync_folder))
    monkeypatch.setattr(Change, "_mark", cutting(Change._mark))
    proved = False
    try:
        change.begin(NEW)
        proved = True
        change.commit()
    except PowerCut:
        pass
    change.close()
    found = files.usable().read_bytes()
    assert found == OLD or (proved and found == NEW)
