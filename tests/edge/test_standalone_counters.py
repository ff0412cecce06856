"""FCntDown is never used twice, whatever is written, lost and killed in whatever order."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.edge.standalone.counters import BLOCK, END, DownCounter
from forwarder.edge.standalone.store import StandaloneStore
from forwarder.edge.standalone.values import Batch, Nonce, Stored
from forwarder.edge.values import Envelope, Scheme
from forwarder.files.database import StoreFault

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 40)),
        st.tuples(st.just("write"), st.sampled_from(["ok", "fails", "unknown"])),
        st.tuples(st.just("kill"), st.just(0)),
    ),
    max_size=60,
)


def row(ident: bytes = b"one", *, up: int | None = None, limit: int = 0) -> Stored:
    keys = {"f_nwk_s_int": Envelope(Scheme.RFC3394, bytes(24), "ns")}
    head = (ident, "70b3d57ed1000001", "70b3d57ed0000001", 0x26000001, "js", b"id")
    return Stored(*head, False, True, 0, 1, b"", 5.5, up, limit, 0, 0, keys)


@given(STEPS)
def test_no_counter_is_taken_twice_across_writes_failures_and_kills(
    steps: list[tuple[str, int | str]],
) -> None:
    counter, disk = DownCounter(), 0
    used: list[int] = []
    for what, detail in steps:
        if what == "take":
            for _ in range(int(detail)):
                number = counter.take()
                if number is not None:
                    used.append(number)
        elif what == "write":
            limit = counter.to_store()
            if detail != "fails":
                disk = max(disk, limit)
            if detail == "ok":  # of "unknown" the disk has it and nobody was told
                counter.stored(limit)
        else:
            counter = DownCounter(disk)
    assert used == sorted(set(used))
    assert all(number < disk for number in used)


def test_counting_ends_and_never_wraps() -> None:
    counter = DownCounter(END - 2)
    counter.stored(counter.to_store())
    assert [counter.take() for _ in range(3)] == [END - 2, END - 1, None]
    assert counter.exhausted and not counter.short()


def test_a_block_is_reserved_before_the_last_one_is_used_up() -> None:
    counter = DownCounter()
    assert counter.take() is None and counter.short()
    counter.stored(counter.to_store())
    assert counter.left == BLOCK and not counter.short()
    for _ in range(BLOCK // 2 + 1):
        counter.take()
    assert counter.short() and counter.to_store() > BLOCK


def test_what_was_stored_comes_back_and_counters_never_go_back(tmp_path: Path) -> None:
    store = StandaloneStore(tmp_path / "s.db")
    store.commit(Batch(rows=[row(up=7, limit=64)], nonces=[Nonce("d", "j", 3)]))
    store.commit(Batch(rows=[row(up=5, limit=32)], nonces=[Nonce("d", "j", 3)]))
    store.close()
    again = StandaloneStore(tmp_path / "s.db")
    assert again.load() == ([row(up=7, limit=64)], [Nonce("d", "j", 3)])
    again.commit(Batch(gone=[b"one"]))
    assert again.load()[0] == []
    assert (tmp_path / "s.db").stat().st_mode & 0o777 == 0o600


def test_a_commit_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = StandaloneStore(path)
    store.commit(Batch(rows=[row(up=1, limit=32)]))
    with sqlite3.connect(path) as db:
        db.execute("CREATE TRIGGER no BEFORE INSERT ON nonce BEGIN SELECT RAISE(FAIL, 'no'); END")
    db.close()
    with pytest.raises(StoreFault, match="no"):
        store.commit(Batch(rows=[row(up=2, limit=64)], nonces=[Nonce("d", "j", 1)]))
    assert store.load() == ([row(up=1, limit=32)], [])


def test_a_file_that_cannot_be_is_a_fault_in_words(tmp_path: Path) -> None:
    (tmp_path / "not").write_text("a file")
    with pytest.raises(StoreFault, match=r"s\.db"):
        StandaloneStore(tmp_path / "not" / "s.db").commit(Batch(rows=[row()]))


def test_a_damaged_file_is_set_aside_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"this is no database, and long enough to be looked at " * 40)
    store = StandaloneStore(path)
    assert store.load() == ([], [])
    assert path.with_name("s.db.damaged").exists()


WRITER = """
import os, sys
from pathlib import Path
from forwarder.edge.standalone.counters import DownCounter
from forwarder.edge.standalone.store import StandaloneStore
from forwarder.edge.standalone.values import Batch
from tests.edge.test_standalone_counters import row

store = StandaloneStore(Path(sys.argv[1]))
rows, _ = store.load()
counter = DownCounter(rows[0].network_limit if rows else 0)
for _ in range(int(sys.argv[2])):
    if counter.short():
        limit = counter.to_store()
        store.commit(Batch(rows=[row(limit=limit)]))
        counter.stored(limit)
    os.write(1, b"%d\\n" % counter.take())
os.kill(os.getpid(), 9)
"""


def test_kill_9_and_restart_use_no_counter_twice(tmp_path: Path) -> None:
    used: list[int] = []
    root = Path(__file__).parents[2]
    for count in (1, 20, 33, 50):
        done = subprocess.run(
            [sys.executable, "-c", WRITER, str(tmp_path / "s.db"), str(count)],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        used += [int(line) for line in done.stdout.split()]
    assert len(used) == 104 and used == sorted(set(used))
