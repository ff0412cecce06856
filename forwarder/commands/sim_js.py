"""`edgemast sim-js`: an external Join Server for demonstrations and tests, over real HTTPS."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import signal
import ssl
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..sim.https_server import HttpsServer
    from ..sim.join_server import JoinServer, Kek, Peers, Roots

HELP = (
    "A Join Server that speaks the Backend Interfaces (TS002) over HTTPS and holds the root keys "
    "of simulated devices. The first line on stdout is a JSON object with its URL and the "
    "certificates to use; SIGINT and SIGTERM end it."
)
EXAMPLE = "edgemast sim-js --scenario demo --tls-dir ./tls --kek as:edge=./as.kek --as-id edge"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    devices = parser.add_mutually_exclusive_group()
    devices.add_argument(
        "--devices", metavar="FILE", help="JSON as `edgemast demo --keys json` prints it"
    )
    devices.add_argument(
        "--scenario", default="demo", metavar="NAME", help="preset or .toml file (default demo)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="instead of the scenario's")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="0 is any free port")
    parser.add_argument(
        "--tls-dir", metavar="DIR", help="make an authority, server and client certificates there"
    )
    parser.add_argument(
        "--http", action="store_true", help="without TLS, on this machine only (no --tls-dir)"
    )
    parser.add_argument(
        "--kek",
        action="append",
        default=[],
        metavar="LABEL=FILE",
        help="hexadecimal key that wraps: for network servers if LABEL begins with ns:, else for "
        "application servers; without one keys go out in clear",
    )
    parser.add_argument(
        "--as-id",
        action="append",
        default=[],
        metavar="ID",
        help="an application server that may ask; the first is the devices' own",
    )
    parser.add_argument("--net-id", action="append", default=[], metavar="HEX", help="who may join")
    parser.add_argument(
        "--gives", default="both", choices=("both", "key", "session-id"), help="what a JoinAns has"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[:SECONDS][*TIMES]",
        help="of the first requests: late, never, garbage, huge, wrong-transaction, ...",
    )
    parser.add_argument(
        "--until-eof", action="store_true", help="end when stdin ends: with whoever started it"
    )


def run(args: argparse.Namespace) -> int:
    core = _core(args)
    context, facts = _tls(args)
    server = _listen(core, args.port, context)
    scheme = "https" if context else "http"
    for number in (signal.SIGINT, signal.SIGTERM):
        # `stop` waits for the loop that the signal interrupts, so another thread calls it.
        signal.signal(number, lambda *_: threading.Thread(target=server.stop).start())
    if args.until_eof:
        threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
    print(json.dumps({"url": f"{scheme}://127.0.0.1:{server.port}", **facts}), flush=True)
    server.serve_forever(poll_interval=0.1)
    return 0


def _stop_at_eof(server: HttpsServer) -> None:
    while sys.stdin.readline():
        pass
    server.stop()


def _core(args: argparse.Namespace) -> JoinServer:
    from ..sim.join_server import Gives, JoinServer

    devices = _from_file(args.devices) if args.devices else _from_scenario(args)
    core = JoinServer(devices, _peers(args), os.urandom, gives=Gives(args.gives))
    for text in args.fault:
        _fault(core, text)
    return core


def _listen(core: JoinServer, port: int, context: ssl.SSLContext | None) -> HttpsServer:
    from ..sim.https_server import HttpsServer

    if not 0 <= port < 65536:
        raise ConfigError(f"--port is {port}; 0 to 65535 expected")
    return HttpsServer(core, ("127.0.0.1", port), context)


# Devices.


def _from_scenario(args: argparse.Namespace) -> list[Roots]:
    from ..sim.placing import devices_of
    from .demo import _scenario

    specs = devices_of(_scenario(args.scenario, args.seed))
    return _roots([_spec_facts(spec) for spec in specs if spec.session is None])


def _spec_facts(spec: Any) -> dict[str, str]:
    return {
        "dev_eui": f"{spec.dev_eui:016x}",
        "join_eui": f"{spec.join_eui:016x}",
        "app_key": spec.app_key.hex(),
        "mac_version": spec.mac_version,
    }


def _from_file(path: str) -> list[Roots]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError:
        raise ConfigError(f"{path}: a JSON list of devices expected") from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ConfigError(f"{path}: a JSON list of devices expected")
    return _roots([one for one in found if one.get("activation", "otaa") == "otaa"])


def _roots(devices: list[dict[str, str]]) -> list[Roots]:
    from ..sim.device_spec import COUNTED_NONCES
    from ..sim.join_server import Roots

    def read(device: dict[str, str], name: str, size: int) -> bytes:
        value = device.get(name)
        if not isinstance(value, str) or not re.fullmatch(rf"[0-9a-fA-F]{{{2 * size}}}", value):
            who = str(device.get("name", device.get("dev_eui", "a device")))[:60]
            raise ConfigError(f"{who}: {name} of {2 * size} hexadecimal digits expected")
        return bytes.fromhex(value)

    return [
        Roots(
            int.from_bytes(read(one, "dev_eui", 8), "big"),
            int.from_bytes(read(one, "join_eui", 8), "big"),
            read(one, "app_key", 16),
            read(one, "nwk_key", 16) if one.get("nwk_key") else None,
            counted_nonces=one.get("mac_version", "1.0.4") in COUNTED_NONCES,
        )
        for one in devices
    ]


# Peers and their keys.


def _peers(args: argparse.Namespace) -> Peers:
    from ..sim.join_server import Peers

    keks = [_kek(text) for text in args.kek]
    network = [kek for kek in keks if kek.label.startswith("ns:")]
    application = [kek for kek in keks if not kek.label.startswith("ns:")]
    as_ids, net_ids = args.as_id or ["edgemast"], args.net_id or ["000013"]
    return Peers(
        network={one.lower(): _kek_of(one.lower(), network) for one in net_ids},
        application={one: _kek_of(one, application) for one in as_ids},
        home_as=as_ids[0],
        closed=bool(args.as_id or args.net_id),
    )


def _kek_of(who: str, keks: list[Kek]) -> Kek | None:
    """The one whose label names `who` (ns:000013:..., as:edge), else the first."""
    named = [kek for kek in keks if who in kek.label.split(":")[1:]]
    return next(iter(named or keks), None)


def _kek(text: str) -> Kek:
    from ..sim.join_server import Kek

    label, _, path = text.rpartition("=")
    if not label or not path:
        raise ConfigError("--kek: LABEL=FILE expected")
    digits = Path(path).read_text(encoding="utf-8").strip()
    if not re.fullmatch(r"(?:[0-9a-fA-F]{32}){1,2}|[0-9a-fA-F]{48}", digits):
        raise ConfigError(f"{path}: 32, 48 or 64 hexadecimal digits expected")
    return Kek(label, bytes.fromhex(digits))


def _fault(core: JoinServer, text: str) -> None:
    from ..sim.join_server import Fault

    found = re.fullmatch(r"([a-z-]+)(?::(\d{1,4}(?:\.\d+)?))?(?:\*(\d{1,4}))?", text)
    kinds = {fault.value: fault for fault in Fault}
    if found is None or found[1] not in kinds:
        raise ConfigError(f"--fault is {text!r}; one of {', '.join(kinds)} expected")
    core.fail(kinds[found[1]], float(found[2] or 0), times=int(found[3] or 1))


# Certificates.


def _tls(args: argparse.Namespace) -> tuple[ssl.SSLContext | None, dict[str, str]]:
    """The server's TLS, and where a client finds what it needs."""
    if args.http == bool(args.tls_dir):
        raise ConfigError("one of --tls-dir DIR and --http expected")
    if args.http:
        print("edgemast: without TLS; for this machine only", file=sys.stderr)
        return None, {}
    from ..sim.certificates import Authority
    from ..sim.https_server import tls_context

    folder = Path(args.tls_dir).absolute()
    authority = Authority("edgemast sim-js", datetime.datetime.now(datetime.UTC))
    certificate, key = authority.server().write(folder, "server")
    names = [*(args.as_id or ["edgemast"]), *(args.net_id or ["000013"])]
    client, client_key = authority.client(*names).write(folder, "client")
    ca = folder / "ca.pem"
    ca.write_bytes(authority.certificate)
    facts = {"ca": str(ca), "client_certificate": str(client), "client_key": str(client_key)}
    return tls_context(str(certificate), str(key), str(ca)), facts
