"""How fast the simulated air is: a city of class A devices under four gateways, no network server.

    python -m benchmarks.air [--devices 10000] [--minutes 10]

Prints simulated seconds per wall second, and the same work's ratio to a bare loop that only makes
the frames and forgets them (what any simulator in Python pays at least). The aim is 100 at 10 000
devices on one core, with room left for the chip, the driver and the forwarder.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Callable
from heapq import heapify, heapreplace

from hal.sim.air import Air, Outcome, Rules, Transmission
from hal.sim.values import ChainKind, Emission, HeardFrame, IfChain

CHANNELS_HZ = (868.1e6, 868.3e6, 868.5e6, 867.1e6, 867.3e6, 867.5e6, 867.7e6, 867.9e6)
DISC_M = 6000.0
PERIOD_NS = 20 * 60 * 1_000_000_000
GATEWAYS_AT = ((0, 2500, 30), (2500, 0, 30), (0, -2500, 30), (-2500, 0, 30))
AIM = 100.0


class Board:
    """Counts what reaches the FIFO; chip, driver and forwarder have benchmarks of their own."""

    def __init__(self) -> None:
        self.on_transmit: list[Callable[[Emission], None]] = []
        self.on_abort: list[Callable[[Emission, int], None]] = []
        self.advance_hooks: list[Callable[[int], None]] = []
        self.stored = 0
        sfs = tuple(range(5, 13))
        self._chains = [
            IfChain(chan, ChainKind.MULTI, True, 0, hz, 125_000, sfs)
            for chan, hz in enumerate(CHANNELS_HZ)
        ]

    def chains(self) -> list[IfChain]:
        return list(self._chains)

    def store_record(self, frame: HeardFrame) -> None:
        self.stored += 1


class City:
    """Devices on a disc, spreading factor by distance, sending periodically."""

    def __init__(self, devices: int, seed: int) -> None:
        self._rng = random.Random(seed)
        self._due = [(self._rng.randrange(PERIOD_NS), n) for n in range(devices)]
        heapify(self._due)
        self._places = [self._place() for _ in range(devices)]
        self._sfs = [self._sf(*place) for place in self._places]

    def _place(self) -> tuple[float, float, float]:
        radius, angle = DISC_M * math.sqrt(self._rng.random()), math.tau * self._rng.random()
        return radius * math.cos(angle), radius * math.sin(angle), 1.5

    @staticmethod
    def _sf(x: float, y: float, z: float) -> int:
        nearest_m = min(math.dist((x, y, z), place) for place in GATEWAYS_AT)
        return min(7 + int(nearest_m / 600), 12)

    @property
    def next_ns(self) -> int:
        return self._due[0][0]

    def frame(self) -> Transmission:
        """The next frame of whoever is due."""
        at_ns, n = self._due[0]
        jitter_ns = self._rng.randrange(-30_000_000_000, 30_000_000_000)
        heapreplace(self._due, (at_ns + PERIOD_NS + jitter_ns, n))
        return Transmission(
            who=f"meter-{n}",
            payload=self._rng.randbytes(33),
            start_ns=at_ns,
            freq_hz=self._rng.choice(CHANNELS_HZ),
            sf=self._sfs[n],
            at=self._places[n],
        )


def bare(devices: int, until_ns: int) -> float:
    """Wall seconds for the traffic alone."""
    city = City(devices, 7)
    began = time.perf_counter()
    while city.next_ns < until_ns:
        city.frame()
    return time.perf_counter() - began


def full(devices: int, until_ns: int) -> tuple[float, Air, list[Board]]:
    """Wall seconds for the traffic and every decision of four gateways."""
    city, air = City(devices, 7), Air(7, rules=Rules.default())
    boards = [Board() for _ in GATEWAYS_AT]
    for n, (board, place) in enumerate(zip(boards, GATEWAYS_AT, strict=True)):
        air.attach(board, name=f"gw{n}", at=place)
    began = time.perf_counter()
    while city.next_ns < until_ns:
        frame = city.frame()
        air.advance(frame.start_ns)
        air.transmit(frame)
    air.advance(until_ns)
    return time.perf_counter() - began, air, boards


def main() -> None:
    parser = argparse.ArgumentParser(description="speed of the simulated air")
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    args = parser.parse_args()
    until_ns = round(args.minutes * 60e9)
    alone_s = bare(args.devices, until_ns)
    wall_s, air, boards = full(args.devices, until_ns)
    offered = sum(air.counts.values())
    received = sum(n for (_, _, what), n in air.counts.items() if what is Outcome.RECEIVED)
    speed = args.minutes * 60 / wall_s
    print(f"{args.devices} devices, {len(boards)} gateways, {args.minutes:g} simulated minutes")
    print(f"frames offered to gateways: {offered}, received: {received}")
    print(f"simulated seconds per wall second: {speed:.0f} (aim {AIM:.0f})")
    print(f"frames per wall second: {offered / len(boards) / wall_s:.0f}")
    print(f"ratio to a bare loop over the same traffic: {wall_s / alone_s:.1f}")


if __name__ == "__main__":
    main()
