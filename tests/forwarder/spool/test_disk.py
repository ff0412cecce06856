"""The store of an outage on a real file system: SQLite as it is."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from forwarder.files.database import StoreFault
from forwarder.packets import Uplink
from forwarder.spool.clocks import Instant
from forwarder.spool.courier import DamagedStore
from forwarder.spool.disk import Disk
from forwarder.spool.keeper import FIRST_NUMBER
from forwarder.spool.kept import Kept
from forwarder.spool.uplinks import Uplinks

from . import makers

WALL_NS = 1_800_000_000 * 10**9


class Clock:
    """A host's clocks that the test sets."""

    def __init__(self) -> None:
        self.instant = Instant("boot-1", 1000.0, WALL_NS)

    def __call__(self) -> Instant:
        return self.instant

    def pass_s(self, seconds: float) -> None:
        self.instant = self.instant.before(-seconds)

    def reboot(self, *, wall_ns: int) -> None:
        self.instant = Instant("boot-2", 20.0, wall_ns)


def frames(first: int, count: int, taken_s: float = 0.0) -> list[Kept[Uplink]]:
    return [
        Kept(FIRST_NUMBER + n, makers.uplink(makers.data(fcnt=n)), taken_s, n % 3)
        for n in range(first, first + count)
    ]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "uplinks.db"


def test_nothing_is_made_before_something_is_written(path: Path, clock: Clock) -> None:
    disk = Disk(path, Uplinks(), clock)
    assert disk.left() is None and disk.recover("lns") == []
    disk.load("lns", [FIRST_NUMBER], 0.0)
    disk.forget("lns", [FIRST_NUMBER])
    disk.end()
    assert not path.parent.exists()


def test_what_was_written_can_be_loaded_with_its_age(path: Path, clock: Clock) -> None:
    disk = Disk(path, Uplinks(), clock)
    disk.write("lns", frames(0, 3, taken_s=40.0), 50.0)
    clock.pass_s(100)
    loaded = disk.load("lns", [FIRST_NUMBER + 2, FIRST_NUMBER + 7, FIRST_NUMBER], 150.0)
    assert [kept.number - FIRST_NUMBER for kept in loaded] == [2, 0]
    assert [kept.taken_s for kept in loaded] == [40.0, 40.0]
    assert loaded[1].item == frames(0, 1)[0].item


def test_the_file_goes_with_the_last_row_of_all_links(path: Path, clock: Clock) -> None:
    disk = Disk(path, Uplinks(), clock)
    disk.write("a", frames(0, 2), 0.0)
    disk.write("b", frames(0, 1), 0.0)
    disk.forget("a", [FIRST_NUMBER, FIRST_NUMBER + 1])
    assert path.exists()
    disk.forget("b", [FIRST_NUMBER])
    assert list(path.parent.iterdir()) == []
    disk.write("a", frames(5, 1), 0.0)
    assert [kept.number for kept in disk.load("a", [FIRST_NUMBER + 5], 0.0)] == [FIRST_NUMBER + 5]


def test_rows_of_an_earlier_run_come_before_all_of_this_one(path: Path, clock: Clock) -> None:
    first = Disk(path, Uplinks(), clock)
    first.write("lns", frames(0, 3), 0.0)
    first.end()
    second = Disk(path, Uplinks(), clock)
    clock.pass_s(60)
    found = second.recover("lns")
    assert [one.number - FIRST_NUMBER for one in found] == [-3, -2, -1]
    assert [one.age_s for one in found] == [60.0] * 3
    second.write("lns", frames(0, 1), 0.0)
    numbers = [*(one.number for one in found), FIRST_NUMBER]
    assert [kept.number for kept in second.load("lns", numbers, 0.0)] == numbers


@pytest.mark.parametrize(
    ("wall_ns", "age_s", "received_ns"),
    [
        pytest.param(WALL_NS + 3600 * 10**9, 3600.0, WALL_NS, id="the clock is right"),
        pytest.param(0, 20.0, WALL_NS, id="the clock is not set yet"),
    ],
)
def test_after_a_reboot_the_age_is_what_is_known(
    path: Path, clock: Clock, wall_ns: int, age_s: float, received_ns: int
) -> None:
    first = Disk(path, Uplinks(), clock)
    first.write("lns", frames(0, 1), 0.0)
    first.end()
    clock.reboot(wall_ns=wall_ns)
    second = Disk(path, Uplinks(), clock)
    (found,) = second.recover("lns")
    assert found.age_s == age_s
    (kept,) = second.load("lns", [found.number], 0.0)
    assert kept.item.received_ns == received_ns and not kept.dated


