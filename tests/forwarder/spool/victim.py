"""A process with a keeper, a disk and a server that comes and goes, to be killed at any moment.

    python -m tests.forwarder.spool.victim FOLDER SEED [drain]

It tells on its standard output, in one call of the system each: `G n`, frames that the last run
reported lost; `T n`, that frame n was taken; `D n`, that the server has it. With `drain` it
receives nothing and ends when nothing is left.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path
from random import Random

from forwarder.packets import Uplink
from forwarder.spool import stowing
from forwarder.spool.spool import Spool
from forwarder.spool.uplinks import Uplinks

from . import makers

FLUSH_S = 0.03
FIRST_ADDRESS = 0x26000000


def tell(kind: str, number: int) -> None:
    os.write(1, f"{kind} {number}\n".encode())


class Server:
    """Takes a frame and says so a little later, unless the connection has gone by then."""

    def __init__(self, spool: Spool[Uplink]) -> None:
        outage = makers.settings("replay", disk_after_s=0.05, replay_per_s=1000.0)
        self.courier = spool.courier("lns", outage)
        self.courier.attach(self)
        self._connection = 0

    def send(self, number: int, uplink: Uplink, *, late: bool) -> bool:
        asyncio.get_running_loop().call_later(0.002, self._take, number, uplink, self._connection)
        return True

    def connect(self) -> None:
        self.courier.opened()

    def disconnect(self) -> None:
        self._connection += 1
        self.courier.closed()

    def _take(self, number: int, uplink: Uplink, connection: int) -> None:
        if connection == self._connection:
            tell("D", int.from_bytes(uplink.frame.payload[-4:], "big"))
            self.courier.acknowledged(number)


async def main(folder: Path, seed: int, *, drain: bool) -> None:
    chance = Random(seed)
    spool = Spool("0016c001f1500812", Uplinks(), folder=folder, runtime=folder / "run")
    server = Server(spool)
    spool.start()
    while spool.status()["ready"] is not True:
        await asyncio.sleep(0.001)
    for gap in spool.gaps:
        tell("G", gap.count if gap.count is not None else -1)
    if drain:
        server.connect()
        while server.courier.status()["on_disk"] or server.courier.at_risk:
            await asyncio.sleep(0.01)
        await spool.end()
        return
    number = seed * 100_000
    for phase in count():
        for _ in range(chance.randrange(10, 40) if phase % 2 else chance.randrange(60, 120)):
            head = b"\x40" + (FIRST_ADDRESS + chance.randrange(4)).to_bytes(4, "little")
            server.courier.put(makers.uplink(head + bytes(3) + number.to_bytes(4, "big")))
            tell("T", number)
            number += 1
            await asyncio.sleep(0.002)
        (server.disconnect if phase % 2 else server.connect)()


if __name__ == "__main__":
    stowing.FLUSH_S = FLUSH_S
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), drain="drain" in sys.argv))
