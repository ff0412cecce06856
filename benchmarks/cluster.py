"""Three nodes of a broker in network namespaces, to be killed, stopped and cut off. Needs root.

    host 10.99.77.1 ─┬─ node 1 10.99.77.11
       (a bridge)    ├─ node 2 10.99.77.12
                     └─ node 3 10.99.77.13

From Debian's packages: apt-get install nats-server rabbitmq-server. The configurations are those
of docs/fleet.md, without TLS. `cut` parts a node from its two fellows only: gateways still reach
it, which is the worst kind.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

BRIDGE, NET = "edgemastbr", "10.99.77"
NODES = (1, 2, 3)
PORT = 1883
START_S = 150.0


def address(node: int) -> str:
    return f"{NET}.{10 + node}"


class Cluster(ABC):
    """A context: three nodes that know each other, at `addresses`, in `folder`."""

    program = Path()
    package = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.addresses = tuple(f"{address(node)}:{PORT}" for node in NODES)

    # What each kind of broker is.

    @abstractmethod
    def command(self, node: int, home: Path) -> Sequence[str]:
        """Its program and arguments; what it needs is written to `home`."""

    def environment(self, node: int, home: Path) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self._folder), "LANG": "C.UTF-8"}

    def __enter__(self) -> Cluster:
        if not self.program.exists() or os.geteuid() != 0:
            raise SystemExit(f"needs root and a broker: apt-get install {self.package}")
        try:
            self._make_network()
            for node in NODES:
                self.start(node)
            for node in NODES:
                _wait_for_mqtt(address(node), START_S)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        for node in list(self._processes):
            self.kill(node)
        for node in NODES:
            self._signal(node, signal.SIGKILL)
            _run("ip", "link", "del", f"edgemast{node}", must=False)
            _run("ip", "netns", "del", _space(node), must=False)
        _run("ip", "link", "del", BRIDGE, must=False)

    # What may happen to a node.

    def start(self, node: int) -> None:
        home = self._folder / f"node{node}"
        home.mkdir(exist_ok=True)
        with (home / "log").open("ab") as log:
            self._processes[node] = subprocess.Popen(
                ["ip", "netns", "exec", _space(node), *self.command(node, home)],
                stdout=log,
                stderr=log,
                env=self.environment(node, home),
                start_new_session=True,
            )

    def kill(self, node: int) -> None:
        """SIGKILL: no goodbye, no flush; its sockets are closed by the kernel."""
        self._signal(node, signal.SIGKILL)
        self._processes.pop(node).wait()

    def pause(self, node: int) -> None:
        """Connections stay, and nobody answers: a half-open peer."""
        self._signal(node, signal.SIGSTOP)

    def resume(self, node: int) -> None:
        self._signal(node, signal.SIGCONT)

    def cut(self, node: int) -> None:
        """Nothing passes between it and its fellows any more; clients reach it."""
        for chain, flag in (("INPUT", "-s"), ("OUTPUT", "-d")):
            for other in NODES:
                if other != node:
                    self._iptables(node, "-A", chain, flag, address(other), "-j", "DROP")

    def heal(self, node: int) -> None:
        self._iptables(node, "-F")

    def resident_mb(self, node: int) -> float:
        """Memory of a node's processes."""
        return sum(_resident_mb(pid) for pid in _pids_in(node))

    # How.

    def _make_network(self) -> None:
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        _run("ip", "addr", "add", f"{NET}.1/24", "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")
        for node in NODES:
            space, ours, theirs = _space(node), f"edgemast{node}", f"edgemast{node}n"
            _run("ip", "netns", "add", space)
            _run("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs)
            _run("ip", "link", "set", theirs, "netns", space)
            _run("ip", "link", "set", ours, "master", BRIDGE, "up")
            inside: Sequence[Sequence[str]] = (
                ("link", "set", "lo", "up"),
                ("addr", "add", f"{address(node)}/24", "dev", theirs),
                ("link", "set", theirs, "up"),
            )
            for words in inside:
                _run("ip", "-n", space, *words)

    def _iptables(self, node: int, *words: str) -> None:
        _run("ip", "netns", "exec", _space(node), "iptables", *words)

    def _signal(self, node: int, number: signal.Signals) -> None:
        for pid in _pids_in(node):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


NATS = """\
server_name: node{node}
listen: "{ip}:4222"
jetstream {{ store_dir: "{home}/data" }}
cluster {{ name: gateways, listen: "{ip}:6222", routes: [{routes}] }}
mqtt {{
  listen: "{ip}:{port}"
  stream_replicas: 3
  max_ack_pending: 1000
}}
"""


class Nats(Cluster):
    """Messages and sessions in JetStream streams of three replicas."""

    program = Path("/usr/sbin/nats-server")
    package = "nats-server"

    def command(self, node: int, home: Path) -> Sequence[str]:
        routes = ", ".join(f'"nats://{address(other)}:6222"' for other in NODES)
        config = home / "nats.conf"
        config.write_text(
            NATS.format(node=node, ip=address(node), port=PORT, home=home, routes=routes)
        )
        return [str(self.program), "-c", str(config)]


RABBITMQ = """\
listeners.tcp = none
mqtt.listeners.tcp.1 = {ip}:{port}
mqtt.allow_anonymous = true
loopback_users = none
mqtt.durable_queue_type = quorum
mqtt.prefetch = 1000
mqtt.subscription_ttl = 86400000
mqtt.tcp_listen_options.backlog = 4096
cluster_formation.peer_discovery_backend = classic_config
{peers}
cluster_partition_handling = pause_minority
log.console = false
"""


class RabbitMq(Cluster):
    """Sessions in quorum queues. Its processes are called beam.smp."""

    program = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    package = "rabbitmq-server"

    def command(self, node: int, home: Path) -> Sequence[str]:
        cookie = self._folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text("EDGEMASTBENCH")
            cookie.chmod(0o400)
        peers = "\n".join(
            f"cluster_formation.classic_config.nodes.{n} = rabbit@{address(n)}" for n in NODES
        )
        text = RABBITMQ.format(ip=address(node), port=PORT, peers=peers)
        (home / "rabbitmq.conf").write_text(text)
        (home / "plugins").write_text("[rabbitmq_mqtt].\n")
        return [str(self.program)]

    def environment(self, node: int, home: Path) -> dict[str, str]:
        return super().environment(node, home) | {
            "RABBITMQ_USE_LONGNAME": "true",
            "RABBITMQ_NODENAME": f"rabbit@{address(node)}",
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "logs"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            # Small machine: one scheduler each, which sleeps when it has no work.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none",
        }


KINDS: dict[str, type[Cluster]] = {"nats": Nats, "rabbitmq": RabbitMq}


def _space(node: int) -> str:
    return f"edgemast-broker-{node}"


def _pids_in(node: int) -> list[int]:
    done = subprocess.run(
        ["ip", "netns", "pids", _space(node)], capture_output=True, text=True, check=False
    )
    return [int(word) for word in done.stdout.split()]


def _resident_mb(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0.0


def _run(*words: str, must: bool = True) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if must and done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr.strip()}")


def _wait_for_mqtt(host: str, limit_s: float) -> None:
    """Until a client is let in there."""
    connect = bytes.fromhex("100f00044d5154540402000a0003") + host[-3:].encode()
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        with suppress(OSError), socket.create_connection((host, PORT), 5) as client:
            client.sendall(connect)
            if client.recv(4) == b"\x20\x02\x00\x00":
                return
        time.sleep(0.5)
    raise SystemExit(f"{host}:{PORT} lets nobody in after {limit_s:.0f} s")
