"""What the status page costs: the same gateway with it and without it, side by side.

    python -m benchmarks.page --seconds 60 --rate 1

Both run at the same time on boards of their own and receive the same frames; one has the page and
one viewer that follows it live, and Prometheus asks for its metrics every 15 s. Nothing asserts.
"""

from __future__ import annotations

import argparse
import os
import socket
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .world import OURS, Subject, record

SCRAPE_S = 15.0
SETTLE_S = 3.0


def configuration(page_port: int) -> str:
    page = f'[page]\nlisten = "127.0.0.1:{page_port}"\n' if page_port else ""
    return (
        'board = "corecell-usb"\nregion = "EU868"\n[gateway]\neui = "0016c001f1500812"\n'
        '[concentrator]\nradio = "usb:{link}"\n' + page +
        '[[server]]\nname = "bench"\naddress = "127.0.0.1"\nport = {port}\n'
    )  # fmt: skip


def subject(page_port: int) -> Subject:
    text = configuration(page_port)
    return Subject(OURS, lambda link, port: text.format(link=link, port=port))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Viewer:
    """Follows the page live and counts what comes; asks for the metrics as Prometheus does."""

    def __init__(self, port: int) -> None:
        self.received = 0
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=one) for one in (self._follow, self._scrape)]

    def start(self) -> None:
        self._socket.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _follow(self) -> None:
        while data := self._socket.recv(65_536):
            self.received += len(data)

    def _scrape(self) -> None:
        while not self._ended.wait(SCRAPE_S):
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as answer:
                answer.read()


@contextmanager
def viewing(port: int) -> Iterator[Viewer]:
    viewer = Viewer(port)
    viewer.start()
    try:
        yield viewer
    finally:
        viewer.stop()


def feed(subjects: list[Subject], rate: float, seconds: float) -> None:
    """The same frames for all of them, evenly."""
    end_s, number = time.monotonic() + seconds, 0
    while time.monotonic() < end_s:
        for one in subjects:
            one.board.call(cmd="inject", **record(number))
        number += 1
        time.sleep(1 / rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=1.0, help="frames a second")
    args = parser.parse_args()
    port = free_port()
    with ExitStack() as stack:
        os.environ["RUNTIME_DIRECTORY"] = stack.enter_context(tempfile.TemporaryDirectory())
        plain = stack.enter_context(subject(0))
        os.environ["RUNTIME_DIRECTORY"] = stack.enter_context(tempfile.TemporaryDirectory())
        paged = stack.enter_context(subject(port))
        viewer = stack.enter_context(viewing(port))
        feed([plain, paged], args.rate, SETTLE_S)
        before = plain.cpu_s(), paged.cpu_s()
        feed([plain, paged], args.rate, args.seconds)
        used = [(one.cpu_s() - cpu_s) / args.seconds * 100
                for one, cpu_s in zip((plain, paged), before, strict=True)]  # fmt: skip
        print(f"{'figure':<28}{'without':>10}{'page':>10}{'cost':>10}")
        rows = (("CPU, % of one core", *used), ("RSS, MB", plain.rss_mb(), paged.rss_mb()))
        for name, without, with_page in rows:
            print(f"{name:<28}{without:>10.2f}{with_page:>10.2f}{with_page - without:>10.2f}")
        print(f"the viewer received {viewer.received / 1024 / args.seconds:.1f} kB a second")


if __name__ == "__main__":
    main()
