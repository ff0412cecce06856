"""Run by test_lean.py in a process of its own: a gateway's servers without a radio.

    python -m tests.forwarder.lean_gateway FILE

Connects to the first server of a configuration, sends it a frame and a report and has both
acknowledged; then prints what this process has imported. Imports what `edgemast run` does, in its
order, and nothing else.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from forwarder.commands import run
from forwarder.config import load

if TYPE_CHECKING:
    from forwarder.links.feed import Feed


def facts() -> Any:
    from forwarder.packets import RadioCounters

    return SimpleNamespace(
        counters=RadioCounters(),
        session=b"1234",
        model="SX1303",
        started_s=0.0,
        now_us=lambda: 0,
        position=lambda: None,
        temperature_c=lambda: 25.0,
        band_loads=list,
        radio_words=lambda: "up",
    )


def frame() -> Any:
    from forwarder.packets import Uplink
    from hal.frames import Crc, RxFrame
    from hal.modulation import LoRa

    crc, level_dbm = Crc.OK, -36.0
    heard = RxFrame(
        b"\x40hello", 1000, 868_500_000, LoRa(7), crc, 0, 0, 0, level_dbm, level_dbm, 9.0, 0
    )
    return Uplink(heard)


async def talk(feed: Feed) -> None:
    import asyncio

    link: Any = feed.link
    task = asyncio.create_task(feed.run())
    async with asyncio.timeout(30):
        while feed.status()["state"] != "up":
            assert not task.done(), task
            await asyncio.sleep(0.01)
        feed.uplink(frame())
        link._report()
        while feed.status()["acknowledged"] != 1 or feed.status()["in_flight"] != 0:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])


async def main(config: Any) -> None:
    import_module("forwarder.app")  # as the command does
    from forwarder.parts import make_links

    (feed, *_) = make_links(config.servers_for("0016c001f1500812"), facts(), lambda _: None)  # type: ignore[arg-type, return-value]
    await talk(feed)
    print(*sys.modules)


if __name__ == "__main__":
    found = load(Path(sys.argv[1]))
    run._loop_runner(found)(main(found))
