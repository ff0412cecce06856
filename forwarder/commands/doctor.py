"""`edgemast doctor`: walks from the configuration to the servers and names what is wrong."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from ..config import load
from ..config.load import IN_A_FOLDER
from ..doctor.case import Case
from ..doctor.chain import checks, new_session
from ..doctor.examine import examine, within
from ..doctor.text import lines
from ..doctor.values import Verdict
from ..doctor.walk import Walk, exit_code
from ..errors import ConfigError
from .radio import board_radio

HELP = "find out why the gateway does not work, from the board to the servers"
EXAMPLE = "edgemast doctor -c /etc/edgemast/gateway.toml"
USUAL = Path("/etc/edgemast")
CLOSE_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--config", metavar="FILE", help="TOML or JSON; default: what is in /etc/edgemast"
    )
    parser.add_argument("--radio", metavar="URI", help="instead of the file's: spi:, usb: or sim:")
    parser.add_argument("--board", metavar="NAME", help='this board (edgemast boards), or "auto"')
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    case = make_case(args.config, args.radio)
    if args.board is not None:
        case.board_name, case.uri, case.board_lines = board_radio(args.board, args.radio)
    logging.getLogger().addHandler(logging.NullHandler())  # findings say it all, and better
    session = new_session(case)
    walk = Walk(checks(case, session))
    try:
        examine(walk)
    finally:
        if session is not None:
            within(session.close, CLOSE_S)
    if args.json:
        print(json.dumps(as_object(walk), indent=1))
    else:
        for line in lines(walk.results()):
            print(line)
    return exit_code(walk.found)


def make_case(config: str | None, radio: str | None) -> Case:
    """What is to be examined. A file that cannot be used is a finding, not an end."""
    if radio is not None:
        check_uri(radio)
    case = Case(uri=radio)
    if config is None and any((USUAL / name).is_file() for name in IN_A_FOLDER):
        config = str(USUAL)
    if config is None:
        return case
    case.path = Path(config)
    try:
        case.config = load(config)
    except ConfigError as error:
        case.problem = str(error)
    else:
        case.uri = radio or case.config.radio_uri
    return case


def check_uri(uri: str) -> None:
    """Raise ConfigError for what is no radio."""
    from hal.transport.open import parse

    try:
        parse(uri)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def as_object(walk: Walk) -> dict[str, object]:
    """Everything, in the order of the table; `ok` unless something failed."""
    results = list(walk.results())
    return {
        "ok": all(finding.verdict is not Verdict.FAIL for _, finding in results),
        "checks": [finding.as_object(check) for check, finding in results],
    }
