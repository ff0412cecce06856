"""A gateway's spool across runs of the program, on a clock and a machine that the test sets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from forwarder.packets import Uplink
from forwarder.spool.clocks import Host, Instant
from forwarder.spool.courier import KeepingCourier
from forwarder.spool.spool import Spool
from forwarder.spool.uplinks import Uplinks

from . import makers

EUI = "0016c001f1500812"
WALL_NS = 1_800_000_000 * 10**9
PATIENCE_S = 10.0


class FakeHost(Host):
    """A machine that can be rebooted."""

    def __init__(self) -> None:
        self.boot, self.boot_age_s, self.wall_s = "boot-1", 1000.0, WALL_NS / 1e9

    def now(self) -> Instant:
        return Instant(self.boot, self.boot_age_s, self.wall_ns())

    def boot_s(self) -> float:
        return self.boot_age_s

    def wall_ns(self) -> int:
        return round(self.wall_s * 10**9)

    def pass_s(self, seconds: float) -> None:
        self.boot_age_s += seconds
        self.wall_s += seconds


class Site:
    """A gateway's spool and one link that takes everything, across runs of the program."""

    def __init__(self, folder: Path, host: FakeHost | None = None) -> None:
        self.folder = folder
        self.host = host or FakeHost()
        self.now = 5000.0
        self.sent: list[tuple[int, Uplink, bool]] = []

    def start(self, *links: str, **outage: float) -> list[KeepingCourier[Uplink]]:
        self.spool = Spool(
            EUI,
            Uplinks(lambda: b"sess"),
            folder=self.folder / "state",
            runtime=self.folder / "run",
            host=self.host,
            clock=lambda: self.now,
        )
        couriers = [
            self.spool.courier(name, makers.settings("replay", **outage))
            for name in links or ("lns",)
        ]
        for courier in couriers:
            courier.attach(self)
        self.spool.start()
        return couriers

    def send(self, number: int, uplink: Uplink, *, late: bool) -> bool:
        self.sent.append((number, uplink, late))
        return True

    def later(self, seconds: float, *couriers: KeepingCourier[Uplink]) -> None:
        self.now += seconds
        self.host.pass_s(seconds)
        for courier in couriers:
            courier.work()

    async def ready(self) -> None:
        await until(lambda: self.spool.status()["ready"] is True)

    async def on_disk(self, courier: KeepingCourier[Uplink], rows: int) -> None:
        await until(lambda: courier.status()["on_disk"] == rows)

    def kill(self) -> None:
        """What kill -9 leaves: nothing is said and nothing written, the lock is let go."""
        journal = self.spool._journal
        assert journal is not None and journal._map is not None and journal._lock is not None
        journal._map.close()
        os.close(journal._lock)
        disk = self.spool._disk
        if disk is not None and disk._database._db is not None:
            disk._database._db.close()

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "state").glob("*"))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.001)
