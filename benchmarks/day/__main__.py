"""A day of a whole gateway in simulated time, in which everything goes wrong that can be simulated.

    python -m benchmarks.day --hours 24

64 devices on the simulated air, the shipping driver on the simulated chip, a ChirpStack behind a
broker and two servers over UDP, a GPS receiver. Counters wrap, the receiver and its PPS are lost,
the broker restarts, stays away or holds connections half open, servers are cut off, the board is
unplugged, mute, reads rubbish, resets itself. A line an hour says what became of the frames and
how large the process is; the last ones are the account: exits 1 if a frame is lost unexplained.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from .simulated_time import Machine, SimulatedLoop

if TYPE_CHECKING:
    from .site import Site, Sizes

HOUR_S = 3600.0
DRAIN_S = 1800.0


async def day(machine: Machine, folder: Path, hours: float, *, quiet: bool) -> dict[str, object]:
    from .site import Site
    from .story import Story

    seconds = hours * HOUR_S
    site = Site(machine, folder, seconds)
    story = Story(site, seed=7)
    sizes: list[Sizes] = []
    began_s = perf_counter()
    async with site.running():
        tasks = [asyncio.create_task(story.tell(seconds)), asyncio.create_task(story.weather())]
        for hour in range(max(1, round(hours))):
            await asyncio.sleep(seconds / max(1, round(hours)))
            assert not (tasks[0].done() and tasks[0].exception()), tasks[0]
            site.account.settle(machine.now_ns())
            site.forget()
            sizes.append(site.sizes())
            if not quiet:
                print(_line(hour + 1, site, sizes[-1], perf_counter() - began_s), flush=True)
        await tasks[0]
        await asyncio.sleep(DRAIN_S)
        tasks[1].cancel()
        site.account.settle(machine.now_ns(), all_of_it=True)
        sizes.append(site.sizes())
        result = _result(site, story.happened, sizes)
        result["real_s"] = round(perf_counter() - began_s, 1)
        result["simulated_s"] = seconds + DRAIN_S
    await asyncio.sleep(1)
    result["tasks_left"] = sorted(
        task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()
    )
    return result


def _line(hour: int, site: Site, sizes: Sizes, real_s: float) -> str:
    account = site.account
    return (
        f"{hour:>3} h  {real_s:>6.0f} s  on air {account.on_air:>6}  read {account.received:>6}  "
        f"waiting {account.waiting:>4}  unexplained {len(account.unexplained):>3}  "
        f"restarts {site.restarts.total():>3} {sizes.rss_mb:>6.1f} MB  {sizes.objects:>7} objects, "
        f"{sizes.tasks} tasks  {sizes.threads} threads  {sizes.files} files"
    )


def _result(site: Site, happened: dict[str, int], sizes: list[Sizes]) -> dict[str, object]:
    account, counters = site.account, site.gateway.scheduler.counters
    refused = {reason.name: count for reason, count in counters.refused.items()}
    status = site.gateway.scheduler.status(site.gateway.host_us())
    return {
        "happened": dict(happened),
        "radio_restarts": dict(site.restarts),
        "on_air": account.on_air,
        "lost_on_air": dict(account.lost_on_air),
        "stored_by_the_chip": account.stored,
        "read_by_the_driver": account.received,
        "timestamps": dict(site.stamps),
        "gps_times": dict(site.times),
        "delivered": dict(account.delivered),
        "repeats": dict(account.repeats),
        "strays": dict(account.strays),
        "explained": dict(account.explained),
        "unexplained": account.unexplained,
        "dropped_by_keepers": [
            kept["dropped"]
            for link in site.gateway.uplinks.links
            if isinstance(kept := link.status().get("outage"), dict)
        ],
        "downlinks": {
            "requested": counters.requested,
            "refused": refused,
            "accepted": site.accepted,
            "emitted": counters.emitted,
            "lost": dict(counters.lost),
            "waiting": status["waiting"],
            "triggered_in_the_chip": site.emitted,
            "cut_off_in_the_chip": site.aborted,
            "told_cut": site.gateway.counters.tx_cut,
        },
        "devices": dict(site.world.counts),
        "gps_valid": site.gateway.time.state.valid,
        "sizes": [asdict(one) for one in sizes],
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--json", action="store_true", help="the account alone, for programs")
    parser.add_argument("--log", action="store_true", help="what the gateway says, on stderr")
    args = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO if args.log else logging.CRITICAL,
        format="%(created)10.3f %(message)s",
        stream=sys.stderr,
    )
    machine = Machine()
    machine.install()
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=lambda: SimulatedLoop(machine)) as runner,
    ):
        result = runner.run(day(machine, Path(folder), args.hours, quiet=args.json))
    print(json.dumps(result, indent=None if args.json else 2))
    return 1 if result["unexplained"] else 0


if __name__ == "__main__":
    sys.exit(main())
