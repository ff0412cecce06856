"""What was sent within the last hour, kept for a restart of the program: a file in memory.

Duty cycles are counted over an hour and a program may be started anew within one: it must not
begin with a full budget. Each emission is a line, written when it leaves, so that even a kill
forgets one frame at most:

    edgemast-emissions 1 <boot id>
    <start, us> <airtime, us> <frequency, Hz> <link>

Times are of the monotonic clock, which goes on from one process to the next and begins anew with
the system. The file is only ever in a runtime directory, a file system in memory: systemd's
RUNTIME_DIRECTORY, else XDG_RUNTIME_DIR, else /run. Nothing is written to a card.

What cannot be read counts as everything: a band whose hour is not known is taken for used up,
because sending too little is a nuisance and sending too much is against the law. What is of another
start of the system (where /run outlives it, as in a container) counts as if it had left just now.
No file is another matter: after a start of the system there is none.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from .duty_cycle import SLACK_US, WINDOW_US, Emission
from .regulation import Regulation

HEAD = "edgemast-emissions 1"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MOST_LINES = 20_000  # then what is older than an hour is taken out; about 1 MB
MOST_BYTES = 8_000_000  # no file of ours is larger

log = logging.getLogger(__name__)


class Unreadable(Exception):
    """The file is not what was written."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the file said. `unknown` is why nothing is known of the hour before; "" if it is."""

    emissions: tuple[Emission, ...] = ()
    unknown: str = ""


def directory(*, simulated: bool) -> Path | None:
    """Where the file may be; None: nowhere. What a simulated radio sends uses up no air."""
    if given := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(given.split(":")[0])
    if simulated:
        return None
    if user := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(user) / "edgemast"
    return Path("/run/edgemast")


def boot_id() -> str:
    """Which start of the system this is; "-" where it does not say."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip() or "-"
    except OSError:
        return "-"


def parse(text: str, boot: str, now_us: int) -> Remembered:
    """The emissions of the last hour. Raises Unreadable."""
    head, *lines = text.split("\n")
    if not head.startswith(HEAD + " "):
        raise Unreadable(f"expected a first line '{HEAD} ...', found {head[:60]!r}")
    if lines and lines.pop():
        raise Unreadable("its last line is not whole")
    emissions = [_emission(line) for line in lines]
    if head.removeprefix(HEAD + " ") != boot:
        emissions = [replace(e, start_us=now_us - e.airtime_us) for e in emissions]
    if any(e.start_us > now_us + WINDOW_US for e in emissions):
        raise Unreadable("an emission lies in the future")
    recent = (e for e in emissions if e.start_us + e.airtime_us > now_us - WINDOW_US - SLACK_US)
    return Remembered(tuple(sorted(recent, key=lambda e: e.start_us)))


def _emission(line: str) -> Emission:
    words = line.split(" ", 3)
    try:
        start_us, airtime_us, freq_hz = (int(word) for word in words[:3])
        link = words[3]
    except (ValueError, IndexError):
        raise Unreadable(f"no emission: {line[:80]!r}") from None
    if not (0 <= airtime_us <= WINDOW_US and freq_hz >= 0):
        raise Unreadable(f"no emission: {line[:80]!r}")
    return Emission(start_us, airtime_us, freq_hz, link)


def text_of(emissions: Iterable[Emission]) -> str:
    return "".join(
        f"{e.start_us} {e.airtime_us} {e.freq_hz} {' '.join(e.link.split())}\n" for e in emissions
    )


class EmissionLog:
    """The file of one gateway. What goes wrong with it is said once and costs no downlink."""

    def __init__(self, path: Path, *, boot: str | None = None) -> None:
        self._path = path
        self._boot = boot_id() if boot is None else boot
        self._file: TextIO | None = None
        self._lines = 0
        self._broken = False

    def open(self, now_us: int) -> Remembered:
        """What was sent before; from now on the file holds that and what is written."""
        found = self._read(now_us)
        self._start(found.emissions)
        return found

    def write(self, emission: Emission, now_us: int) -> None:
        """Keep one more."""
        if self._file is None:
            return
        try:
            self._file.write(text_of([emission]))
            self._file.flush()
        except OSError as error:
            self._give_up(error)
            return
        self._lines += 1
        if self._lines >= MOST_LINES:
            self.close()
            self._start(self._read(now_us).emissions)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self, now_us: int) -> Remembered:
        try:
            with self._path.open(encoding="utf-8") as file:
                text = file.read(MOST_BYTES)
            return parse(text, self._boot, now_us)
        except FileNotFoundError:
            return Remembered()
        except (OSError, UnicodeDecodeError, Unreadable) as error:
            return Remembered(unknown=str(error))

    def _start(self, emissions: tuple[Emission, ...]) -> None:
        """Write the file anew, whole or not at all, and keep it open."""
        new = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            new.write_text(f"{HEAD} {self._boot}\n{text_of(emissions)}", encoding="utf-8")
            new.replace(self._path)
            self._file = self._path.open("a", encoding="utf-8")
            self._lines = len(emissions)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._file = None
        if not self._broken:
            self._broken = True
            log.warning(
                "duty cycles are forgotten at a restart: %s; RuntimeDirectory=edgemast in the "
                "systemd unit gives a place for them", error,
            )  # fmt: skip


def open_log(place: Path, eui: str, regulation: Regulation, now_us: int) -> EmissionLog | None:
    """Count what was sent before this program started, and go on writing in `place`.

    None where no band has a duty cycle.
    """
    if not regulation.counts:
        return None
    path = place / f"emissions-{eui}.txt"
    kept = EmissionLog(path)
    found = kept.open(now_us)
    for emission in found.emissions:
        regulation.remember(emission)
    if found.unknown:
        log.warning(
            "%s: %s: it is not known what was sent, so duty cycles count as used up for an hour; "
            "remove the file and restart if nothing was sent", path, found.unknown,
        )  # fmt: skip
        for emission in regulation.remember_nothing(now_us):
            kept.write(emission, now_us)
    elif found.emissions:
        log.info("duty cycles: %d emissions of the last hour remembered", len(found.emissions))
    return kept
