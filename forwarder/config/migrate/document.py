"""Others' TOML files as documents (section.py): the place of every value, and their times. Pure."""

from __future__ import annotations

import re

from ..jsonc import Path
from ..section import Document, Section
from ..toml_file import lines, parse

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|us|µs|ns|s|m|h|d)[a-z]*\s*")
_VARIABLE = re.compile(r"\$[A-Z][A-Z0-9_]+")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}


def toml_document(text: str, name: str) -> Document:
    """Raises ConfigError, with the line, for a text that is not TOML."""
    source = Document(name, parse(text, name))
    source.places = {_path(key): f"{name}:{line}" for key, line in lines(text).items()}
    for number, line in enumerate(text.splitlines(), 1):
        if variable := _VARIABLE.search(line.partition("#")[0]):
            source.warnings.append(
                f"{name}:{number}: {variable.group()}: names of environment variables are not "
                "replaced; write the value"
            )
    return source


def together(sources: list[Document]) -> Document:
    """Several files of one program, which it reads as if they were one text.

    No value is told: there may be passwords among them.
    """
    whole = sources[0]
    for source in sources[1:]:
        whole.places |= source.places
        whole.warnings += source.warnings
        _lay((), whole.root, source.root, whole, source)
    return whole


def _lay(
    path: Path, low: dict[str, object], high: dict[str, object], whole: Document, source: Document
) -> None:
    for key, value in high.items():
        old = low.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            _lay((*path, key), old, value, whole, source)
        elif old is not None and old != value:
            here = ".".join(str(part) for part in (*path, key))
            place = source.places.get((*path, key), source.name)
            whole.warnings.append(f"{place}: {here}: given twice; this one is taken")
            low[key] = value
        else:
            low[key] = value


def _path(key: str) -> Path:
    return tuple(int(index) if index else word for word, index in _STEP.findall(key))


def root(source: Document) -> Section:
    """The whole file."""
    return Section(source, (), source.root)


def seconds(section: Section, key: str, default: float) -> float:
    """A time such as "30s", "1m" or "24h0m0s", as these programs write it."""
    text = section.text(key, "").strip()
    found = _TIME.findall(text)
    if not text:
        return default
    if not found or _TIME.sub("", text):
        raise section.error(key, 'a time such as "30s"')
    return sum(float(number) * _SECONDS[unit] for number, unit in found)


def words(section: Section, key: str) -> list[str]:
    """A list of strings; empty where there is none."""
    value = section.values(key) or []
    if not all(isinstance(word, str) for word in value):
        raise section.error(key, "a list of strings")
    return [str(word) for word in value]
