"""Local mode's cost: one core, each figure beside a peer's in the same run.

    python -m benchmarks.edge [--node-modules FOLDER]

`raw` is what the package `cryptography` needs by itself for the same MIC and payload, each with its
objects made anew, as a program without sessions would. FOLDER has `lora-packet` for Node
(`npm install lora-packet` in it, beforehand). Nothing here asserts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from forwarder.edge.keys import SoftKey
from forwarder.edge.lifecycle import Enrolment
from forwarder.edge.local import LocalMode
from forwarder.edge.observer import EdgeObserver
from forwarder.edge.publisher import Publisher
from forwarder.edge.session import Device
from forwarder.edge.store import Store, Writer
from forwarder.edge.values import Envelope, KeyHandle, KeyNews, KeyOrigin, RadioFacts, Scheme
from forwarder.lorawan.crypto import UP, crypt_payload, data_mic, mic_block, stream_block
from forwarder.lorawan.frame import DataFrame, Header, MType
from forwarder.packets import Uplink
from hal.frames import Crc, RxFrame
from hal.modulation import LoRa

CLEAR = bytes(range(24))
ADDRESS = 0x26011BDA
RADIO = RadioFacts(1, 868_100_000, "SF7BW125", "4/5", -60, 9.5, 1, 0)
NOW_S = 1_700_000_000.0

NODE_SCRIPT = """
const lp = require('lora-packet');
const {nwk, app, frames} = JSON.parse(require('fs').readFileSync(0));
const keys = [Buffer.from(nwk, 'hex'), Buffer.from(app, 'hex')];
let best = Infinity;
for (let round = 0; round < 5; round++) {
  const start = process.hrtime.bigint();
  for (const hex of frames) {
    const packet = lp.fromWire(Buffer.from(hex, 'hex'));
    if (!lp.verifyMIC(packet, keys[0])) throw new Error('MIC');
    lp.decrypt(packet, keys[1], keys[0]);
  }
  best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000 / frames.length);
}
console.log(best);
"""


class Vault:
    """Envelopes that hold the key as it is: unwrapping is not what is measured here."""

    def open(self, envelope: Envelope, source: str) -> KeyHandle:
        return SoftKey(envelope.wrapped)

    def pinned(self, envelope: Envelope, source: str) -> Envelope:
        return envelope


class Keys:
    def __init__(self) -> None:
        self.nwk, self.app = secrets.token_bytes(16), secrets.token_bytes(16)

    def frame(self, fcnt: int) -> bytes:
        sealed = crypt_payload(self.app, UP, ADDRESS, fcnt, CLEAR)
        frame = DataFrame(
            Header(MType.UNCONFIRMED_UP), ADDRESS, fcnt & 0xFFFF, fport=1, payload=sealed
        )
        body = frame.body()
        return body + data_mic(self.nwk, body, UP, ADDRESS, fcnt)

    def news(self, number: int, address: int = ADDRESS) -> KeyNews:
        return KeyNews(
            "benchmark",
            KeyOrigin.TUNNEL,
            f"{number:016x}",
            address,
            session_id=number.to_bytes(8, "big"),
            app_s_key=Envelope(Scheme.RFC3394, self.app, "label"),
            f_nwk_s_int=Envelope(Scheme.RFC3394, self.nwk, "label"),
        )


def a_mode(keys: list[Keys], *, exclusive: bool = False) -> LocalMode:
    vault = Vault()
    devices = [Device(f"{n:016x}", exclusive=exclusive) for n in range(len(keys))]
    mode = LocalMode(Enrolment(devices, vault), vault)
    for number, key in enumerate(keys):
        mode.news(key.news(number), NOW_S)
    return mode


def best_us(act: Callable[[], object], count: int, rounds: int = 5) -> float:
    """Microseconds of one of `count`, the best of some rounds."""
    took = []
    for _ in range(rounds):
        start_ns = time.perf_counter_ns()
        act()
        took.append((time.perf_counter_ns() - start_ns) / 1000 / count)
    return min(took)


def ours_us(count: int = 5000) -> float:
    """Bytes to record, warm session, 24 bytes; every frame has a new counter."""
    took = []
    for _ in range(5):
        keys = Keys()
        mode = a_mode([keys])
        frames = [keys.frame(fcnt) for fcnt in range(count + 1)]
        mode.frame(frames[0], RADIO, 0, NOW_S)

        def act(mode: LocalMode = mode, frames: list[bytes] = frames[1:]) -> None:
            for frame in frames:
                mode.frame(frame, RADIO, 0, NOW_S)

        took.append(best_us(act, count, rounds=1))
        assert mode.counters["decrypted"] == count + 1
    return min(took)


def raw_us(count: int = 5000) -> float:
    keys = Keys()
    frames = [keys.frame(fcnt) for fcnt in range(count)]

    def act() -> None:
        for fcnt, frame in enumerate(frames):
            body = frame[:-4]
            mac = CMAC(algorithms.AES(keys.nwk))
            mac.update(mic_block(len(body), UP, ADDRESS, fcnt) + body)
            assert mac.finalize()[:4] == frame[-4:]
            start = stream_block(0, UP, ADDRESS, fcnt)
            stream = Cipher(algorithms.AES(keys.app), modes.CTR(start)).encryptor()
            assert stream.update(body[9:]) + stream.finalize() == CLEAR

    return best_us(act, count)


def node_us(modules: Path, count: int = 2000) -> float | None:
    node = shutil.which("node")
    if node is None or not (modules / "node_modules" / "lora-packet").is_dir():
        return None
    keys = Keys()
    given = {"nwk": keys.nwk.hex(), "app": keys.app.hex()}
    frames = [keys.frame(fcnt).hex() for fcnt in range(count)]
    done = subprocess.run(
        [node, "-e", NODE_SCRIPT],
        input=json.dumps({**given, "frames": frames}),
        cwd=modules,
        text=True,
        capture_output=True,
        check=True,
    )
    return float(done.stdout)


def shared_us(sessions: int, *, last: bool, count: int = 200) -> float:
    """One DevAddr with many sessions: the usual match, and each time the one tried last."""
    keys = [Keys() for _ in range(sessions)]
    mode = a_mode(keys)
    for key in keys:
        mode.frame(key.frame(0), RADIO, 0, NOW_S)
    if last:  # the one not heard for longest is at the end
        frames = [keys[n % sessions].frame(1 + n // sessions) for n in range(count)]
    else:
        frames = [keys[0].frame(1 + n) for n in range(count)]

    def act() -> None:
        for frame in frames:
            mode.frame(frame, RADIO, 0, NOW_S)

    return best_us(act, count, rounds=1)


def forged_us(count: int = 100_000) -> tuple[float, float]:
    """Forged frames at an enrolled DevAddr, as fast as they come; and the growth of memory, MB."""
    keys = Keys()
    mode = a_mode([keys], exclusive=True)
    good = keys.frame(1)
    before_mb = rss_mb()

    def act() -> None:
        for number in range(count):
            forged = good[:-4]
            mode.frame(forged + number.to_bytes(4, "big"), RADIO, 0, NOW_S + number * 0.0006)

    took_us = best_us(act, count, rounds=1)
    return took_us, rss_mb() - before_mb


def path_us(count: int = 5000) -> float:
    """What local mode adds to a frame's way to the servers: its part of the fan-out."""

    async def measure() -> float:
        keys = Keys()
        observer = EdgeObserver(a_mode([keys]), Publisher(()))
        modulation = LoRa(7)
        uplinks = [
            Uplink(
                RxFrame(
                    keys.frame(fcnt),
                    fcnt,
                    868_100_000,
                    modulation,
                    Crc.OK,
                    0,
                    0,
                    8,
                    -60.0,
                    -60.0,
                    9.5,
                    0,
                )
            )
            for fcnt in range(200)
        ]
        took = []
        for _ in range(count // 200):
            start_ns = time.perf_counter_ns()
            for uplink in uplinks:
                observer.uplink(uplink)
            took.append((time.perf_counter_ns() - start_ns) / 1000 / 200)
            while observer._frames:
                await asyncio.sleep(0)
        return min(took)

    return asyncio.run(measure())


def rss_mb() -> float:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def many_devices(count: int) -> tuple[float, float]:
    """Seconds to start with so many enrolled devices and stored sessions, and the process's MB."""
    with tempfile.TemporaryDirectory() as folder:
        _write_many(Path(folder), count)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.edge", "--start", folder],
            capture_output=True,
            text=True,
            check=True,
        )
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


