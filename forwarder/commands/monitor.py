"""`edgemast monitor`: what the running gateway does, in a terminal; it changes nothing."""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ConfigError, EdgemastError
from ..files.token_file import read_token
from ..state.monitor_lines import Screen, lines
from ..state.state_file import read
from ..state.state_places import places

HELP = "Show what the running gateway does, live; q or Ctrl-C ends it."
EXAMPLE = "edgemast monitor --once"
EVERY_S = 2.0
ANSWER_S = 5.0
MOST_BYTES = 4_000_000
MOST_LINES = 60  # where nobody says how high the screen is

State = dict[str, object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--state", type=Path, metavar="DIR", help="where the gateway's state.json is"
    )
    where.add_argument("--url", metavar="URL", help="of its status page, also on another machine")
    parser.add_argument("--token-file", metavar="FILE", help="with --url: the page's token")
    parser.add_argument("--ca-file", metavar="FILE", help="with --url: who signed its certificate")
    parser.add_argument("--once", action="store_true", help="one screen, and end")
    parser.add_argument("--json", action="store_true", help="the whole state once, for programs")


def run(args: argparse.Namespace) -> int:
    look = _by_url(args) if args.url else _by_file(args.state)
    if args.json:
        print(json.dumps(look(), indent=1))
    elif args.once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        size = shutil.get_terminal_size((100, MOST_LINES))
        print("\n".join(lines(look(), _screen(size.columns, MOST_LINES))))
    else:
        _watch(look)
    return 0


def _watch(look: Callable[[], State]) -> None:
    look()  # what is wrong from the beginning is told as an error
    with _whole_screen():
        while True:
            size = shutil.get_terminal_size()
            try:
                shown = lines(look(), _screen(size.columns, size.lines - 1))
            except (EdgemastError, OSError) as error:
                shown = [str(error)[: size.columns], "", "waiting for it; q ends"]
            sys.stdout.write("\x1b[H" + "".join(f"{line}\x1b[K\r\n" for line in shown) + "\x1b[J")
            sys.stdout.flush()
            if select.select([sys.stdin], [], [], EVERY_S)[0] and sys.stdin.read(1) in (
                "q",
                "Q",
                "",
            ):
                return


@contextmanager
def _whole_screen() -> Iterator[None]:
    """The other screen of the terminal, keys as they are typed; all as before at the end."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[2J")
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()


def _screen(width: int, height: int) -> Screen:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return Screen(width, height, colour, time.time_ns() // 1_000_000)


def _by_file(given: Path | None) -> Callable[[], State]:
    folders = places(given)

    def look() -> State:
        for folder in folders:
            if (state := read(folder)) is not None:
                return state
        looked = ", ".join(str(folder / "state.json") for folder in folders)
        raise EdgemastError(
            f"no running gateway found; looked for {looked}. Is it started (systemctl status "
            "edgemast)? A gateway elsewhere: --state DIR, or --url of its status page"
        )

    return look


def _by_url(args: argparse.Namespace) -> Callable[[], State]:
    import ssl
    import urllib.request

    url = str(args.url).rstrip("/").removesuffix("/state.json") + "/state.json"
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"--url {args.url}: http://HOST:PORT or https://HOST:PORT expected")
    token = read_token(args.token_file, "--token-file") if args.token_file else ""
    if token and url.startswith("http:"):
        raise ConfigError("--token-file with http: the token would be sent in clear; use https")
    context = ssl.create_default_context(cafile=args.ca_file) if url.startswith("https") else None
    asked = urllib.request.Request(
        url, headers={"Authorization": f"Bearer {token}"} if token else {}
    )

    def look() -> State:
        try:
            with urllib.request.urlopen(asked, timeout=ANSWER_S, context=context) as answer:
                state = json.loads(answer.read(MOST_BYTES))
        except (OSError, ValueError) as error:
            raise EdgemastError(f"{url}: no state from there: {error}") from None
        if not isinstance(state, dict):
            raise EdgemastError(f"{url}: no state of a gateway")
        return state

    return look