def test_a_good_end_is_told_from_a_bad_one(path: Path, clock: Clock) -> None:
    first = Disk(path, Uplinks(), clock)
    first.write("lns", frames(0, 2), 5.0)
    first._database.close()  # as the end of the process does
    second = Disk(path, Uplinks(), clock)
    left = second.left()
    assert left is not None and left.rows == {"lns": 2} and not left.clean
    assert left.newest == clock.instant.before(5.0)
    second.write("lns", frames(5, 1), 5.0)
    second.end()
    again = Disk(path, Uplinks(), clock).left()
    assert again is not None and again.clean


def test_a_power_cut_between_two_commits_costs_nothing_of_the_first(
    path: Path, clock: Clock, tmp_path: Path
) -> None:
    disk = Disk(path, Uplinks(), clock)
    disk.write("lns", frames(0, 5), 0.0)
    cut = tmp_path / "cut"
    shutil.copytree(path.parent, cut)  # what the card has at this instant
    disk.write("lns", frames(5, 5), 0.0)
    after = Disk(cut / path.name, Uplinks(), clock)
    assert len(after.recover("lns")) == 5


def test_a_log_that_was_torn_in_a_commit_leaves_the_commits_before(
    path: Path, clock: Clock, tmp_path: Path
) -> None:
    disk = Disk(path, Uplinks(), clock)
    disk.write("lns", frames(0, 5), 0.0)
    size = path.with_name("uplinks.db-wal").stat().st_size
    disk.write("lns", frames(5, 50), 0.0)
    cut = tmp_path / "cut"
    shutil.copytree(path.parent, cut)
    with (cut / "uplinks.db-wal").open("r+b") as file:
        file.truncate(size + 1000)
    assert len(Disk(cut / path.name, Uplinks(), clock).recover("lns")) == 5


def test_a_damaged_file_is_set_aside_and_told_once(path: Path, clock: Clock) -> None:
    disk = Disk(path, Uplinks(), clock)
    disk.write("lns", frames(0, 500), 0.0)
    disk.end()
    data = bytearray(path.read_bytes())
    data[4096:12288] = b"\xa5" * 8192
    path.write_bytes(data)
    again = Disk(path, Uplinks(), clock)
    with pytest.raises(DamagedStore):
        again.write("lns", frames(0, 1), 0.0)
    again.write("lns", frames(0, 1), 0.0)
    assert path.with_name("uplinks.db.damaged").exists()
    assert len(again.load("lns", [FIRST_NUMBER], 0.0)) == 1


def test_a_file_that_is_no_database_is_set_aside(path: Path, clock: Clock) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not SQLite at all, " * 300)
    disk = Disk(path, Uplinks(), clock)
    with pytest.raises(DamagedStore):
        disk.left()
    disk.write("lns", frames(0, 1), 0.0)


def test_another_process_with_the_file_is_a_fault_that_passes(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forwarder.files.database.BUSY_S", 0.01)
    disk = Disk(path, Uplinks(), clock)
    disk.write("lns", frames(0, 1), 0.0)
    disk.end()
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreFault, match="locked"):
        disk.write("lns", frames(1, 1), 0.0)
    other.close()
    disk.write("lns", frames(1, 1), 0.0)
    assert len(disk.recover("lns")) == 2


def test_a_row_that_nobody_wrote_is_left_out(path: Path, clock: Clock) -> None:
    disk = Disk(path, Uplinks(), clock)
    disk.write("lns", frames(0, 2), 0.0)
    disk.end()
    db = sqlite3.connect(path)
    db.execute("UPDATE frame SET body = x'00' WHERE id = 1")
    db.commit()
    db.close()
    again = Disk(path, Uplinks(), clock)
    found = again.recover("lns")
    assert len(again.load("lns", [one.number for one in found], 0.0)) == 1


def test_a_repeated_write_is_no_second_row(path: Path, clock: Clock) -> None:
    disk = Disk(path, Uplinks(), clock)
    disk.write("lns", frames(0, 2), 0.0)
    disk.write("lns", [replace(kept) for kept in frames(0, 2)], 0.0)
    assert len(disk.recover("lns")) == 2
