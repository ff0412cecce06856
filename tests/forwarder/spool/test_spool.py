"""Keepers with their common disk, journal and thread, on a clock that the test sets."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from . import makers
from .site import EUI, WALL_NS, Site, until


def looped(body: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """A test as a coroutine."""

    def test(tmp_path: Path) -> None:
        asyncio.run(body(tmp_path))

    test.__name__ = body.__name__
    return test


@looped
async def test_normal_running_writes_one_mark_a_boot_and_nothing_else(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (courier,) = site.start()
    await site.ready()
    at_start = written(site)
    assert 0 < at_start < 50
    courier.opened()
    for _ in range(500):
        courier.put(makers.uplink())
        courier.acknowledged(site.sent[-1][0])
    site.later(86_400, courier)
    assert site.files == [f"uplinks-{EUI}.running"]
    assert written(site) == at_start
    await site.spool.end()
    assert site.files == []


@looped
async def test_a_long_outage_is_on_disk_and_its_file_goes_with_the_last_frame(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path)
    (courier,) = site.start()
    await site.ready()
    for _ in range(10):
        courier.put(makers.uplink())
    site.later(61, courier)
    await site.on_disk(courier, 10)
    assert courier.at_risk == 0
    assert 10 * 100 < written(site) < 10 * 10_000
    courier.opened()
    await until(lambda: len(site.sent) > 0)
    while len(site.sent) < 10:
        site.later(0.2)
        courier._advance()
    for number, _, late in site.sent:
        assert late
        courier.acknowledged(number)
    await site.on_disk(courier, 0)
    assert site.files == [f"uplinks-{EUI}.running"]


@looped
async def test_a_restart_writes_what_waits_and_the_next_run_sends_it_with_its_time(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path)
    (courier,) = site.start()
    await site.ready()
    courier.put(makers.uplink(counter_us=77))
    site.later(5)
    await site.spool.end()
    site.later(100)
    (courier,) = site.start()
    await site.ready()
    assert site.spool.gaps == [] and courier.status()["recovered"] == 1
    courier.opened()
    await until(lambda: len(site.sent) == 1)
    ((_, uplink, late),) = site.sent
    assert late and uplink.session == b"sess" and uplink.frame.counter_us == 77
    assert uplink.received_ns == WALL_NS


@looped
async def test_a_kill_is_told_with_the_number_and_the_times(tmp_path: Path) -> None:
    site = Site(tmp_path)
    a, b = site.start("a", "b")
    await site.ready()
    for _ in range(3):
        a.put(makers.uplink())
    site.later(7)
    a.put(makers.uplink())
    b.put(makers.uplink())
    site.kill()
    site.later(2)
    a, b = site.start("a", "b")
    await site.ready()
    assert [(gap.link, gap.count) for gap in site.spool.gaps] == [("a", 4), ("b", 1)]
    text = a.metadata()["spool_gap"]
    assert "from 2027-01-15 08:00:00 UTC to 2027-01-15 08:00:07 UTC were neither" in text
    assert "b:" not in a.metadata()["spool_gap"]


@looped
async def test_a_kill_with_nothing_at_risk_is_no_gap(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (courier,) = site.start()
    await site.ready()
    courier.opened()
    courier.put(makers.uplink())
    courier.acknowledged(site.sent[-1][0])
    site.kill()
    (courier,) = site.start()
    await site.ready()
    assert site.spool.gaps == [] and courier.metadata() == {}


@looped
async def test_a_power_cut_in_an_outage_is_told_with_the_newest_frame_that_was_saved(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path)
    (courier,) = site.start()
    await site.ready()
    courier.put(makers.uplink())
    site.later(61, courier)
    await site.on_disk(courier, 1)
    site.kill()
    for path in (tmp_path / "run").iterdir():
        path.unlink()  # it was in memory
    site.host.boot, site.host.boot_age_s = "boot-2", 30.0
    (courier,) = site.start()
    await site.ready()
    (gap,) = site.spool.gaps
    assert "the power failed in an outage" in gap.words and "UTC" in gap.words
    assert courier.status()["recovered"] == 1


@looped
async def test_a_power_cut_without_an_outage_on_disk_is_told_with_its_most(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.start()
    await site.ready()
    site.kill()
    for path in (tmp_path / "run").iterdir():
        path.unlink()
    site.host.boot = "boot-2"
    site.start()
    await site.ready()
    (gap,) = site.spool.gaps
    assert gap.words.startswith("the power failed: uplinks of the 70 s before that")


@looped
async def test_a_program_that_is_restarted_over_and_over_writes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.start()
    await site.ready()
    site.kill()
    site.start()
    await site.ready()
    mark = tmp_path / "state" / f"uplinks-{EUI}.running"
    before = mark.stat().st_mtime_ns
    site.kill()
    site.start()
    await site.ready()
    assert mark.stat().st_mtime_ns == before
    assert written(site) == 0


@looped
async def test_where_nothing_can_be_written_memory_keeps_and_that_is_said_once(
    tmp_path: Path,
) -> None:
    (tmp_path / "state").write_text("no folder")
    site = Site(tmp_path)
    (courier,) = site.start()
    await site.ready()
    courier.put(makers.uplink())
    site.later(61, courier)
    await until(lambda: site.spool.status()["trouble"] != "")
    assert courier.at_risk == 1
    courier.opened()
    await until(lambda: len(site.sent) == 1)


@looped
async def test_a_disk_that_can_be_written_again_is_used_again(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    site = Site(tmp_path)
    (courier,) = site.start()
    await site.ready()
    courier.put(makers.uplink())
    site.later(61, courier)
    await until(lambda: site.spool.status()["trouble"] != "")
    (tmp_path / "state").unlink()
    site.later(61, courier)
    await site.on_disk(courier, 1)
    assert site.spool.status()["trouble"] == ""


@looped
async def test_a_store_that_is_damaged_meanwhile_costs_what_it_had_and_is_replaced(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path)
    a, b = site.start("a", "b")
    await site.ready()
    for courier in (a, b):
        courier.put(makers.uplink())
    site.later(61, a, b)
    await site.on_disk(a, 1)
    await site.on_disk(b, 1)
    disk = site.spool._disk
    assert disk is not None
    disk._database.close()
    for path in (tmp_path / "state").glob("*.db*"):
        path.write_bytes(b"\xa5" * 8192)
    a.put(makers.uplink())
    site.later(20, a)
    await until(lambda: a.status()["dropped"] == {"disk": 1})
    assert b.status()["dropped"] == {"disk": 1}
    site.later(61, a)
    await site.on_disk(a, 1)


@looped
async def test_the_end_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (courier,) = site.start()
    await site.ready()
    hung = asyncio.get_running_loop().create_future()
    site.spool._worker.submit(lambda: __import__("threading").Event().wait(), hung.set_result)
    courier.put(makers.uplink())
    await site.spool.end()
    assert courier.at_risk == 1


@looped
async def test_a_second_process_of_the_same_gateway_keeps_in_memory(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (courier,) = site.start()
    await site.ready()
    courier.put(makers.uplink())
    second = Site(tmp_path, site.host)
    (rival,) = second.start()
    rival.put(makers.uplink())
    await until(lambda: "another process" in str(second.spool.status()["trouble"]))
    assert second.spool.gaps == []
    await second.spool.end()
    assert site.files == [f"uplinks-{EUI}.running"]
    await site.spool.end()


@looped
async def test_uplinks_for_a_server_that_is_gone_are_told(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (courier,) = site.start("old")
    await site.ready()
    courier.put(makers.uplink())
    await site.spool.end()
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("forwarder.spool.spool").addHandler(handler)
    site.start("new")
    await site.ready()
    logging.getLogger("forwarder.spool.spool").removeHandler(handler)
    assert any("'old', which is not configured" in line for line in heard)


def written(site: Site) -> int:
    count = site.spool.status()["written_bytes"]
    assert isinstance(count, int)
    return count


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from tests.forwarder.spool import makers
from tests.forwarder.spool.site import Site, until

async def main():
    site = Site(Path(sys.argv[1]))
    courier, = site.start()
    await site.ready()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
    for _ in range(1000):
        courier.put(makers.uplink())
    site.later(61, courier)
    await until(lambda: site.spool.status()["trouble"] != "")
    assert courier.at_risk == 1000
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    site.later(61, courier)
    await site.on_disk(courier, 1000)
    print("kept all")

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs RLIMIT_FSIZE")
def test_a_file_system_that_is_full_costs_nothing_and_is_used_when_it_has_room(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    root = Path(__file__).parents[3]
    environ = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environ)
    assert done.stdout == "kept all\n", done.stderr
