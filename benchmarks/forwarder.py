"""Edgemast beside another forwarder on the same simulated board: latency, rate, CPU, memory.

    python -m benchmarks.forwarder --peer path/to/lora_pkt_fwd

Without --peer only our own figures are printed. Each figure is printed for both and as a ratio
(ours / peer). Nothing here asserts.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from queue import Empty

from .world import OURS, Subject, immediate, record

Figures = dict[str, float]


def uplink_latency(subject: Subject, count: int = 300) -> Figures:
    """Milliseconds from the record in the FIFO to the datagram received."""
    chance, took = random.Random(1), []
    for number in range(count):
        time.sleep(chance.uniform(0.002, 0.022))
        subject.server.drain()
        stored_ns = subject.board.call(cmd="inject", **record(number))["ns"]
        took.append((subject.server.wait_uplink().ns - stored_ns) / 1e6)
    return {"uplink median, ms": statistics.median(took), "uplink p99, ms": percentile(took, 99)}


def downlink_latency(subject: Subject, count: int = 60) -> Figures:
    """Milliseconds from PULL_RESP to TX_ACK, and from an immediate PULL_RESP to the trigger."""
    answered, triggered = [], []
    subject.board.call(cmd="programmed")
    for _ in range(count):
        subject.server.drain()
        _, asked_ns = subject.server.ask(immediate())
        answered.append((subject.server.wait(5).ns - asked_ns) / 1e6)
        time.sleep(0.25)  # the frame leaves, the chip is free again
        for frame in subject.board.call(cmd="programmed")["tx"]:
            triggered.append((frame["programmed_ns"] - asked_ns) / 1e6)
    return {
        "PULL_RESP to TX_ACK median, ms": statistics.median(answered),
        "immediate to trigger median, ms": statistics.median(triggered),
    }


def idle(subject: Subject, seconds: float = 10.0) -> Figures:
    requests, cpu_s = subject.board.call(cmd="state")["requests"], subject.cpu_s()
    time.sleep(seconds)
    used = (subject.cpu_s() - cpu_s) / seconds
    asked = (subject.board.call(cmd="state")["requests"] - requests) / seconds
    return {"CPU idle, %": used * 100, "bridge messages idle, 1/s": asked}


def busy(subject: Subject, seconds: float = 10.0, rate: int = 100) -> Figures:
    cpu_s = subject.cpu_s()
    received = send_at(subject, rate, seconds)
    used = (subject.cpu_s() - cpu_s) / seconds
    return {f"CPU at {rate}/s, %": used * 100, f"lost at {rate}/s": rate * seconds - received}


def lossless_rate(subject: Subject, seconds: float = 3.0) -> Figures:
    """The highest rate, frames a second, of which nothing was lost."""
    best = 0
    for rate in (500, 1000, 1500, 2000, 2500, 3000, 4000):
        if send_at(subject, rate, seconds) < rate * seconds:
            break
        best = rate
    return {"lossless rate, frames/s": best}


def send_at(subject: Subject, rate: int, seconds: float) -> int:
    """Put `rate` records a second into the FIFO; gives how many came out as uplinks."""
    subject.server.drain()
    batch = max(1, rate // 200)
    started, sent, total = time.monotonic(), 0, int(rate * seconds)
    while sent < total:
        items = [record(sent + n) for n in range(min(batch, total - sent))]
        subject.board.call(cmd="inject_many", items=items)
        sent += len(items)
        time.sleep(max(0.0, started + sent / rate - time.monotonic()))
    return count_uplinks(subject, total)


def count_uplinks(subject: Subject, total: int) -> int:
    seen: set[str] = set()
    while len(seen) < total:
        try:
            datagram = subject.server.wait_uplink(1.0)
        except Empty:
            break
        seen.update(frame["data"] for frame in datagram.body["rxpk"])
    return len(seen)


def percentile(values: Sequence[float], share: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)]


MEASURES: tuple[Callable[[Subject], Figures], ...] = (
    uplink_latency,
    downlink_latency,
    idle,
    busy,
    lossless_rate,
)


def measure(command: Sequence[str]) -> Figures:
    figures: Figures = {}
    with Subject(command) as subject:
        figures["start to first PULL_DATA, s"] = subject.start_s
        for what in MEASURES:
            figures |= what(subject)
        figures["RSS, MB"] = subject.rss_mb()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", metavar="PROGRAM", help="a forwarder that takes -c FILE")
    args = parser.parse_args()
    ours = measure(OURS)
    peer = measure([args.peer]) if args.peer else {}
    print(f"{'figure':<36}{'edgemast':>10}{'peer':>10}{'ratio':>8}")
    for name, value in ours.items():
        other = peer.get(name)
        against = f"{other:>10.2f}{value / other:>8.2f}" if other else ""
        print(f"{name:<36}{value:>10.2f}{against}")


if __name__ == "__main__":
    main()
