"""`edgemast config apply NEW`: try a configuration, and keep it only when it is proved."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from hal.clock import SystemClock

from ..change.pending import Change, ChangeError, Pending, not_written
from ..change.proof import answering, wanted
from ..change.service import Process, Service, Systemd
from ..change.steps import Gateway, make
from ..config import GatewayConfig, LinkSettings, load, loads
from ..errors import ConfigError
from ..identity import refuse_samples
from ..state import state_file

CURRENT = "/etc/edgemast/gateway.toml"
RUNTIME = "/run/edgemast"
TIMEOUT_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--current", default=CURRENT, metavar="FILE", help=f"what runs (default {CURRENT})"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_S,
        metavar="S",
        help=f"how long the proof may take (default {TIMEOUT_S:g} s)",
    )
    parser.add_argument(
        "--allow-silent", action="store_true", help="new servers need not answer yet"
    )
    parser.add_argument(
        "--pid",
        action="store_true",
        help="no systemd: end the gateway with SIGTERM, and something else starts it again",
    )
    parser.add_argument(
        "--runtime",
        type=Path,
        default=Path(os.environ.get("RUNTIME_DIRECTORY", RUNTIME).split(":")[0]),
        metavar="DIR",
        help=f"where the gateway writes its state (default {RUNTIME})",
    )


def run(args: argparse.Namespace) -> int:
    current = Path(args.current)
    data = _checked(Path(args.file), current)
    config = loads(data.decode("utf-8"), str(current))
    state = partial(state_file.read, args.runtime)
    service = _service(state, by_pid=args.pid)
    try:
        with closing(Change(Pending(current))) as change:
            if change.tidied:
                print(f"an earlier change of {current} was never proved, and is taken back")
            servers = wanted(
                state(), _servers(current), config.servers, trust_new=args.allow_silent
            )
            if service is None:
                _examined(change, data, config, servers, current)
            else:
                _told(servers, args.timeout)
                gateway = Gateway(service, state, SystemClock(), args.timeout)
                make(change, data, gateway, servers)
    except OSError as error:
        raise not_written(error) from error
    answers = ", ".join(sorted(answering(state()))) or "none"
    how = f"proved, servers that answer: {answers}" if service else "looked at by the doctor"
    print(f"{current}: {how}; what ran before is {Pending(current).previous}")
    return 0


def _checked(new: Path, current: Path) -> bytes:
    """The new file's bytes. Raises ConfigError unless it can be run, here and in its place."""
    config = load(new)
    refuse_samples(config)
    if (config.path.suffix == ".json") != (current.suffix == ".json"):
        raise ConfigError(
            f"{config.path} cannot become {current}: one is JSON and the other is TOML; give a "
            "place of the same kind with -c, or use `edgemast config convert`"
        )
    return config.path.read_bytes()


def _servers(current: Path) -> tuple[LinkSettings, ...]:
    """The servers of what runs; none where that cannot be read."""
    try:
        return load(current).servers if current.exists() else ()
    except ConfigError:
        return ()


def _service(state: partial[dict[str, object] | None], *, by_pid: bool) -> Service | None:
    """What restarts the gateway; None where no gateway runs."""
    if by_pid:
        return Process(partial(_pid, state))
    systemd = Systemd()
    if systemd.runs():
        return systemd
    if state() is not None:
        raise ChangeError(
            "a gateway runs here, but not as edgemast.service: use --pid if something starts it "
            "again when it ends, else stop it first"
        )
    return None


def _pid(state: partial[dict[str, object] | None]) -> int | None:
    found = (state() or {}).get("pid")
    return found if isinstance(found, int) else None


def _told(servers: frozenset[str], timeout_s: float) -> None:
    names = ", ".join(sorted(servers))
    whom = f", and answers from {names}" if names else ""
    print(f"restarting; waiting up to {timeout_s:g} s for the radio{whom}", flush=True)


def _examined(
    change: Change, data: bytes, config: GatewayConfig, servers: frozenset[str], current: Path
) -> None:
    """No gateway runs: the doctor's checks are the proof. Raises ChangeError."""
    print("no gateway runs here: looking at radio and servers as edgemast doctor does", flush=True)
    change.begin(data)
    if failures := list(_failures(config, servers)):
        change.restore()
        raise ChangeError(f"{current} is as it was, because {'; '.join(failures)}: edgemast doctor")
    change.commit()


def _failures(config: GatewayConfig, servers: frozenset[str]) -> Iterator[str]:
    from ..doctor.case import Case
    from ..doctor.chain import checks, new_session
    from ..doctor.examine import examine
    from ..doctor.values import Verdict
    from ..doctor.walk import Walk

    case = Case(path=config.path, config=config, uri=config.radio_uri)
    session = new_session(case)
    walk = Walk(checks(case, session))
    try:
        examine(walk)
    finally:
        if session is not None:
            session.close()
    spared = {f"server {s.name}" for s in config.servers if s.name not in servers}
    for check, finding in walk.results():
        if finding.verdict is Verdict.FAIL and check.name not in spared:
            yield f"{check.name}: {finding.read}"
