"""Sessions and counters on disk: what survives what, and what never gets there."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from forwarder.edge.lifecycle import GRACE_S, Enrolment
from forwarder.edge.local import LocalMode
from forwarder.edge.store import Batch, Store, Writer
from forwarder.edge.values import Envelope, FcntState, KeyNews, KeyOrigin, Scheme
from forwarder.files.database import StoreFault

from .devices import NOW_S, RADIO, Node, PlainVault


class Gateway:
    """Local mode with its store, without a loop: `commit` writes what changed."""

    def __init__(self, path: Path, *nodes: Node, reserve: int = 0) -> None:
        self.store = Store(path)
        self.writer = Writer(reserve=reserve)
        vault = PlainVault()
        self.enrolment = Enrolment([node.device() for node in nodes], vault)
        self.mode = LocalMode(self.enrolment, vault)
        for session in self.store.load(self.enrolment.devices):
            self.enrolment.restore(session)
            self.writer.loaded(session)

    def commit(self) -> Batch:
        enrolment = self.enrolment
        self.writer.forget(enrolment.gone)
        for session in enrolment.changed.values():
            self.writer.change(session)
        for session in enrolment.counted:
            self.writer.count(session)
        enrolment.changed.clear()
        enrolment.counted.clear()
        enrolment.gone.clear()
        batch = self.writer.take()
        self.store.commit(batch)
        return batch

    def hear(self, frame: bytes, now_s: float = NOW_S) -> FcntState | None:
        record = self.mode.frame(frame, RADIO, 0, now_s)
        return None if record is None else record.fcnt_state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "edge.sqlite3"


def test_a_session_and_its_counter_survive_a_restart(path: Path) -> None:
    node = Node()
    gateway = Gateway(path, node)
    gateway.mode.news(node.news(), NOW_S)
    assert gateway.hear(node.send(70_000)) is FcntState.NEW
    gateway.commit()
    again = Gateway(path, node)
    assert again.hear(node.send(70_000)) is FcntState.REPEAT
    assert again.hear(node.send(70_001)) is FcntState.NEW


def test_a_restart_between_agreement_and_first_frame_loses_no_session(path: Path) -> None:
    old = Node()
    new = old.rejoined()
    gateway = Gateway(path, old)
    for node in (old, new):
        gateway.mode.news(node.news(), NOW_S)
    gateway.hear(old.send(3))
    gateway.commit()
    again = Gateway(path, old)
    assert again.hear(old.send(4)) is FcntState.NEW
    assert again.hear(new.send(0)) is FcntState.NEW


def test_a_wiped_session_does_not_come_back_after_a_restart(path: Path) -> None:
    old = Node()
    new = old.rejoined()
    gateway = Gateway(path, old)
    for node in (old, new):
        gateway.mode.news(node.news(), NOW_S)
        gateway.hear(node.send(0))
    gateway.mode.tick(NOW_S + GRACE_S)
    gateway.commit()
    assert old.app not in everything(path)
    again = Gateway(path, old)
    again.mode.news(old.news(), NOW_S)
    assert again.hear(old.send(0)) is None


def test_what_is_no_longer_enrolled_is_not_on_the_disk(path: Path) -> None:
    node = Node()
    gateway = Gateway(path, node)
    gateway.mode.news(node.news(), NOW_S)
    gateway.commit()
    assert node.app in everything(path)  # wrapped in nothing, by the vault of these tests
    gateway.store.close()
    Gateway(path).store.close()
    assert node.app not in everything(path) and node.nwk not in everything(path)


def test_a_key_in_clear_is_not_stored_and_its_counter_is(path: Path) -> None:
    node = Node()
    news = KeyNews(
        "file",
        KeyOrigin.STATIC,
        node.dev_eui,
        node.dev_addr,
        app_s_key=Envelope(Scheme.CLEAR, node.app),
        f_nwk_s_int=Envelope(Scheme.CLEAR, node.nwk),
    )
    gateway = Gateway(path, node)
    gateway.mode.news(news, NOW_S)
    gateway.hear(node.send(41))
    gateway.commit()
    content = everything(path)
    assert node.app not in content and node.nwk not in content
    again = Gateway(path, node)
    again.mode.news(news, NOW_S)
    assert again.hear(node.send(41)) is FcntState.REPEAT
    assert again.hear(node.send(42)) is FcntState.NEW


def everything(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    Gateway(path).store.commit(Batch([], [], []))
    assert path.stat().st_mode & 0o777 == 0o600


def test_with_a_reserve_few_frames_write_and_after_a_crash_all_of_it_was_seen(path: Path) -> None:
    node = Node()
    gateway = Gateway(path, node, reserve=10)
    gateway.mode.news(node.news(), NOW_S)
    writes = 0
    for fcnt in range(20):
        gateway.hear(node.send(fcnt))
        writes += bool(gateway.commit().counters)
    assert writes == 2
    again = Gateway(path, node)
    assert again.hear(node.send(21)) is FcntState.REPEAT
    assert again.hear(node.send(22)) is FcntState.NEW


def test_a_good_end_leaves_no_reserve(path: Path) -> None:
    node = Node()
    gateway = Gateway(path, node, reserve=10)
    gateway.mode.news(node.news(), NOW_S)
    gateway.hear(node.send(0))
    gateway.commit()
    gateway.writer.settle(gateway.enrolment.devices[node.dev_eui].sessions)
    gateway.store.commit(gateway.writer.take())
    assert Gateway(path, node).hear(node.send(1)) is FcntState.NEW


# A file that cannot be used.


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database at all, but it is long enough" * 100)
    node = Node()
    gateway = Gateway(path, node)
    gateway.mode.news(node.news(), NOW_S)
    gateway.hear(node.send(3))
    gateway.commit()
    assert path.with_name("edge.sqlite3.damaged").exists()
    assert "is damaged" in caplog.text and "begun anew" in caplog.text
    assert Gateway(path, node).hear(node.send(3)) is FcntState.REPEAT


def test_a_file_cut_off_in_the_middle_is_no_reason_to_stop(path: Path) -> None:
    nodes = [Node(n, n) for n in range(1, 200)]
    gateway = Gateway(path, *nodes)
    for node in nodes:
        gateway.mode.news(node.news(), NOW_S)
    gateway.commit()
    gateway.store.close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = Gateway(path, *nodes)
    again.mode.news(nodes[0].news(), NOW_S)
    again.commit()


def test_a_locked_file_costs_nothing_and_is_written_when_it_is_free(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forwarder.files.database.BUSY_S", 0.01)
    node = Node()
    gateway = Gateway(path, node)
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    gateway.mode.news(node.news(), NOW_S)
    gateway.writer.change(gateway.enrolment.devices[node.dev_eui].sessions[0])
    batch = gateway.writer.take()
    with pytest.raises(StoreFault, match="locked"):
        gateway.store.commit(batch)
    gateway.writer.again(batch)
    assert "kept in memory only" in caplog.text
    other.rollback()
    other.close()
    gateway.hear(node.send(9))
    gateway.commit()
    assert not gateway.store.fault
    assert Gateway(path, node).hear(node.send(9)) is FcntState.REPEAT


def test_a_place_that_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "edge.sqlite3")
    for _ in range(3):
        with pytest.raises(StoreFault):
            store.commit(Batch([], [], []))
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1


def test_a_full_disk_is_said_and_survived(path: Path) -> None:
    node = Node()
    gateway = Gateway(path, node)
    gateway.commit()
    assert gateway.store._database._db is not None
    pages = gateway.store._database._db.execute("PRAGMA page_count").fetchone()[0]
    gateway.store._database._db.execute(f"PRAGMA max_page_count = {pages}")
    gateway.mode.news(node.news(), NOW_S)
    session = gateway.enrolment.devices[node.dev_eui].sessions[0]
    session.source = "x" * 100_000
    gateway.writer.change(session)
    with pytest.raises(StoreFault, match="full"):
        gateway.store.commit(gateway.writer.take())


# The power goes.


@pytest.mark.parametrize("after", [1, 7, 40])
def test_killed_at_any_moment_no_counter_goes_back(path: Path, after: int) -> None:
    last = -1
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.edge.counting_child", str(path), str(last + 1)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(after)]
        child.kill()
        told += [int(line) for line in child.stdout.read().splitlines() if line]
        child.wait()
        child.stdout.close()
        assert told[0] > last, "a counter that had gone out was accepted again"
        assert told == sorted(set(told))
        last = told[-1]
