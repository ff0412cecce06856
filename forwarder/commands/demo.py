"""`edgemast demo`: a whole gateway with simulated radio, devices and server."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..config import GatewayConfig
    from ..page.settings import PageSettings
    from ..sim.demo import Demo
    from ..sim.narrator import Line
    from ..sim.scenario import Scenario

HELP = (
    "A whole gateway on this machine: simulated devices, air and board, the forwarder as it is, a "
    "small network server over real UDP that cannot read payloads, an external Join Server, and "
    "local mode, which can. Nothing to configure; Ctrl-C ends it."
)
EXAMPLE = "edgemast demo --seconds 60"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, metavar="N", help="end after N seconds")
    parser.add_argument("--scenario", default="demo", metavar="NAME", help="preset or .toml file")
    parser.add_argument(
        "--plain",
        "--no-edge",
        action="store_true",
        help="without Join Server and local mode: the network server has all keys (as with "
        "--server)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="instead of the scenario's")
    parser.add_argument(
        "--server", metavar="HOST:PORT", help="a network server of your own (Semtech UDP)"
    )
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help="servers and all else of your own configuration, on the simulated board",
    )
    parser.add_argument(
        "--profile",
        choices=("generic", "chirpstack", "tts", "helium"),
        default="generic",
        help="the make of that server",
    )
    parser.add_argument(
        "--keys", choices=("json", "csv"), help="print the devices' keys for your server, and end"
    )
    parser.add_argument(
        "--page",
        type=int,
        nargs="?",
        const=8080,
        metavar="PORT",
        help="serve the status page on 127.0.0.1, port 8080 unless said",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--log-level", default="error", choices=("debug", "info", "warning", "error")
    )


def run(args: argparse.Namespace) -> int:
    from ..service.logs import set_up_logging

    if args.seconds is not None and not 0 < args.seconds < 1e9:
        raise ConfigError(f"--seconds is {args.seconds:g}; a number above 0 expected")
    set_up_logging(args.log_level)
    scenario = _scenario(args.scenario, args.seed)
    if args.keys:
        print(_keys(scenario, args.keys), end="")
        return 0
    outside = _outside(args, scenario)
    edge = outside is None and not args.plain
    printer = Printer(as_json=args.json, edge=edge)
    demo = _edge_demo(args, scenario, printer) if edge else _demo(scenario, printer, outside)
    if args.page is not None:
        demo.page = _page(args.page)
    printer.legend(scenario, demo.page)
    asyncio.run(_run(demo, args.seconds))
    printer.summary(demo.summary())
    return 0


def _page(port: int) -> PageSettings:
    from ..page.settings import PageSettings

    if not 0 < port < 65536:
        raise ConfigError(f"--page is {port}: a port from 1 to 65535 expected")
    return PageSettings("127.0.0.1", port)


def _demo(scenario: Scenario, printer: Printer, outside: GatewayConfig | None) -> Demo:
    from ..sim.demo import Demo

    nonce = 1 if outside is None else _nonce_of_this_minute()
    return Demo(scenario, printer.show, outside=outside, first_nonce=nonce)


def _outside(args: argparse.Namespace, scenario: Scenario) -> GatewayConfig | None:
    """The configuration of servers that are not the demo's own; None without any."""
    from ..config import load
    from ..sim.demo import outside_config, udp_config

    server = _server(args.server)
    if args.config is not None:
        if server is not None:
            raise ConfigError("--server and --config: give one of them")
        return outside_config(scenario, load(args.config))
    return None if server is None else udp_config(scenario, *server, profile=args.profile)


def _edge_demo(args: argparse.Namespace, scenario: Scenario, printer: Printer) -> Demo:
    from ..sim.edge_demo import EdgeDemo

    return EdgeDemo(scenario, printer.show, source=args.scenario, seconds=args.seconds)


def _scenario(name: str, seed: int | None) -> Scenario:
    import msgspec

    from ..sim.scenario import load

    scenario = load(name)
    if seed is None:
        return scenario
    if not 0 <= seed < 2**63:
        raise ConfigError(f"--seed is {seed}; 0 or more expected")
    head = msgspec.structs.replace(scenario.scenario, seed=seed)
    return msgspec.structs.replace(scenario, scenario=head)


def _keys(scenario: Scenario, form: str) -> str:
    import msgspec

    from ..sim import keys
    from ..sim.placing import devices_of

    specs = devices_of(scenario)
    if form == "csv":
        return keys.as_csv(specs)
    return msgspec.json.format(msgspec.json.encode(keys.export(specs))).decode() + "\n"


def _server(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    bare = host.strip("[]")
    legal = bare and all(char.isalnum() or char in ".:-_%" for char in bare)
    if not legal or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ConfigError(f"--server is {text!r}: HOST:PORT expected, such as 127.0.0.1:1700")
    return bare, int(port)


def _nonce_of_this_minute() -> int:
    """A server outside refuses DevNonces of earlier runs; this one grows, for 45 days at a time."""
    return int(time.time()) // 60 & 0xFFFF


async def _run(demo: Demo, seconds: float | None) -> None:
    task = asyncio.ensure_future(demo.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    if seconds is not None:
        loop.call_later(seconds, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


class Printer:
    """Lines to stdout, coloured on a terminal unless NO_COLOR is set."""

    def __init__(self, *, as_json: bool, edge: bool = False) -> None:
        self._edge = edge
        self._as_json = as_json
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def legend(self, scenario: Scenario, page: PageSettings | None = None) -> None:
        from ..sim.narrator import LEGEND

        legend: tuple[str, ...] = LEGEND
        if self._edge:
            from ..sim.edge_narrator import LEGEND as MORE

            legend += MORE
        if self._as_json:
            return
        count = sum(group.count for group in scenario.devices)
        name = scenario.scenario.name
        print(
            f"A LoRaWAN gateway in simulation: scenario {name!r}, {count} devices, Ctrl-C ends it."
        )
        print("\n".join(f"  {line}" for line in legend), end="\n\n", flush=True)
        if page is not None:
            print(f"  status page: {page.url}\n", flush=True)

    def show(self, line: Line, at_s: float) -> None:
        from ..sim.narrator import json_object, text

        if self._as_json:
            self._print_json(json_object(line, at_s))
        else:
            print(text(line, at_s, colour=self._colour), flush=True)

    def summary(self, facts: dict[str, object]) -> None:
        from ..sim.narrator import summary_text

        if self._as_json:
            self._print_json({"kind": "summary", **facts})
        else:
            lines = summary_text(facts)
            if self._edge:
                from ..sim.edge_narrator import edge_summary

                lines += edge_summary(facts)
            print("\n".join(lines), flush=True)

    def _print_json(self, value: dict[str, object]) -> None:
        import msgspec

        print(msgspec.json.encode(value).decode(), flush=True)
