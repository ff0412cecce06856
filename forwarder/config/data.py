"""Finds the data that ships with the program: regions, boards, examples.

A checkout has them in `config/` at its root; a wheel carries the same folder as `forwarder/data`.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_PLACES = (_PACKAGE / "data", _PACKAGE.parent / "config")


def folder() -> Path:
    """The folder that holds `regions/` and `boards/`. Raises FileNotFoundError without one."""
    for place in _PLACES:
        if (place / "regions").is_dir():
            return place
    places = " or ".join(str(place) for place in _PLACES)
    raise FileNotFoundError(f"no region files in {places}: install edgemast again")


def names(kind: str) -> list[str]:
    """The names of what is in `kind` ("regions" or "boards"), sorted."""
    return sorted(path.stem for path in (folder() / kind).glob("*.toml"))


def path(kind: str, name: str) -> Path:
    """Where the file of a region or board is, if there is one by that name."""
    return folder() / kind / f"{name}.toml"
