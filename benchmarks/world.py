"""The bench: a simulated board in a process of its own, a UDP server, and the forwarder under test.

Every figure is taken from outside the forwarder, so that any program that drives a CoreCell USB
board and speaks Semtech UDP can stand beside ours in the same run.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

OURS = (sys.executable, "-m", "forwarder", "run")
TICK_HZ = os.sysconf("SC_CLK_TCK")
PAYLOAD = bytes.fromhex("40f17dbe4900020001954378762b11ff0d")
EU868_IF = ((1, -400000), (1, -200000), (1, 0), (0, -400000), (0, -200000), (0, 0), (0, 200000))


def eu868(path: str, port: int) -> dict[str, Any]:
    """A Semtech configuration for EU868 on a USB board; what its owner would have on disk."""
    radio = {"enable": True, "type": "SX1250", "rssi_offset": -215.4, "tx_enable": True}
    radio["rssi_tcomp"] = {
        "coeff_a": 0, "coeff_b": 0, "coeff_c": 20.41, "coeff_d": 2162.56, "coeff_e": 0,
    }  # fmt: skip
    gains = [
        {"rf_power": 12, "pa_gain": 0, "pwr_idx": 15},
        {"rf_power": 14, "pa_gain": 0, "pwr_idx": 17},
        {"rf_power": 27, "pa_gain": 1, "pwr_idx": 14},
    ]
    board: dict[str, Any] = {
        "com_type": "USB", "com_path": path, "lorawan_public": True, "clksrc": 0,
        "antenna_gain": 0, "full_duplex": False,
        "fine_timestamp": {"enable": False, "mode": "all_sf"},
        "radio_0": radio | {
            "freq": 867500000, "tx_freq_min": 863000000, "tx_freq_max": 870000000,
            "tx_gain_lut": gains,
        },
        "radio_1": radio | {"freq": 868500000, "tx_enable": False},
        "chan_multiSF_All": {"spreading_factor_enable": list(range(5, 13))},
        "chan_Lora_std": {
            "enable": True, "radio": 1, "if": -200000, "bandwidth": 250000, "spread_factor": 7,
            "implicit_hdr": False, "implicit_payload_length": 17, "implicit_crc_en": False,
            "implicit_coderate": 1,
        },
        "chan_FSK": {
            "enable": True, "radio": 1, "if": 300000, "bandwidth": 125000, "datarate": 50000,
        },
    }  # fmt: skip
    for chan, (rf_chain, if_hz) in enumerate((*EU868_IF, (0, 400000))):
        board[f"chan_multiSF_{chan}"] = {"enable": True, "radio": rf_chain, "if": if_hz}
    gateway = {
        "gateway_ID": "0016C001F1500812", "server_address": "127.0.0.1",
        "serv_port_up": port, "serv_port_down": port, "keepalive_interval": 10,
        "stat_interval": 30, "push_timeout_ms": 100, "forward_crc_valid": True,
        "forward_crc_error": False, "forward_crc_disabled": False,
    }  # fmt: skip
    return {"SX130x_conf": board, "gateway_conf": gateway, "debug_conf": {"ref_payload": []}}


@dataclass(frozen=True, slots=True)
class Datagram:
    ns: int
    kind: int
    token: bytes
    body: dict[str, Any]


class Server:
    """Acknowledges everything at once and keeps what came, with the time it came."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.received: queue.SimpleQueue[Datagram] = queue.SimpleQueue()
        self._down: Any = None
        self._token = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while data_and_peer := self._socket.recvfrom(65536):
            ns = time.monotonic_ns()
            data, peer = data_and_peer
            if not data:
                return
            kind = data[3]
            if kind in (0, 2):
                self._socket.sendto(data[:3] + bytes([1 if kind == 0 else 4]), peer)
            if kind == 2:
                self._down = peer
            body = json.loads(data[12:].decode()) if len(data) > 12 else {}
            self.received.put(Datagram(ns, kind, data[1:3], body))

    def ask(self, txpk: dict[str, Any]) -> tuple[bytes, int]:
        """Send a PULL_RESP; gives its token and when it was sent."""
        self._token = (self._token + 1) & 0xFFFF
        token = self._token.to_bytes(2, "big")
        data = b"\x02" + token + b"\x03" + json.dumps({"txpk": txpk}).encode()
        ns = time.monotonic_ns()
        self._socket.sendto(data, self._down)
        return token, ns

    def wait(self, kind: int, timeout_s: float = 5.0) -> Datagram:
        deadline = time.monotonic() + timeout_s
        while True:
            datagram = self.received.get(timeout=max(0.001, deadline - time.monotonic()))
            if datagram.kind == kind:
                return datagram

    def wait_uplink(self, timeout_s: float = 5.0) -> Datagram:
        while True:
            datagram = self.wait(0, timeout_s)
            if "rxpk" in datagram.body:
                return datagram

    def drain(self) -> list[Datagram]:
        found = []
        while not self.received.empty():
            found.append(self.received.get())
        return found


