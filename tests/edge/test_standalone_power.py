"""Power that fails between any two steps: nothing is published twice, no counter used twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.edge.standalone.store import StandaloneStore
from forwarder.edge.values import LocalDownlink
from tests.edge.test_standalone_core import EUI, Bench

# Where the power fails, or the disk: after which step of taking, writing and acting.
FAILS = ("never", "before the commit", "after the commit", "after acting", "disk", "said to fail")


@dataclass
class PowerBench(Bench):
    """A core with a real file; `kill` begins again with nothing but that."""

    path: Path = Path()
    fails: str = "never"
    published: list[tuple[str | None, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.store = StandaloneStore(self.path)

    def settle(self, *, stored: bool = True) -> None:
        while (batch := self.core.take()) is not None:
            if self.fails == "before the commit":
                return self.kill()
            if self.fails != "disk":
                self.store.commit(batch)
            if self.fails == "after the commit":
                return self.kill()
            stored = self.fails not in ("disk", "said to fail")
            for record in self.core.done(batch, stored=stored, now_s=self.now_s):
                self.published.append((record.session, record.fcnt))
            if self.fails == "after acting":
                return self.kill()
            if not stored:
                return None
        return None

    def kill(self) -> None:
        self.store.close()
        js = self.js
        PowerBench.__post_init__(self)
        self.js = js
        self.core.restore(*self.store.load())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(FAILS), st.booleans(), st.integers(1, 20)),
        min_size=1,
        max_size=12,
    )
)
def test_wherever_the_power_fails_nothing_is_used_or_published_twice(
    steps: list[tuple[str, bool, int]],
) -> None:
    with TemporaryDirectory() as folder:
        bench = PowerBench(path=Path(folder) / "s.db")
        bench.join()
        for fails, queue, repeats in steps:
            raw = bench.frame(confirmed=True)
            if queue:
                bench.core.enqueue(LocalDownlink(EUI, 3, b"x" * repeats), bench.now_s)
            for _ in range(repeats):  # the device repeats what is not acknowledged
                bench.fails = fails
                bench.hear(raw)
                fails = "never" if fails != "disk" else fails
        bench.store.close()
    frames = [one.payload for one in bench.sent if one.payload[0] >> 5 == 3]
    counters = [int.from_bytes(one[6:8], "little") for one in frames]
    assert counters == sorted(set(counters))
    assert len(set(frames)) == len(frames)
    on_disk = [one for one in bench.published if one]
    if not any(fails in ("disk", "said to fail") for fails, _, _ in steps):
        assert on_disk == sorted(set(on_disk), key=lambda one: one[1] or 0)
