"""`edgemast config convert`: the files of another gateway program as our TOML."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from ..config import load
from ..config.load import IN_A_FOLDER, find, is_json
from ..config.toml_file import read_text

HELP = "files of another gateway program as our TOML (docs/migration.md)"
EXAMPLE = "edgemast config convert concentratord.toml channels.toml chirpstack-mqtt-forwarder.toml"


def add_arguments(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "convert",
        help=HELP,
        description=f"{HELP}. Which program a file is of is seen from what is in it; files that "
        "belong together are given together. What was dropped or changed is told line by line, and "
        "stands at the head of the new file. Exit code 1: written, but something is missing in it.",
        epilog=f"example: {EXAMPLE}",
    )
    parser.add_argument("file", metavar="FILE", nargs="+", help="a file, or a folder with some")
    parser.add_argument("-o", "--output", metavar="OUT", help="write to OUT, not to the screen")
    parser.add_argument("--board", default="", metavar="NAME", help="where no file names one")
    parser.add_argument("--region", default="", metavar="NAME", help="the same")
    parser.add_argument("--sub-band", type=int, metavar="N", help="of US915, AU915 and CN470")


def run(args: argparse.Namespace) -> int:
    if len(args.file) == 1 and not (args.board or args.region) and _own_kind(Path(args.file[0])):
        from ..config.convert import to_toml

        config = load(args.file[0])
        _write(to_toml(config), config.warnings, args.output)
        return 0
    from ..config import migrate

    choice = migrate.Choice(args.board, args.region, args.sub_band)
    made = migrate.migrate(migrate.collect([Path(name) for name in args.file]), choice)
    _write(made.text, made.notes, args.output)
    if made.missing:
        print(f"edgemast: not complete: {', '.join(made.missing)} missing", file=sys.stderr)
    return 1 if made.missing else 0


def _own_kind(path: Path) -> bool:
    """Whether this one file is what `edgemast run` takes, ours or Semtech's."""
    from ..config.migrate.kind import Kind, kind_of

    if path.is_dir() and not any((path / name).is_file() for name in IN_A_FOLDER):
        return False
    path = find(path)
    text = read_text(path)
    if is_json(path, text):
        return kind_of(path.name, text) is not Kind.STATION
    return kind_of(path.name, text) is Kind.OURS


def _write(text: str, notes: Iterable[str], output: str | None) -> None:
    for note in notes:
        print(f"warning: {note}", file=sys.stderr)
    if output is None:
        print(text, end="")
    else:
        Path(output).write_text(text, encoding="utf-8")
