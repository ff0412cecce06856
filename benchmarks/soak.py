"""Does it stay flat? The forwarder at a steady rate, and each minute its memory, CPU and losses.

    python -m benchmarks.soak --minutes 10 --rate 100

Beside the uplinks a downlink is asked for each second, so that queues and schedulers work too.
Any other forwarder for such a board can be put through the same with --program.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from .forwarder import send_at
from .world import OURS, Subject, immediate


def soak(subject: Subject, minutes: int, rate: int) -> Iterator[str]:
    """A line a minute, after one that says how it began."""
    yield f"{'minute':>6}{'RSS, MB':>10}{'CPU, %':>10}{'lost':>8}"
    yield f"{0:>6}{subject.rss_mb():>10.2f}"
    for minute in range(1, minutes + 1):
        cpu_s, lost = subject.cpu_s(), 0
        for _ in range(60):
            subject.server.ask(immediate())
            lost += rate - send_at(subject, rate, 1.0)
        used = (subject.cpu_s() - cpu_s) / 60
        yield f"{minute:>6}{subject.rss_mb():>10.2f}{used * 100:>10.1f}{lost:>8}"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--rate", type=int, default=100, help="uplinks a second")
    parser.add_argument("--program", metavar="PROGRAM", help="instead of ours; takes -c FILE")
    args = parser.parse_args(argv)
    with Subject([args.program] if args.program else OURS) as subject:
        for line in soak(subject, args.minutes, args.rate):
            print(line, flush=True)


if __name__ == "__main__":
    main()
