"""Which Edgemast this is. Asked for when it is told: reading it takes a megabyte of libraries."""

from __future__ import annotations

from functools import cache


@cache
def version() -> str:
    from importlib.metadata import version as of

    return of("edgemast")