def _write_many(folder: Path, count: int) -> None:
    rows = [{"dev_eui": f"{n:016x}", "name": f"device {n}"} for n in range(count)]
    (folder / "devices.json").write_text(json.dumps(rows))
    vault = Vault()
    enrolment = Enrolment([Device(f"{n:016x}") for n in range(count)], vault)
    for number in range(count):
        news = Keys().news(number, ADDRESS + number)
        enrolment.learn(news, NOW_S)
    writer = Writer()
    for session in enrolment.changed.values():
        writer.change(session)
    store = Store(folder / "edge.sqlite3")
    store.commit(writer.take())
    store.close()


def _start(folder: Path) -> None:
    from forwarder.edge.config import EdgeConfig, EdgeSettings
    from forwarder.edge.open import open_edge

    async def start() -> None:
        start_s = time.perf_counter()
        settings = EdgeSettings(devices_file="devices.json", database="edge.sqlite3")
        observer = open_edge(EdgeConfig(settings, folder, (), (), ()), "0" * 16)
        took_s = time.perf_counter() - start_s
        assert len(observer.mode.enrolment.table) == len(observer.mode.enrolment.devices)
        print(took_s, rss_mb())

    asyncio.run(start())


def row(name: str, value: float, unit: str, peers: dict[str, float | None]) -> None:
    against = "".join(
        f"   {peer} {other:.1f}, ratio {value / other:.2f}"
        for peer, other in peers.items()
        if other
    )
    print(f"{name:<56}{value:>9.2f} {unit:<3}{against}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--node-modules", type=Path, metavar="FOLDER", help="has node_modules")
    parser.add_argument("--devices", type=int, default=100_000, help="enrolled (%(default)s)")
    parser.add_argument("--start", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.start:
        _start(args.start)
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core
    raw = raw_us()
    node = node_us(args.node_modules) if args.node_modules else None
    row("bytes to record, warm session, 24 bytes", ours_us(), "us", {"raw": raw, "node": node})
    row(
        "1000 sessions on one DevAddr, the usual one",
        shared_us(1000, last=False),
        "us",
        {"raw": raw},
    )
    row(
        "1000 sessions on one DevAddr, the one tried last",
        shared_us(1000, last=True),
        "us",
        {"raw": raw},
    )
    took_us, grown_mb = forged_us()
    row("100 000 forged frames, each", took_us, "us", {"raw": raw, "node": node})
    row("100 000 forged frames, memory grown", grown_mb, "MB", {})
    row("added to a frame's way up", path_us(), "us", {"raw": raw})
    seconds, megabytes = many_devices(args.devices)
    row(f"start with {args.devices} devices", seconds, "s", {})
    row(f"memory with {args.devices} devices", megabytes, "MB", {})


if __name__ == "__main__":
    main()
