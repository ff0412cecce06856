"""`edgemast setup`: asks for board, region and servers, tries each answer, writes the file."""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from contextlib import closing
from pathlib import Path

from ..change.pending import Change, ChangeError, Pending, not_written
from ..change.service import UNIT, Systemd, run_command
from ..errors import ConfigError
from ..files.secret_files import write_private
from ..setup.answers import to_toml
from ..setup.steps import Given, Setup, Trying
from ..setup.talk import Person, Script, Talk, is_terminal

HELP = "Ask for board, region and servers, try each answer, and write the configuration."
EXAMPLE = "edgemast setup --board rak2287 --region EU868 --server chirpstack-udp:192.168.1.10 --yes"
FILE = Path("/etc/edgemast/gateway.toml")
START_S = 150


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--config", type=Path, default=FILE, metavar="FILE", help=f"to write (default {FILE})"
    )
    parser.add_argument("--board", metavar="NAME", help='one of edgemast boards, or "auto"')
    parser.add_argument("--region", metavar="NAME", help="EU868, US915, AU915, AS923-1, ...")
    parser.add_argument("--sub-band", type=int, metavar="N", help="of US915, AU915 and CN470")
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="PRESET[:ADDRESS]",
        help="chirpstack-udp, chirpstack-mqtt, tts-udp, tts-mqtt, udp or helium; may be repeated",
    )
    parser.add_argument("--username", default="", metavar="NAME", help="of servers by MQTT")
    parser.add_argument(
        "--password-file",
        default="",
        metavar="FILE",
        help="of servers by MQTT: a file of mode 0600, or credential:NAME",
    )
    parser.add_argument("-y", "--yes", action="store_true", help="ask nothing, take proposals")
    parser.add_argument(
        "--keep-going", action="store_true", help="write the file although a trial failed"
    )
    parser.add_argument(
        "--replace", action="store_true", help="with --yes: replace the file if there is one"
    )
    parser.add_argument("--no-start", action="store_true", help="do not start the service")


def run(args: argparse.Namespace) -> int:
    if not (args.yes or is_terminal()):
        raise ConfigError("no terminal to ask at: give --board, --region, --server and --yes")
    talk: Talk = Script() if args.yes else Person()
    file: Path = args.config
    if file.exists() and args.yes and not args.replace:
        raise ConfigError(f"{file} exists: --replace puts a new one in its place")
    passwords = Passwords(file.parent)
    try:
        trying = Trying(keep_password=passwords.keep)
        text = to_toml(Setup(talk, _given(args), file, trying).run())
        if not _written(talk, file, text, replace=args.replace):
            talk.say("nothing was written")
            return 1
        passwords.settle()
        return _next(talk, file, passwords, start=not args.no_start)
    except KeyboardInterrupt:
        print(
            f"\nstopped; {file} was {'' if passwords.settled else 'not '}written", file=sys.stderr
        )
        return 130
    finally:
        passwords.forget()


def _given(args: argparse.Namespace) -> Given:
    return Given(
        board=args.board,
        region=args.region,
        sub_band=args.sub_band,
        servers=tuple(args.server),
        username=args.username,
        password_file=args.password_file,
        keep_going=args.keep_going,
        scripted=args.yes,
    )


def _written(talk: Talk, file: Path, text: str, *, replace: bool) -> bool:
    """Show it, ask, write. Whether it was written."""
    talk.say(f"\n{file}:\n")
    for line in text.splitlines():
        talk.say(f"  {line}")
    talk.say()
    there = file.exists()
    question = f"{file} exists. Replace it? What is there is kept" if there else f"Write {file}?"
    if not talk.confirm(question, otherwise=not there or replace):
        return False
    _write(file, text)
    talk.say(f"written{f'; what was there is {Pending(file).previous}' if there else ''}")
    return True


def _write(file: Path, text: str) -> None:
    """Whole, and with what was there kept beside it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with closing(Change(Pending(file))) as change:
            change.begin(text.encode())
            change.commit()
    except OSError as error:
        raise not_written(error) from error


def _next(talk: Talk, file: Path, passwords: Passwords, *, start: bool) -> int:
    """Start the service, or say how to run it."""
    if file == FILE and Systemd().installed():
        passwords.hand_over("edgemast")
        return _start(talk) if start else 0
    talk.say(f"next: edgemast run -c {file}")
    return 0


def _start(talk: Talk) -> int:
    """Have systemd start the gateway, now and at boot. Raises ChangeError with what it said."""
    talk.say("starting the service, and waiting until the radio receives ...")
    run_command(("systemctl", "enable", UNIT))
    code, said = run_command(("systemctl", "restart", UNIT), limit_s=START_S)
    if code:
        raise ChangeError(f"the service does not start: {said}; edgemast doctor says why")
    talk.say("the gateway runs: systemctl status edgemast, edgemast doctor")
    return 0


class Passwords:
    """Passwords that were typed: kept beside the configuration, for its readers only.

    They are needed for the trial already, before anything is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[Path] = []
        self.settled = False

    def keep(self, name: str, text: str) -> str:
        """The file's name, as the configuration has it."""
        path = self._folder / f"{name}.password"
        if path not in self._made and path.exists():
            raise ConfigError(f"{path} exists: use it with --password-file {path}, or move it away")
        self._folder.mkdir(parents=True, exist_ok=True)
        write_private(path, text.encode(), replace=True)
        self._made.append(path)
        return path.name

    def settle(self) -> None:
        """They stay: the configuration that names them was written."""
        self.settled = True

    def forget(self) -> None:
        """Remove them, unless they stay."""
        for path in () if self.settled else self._made:
            path.unlink(missing_ok=True)

    def hand_over(self, user: str) -> None:
        """To the service, which is not root."""
        if os.geteuid() == 0 and self._made:
            account = pwd.getpwnam(user)
            for path in self._made:
                os.chown(path, account.pw_uid, account.pw_gid)
