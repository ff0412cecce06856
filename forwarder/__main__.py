"""The command line: finds the command, turns errors into exit codes and one line on stderr.

Exit codes: 0 ok, 1 failed, 2 wrong usage or configuration.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

from hal.errors import HalError

from .errors import ConfigError, EdgemastError
from .version import VERSION

# Every command is a module of `commands` with HELP, EXAMPLE, add_arguments and run. Only the one
# that is called is imported, so that a gateway loads nothing that it does not use.
COMMANDS = {
    "run": "run the forwarder",
    "demo": "a whole gateway with simulated radio, devices and server; nothing to configure",
    "sim": "the simulated board alone, on a pseudo-terminal",
    "sim-js": "a simulated Join Server over HTTPS, with the devices' root keys",
    "replay": "recorded receptions through simulated boards and the forwarder",
    "setup": "ask for board, region and servers, try them, and write the configuration",
    "config": "check, show, convert or apply a configuration file",
    "filter-test": "what each server's filter would drop of a recorded log",
    "firmware": "import or list the chip's firmware images",
    "whoami": "which EUI this gateway has, and why",
    "boards": "the boards that are known, with lines and pins; or which one this is",
    "doctor": "find out why the gateway does not work, from the board to the servers",
    "monitor": "what the running gateway does, in a terminal",
    "report": "collect what a bug report needs, without secrets",
    "airtime": "how long a LoRa frame is on the air",
    "frame": "explain a LoRaWAN frame",
    "codec": "try a payload codec in JavaScript",
    "edge": "keys of local mode: make, import, list and check KEKs",
    "chip-id": "read the concentrator's EUI and model",
    "rx": "print received frames",
    "tx": "send frames",
    "spectrum": "measure how loud a band is",
    "bus-test": "find the highest clean bus speed",
}


class Help(argparse.RawDescriptionHelpFormatter):
    """Asks for the terminal's width itself: argparse would load half a megabyte for it, always."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **{"width": _columns() - 2} | options)


def _columns() -> int:
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size().columns or 80
    except OSError:
        return 80


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where the rest can be read."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: list[str] | None = None) -> int:
    """Run one command; what the console script calls."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return _dispatch(arguments)
    except ConfigError as error:
        return _fail(error, 2)
    except BrokenPipeError:
        return _closed_pipe()
    except (EdgemastError, HalError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return 130


def _dispatch(arguments: list[str]) -> int:
    name = next((word for word in arguments if not word.startswith("-")), None)
    if name not in COMMANDS or arguments[0] != name:
        return _overview(arguments)
    module, parser = command(name)
    return int(module.run(parser.parse_args(arguments[1:])))


def command(name: str) -> tuple[ModuleType, argparse.ArgumentParser]:
    """The module of one of COMMANDS, and the parser of its arguments."""
    module = import_module(f".commands.{name.replace('-', '_')}", __package__)
    parser = Parser(
        prog=f"edgemast {name}",
        description=module.HELP,
        epilog=f"example: {module.EXAMPLE}",
        formatter_class=Help,
    )
    module.add_arguments(parser)
    return module, parser


def _overview(arguments: list[str]) -> int:
    parser = Parser(
        prog="edgemast",
        description="LoRaWAN gateway: packet forwarder, edge bridge and simulated board.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())
        + "\n\nexample: edgemast demo",
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"edgemast {VERSION}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="see below")
    parser.parse_args(arguments)
    return 2


def _fail(error: BaseException, code: int) -> int:
    text = str(error) or type(error).__name__
    print(f"edgemast: {text}", file=sys.stderr)
    return code


def _closed_pipe() -> int:
    # Whoever read our output has gone; the interpreter would complain when it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
