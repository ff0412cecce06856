"""The link to ChirpStack over MQTT beside the UDP link and bare aiomqtt: latency, rate, memory.

    python -m benchmarks.mqtt

Whole gateways: `edgemast run` on a simulated board in a process of its own, a mosquitto that is
started here, and a subscriber that notes when a frame comes. mosquitto hands a message on and
acknowledges it in the same turn of its loop, so a subscriber's time is the PUBACK's. Bare aiomqtt
publishes bytes that the gateway has published, in the same run. Nothing here asserts.
"""

from __future__ import annotations

import argparse
import asyncio
import queue
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import aiomqtt

from forwarder.links.chirpstack import gw_pb2
from forwarder.links.mqtt.settings import broker_address
from tests.edge.brokers import a_broker, free_port

from .forwarder import percentile
from .forwarder import uplink_latency as udp_latency
from .gateways import fleet
from .world import OURS, TICK_HZ, Board, Subject, record

LINKS = 8
PUBLISH = 3
TOML = """\
region = "EU868"
[gateway]
eui = "0016c001f1500812"
[concentrator]
radio = "usb:{device}"
"""
SERVER = """
[[server]]
type = "mqtt"
name = "server{number}"
address = "mqtt://127.0.0.1:{port}"
topic_prefix = "p{number}"
client_id = "gateway-{number}"
[server.outage]
disk_mb = 0
"""


class Listener:
    """Subscribes to all uplinks; gives when each came, its topic and its payload.

    Plain sockets: a library's time for one message would be counted as the next one's.
    """

    def __init__(self, port: int) -> None:
        self.received: queue.SimpleQueue[tuple[int, str, bytes]] = queue.SimpleQueue()
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(bytes.fromhex("101400044d51545404020000") + _text("listener"))
        self._socket.sendall(_subscribe("+/gateway/+/event/up", "bare"))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _read(self) -> None:
        data = b""
        while chunk := self._socket.recv(1 << 16):
            ns = time.monotonic_ns()
            data += chunk
            while packet := _packet(data):
                kind, body, data = packet
                if kind == PUBLISH:
                    end = 2 + int.from_bytes(body[:2], "big")
                    self.received.put((ns, body[2:end].decode(), body[end:]))

    def wait(self, timeout_s: float = 5.0) -> tuple[int, str, bytes]:
        return self.received.get(timeout=timeout_s)

    def drain(self) -> None:
        while not self.received.empty():
            self.received.get()


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def _subscribe(*topics: str) -> bytes:
    body = b"\x00\x01" + b"".join(_text(topic) + b"\x00" for topic in topics)
    return b"\x82" + bytes([len(body)]) + body


