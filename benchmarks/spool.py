"""An outage and its replay: what it costs, and whether live frames notice.

    python -m benchmarks.spool [--frames 10000] [--per-s 500]

The link to ChirpStack as it ships, a mosquitto on loopback that is started here, a real file. A
live frame's time is from its instant of arrival to the broker's PUBACK, in the same run without and
with a replay beside it. Bytes are what the store handed to the kernel. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from forwarder.app import SWITCH_S
from forwarder.links.mqtt.link import MqttLink
from forwarder.links.mqtt.profiles import make_dialect
from forwarder.links.mqtt.settings import MqttSettings, broker_address
from forwarder.links.settings import OutagePolicy, OutageSettings
from forwarder.packets import Accepted, Answer, Downlink, Uplink
from forwarder.spool.clocks import Host
from forwarder.spool.courier import KeepingCourier
from forwarder.spool.disk import Disk
from forwarder.spool.keeper import FIRST_NUMBER
from forwarder.spool.kept import Kept
from forwarder.spool.spool import Spool
from forwarder.spool.uplinks import Uplinks
from forwarder.spool.worker import bytes_written
from hal.frames import Crc, RxFrame
from hal.modulation import LoRa
from tests.edge.brokers import a_broker, free_port
from tests.forwarder.mqtt_bench import RadioFacts

EUI = "0016c001f1500812"
PAYLOAD = 40  # bytes, as a sensor sends
DEVICES = 200
LIVE = 500  # frames a round
LIVE_EVERY_S = 0.02
LIVE_DEVICE = 0x27000000  # of no waiting frame


class TimedCourier:
    """A courier that notes when each frame was acknowledged."""

    def __init__(self, courier: KeepingCourier[Uplink]) -> None:
        self._courier = courier
        self.on_acknowledged: Callable[[int], None] = lambda number: None
        self.opened, self.closed = courier.opened, courier.closed
        self.metadata = courier.metadata

    def acknowledged(self, number: int) -> None:
        self.on_acknowledged(number)
        self._courier.acknowledged(number)


def uplink(dev_addr: int, fcnt: int) -> Uplink:
    head = b"\x40" + dev_addr.to_bytes(4, "little") + b"\0" + (fcnt & 0xFFFF).to_bytes(2, "little")
    frame = RxFrame(
        head + bytes(PAYLOAD - len(head)),
        fcnt * 1000,
        868_100_000,
        LoRa(7),
        Crc.OK,
        1,
        0,
        2,
        -60.5,
        -61.0,
        9.25,
        -120,
    )
    return Uplink(frame)


def no_downlinks(downlink: Downlink) -> Answer:
    return Accepted(0, 14.0, False, None)


async def live(courier: KeepingCourier[Uplink], timed: TimedCourier) -> list[float]:
    """Milliseconds from arrival to PUBACK of frames that come at random moments."""
    loop, chance = asyncio.get_running_loop(), random.Random(1)
    done: list[float] = []
    numbers: dict[int, float] = {}

    def acknowledged(number: int) -> None:
        if number in numbers:
            done.append((loop.time() - numbers.pop(number)) * 1000)

    timed.on_acknowledged = acknowledged
    for fcnt in range(LIVE):
        due = loop.time() + chance.uniform(0, 2 * LIVE_EVERY_S)
        arrived: asyncio.Future[None] = loop.create_future()

        def arrive(
            due: float = due, fcnt: int = fcnt, arrived: asyncio.Future[None] = arrived
        ) -> None:
            numbers[courier.next_number] = due
            courier.put(uplink(LIVE_DEVICE, fcnt))
            arrived.set_result(None)

        loop.call_at(due, arrive)
        await arrived
    while numbers:
        await asyncio.sleep(0.001)
    timed.on_acknowledged = lambda number: None
    return done


async def replay(folder: Path, frames: int, per_s: float) -> None:
    outage = OutageSettings(
        OutagePolicy.REPLAY, memory_frames=1_000_000, disk_after_s=0.0, replay_per_s=per_s
    )
    spool = Spool(EUI, Uplinks(), folder=folder, runtime=folder / "run")
    courier = spool.courier("lns", outage)
    timed = TimedCourier(courier)
    port = free_port()
    settings = MqttSettings(
        "lns", (broker_address(f"127.0.0.1:{port}"),), EUI, topic_prefix="eu868"
    )
    facts = RadioFacts()
    link = MqttLink(settings, facts, no_downlinks, make_dialect(settings, facts), courier=timed)
    courier.attach(link)
    spool.start()
    await until(lambda: spool.status()["ready"] is True)
    started = time.monotonic()
    for number in range(frames):
        courier.put(uplink(0x26000000 + number % DEVICES, number // DEVICES))
        if number % 50 == 0:
            await asyncio.sleep(0)
    put_us = (time.monotonic() - started) / frames * 1e6
    await until(lambda: courier.at_risk == 0, courier.work)
    row("a frame taken while the link is away, us", f"{put_us:.0f}")
    row(f"{frames} frames on disk after, s", f"{time.monotonic() - started:.2f}")
    row("bytes written for 1000 frames, batches of 1000, kB", kilobytes(spool, frames))
    async with a_broker(folder, port, "set_tcp_nodelay true"):
        running = asyncio.create_task(link.run())
        await until(lambda: courier.status()["open"] is True)
        started = time.monotonic()
        beside = await live(courier, timed)
        still = courier.status()["on_disk"]
        await until(lambda: courier.status()["on_disk"] == 0 and courier.at_risk == 0)
        took_s = time.monotonic() - started
        alone = await live(courier, timed)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    row(f"replay of {frames}, s ({frames / per_s:.0f} at the pace set)", f"{took_s:.1f}")
    row("frames still on disk when the live ones had passed", str(still))
    row("bytes written for 1000 frames, with their removal, kB", kilobytes(spool, frames))
    compare("live, arrival to PUBACK, median, ms", alone, beside, statistics.median)
    compare(
        "live, arrival to PUBACK, p99, ms",
        alone,
        beside,
        lambda ms: sorted(ms)[len(ms) * 99 // 100],
    )
    await spool.end()


def kilobytes(spool: Spool[Uplink], frames: int) -> str:
    written = spool.status()["written_bytes"]
    return f"{written / frames:.1f}" if isinstance(written, int) else "not accounted here"


def small_batches(folder: Path, per_batch: int, batches: int = 100) -> float | None:
    """Kilobytes written for 1000 frames when each commit holds few."""
    disk = Disk(folder / "small.db", Uplinks(), Host().now)
    before = bytes_written()
    for batch in range(batches):
        first = batch * per_batch
        frames = [
            Kept(FIRST_NUMBER + number, uplink(number % DEVICES, number), 0.0, number % DEVICES)
            for number in range(first, first + per_batch)
        ]
        disk.write("lns", frames, 0.0)
    after = bytes_written()
    disk.end()
    (folder / "small.db").unlink()
    if before is None or after is None:
        return None
    return (after - before) / (per_batch * batches)


async def until(true: Callable[[], bool], push: Callable[[], None] = lambda: None) -> None:
    while not true():
        push()
        await asyncio.sleep(0.002)


def compare(
    what: str, alone: list[float], beside: list[float], pick: Callable[[list[float]], float]
) -> None:
    a, b = pick(alone), pick(beside)
    row(what + " (alone, beside a replay, ratio)", f"{a:.2f}  {b:.2f}  {b / a:.2f}")


def row(what: str, value: str) -> None:
    print(f"{what:<72}{value:>20}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--per-s", type=float, default=500.0)
    args = parser.parse_args()
    sys.setswitchinterval(SWITCH_S)  # as the gateway does
    with tempfile.TemporaryDirectory() as folder:
        for per_batch in (1, 10, 100):
            kb = small_batches(Path(folder), per_batch)
            told = "not accounted here" if kb is None else f"{kb:.1f}"
            row(f"bytes written for 1000 frames, {per_batch} a commit, kB", told)
        asyncio.run(replay(Path(folder), args.frames, args.per_s))


if __name__ == "__main__":
    main()
