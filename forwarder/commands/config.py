"""`edgemast config check|show|convert|apply`: what a file means, and how to change to it."""

from __future__ import annotations

import argparse
import sys
from ipaddress import ip_address

from ..config import GatewayConfig, load
from ..config.show import lines, rows
from ..identity import refuse_samples
from ..links.semtech_udp.settings import UdpSettings
from . import config_apply, config_convert

HELP = "check, show, convert or apply a configuration file, ours (TOML) or Semtech's (JSON)"
EXAMPLE = "edgemast config show /etc/edgemast/gateway.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _action(actions, "check", "warnings and mistakes; exit code 2 if there is a mistake")
    show = _action(actions, "show", "every value and where it came from")
    show.add_argument("--json", action="store_true", help="for programs")
    config_convert.add_arguments(actions)
    apply = _action(actions, "apply", "change to FILE; it stays only if radio and servers work")
    config_apply.add_arguments(apply)


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    example = f"example: edgemast config {name} global_conf.json"
    parser = actions.add_parser(name, help=text, description=text, epilog=example)
    parser.add_argument("file", metavar="FILE", help="TOML or JSON, or a folder with one")
    return parser


def run(args: argparse.Namespace) -> int:
    if args.action == "apply":
        return config_apply.run(args)
    if args.action == "convert":
        return config_convert.run(args)
    config = load(args.file)
    return _check(config) if args.action == "check" else _show(config, as_json=args.json)


def _check(config: GatewayConfig) -> int:
    _warn(config)
    _note_udp(config)
    refuse_samples(config)
    print(f"{config.path}: good, {summary(config)}")
    return 0


def _note_udp(config: GatewayConfig) -> None:
    """Semtech's protocol across a network that is not one's own: said here and nowhere else."""
    for server in config.servers:
        if isinstance(server, UdpSettings) and not _at_home(server.address):
            print(
                f"note: server {server.name}: UDP has no password and no encryption; MQTT with "
                "TLS or a tunnel has (docs/security.md)",
                file=sys.stderr,
            )


def _at_home(address: str) -> bool:
    """Whether an address is this machine's or a private network's; a name may be anywhere."""
    try:
        return ip_address(address).is_private
    except ValueError:
        return address == "localhost"


def summary(config: GatewayConfig) -> str:
    """The configuration in a line."""
    concentrator = config.concentrator
    channels = sum(channel.enable for channel in concentrator.multi_sf)
    channels += concentrator.lora_std.enable + concentrator.fsk.enable
    centres = ", ".join(f"{r.freq_hz / 1e6:g}" for r in concentrator.radios if r.enable)
    servers = ", ".join(server.name for server in config.servers) or "none"
    return f"{config.radio_uri}, {channels} channels around {centres} MHz, servers: {servers}"


def _show(config: GatewayConfig, *, as_json: bool) -> int:
    _warn(config)
    if as_json:
        import json

        table = {row.key: {"value": row.value, "source": row.source} for row in rows(config)}
        print(json.dumps(table, indent=1, default=list))
        return 0
    for line in lines(config):
        print(line)
    return 0


def _warn(config: GatewayConfig) -> None:
    for warning in config.warnings:
        print(f"warning: {warning}", file=sys.stderr)
