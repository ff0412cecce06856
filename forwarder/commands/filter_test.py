"""`edgemast filter-test`: what each server's filter would drop of a recorded log."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..config import GatewayConfig, LinkSettings, load
from ..errors import ConfigError, EdgemastError
from ..links.dry_run import Outcome, try_out
from ..sim.recorded_uplinks import uplinks
from ..sim.recording import Reception, Unreadable, read

HELP = "Show what each server's filter would drop of a recorded log; nothing is sent."
EXAMPLE = "edgemast filter-test -c gateway.toml recorded.log"
ANY_EUI = "0016c001ffffffff"  # of a server that has none of its own: it is only shown
KINDS = {"net_id": "NetID", "dev_addr": "DevAddr", "join_eui": "JoinEUI", "dev_eui": "DevEUI"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", required=True, type=Path, metavar="FILE")
    parser.add_argument("--server", metavar="NAME", help="only this one; else all of the file")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="addresses shown; 5")
    parser.add_argument("--json", action="store_true", help="an object on stdout")
    parser.add_argument(
        "logs",
        nargs="+",
        type=Path,
        metavar="LOG",
        help="rxpk lines, Helium JSON, local mode's records or pcap, or .gz of them",
    )


def run(args: argparse.Namespace) -> int:
    servers = _servers(load(args.config), args.server)
    receptions, unreadable = _receptions(args.logs)
    if not receptions:
        raise EdgemastError(f"no frame in {', '.join(map(str, args.logs))}: {_hint(unreadable)}")
    heard = uplinks(receptions)
    outcomes = [try_out(server, heard) for server in servers]
    top = max(args.top, 0)
    if args.json:
        print(json.dumps(_as_dict(outcomes, heard.keys(), unreadable, top), indent=2))
    else:
        print("\n".join(_lines(outcomes, len(heard), unreadable, top)))
    return 0


def _servers(config: GatewayConfig, name: str | None) -> list[LinkSettings]:
    servers = config.servers_for(ANY_EUI)
    chosen = [server for server in servers if name in (None, server.name)]
    if not chosen:
        known = ", ".join(server.name for server in servers) or "none"
        raise ConfigError(f"--server {name}: no such server; {config.path.name} has: {known}")
    return chosen


def _receptions(logs: Sequence[Path]) -> tuple[list[Reception], list[Unreadable]]:
    found: list[Reception] = []
    unreadable: list[Unreadable] = []
    for log in logs:
        for one in read(log):
            if isinstance(one, Unreadable):
                unreadable.append(one)
            else:
                found.append(one)
    return found, unreadable


def _hint(unreadable: Sequence[Unreadable]) -> str:
    return f"line {unreadable[0].line}: {unreadable[0].why}" if unreadable else "it is empty"


def _as_dict(
    outcomes: Sequence[Outcome], gateways: Iterable[str], unreadable: Sequence[Unreadable], top: int
) -> dict[str, object]:
    return {
        "gateways": sorted(gateways),
        "unreadable_lines": len(unreadable),
        "servers": [outcome.plain(top) for outcome in outcomes],
    }


def _lines(
    outcomes: Sequence[Outcome], gateways: int, unreadable: Sequence[Unreadable], top: int
) -> Iterator[str]:
    frames = outcomes[0].frames if outcomes else 0
    yield f"{frames} frames of {gateways} gateway{'s' if gateways > 1 else ''}" + _length(outcomes)
    if unreadable:
        yield f"{len(unreadable)} lines cannot be read; the first is {_hint(unreadable)}"
    for outcome in outcomes:
        yield ""
        yield from _server(outcome, top)


def _length(outcomes: Sequence[Outcome]) -> str:
    minutes = max((outcome.span_us for outcome in outcomes), default=0) / 60e6
    if minutes < 120:
        return f" in {minutes:.0f} minutes"
    hours = minutes / 60
    return f" in {hours:.0f} hours" if hours < 72 else f" in {hours / 24:.0f} days"


def _server(outcome: Outcome, top: int) -> Iterator[str]:
    share = 100 * outcome.passed / outcome.frames if outcome.frames else 0.0
    yield outcome.server
    cost = _a_day(outcome, outcome.passed_bytes)
    yield _row("passed", outcome.passed, f"{share:.1f} %, {cost}")
    if outcome.dropped:
        cost = _a_day(outcome, outcome.dropped_bytes)
        yield _row("dropped", outcome.dropped.total(), f"{100 - share:.1f} %, {cost}")
    for reason, count in outcome.dropped.most_common():
        yield _row(f"  {reason.name}", count, reason.value)
    for kind, title in KINDS.items():
        if (seen := outcome.kept_out.get(kind)) and top:
            shown = ", ".join(f"{text} ({count})" for text, count in seen.most_common(top))
            more = f", and {len(seen) - top} more" if len(seen) > top else ""
            yield f"  dropped {title}: {shown}{more}"


def _a_day(outcome: Outcome, size: int) -> str:
    per_day = outcome.a_day(size)
    return _size(size) if per_day is None else f"{_size(per_day)} a day"


def _row(what: str, count: int, words: str) -> str:
    return f"  {what:<18}{count:>8}  {words}"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
