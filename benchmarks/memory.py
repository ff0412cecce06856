"""What a gateway with one server has in memory, by kind of server, on a board beside it or within.

    python -m benchmarks.memory [--runs 5] [--python PATH]

`edgemast run` until it is connected and receives, then ten seconds more, VmRSS; the median of the
runs. `usb` is the simulated board in a process of its own, as a real one would be; `sim` has it in
the gateway's process. `--python` is another environment's, where `edgemast[mqtt]` is installed and
nothing besides: a developer's has packages that the libraries take along where they find them.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forwarder.sim.certificates import Authority
from tests.edge.brokers import a_broker, free_port

from .world import Board

SETTLE_S = 10.0
TOML = """\
board = "{board}"
region = "EU868"
[gateway]
eui = "0016c001f1500812"
[concentrator]
radio = "{radio}"
[[server]]
"""
UDP = 'address = "127.0.0.1"\nport = 9\n'
READY = ("radio up", "connected to mqtt")


@contextmanager
def a_radio(kind: str, folder: Path) -> Iterator[tuple[str, str]]:
    """The names of a board and its radio."""
    if kind == "sim":
        yield "sim", "sim:"
        return
    board = Board(folder)
    try:
        yield "corecell-usb", f"usb:{board.link}"
    finally:
        board.close()


def rss_mb(python: str, radio: str, server: str) -> float:
    """Of one gateway."""
    with tempfile.TemporaryDirectory() as name, a_radio(radio, Path(name)) as (board, uri):
        config, log = Path(name) / "gateway.toml", Path(name) / "log"
        config.write_text(TOML.format(board=board, radio=uri) + server)
        with log.open("w") as text:
            process = subprocess.Popen(
                [python, "-m", "forwarder", "run", "-c", str(config)],
                stdout=text,
                stderr=text,
                cwd=name,
            )
        try:
            wanted = READY if "mqtt" in server else READY[:1]
            end_s = time.monotonic() + 60
            while not all(words in log.read_text() for words in wanted):
                if process.poll() is not None or time.monotonic() > end_s:
                    raise SystemExit(f"the gateway did not start: {log.read_text()}")
                time.sleep(0.1)
            time.sleep(SETTLE_S)
            status = Path(f"/proc/{process.pid}/status").read_text()
        finally:
            process.terminate()
            process.wait(10)
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def measure(python: str, runs: int, folder: Path) -> None:
    port, tls_port = free_port(), free_port()
    authority = Authority("benchmark", datetime.datetime.now(datetime.UTC))
    certificate, key = authority.server().write(folder, "server")
    (folder / "ca.pem").write_bytes(authority.certificate)
    tls = (f"listener {tls_port} 127.0.0.1", f"certfile {certificate}", f"keyfile {key}")
    head = 'type = "mqtt"\naddress = '
    servers = {
        "udp": UDP,
        "mqtt": f'{head}"mqtt://127.0.0.1:{port}"\n[server.outage]\ndisk_mb = 0\n',
        "mqtts": f'{head}"mqtts://localhost:{tls_port}"\nca_file = "{folder / "ca.pem"}"\n'
        "[server.outage]\ndisk_mb = 0\n",
    }
    async with a_broker(folder, port, *tls):
        for radio in ("usb", "sim"):
            for kind, server in servers.items():
                found = [
                    await asyncio.to_thread(rss_mb, python, radio, server) for _ in range(runs)
                ]
                all_of_them = " ".join(f"{value:.1f}" for value in sorted(found))
                print(f"{radio:4} {kind:6} {statistics.median(found):5.1f} MB  ({all_of_them})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(options.python, options.runs, Path(folder)))


if __name__ == "__main__":
    main()
