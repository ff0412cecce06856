"""How long until a service is ready, and until doctor has spoken; on the simulated board.

    python -m benchmarks.start --times 5

`ready` is from the start of the process to READY=1 on its NOTIFY_SOCKET, with a UDP server that
answers, as systemd would see it; RSS two seconds later. `doctor` is a whole `edgemast doctor`
with the same configuration and the service stopped.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .world import Server

PATIENCE_S = 60.0
SETTLED_S = 2.0
EDGEMAST = (sys.executable, "-m", "forwarder")
CONFIG = """
board = "sim"
region = "EU868"
[[server]]
address = "127.0.0.1"
port = {port}
"""


def ready(config: Path, folder: Path) -> tuple[float, float]:
    """Seconds to READY, and the process's megabytes a little later."""
    path = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(PATIENCE_S)
        places = {"NOTIFY_SOCKET": str(path), "RUNTIME_DIRECTORY": str(folder / "run")}
        began_s = time.perf_counter()
        service = subprocess.Popen(
            (*EDGEMAST, "run", "-c", str(config)),
            env={**os.environ, **places},
            stderr=subprocess.DEVNULL,
        )
        try:
            while b"READY=1" not in manager.recv(4096):
                pass
            took_s = time.perf_counter() - began_s
            time.sleep(SETTLED_S)
            return took_s, _rss_mb(service.pid)
        finally:
            service.terminate()
            service.wait(PATIENCE_S)
            path.unlink()


def doctor(config: Path) -> float:
    """Seconds that it takes, whatever it finds."""
    began_s = time.perf_counter()
    subprocess.run(
        (*EDGEMAST, "doctor", "-c", str(config)),
        stdout=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )
    return time.perf_counter() - began_s


def _rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    args = parser.parse_args(argv)
    server = Server()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "gateway.toml"
        config.write_text(CONFIG.format(port=server.port), encoding="utf-8")
        starts = [ready(config, folder) for _ in range(args.times)]
        doctors = [doctor(config) for _ in range(args.times)]
    server.close()
    print(f"ready, s:  {_told([took_s for took_s, _ in starts])}")
    print(f"RSS, MB:   {_told([rss_mb for _, rss_mb in starts])}")
    print(f"doctor, s: {_told(doctors)}")


def _told(figures: Sequence[float]) -> str:
    return f"median {statistics.median(figures):.2f}, most {max(figures):.2f}"


if __name__ == "__main__":
    main()
