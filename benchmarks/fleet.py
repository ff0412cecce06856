"""A fleet of gateways at a broker, or at a cluster whose nodes die: what is lost, what it costs.

    sudo python -m benchmarks.fleet --gateways 1000 --rate 200 --seconds 90 \
        --trouble "10 kill 1" "30 start 1" "50 cut 2" "75 heal 2"
    python -m benchmarks.fleet --gateways 1000 --rate 1000 --seconds 20 --brokers 127.0.0.1:1883

Without --brokers three nodes are started in network namespaces (cluster.py; root). The gateways
have links, dialects and keepers as they ship, in one process, and no radios. A server with a
persistent session at QoS 1 counts what comes, in another process. Nothing here asserts.

Lost is what a broker acknowledged and the server never saw.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from forwarder.links.mqtt.settings import broker_address

from .cluster import KINDS, NODES, Cluster
from .fleet_server import Seen, serve
from .gateways import Attempts, Gateway, Troubles, fleet

DRAIN_S = 90.0  # after the load, for what still waits
TICK_S = 0.01
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Trouble:
    at_s: float
    what: str
    node: int

    @classmethod
    def read(cls, text: str) -> Trouble:
        at_s, what, node = text.split()
        if what not in ("kill", "start", "cut", "heal", "pause", "resume"):
            raise ValueError(what)
        return cls(float(at_s), what, int(node))


@contextmanager
def server(brokers: Sequence[str]) -> Iterator[Connection]:
    """A process that consumes; subscribed when this is entered."""
    places = [(text.rpartition(":")[0], int(text.rpartition(":")[2])) for text in brokers]
    ours, theirs = multiprocessing.Pipe()
    context: Any = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(places, ("", ""), theirs), daemon=True)
    process.start()
    try:
        end_s = time.monotonic() + 30
        while not ask(ours, "ready"):
            if time.monotonic() > end_s:
                raise SystemExit("the server's subscription is not granted")
            time.sleep(0.1)
        yield ours
    finally:
        process.kill()
        process.join()


def ask(pipe: Connection, word: str) -> Any:
    pipe.send(word)
    return pipe.recv()


async def connect(gateways: Sequence[Gateway]) -> list[asyncio.Task[None]]:
    """Let all begin at once; print what it takes."""
    before_mb, began_s, cpu_s = resident_mb(), time.monotonic(), time.process_time()
    running = [asyncio.create_task(gateway.link.run()) for gateway in gateways]
    while not all(gateway.is_up for gateway in gateways):
        await asyncio.sleep(0.05)
        if time.monotonic() - began_s > 120:
            raise SystemExit(f"{sum(g.is_up for g in gateways)} of {len(gateways)} connected")
    took_s = time.monotonic() - began_s
    row(f"all {len(gateways)} connected and subscribed after, s", f"{took_s:.1f}")
    row("our CPU for it, s", f"{time.process_time() - cpu_s:.1f}")
    row("memory of a connected link, kB", f"{kilobytes_each(before_mb, gateways):.0f}")
    return running


async def load(gateways: Sequence[Gateway], rate: float, seconds: float) -> None:
    """Frames at random gateways, evenly in time."""
    chance, began_s, count = random.Random(1), time.monotonic(), 0
    while (now_s := time.monotonic() - began_s) < seconds:
        while count < now_s * rate:
            chance.choice(gateways).receive()
            count += 1
        await asyncio.sleep(TICK_S)


async def make_trouble(cluster: Cluster, troubles: Sequence[Trouble]) -> None:
    began_s = time.monotonic()
    for trouble in troubles:
        await asyncio.sleep(max(0.0, began_s + trouble.at_s - time.monotonic()))
        await asyncio.to_thread(getattr(cluster, trouble.what), trouble.node)


async def tell(
    gateways: Sequence[Gateway],
    waits: list[tuple[float, float]],
    attempts: Attempts,
    troubles: Sequence[Trouble],
) -> None:
    """A line for each five seconds of the run."""
    print("    s   up  attempts  acked/s  waiting   ack p50  ack p99, ms")
    began_s, shown, cell_s = time.monotonic(), 0, 5
    for step in range(1, 1000):
        await asyncio.sleep(max(0.0, began_s + step * cell_s - time.monotonic()))
        new, shown = waits[shown:], len(waits)
        ms = sorted(wait * 1000 for _, wait in new)
        first_s = began_s + (step - 1) * cell_s
        tried = attempts.between(first_s, first_s + cell_s)
        told = f"{ms[len(ms) // 2]:9.1f}{ms[len(ms) * 99 // 100]:9.1f}" if ms else "        -" * 2
        words = ", ".join(
            f"{t.what} {t.node}" for t in troubles if 0 <= step * cell_s - t.at_s < cell_s
        )
        print(
            f"{step * cell_s:5}{sum(g.is_up for g in gateways):5}{tried:10}"
            f"{len(new) / cell_s:9.0f}{sum(g.waiting for g in gateways):9}{told}  {words}",
            flush=True,
        )


async def drain(gateways: Sequence[Gateway], pipe: Connection) -> None:
    """Until all has gone and come, or it takes too long."""
    end_s = time.monotonic() + DRAIN_S
    while any(gateway.waiting for gateway in gateways) and time.monotonic() < end_s:
        await asyncio.sleep(0.1)
    row("frames that still wait", str(sum(gateway.waiting for gateway in gateways)))
    taken = sum(len(gateway.taken) for gateway in gateways)
    while ask(pipe, "count") < taken and time.monotonic() < end_s:
        await asyncio.sleep(0.2)


def compare(gateways: Sequence[Gateway], seen: Seen) -> None:
    received = sum(gateway.received for gateway in gateways)
    taken = {(gateway.eui, number) for gateway in gateways for number in gateway.taken}
    lost = taken - seen.times.keys()
    row("frames received from the air", str(received))
    row("acknowledged by a broker", str(len(taken)))
    row("dropped by a keeper, counted", str(sum(gateway.dropped for gateway in gateways)))
    row("acknowledged and never seen by the server: LOST", str(len(lost)))
    row("seen more than once", str(seen.copies))
    row("connections of the server", str(seen.connections))


async def run(args: argparse.Namespace, brokers: Sequence[str], cluster: Cluster | None) -> None:
    waits: list[tuple[float, float]] = []
    attempts, troubles = Attempts(), Troubles()
    attempts.watch()
    troubles.watch()
    before_mb = resident_mb()
    gateways = fleet(args.gateways, [broker_address(text) for text in brokers], waits)
    row("memory of a link, keeper, dialect, kB", f"{kilobytes_each(before_mb, gateways):.0f}")
    with server(brokers) as pipe:
        running = await connect(gateways)
        telling = asyncio.create_task(tell(gateways, waits, attempts, args.trouble))
        troubling = asyncio.create_task(make_trouble(cluster, args.trouble)) if cluster else None
        began_s, cpu_s = time.monotonic(), time.process_time()
        await load(gateways, args.rate, args.seconds)
        row("our CPU under load, %", f"{cpu_share(began_s, cpu_s):.0f}")
        if troubling is not None:
            await troubling
        await drain(gateways, pipe)
        telling.cancel()
        compare(gateways, ask(pipe, "end"))
        summary(waits, attempts, began_s)
        for words, count in troubles.counts.most_common():
            print(f"{count:6}  {words[:90]}")
        if cluster is not None:
            sizes = ", ".join(f"{cluster.resident_mb(node):.0f}" for node in NODES)
            row("memory of the nodes, MB", sizes)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def summary(waits: list[tuple[float, float]], attempts: Attempts, began_s: float) -> None:
    ms = sorted(wait * 1000 for _, wait in waits)
    if ms:
        row("publish to PUBACK, median, ms", f"{statistics.median(ms):.1f}")
        row("publish to PUBACK, p99, ms", f"{ms[len(ms) * 99 // 100]:.1f}")
    if later := attempts.by_second(began_s):
        row("most attempts in one second, after the start", str(max(later.values())))
        seconds = " ".join(f"{second}:{count}" for second, count in sorted(later.items()))
        print(f"attempts by second of the run: {seconds}")


def cpu_share(began_s: float, cpu_s: float) -> float:
    return (time.process_time() - cpu_s) / (time.monotonic() - began_s) * 100


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / (1 << 20)


def kilobytes_each(before_mb: float, gateways: Sequence[Gateway]) -> float:
    return (resident_mb() - before_mb) * 1024 / len(gateways)


def row(what: str, value: str) -> None:
    print(f"{what:<56}{value:>16}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gateways", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200.0, help="uplinks a second, of all")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--brokers", default="", help="HOST:PORT,... that run already")
    parser.add_argument("--cluster", choices=KINDS, default="nats")
    parser.add_argument("--trouble", nargs="*", type=Trouble.read, default=[])
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if args.brokers:
        asyncio.run(run(args, args.brokers.split(","), None))
        return
    with tempfile.TemporaryDirectory() as folder, KINDS[args.cluster](Path(folder)) as cluster:
        asyncio.run(run(args, cluster.addresses, cluster))


if __name__ == "__main__":
    main()
