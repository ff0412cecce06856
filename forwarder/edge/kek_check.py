"""Whether every place of KEKs can be used: what `edgemast edge check` says, place by place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import EdgeError
from .kek_file import parse_file
from .kek_store import open_ring, open_token, read_file
from .keks import KekSettings
from .secret_files import read_credential


@dataclass(frozen=True, slots=True)
class Verdict:
    place: str
    ok: bool
    why: str

    def __str__(self) -> str:
        return f"{'ok ' if self.ok else 'BAD'}  {self.place}: {self.why}"


def check(settings: KekSettings) -> Iterator[Verdict]:
    """One verdict a place, and one for all together. Never raises."""
    places: list[tuple[str, Callable[[], int]]] = []
    if settings.file:
        places.append(("file", lambda: len(read_file(Path(settings.file)))))
    if settings.credential:
        places.append(("credential", lambda: _in_credential(settings.credential)))
    if (token := settings.token) is not None:
        places.append(("token", lambda: len(open_token(token).keks())))
    verdicts = [_verdict(name, count) for name, count in places]
    yield from verdicts
    if not places:
        yield Verdict("KEKs", False, "no place is set: give file, credential or token")
    elif all(verdict.ok for verdict in verdicts):
        yield _together(settings)


def _verdict(name: str, count: Callable[[], int]) -> Verdict:
    try:
        return Verdict(name, True, f"{count()} KEKs")
    except EdgeError as error:
        return Verdict(name, False, str(error))


def _in_credential(name: str) -> int:
    return len(parse_file(read_credential(name), f"credential {name!r}"))


def _together(settings: KekSettings) -> Verdict:
    """Places that are good alone may hold the same version of one label."""
    try:
        ring = open_ring(settings)
    except EdgeError as error:
        return Verdict("KEKs", False, str(error))
    missing = [
        f"source {name!r} wants KEK {source.kek!r}"
        for name, source in settings.sources.items()
        if source.kek and not ring.versions(source.kek)
    ]
    if missing:
        return Verdict("KEKs", False, f"{'; '.join(missing)}, which no place has")
    return Verdict("KEKs", bool(len(ring)), f"{len(ring)} under {len(ring.labels())} labels")
