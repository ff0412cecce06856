"""What a bug report needs of this machine, as texts with names; redact.py goes over all of them.

Collecting never fails: what cannot be had says why in its own file.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import msgspec

from ..config import find, load
from ..config.model import GatewayConfig
from ..errors import ConfigError
from ..state.state_file import read
from ..version import VERSION
from .redact import Scrub, secret_files, settings, unreadable

Run = Callable[[Sequence[str], float], str]
JOURNAL_LINES = 1000
DOCTOR_S, COMMAND_S = 60.0, 10.0
MOST_BYTES = 1_000_000  # of one file
MOST_SECRET = 4096  # characters of a secret file that are looked for
FACTS = (
    "/proc/device-tree/model", "/etc/os-release", "/proc/version", "/proc/loadavg", "/proc/uptime",
    "/proc/meminfo",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """What to collect: `config` None for a machine without one; `folders` may hold the state."""

    config: Path | None
    folders: tuple[Path, ...]
    anonymous: bool = False
    doctor: bool = True


def collect(request: Request, run: Run) -> Iterator[tuple[str, str]]:
    """Every file of the report, by name, redacted."""
    shown, secrets, config = _configuration(request.config)
    scrub = Scrub(secrets, request.anonymous)
    state = next((found for place in request.folders if (found := read(place))), None)
    for name, text in (
        ("configuration.json", shown),
        ("versions.json", _json(_versions())),
        ("packages.txt", _packages()),
        ("machine.txt", _machine()),
        ("state.json", _json(state) if state else _no_state(request.folders)),
        ("registers.json", _json(_registers(state))),
        ("journal.txt", run(_JOURNAL, COMMAND_S)),
        ("doctor.json", run(_doctor(request, config), DOCTOR_S) if request.doctor else "not asked"),
    ):
        yield name, scrub.text(text)[:MOST_BYTES]


_JOURNAL = (
    "journalctl", "--unit=edgemast", "--no-pager", "--output=short-iso", f"--lines={JOURNAL_LINES}",
)  # fmt: skip


def _doctor(request: Request, config: GatewayConfig | None) -> list[str]:
    given = ["-c", str(request.config)] if request.config else []
    return [sys.executable, "-m", "forwarder", "doctor", "--json", *given]


def _configuration(path: Path | None) -> tuple[str, set[str], GatewayConfig | None]:
    """The settings as text, the secrets in them and in the files that they name."""
    if path is None:
        return "there is none", set(), None
    try:
        config = load(path)
    except ConfigError as error:
        return f"{error}\n\n{_raw(path)}", set(), None
    shown, secrets = settings(config.settings)
    for name in secret_files(config.settings):
        secrets |= _words(config.path.parent / name)
    return _json({"settings": shown, "sources": config.sources}), secrets, config


def _raw(path: Path) -> str:
    try:
        with find(path).open(encoding="utf-8", errors="replace") as file:
            return unreadable(file.read(MOST_BYTES))
    except (OSError, ConfigError) as error:
        return str(error)


def _words(path: Path) -> set[str]:
    """The lines of a file with a secret, so that none of them is in the report by another way."""
    try:
        with path.open(encoding="utf-8", errors="ignore") as file:
            lines = file.read(MOST_SECRET).splitlines()
    except OSError:
        return set()
    return {line.strip() for line in lines if len(line.strip()) >= 8 or len(lines) == 1}


def _versions() -> dict[str, object]:
    return {
        "edgemast": VERSION,
        "python": sys.version,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
    }


def _packages() -> str:
    found = {f"{one.metadata['Name']}=={one.version}" for one in metadata.distributions()}
    return "\n".join(sorted(found, key=str.lower))


def _machine() -> str:
    parts = []
    for name in FACTS:
        try:
            text = Path(name).read_bytes()[:20_000].rstrip(b"\0").decode("utf-8", "replace")
        except OSError as error:
            text = error.strerror or str(error)
        parts.append(f"{name}:\n{text.strip()}\n")
    for pattern in ("spidev*", "ttyACM*", "ttyAMA*", "gpiochip*", "i2c-*", "pps*"):
        parts.append(
            f"/dev/{pattern}: {' '.join(p.name for p in sorted(Path('/dev').glob(pattern)))}"
        )
    return "\n".join(parts)


def _registers(state: dict[str, object] | None) -> object:
    radio = (state or {}).get("radio")
    return radio.get("failures", []) if isinstance(radio, dict) else []


def _no_state(folders: Sequence[Path]) -> str:
    return f"no running gateway; looked in {', '.join(map(str, folders))}"


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def run_command(words: Sequence[str], limit_s: float) -> str:
    """Standard output, or in words why there is none."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=limit_s, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{words[0]}: {error}"
    return done.stdout or done.stderr or f"{words[0]}: nothing, exit code {done.returncode}"