def _packet(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first MQTT packet of `data`: its type, its body, and what follows it."""
    length = 0
    for place, byte in enumerate(data[1:5]):
        length |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            end = 2 + place + length
            return (data[0] >> 4, data[2 + place : end], data[end:]) if len(data) >= end else None
    return None


class MqttSubject:
    """`edgemast run` with `links` servers over MQTT, on its own board."""

    def __init__(self, port: int, links: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._port, self._links = port, links

    def __enter__(self) -> MqttSubject:
        folder = Path(self._folder.name)
        self.board = Board(folder)
        config = folder / "gateway.toml"
        servers = "".join(SERVER.format(number=n, port=self._port) for n in range(self._links))
        config.write_text(
            'board = "corecell-usb"\n' + TOML.format(device=self.board.link) + servers
        )
        self._log = folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*OURS, "-c", str(config)], stdout=log, stderr=log, cwd=folder
            )
        end_s = time.monotonic() + 60
        while not self._is_ready():
            if time.monotonic() > end_s or self.process.poll() is not None:
                text = self._log.read_text()
                self.__exit__(None, None, None)
                raise SystemExit(f"the gateway did not start: {text}")
            time.sleep(0.05)
        return self

    def _is_ready(self) -> bool:
        text = self._log.read_text(errors="replace")
        return "radio up" in text and text.count("connected to mqtt") == self._links

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.board.close()
        self._folder.cleanup()

    def rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK_HZ


def latency(subject: MqttSubject, listener: Listener, links: int, count: int) -> list[list[float]]:
    """Milliseconds from the record in the FIFO to the subscriber, for each link."""
    chance = random.Random(1)
    took: list[list[float]] = [[] for _ in range(links)]
    for number in range(count):
        time.sleep(chance.uniform(0.002, 0.022))
        listener.drain()
        stored_ns = subject.board.call(cmd="inject", **record(number))["ns"]
        for _ in range(links):
            ns, topic, _ = listener.wait()
            took[int(topic.partition("/")[0][1:])].append((ns - stored_ns) / 1e6)
    return took


def busy(subject: MqttSubject, listener: Listener, rate: int, seconds: float) -> tuple[int, float]:
    """How many of `rate` frames a second were lost, and our CPU in percent."""
    listener.drain()
    cpu_s, began_s, sent, total = subject.cpu_s(), time.monotonic(), 0, int(rate * seconds)
    batch = max(1, rate // 200)
    while sent < total:
        items = [record(sent + n) for n in range(min(batch, total - sent))]
        subject.board.call(cmd="inject_many", items=items)
        sent += len(items)
        time.sleep(max(0.0, began_s + sent / rate - time.monotonic()))
    used = (subject.cpu_s() - cpu_s) / (time.monotonic() - began_s) * 100
    seen: set[bytes] = set()
    while len(seen) < total:
        try:
            seen.add(gw_pb2.UplinkFrame.FromString(listener.wait(2.0)[2]).phy_payload)
        except queue.Empty:
            break
    return total - len(seen), used


async def bare(port: int, listener: Listener, payload: bytes, count: int) -> list[list[float]]:
    """aiomqtt alone: milliseconds from `publish` to the subscriber, and to the PUBACK."""
    chance, seen, acked = random.Random(1), [], []
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for _ in range(count):
            await asyncio.sleep(chance.uniform(0.002, 0.022))
            listener.drain()
            began_ns = time.monotonic_ns()
            await client.publish("bare", payload, qos=1)
            acked.append((time.monotonic_ns() - began_ns) / 1e6)
            ns, _, _ = await asyncio.to_thread(listener.wait)
            seen.append((ns - began_ns) / 1e6)
    return [seen, acked]


async def bare_rate(port: int, payload: bytes, rate: int, seconds: float) -> float:
    """CPU of aiomqtt alone at `rate` messages a second, percent."""
    began_s, cpu_s, sent = time.monotonic(), time.process_time(), 0
    waiting: set[asyncio.Task[None]] = set()
    async with aiomqtt.Client("127.0.0.1", port, max_inflight_messages=1000) as client:
        client.pending_calls_threshold = 10_000  # it would warn of every one beyond ten
        while sent < rate * seconds:
            while sent < (time.monotonic() - began_s) * rate:
                task = asyncio.create_task(client.publish("rate", payload, qos=1))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                sent += 1
            await asyncio.sleep(0.005)
        while waiting:
            await asyncio.sleep(0.01)
    return (time.process_time() - cpu_s) / (time.monotonic() - began_s) * 100


async def link_rate(port: int, rate: int, seconds: float) -> tuple[int, float, list[float]]:
    """Frames not acknowledged, CPU in percent, and publish to PUBACK in ms, of link and keeper."""
    waits: list[tuple[float, float]] = []
    (gateway,) = fleet(1, [broker_address(f"127.0.0.1:{port}")], waits)
    running = asyncio.create_task(gateway.link.run())
    while not gateway.is_up:
        await asyncio.sleep(0.01)
    began_s, cpu_s = time.monotonic(), time.process_time()
    while gateway.received < rate * seconds:
        while gateway.received < (time.monotonic() - began_s) * rate:
            gateway.receive()
        await asyncio.sleep(0.005)
    for _ in range(200):
        if not gateway.waiting:
            break
        await asyncio.sleep(0.01)
    used = (time.process_time() - cpu_s) / (time.monotonic() - began_s) * 100
    lost = gateway.received - len(gateway.taken)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return lost, used, [wait * 1000 for _, wait in waits]


def whole(port: int, count: int) -> bytes:
    """Gateways with one and with eight links; gives one published uplink."""
    with Subject() as subject:
        udp = udp_latency(subject, count)["uplink median, ms"]
        udp_mb = subject.rss_mb()
    listener = Listener(port)
    try:
        with MqttSubject(port, 1) as one:
            (single,) = latency(one, listener, 1, count)
            one_mb = one.rss_mb()
            one.board.call(cmd="inject", **record(1))
            payload = listener.wait()[2]
            lost, cpu = busy(one, listener, 1000, 5.0)
        with MqttSubject(port, LINKS) as eight:
            each = [statistics.median(ms) for ms in latency(eight, listener, LINKS, count)]
            eight_mb = eight.rss_mb()
        seen, acked = asyncio.run(bare(port, listener, payload, count))
    finally:
        listener.close()
    median, bare_ms = statistics.median(single), statistics.median(seen)
    row("UDP link: FIFO to datagram, median, ms", udp)
    row("MQTT link: FIFO to broker's acknowledgement, median, ms", median, median / udp, "UDP")
    row("  the same, p99, ms", percentile(single, 99))
    row("bare aiomqtt: publish to subscriber, median, ms", bare_ms)
    row("bare aiomqtt: publish to PUBACK, median, ms", statistics.median(acked))
    row("  bare aiomqtt added to the UDP link's way, ms", udp + bare_ms)
    row("eight links: the fastest of them, median, ms", min(each), min(each) / median, "one")
    row("eight links: the slowest of them, median, ms", max(each), max(each) / median, "one")
    row("whole gateway at 1000/s for 5 s: lost", lost)
    row("whole gateway at 1000/s: CPU, % of a core", cpu)
    row("memory with one UDP link, MB", udp_mb)
    row("memory with one MQTT link, MB", one_mb, one_mb / udp_mb, "UDP")
    row("memory with eight MQTT links, MB", eight_mb)
    return payload


def rates(port: int, payload: bytes, rate: int, seconds: float) -> None:
    lost, cpu, ms = asyncio.run(link_rate(port, rate, seconds))
    bare_cpu = asyncio.run(bare_rate(port, payload, rate, seconds))
    row(f"link and keeper at {rate}/s for {seconds:.0f} s: not acknowledged", lost)
    row("  publish to PUBACK, median, ms", statistics.median(ms))
    row("  publish to PUBACK, p99, ms", percentile(ms, 99))
    row("  CPU, % of a core", cpu, cpu / bare_cpu, "aiomqtt")
    row(f"bare aiomqtt at {rate}/s: CPU, % of a core", bare_cpu)


def row(what: str, value: float, ratio: float | None = None, to: str = "") -> None:
    words = f"{ratio:8.2f} of {to}" if ratio is not None else ""
    print(f"{what:<60}{value:10.2f}{words}", flush=True)


async def run(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = ("set_tcp_nodelay true", "max_queued_messages 0", "max_inflight_messages 0")
        async with a_broker(Path(folder), free_port(), *lines) as port:
            payload = await asyncio.to_thread(whole, port, args.count)
            await asyncio.to_thread(rates, port, payload, args.rate, args.seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="frames for each latency")
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    asyncio.run(run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
