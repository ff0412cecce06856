"""`edgemast report`: what a bug report needs, in one file, with the secrets taken out."""

from __future__ import annotations

import argparse
import io
import tarfile
import time
from pathlib import Path

from ..errors import ConfigError
from ..files.secret_files import write_private
from ..report.bundle import Request, collect, run_command
from ..state.state_places import places

HELP = (
    "Collect versions, configuration, state, doctor's findings, log and registers into one file "
    "for a bug report. Secrets are masked. Look at it before you send it."
)
EXAMPLE = "edgemast report -c /etc/edgemast/gateway.toml -o report.tar.gz"
USUAL = Path("/etc/edgemast")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a .tar.gz; not replaced")
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE", help="default: what is in /etc/edgemast"
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="where state.json is")
    parser.add_argument(
        "--anonymous", action="store_true", help="mask EUIs, DevAddrs and the position too"
    )
    parser.add_argument("--no-doctor", action="store_true", help="do not run the doctor")


def run(args: argparse.Namespace) -> int:
    config = args.config or (USUAL if any(USUAL.glob("*.toml")) else None)
    if args.config is not None and not args.config.exists():
        raise ConfigError(f"{args.config} is not there: name the configuration with -c")
    request = Request(config, places(args.state), args.anonymous, not args.no_doctor)
    files = list(collect(request, run_command))
    name = time.strftime("edgemast-report-%Y%m%d-%H%M%S")
    output = args.output or Path(f"{name}.tar.gz")
    if output.exists():
        raise ConfigError(f"{output} is there already: choose another name with -o")
    write_private(output, pack(name, files))
    print(f"{output}:")
    for file, text in files:
        print(f"  {file:<20} {len(text.encode()):>8} bytes")
    print(
        "Passwords, tokens and keys are masked"
        + (", EUIs, DevAddrs and the position too.\n" if args.anonymous
           else "; EUIs, addresses and the position are not (--anonymous).\n")
        + f"Look through it before you send it:  tar -xOzf {output} | less"
    )  # fmt: skip
    return 0


def pack(folder: str, files: list[tuple[str, str]]) -> bytes:
    """A .tar.gz with these texts in `folder`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files:
            data = text.encode()
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