class Board:
    """`edgemast sim` in a process of its own, and its control port."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.link = str(folder / "concentrator")
        command = [sys.executable, "-m", "forwarder", "sim", "--link", self.link, "--control", "0"]
        self.process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        port = json.loads(self.process.stdout.readline())["control"]
        self._control = socket.create_connection(("127.0.0.1", port))
        self._control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._control.makefile("r", encoding="utf-8")

    def call(self, **request: Any) -> dict[str, Any]:
        self._control.sendall(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._lines.readline())
        if not answer["ok"]:
            raise RuntimeError(answer["error"])
        return answer

    def close(self) -> None:
        self._lines.close()
        self._control.close()
        self.process.terminate()
        self.process.wait(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


def record(number: int) -> dict[str, Any]:
    """An `inject` item whose payload carries `number`."""
    payload = PAYLOAD[:5] + number.to_bytes(4, "little") + PAYLOAD[9:]
    return {"payload": payload.hex(), "channel": number % 8, "modem": number % 16, "sf": 7,
            "cr": 1, "crc_en": True, "snr_raw": 30, "rssi_chan": 112, "rssi_sig": 110}  # fmt: skip


def immediate(freq: float = 868.1, size: int = 17) -> dict[str, Any]:
    data = base64.b64encode(bytes(size)).decode()
    return {"imme": True, "freq": freq, "rfch": 0, "powe": 14, "modu": "LORA", "datr": "SF7BW125",
            "codr": "4/5", "ipol": True, "size": size, "data": data}  # fmt: skip


class Subject:
    """One forwarder on its own board with its own server, from start to a clean end."""

    def __init__(
        self,
        command: Sequence[str] = OURS,
        configuration: Callable[[str, int], dict[str, Any] | str] = eu868,
        board: Sequence[str] = (),
    ) -> None:
        self._command = command
        self._configuration = configuration
        self._board = board
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Subject:
        folder = Path(self._folder.name)
        self.server = Server()
        self.board = Board(folder, *self._board)
        made = self._configuration(self.board.link, self.server.port)
        name = "gateway.toml" if isinstance(made, str) else "global_conf.json"
        configuration = folder / name
        configuration.write_text(made if isinstance(made, str) else json.dumps(made))
        started_ns = time.monotonic_ns()
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [*self._command, "-c", str(configuration)], stdout=log, stderr=log, cwd=folder
            )
        try:
            self.server.wait(2, 30)
            self._wait_for_radio()
            self.start_s = (time.monotonic_ns() - started_ns) / 1e9
        except queue.Empty:
            self.__exit__(None, None, None)
            raise RuntimeError(f"{self._command} did not start: {self.log()}") from None
        return self

    def _wait_for_radio(self) -> None:
        """Ours speaks to servers before its radio is up; the C forwarder after. Raises Empty."""
        deadline_s = time.monotonic() + 30
        while not self._receives():
            if time.monotonic() > deadline_s:
                raise queue.Empty
            time.sleep(0.01)

    def _receives(self) -> bool:
        if tuple(self._command) != tuple(OURS):
            return bool(self.board.call(cmd="state")["config_done"])
        return "radio up" in self.log()

    def log(self) -> str:
        """What the forwarder has printed so far."""
        path = Path(self._folder.name, "log")
        return path.read_text(errors="replace") if path.exists() else ""

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.board.close()
        self.server.close()
        self._folder.cleanup()

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK_HZ

    def rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
