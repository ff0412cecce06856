"""When frames go to disk and come back, with a disk that is a dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.spool.jobs import Forget, Found, Job, Load, Recover, Result, Write
from forwarder.spool.keeper import FIRST_NUMBER, Keeper
from forwarder.spool.kept import Drop, Kept
from forwarder.spool.stowing import FLUSH_S, LOAD, PAUSES_S, SLOW_S, TRIM
from forwarder.spool.uplinks import Uplinks

from . import makers

A, B, C = 0x26011F01, 0x26011F02, 0x26011F03
AFTER_S = 60.0
ROW_BYTES = 122  # of a short uplink


@dataclass
class FakeDisk:
    """Rows by number, as a file has them: what was received when, and nothing of this process."""

    rows: dict[int, Kept[Any]] = field(default_factory=dict)
    writes: int = 0

    def do(self, job: Job[Any], now: float) -> Result[Any]:
        match job:
            case Recover():
                self.rows = {
                    FIRST_NUMBER - len(self.rows) + index: replace(kept)
                    for index, (_, kept) in enumerate(sorted(self.rows.items()))
                }
                found = sorted(self.rows.items())
                return [Found(n, k.lane, now - k.taken_s, ROW_BYTES) for n, k in found]
            case Load(numbers):
                return [self._read(number) for number in numbers if number in self.rows]
            case Write(frames):
                self.writes += 1
                self.rows |= {kept.number: replace(kept) for kept in frames}
            case Forget(numbers):
                for number in numbers:
                    self.rows.pop(number, None)
        return None

    def _read(self, number: int) -> Kept[Any]:
        kept = self.rows[number]
        return Kept(number, kept.item, kept.taken_s, kept.lane, stored=True)


class Bench:
    """A keeper and its disk; `serve` lets the disk do all that is due."""

    def __init__(
        self, disk: FakeDisk | None = None, kind: str = "uplinks", /, **outage: float
    ) -> None:
        outage = {"disk_after_s": AFTER_S, **outage}
        kept, self.make = makers.KINDS[kind]
        self.disk = disk or FakeDisk()
        self.keeper = Keeper(makers.settings("replay", **outage), kept, has_disk=True)
        self.now = 0.0
        self.serve()

    def put(self, *addresses: int) -> None:
        for address in addresses:
            self.keeper.put(self.make(address), self.now)

    def serve(self) -> None:
        while (job := self.keeper.job(self.now)) is not None:
            self.keeper.done(job, self.disk.do(job, self.now), self.now)

    def at(self, now: float) -> None:
        """Walk from one wake-up to the next until `now`."""
        while (due := self.keeper.next_tick(self.now)) <= now:
            self.now = max(due, self.now + 1e-6)
            self.keeper.tick(self.now)
            self.serve()
            if self.keeper.is_open:
                break
        self.now = now

    def sent(self) -> list[tuple[int, bool]]:
        return [(kept.number - FIRST_NUMBER, kept.late) for kept in self.keeper.to_send(self.now)]

    def replay(self, until: float) -> list[int]:
        """All that goes until then, each acknowledged at once."""
        gone = []
        while self.now <= until:
            self.keeper.tick(self.now)
            for kept in list(self.keeper.to_send(self.now)):
                gone.append(kept.number - FIRST_NUMBER)
                self.keeper.acknowledged(kept.number)
            self.serve()
            self.now = max(self.keeper.next_tick(self.now), self.now + 1e-6)
        self.now = until
        return gone


def in_outage(frames: int = 20, **outage: float) -> Bench:
    """Twenty frames on disk, of three devices in turn; the link is still away."""
    bench = Bench(None, **{"replay_per_s": 10.0, **outage})
    for index in range(frames):
        bench.put((A, B, C)[index % 3])
    bench.at(AFTER_S + FLUSH_S)
    return bench


def test_a_short_outage_writes_nothing() -> None:
    bench = Bench()
    bench.put(A, B)
    bench.at(AFTER_S - 1)
    bench.keeper.opened(bench.now)
    assert bench.replay(AFTER_S + 100) == [0, 1]
    assert bench.disk.writes == 0


def test_a_long_outage_goes_to_disk_in_batches() -> None:
    bench = in_outage()
    assert len(bench.disk.rows) == 20 and bench.disk.writes == 1
    assert len(bench.keeper) == 0 and bench.keeper.at_risk == 0
    for _ in range(30):
        bench.put(A)
        bench.at(bench.now + 1.0)
    assert bench.disk.writes <= 1 + 30 / FLUSH_S + 1


def test_the_disk_is_empty_after_the_replay_and_the_order_is_kept() -> None:
    bench = in_outage()
    bench.put(A)  # not on disk yet
    bench.keeper.opened(bench.now)
    assert bench.replay(bench.now + 60) == list(range(21))
    assert bench.disk.rows == {} and bench.keeper.tally.late == 21


def test_a_live_frame_fetches_its_devices_frames_from_the_disk_first() -> None:
    bench = in_outage()
    bench.keeper.opened(bench.now)
    bench.put(B)
    assert bench.sent() == []  # its seven on disk are older than it
    gone = bench.replay(bench.now + 1.0)
    assert [number for number in gone if number % 3 == 1 or number == 20] == [
        1,
        4,
        7,
        10,
        13,
        16,
        19,
        20,
    ]


def test_a_live_frame_of_another_device_never_waits_for_the_disk() -> None:
    bench = in_outage()
    bench.keeper.opened(bench.now)
    bench.put(0x26011FFF)
    assert bench.sent() == [(20, False)]


def test_nobody_waits_for_a_disk_that_does_not_answer() -> None:
    bench = in_outage()
    bench.keeper.opened(bench.now)
    assert isinstance(bench.keeper.job(bench.now), Load)  # and its answer does not come
    bench.put(B)
    assert bench.sent() == []
    assert bench.keeper.next_tick(bench.now) <= bench.now + SLOW_S
    bench.now += SLOW_S
    assert bench.sent() == [(20, True)]


def test_a_disk_that_fails_is_tried_again_and_meanwhile_memory_keeps() -> None:
    bench = Bench()
    bench.put(A)
    bench.now = AFTER_S
    job = bench.keeper.job(bench.now)
    assert isinstance(job, Write)
    bench.keeper.stowing.failed(bench.now)
    assert bench.keeper.job(bench.now) is None
    assert bench.keeper.at_risk == 1
    bench.at(AFTER_S + PAUSES_S[0] + FLUSH_S)
    assert len(bench.disk.rows) == 1


def test_failures_in_a_row_are_tried_ever_more_rarely() -> None:
    bench = Bench()
    bench.put(A)
    tries: list[float] = []
    while len(tries) < len(PAUSES_S) + 1:
        bench.now = bench.keeper.next_tick(bench.now)
        if bench.keeper.job(bench.now) is not None:
            tries.append(bench.now)
            bench.keeper.stowing.failed(bench.now)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses == list(PAUSES_S)


def test_frames_over_the_size_limit_go_oldest_first() -> None:
    bench = in_outage(100, disk_mb=0.005)
    bench.at(bench.now + FLUSH_S)
    bench.serve()
    kept = sorted(bench.disk.rows)
    dropped = bench.keeper.tally.dropped[Drop.FULL]
    assert dropped > 0 and len(kept) == 100 - dropped
    assert kept[0] == FIRST_NUMBER + dropped


def test_frames_over_the_age_limit_leave_the_disk() -> None:
    bench = in_outage(max_age_h=1.0)
    bench.at(3600 + FLUSH_S)
    assert bench.disk.rows == {}
    assert bench.keeper.tally.dropped == {Drop.EXPIRED: 20}


def test_a_second_run_replays_what_the_first_left_before_its_own() -> None:
    disk = in_outage().disk
    bench = Bench(disk, replay_per_s=10.0)
    assert bench.keeper.tally.recovered == 20
    bench.put(A)
    bench.keeper.opened(bench.now)
    gone = bench.replay(60.0)
    assert gone == [*range(-20, 1)]
    assert disk.rows == {}


def test_a_row_that_cannot_be_read_back_is_counted() -> None:
    bench = in_outage()
    del bench.disk.rows[FIRST_NUMBER + 5]
    bench.keeper.opened(bench.now)
    assert len(bench.replay(bench.now + 60)) == 19
    assert bench.keeper.tally.dropped == {Drop.DISK: 1}


def test_a_damaged_store_costs_what_it_alone_had() -> None:
    bench = in_outage()
    bench.put(A)
    bench.keeper.disk_lost()
    assert bench.keeper.tally.dropped == {Drop.DISK: 20}
    bench.keeper.opened(bench.now)
    assert bench.replay(bench.now + 5) == [20]


def test_the_end_of_the_process_writes_what_waits() -> None:
    bench = Bench()
    bench.keeper.opened(0.0)
    bench.put(A)
    bench.sent()
    job = bench.keeper.last_job(1.0)
    assert isinstance(job, Write) and len(job.frames) == 1


def test_many_more_frames_than_are_loaded_at_once_come_back_in_order() -> None:
    bench = in_outage(LOAD * 3, replay_per_s=1000.0)
    bench.keeper.opened(bench.now)
    assert sorted(gone := bench.replay(bench.now + 30)) == list(range(LOAD * 3))
    for device in range(3):
        assert (mine := [number for number in gone if number % 3 == device]) == sorted(mine)


def test_memory_that_is_full_drops_nothing_that_the_disk_has() -> None:
    bench = in_outage(memory_frames=16)
    bench.keeper.opened(bench.now)
    bench.serve()
    bench.keeper.closed(bench.now)
    dropped = bench.keeper.tally.dropped[Drop.FULL]
    bench.put(*[A] * 10)
    assert bench.keeper.tally.dropped[Drop.FULL] == dropped
    bench.at(bench.now + FLUSH_S)
    bench.keeper.opened(bench.now)
    assert sorted(bench.replay(bench.now + 60)) == list(range(dropped, 30))


def test_a_frame_that_is_acknowledged_while_it_is_written_leaves_the_disk_again() -> None:
    bench = Bench()
    bench.put(A)
    bench.now = AFTER_S
    job = bench.keeper.job(bench.now)
    assert isinstance(job, Write)
    bench.keeper.opened(bench.now)
    for kept in list(bench.keeper.to_send(bench.now)):
        bench.keeper.acknowledged(kept.number)
    bench.keeper.done(job, bench.disk.do(job, bench.now), bench.now)
    bench.serve()
    assert bench.disk.rows == {} and bench.keeper.stowing.rows == 0


def test_after_the_store_was_lost_what_memory_has_is_written_anew() -> None:
    bench = in_outage()
    bench.keeper.opened(bench.now)
    bench.serve()  # all twenty are in memory too
    bench.keeper.closed(bench.now)
    bench.disk.rows.clear()
    bench.keeper.disk_lost()
    assert bench.keeper.at_risk == 20 and bench.keeper.tally.dropped == {}
    bench.keeper.opened(bench.now)
    for kept in list(bench.keeper.to_send(bench.now)):
        bench.keeper.acknowledged(kept.number)
    left = bench.keeper.at_risk
    assert left == len(bench.keeper) < 20
    bench.keeper.closed(bench.now)
    bench.at(bench.now + AFTER_S)
    assert len(bench.disk.rows) == left and bench.keeper.at_risk == 0


def test_a_removal_that_the_loss_of_the_store_overtook_is_not_counted() -> None:
    bench = in_outage()
    bench.keeper.opened(bench.now)
    bench.serve()
    for kept in list(bench.keeper.to_send(bench.now)):
        bench.keeper.acknowledged(kept.number)
    bench.now += FLUSH_S
    job = bench.keeper.job(bench.now)
    assert isinstance(job, Forget)
    bench.keeper.disk_lost()
    bench.keeper.done(job, None, bench.now)
    assert bench.keeper.stowing.rows == 0 and bench.keeper.at_risk == len(bench.keeper)


def test_a_disk_that_worked_again_is_tried_soon_after_its_next_failure() -> None:
    bench = Bench()
    bench.put(A)
    for _ in range(3):
        bench.now = bench.keeper.next_tick(bench.now)
        assert bench.keeper.job(bench.now) is not None
        bench.keeper.stowing.failed(bench.now)
    bench.now = bench.keeper.next_tick(bench.now)
    bench.serve()
    bench.put(A)
    bench.now += FLUSH_S
    assert bench.keeper.job(bench.now) is not None
    bench.keeper.stowing.failed(bench.now)
    assert bench.keeper.next_tick(bench.now) == bench.now + PAUSES_S[0]


STEP = st.one_of(
    st.tuples(st.just("put"), st.sampled_from([A, B, C])),
    st.tuples(st.just("open"), st.just(0)),
    st.tuples(st.just("close"), st.just(0)),
    st.tuples(st.just("send"), st.integers(0, 5)),
    st.tuples(st.just("acknowledge"), st.integers(0, 5)),
    st.tuples(st.just("begin"), st.just(0)),
    st.tuples(st.just("end"), st.sampled_from([0, 0, 0, 1, 2])),
    st.tuples(st.just("kill"), st.just(0)),
    st.tuples(st.just("time"), st.sampled_from([0.3, 6.0, 30.0, 100.0, 2000.0])),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(STEP, max_size=80),
    st.integers(2, 20),
    st.sampled_from([0.0005, 64.0]),
    st.sampled_from(sorted(makers.KINDS)),
)
def test_whatever_happens_to_process_and_disk_every_frame_is_accounted_for(
    steps: list[tuple[str, int]], most: int, disk_mb: float, kind: str
) -> None:
    bench = Bench(
        None, kind, memory_frames=most, disk_mb=disk_mb, max_age_h=1.0, replay_per_s=100.0
    )
    keeper, disk = bench.keeper, bench.disk
    now = 0.0
    job: Job[Any] | None = None
    flying: list[int] = []
    for step, value in steps:
        match step:
            case "put":
                keeper.put(bench.make(value), now)
            case "open":
                keeper.opened(now)
                flying = []
            case "close":
                keeper.closed(now)
                flying = []
            case "send":
                for index, kept in enumerate(keeper.to_send(now)):
                    if index == value:
                        keeper.unsent(kept.number, now)
                        break
                    flying.append(kept.number)
            case "acknowledge" if flying:
                keeper.acknowledged(flying.pop(value % len(flying)))
            case "begin" if job is None:
                job = keeper.job(now)
            case "end" if job is not None:
                if value == 0:
                    keeper.done(job, disk.do(job, now), now)
                elif value == 1:
                    keeper.stowing.failed(now)
                else:
                    disk.rows.clear()
                    keeper.disk_lost()
                    keeper.stowing.gave_up()
                job = None
            case "kill":
                on_disk = set(disk.rows)
                reported = keeper.at_risk
                held = keeper.tally.taken + keeper.tally.recovered
                settled = keeper.tally.acknowledged + sum(keeper.tally.dropped.values())
                assert held - settled <= len(on_disk) + reported
                now += 1.0
                bench = Bench(disk, kind, memory_frames=most, disk_mb=disk_mb, replay_per_s=100.0)
                bench.now = now
                keeper, job, flying = bench.keeper, None, []
            case "time":
                now += value
                keeper.tick(now)
        tally = keeper.tally
        settled = tally.acknowledged + sum(tally.dropped.values())
        assert tally.taken + tally.recovered == settled + len(keeper) + len(keeper.stowing.shelf)
        assert len(keeper) - keeper.stowing.loaded <= most
        assert keeper.at_risk >= 0
        assert keeper.next_tick(now) >= 0
    numbers = list(keeper.stowing.shelf.oldest_numbers(1000))
    assert numbers == sorted(numbers)


def test_the_disk_has_one_job_at_a_time() -> None:
    bench = Bench()
    bench.put(A)
    assert isinstance(bench.keeper.job(AFTER_S), Write)
    bench.put(B)
    assert bench.keeper.job(AFTER_S + 2 * FLUSH_S) is None


def test_a_disk_of_no_size_is_not_used_and_nothing_is_asked_of_it() -> None:
    keeper = Keeper(makers.settings("replay", disk_mb=0.0), Uplinks(), has_disk=True)
    keeper.put(makers.uplink(makers.data(A)), 0.0)
    assert keeper.job(1e6) is None and not keeper.stowing.enabled


def test_what_earlier_runs_left_is_known_when_the_disk_has_said_it() -> None:
    keeper = Keeper(makers.settings("replay"), Uplinks(), has_disk=True)
    assert not keeper.stowing.knows
    job = keeper.job(0.0)
    assert isinstance(job, Recover)
    keeper.done(job, [], 0.0)
    assert keeper.stowing.knows


def test_where_the_size_limit_was_passed_room_is_made_for_more_than_one_frame() -> None:
    bench = in_outage(100, disk_mb=0.005)
    bench.at(bench.now + FLUSH_S)
    assert 0.9 * 5000 <= bench.keeper.stowing.shelf.bytes <= TRIM * 5000
