"""Reads typed values out of a Semtech JSON object, each with its place, as forgiving as C is.

Where Semtech's program takes another type with a warning, so do we; where it would take nonsense
silently, ConfigError says file, line, key, value and what is allowed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..errors import ConfigError
from .jsonc import JsonFile, Path
from .names import nearest, shown

# People document their files with these; Semtech's parser looks up names and never sees them.
_REMARKS = ("_", "#", "//", "comment")


@dataclass(slots=True)
class Document:
    """One or several merged files: the root object, where each value stands, warnings.

    `boards` are the names under which board objects were found.
    """

    name: str
    root: dict[str, object]
    places: dict[Path, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    boards: set[str] = field(default_factory=set)


def document(file: JsonFile) -> Document:
    """A parsed file as a document. Raises ConfigError when its root is no object."""
    if not isinstance(file.value, dict):
        raise ConfigError(f"{file.name}:1: expected an object in {{}}, came {shown(file.value)}")
    places = {path: f"{file.name}:{line}" for path, line in file.lines.items()}
    return Document(file.name, file.value, places, list(file.warnings))


def merge(base: Document, top: Document) -> None:
    """Lay `top` over `base`: objects merge, all else replaces, and every override is told."""
    base.warnings += top.warnings
    _merge((), base.root, top.root, base, top)


def _merge(
    path: Path, low: dict[str, object], high: dict[str, object], base: Document, top: Document
) -> None:
    for key, value in high.items():
        here = (*path, key)
        old = low.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            _merge(here, old, value, base, top)
            continue
        if key in low and old != value:
            base.warnings.append(
                f"{top.places[here]}: {_dotted(here)} = {shown(value)} overrides {shown(old)} "
                f"of {base.places.get(here, base.name)}"
            )
        low[key] = value
        for known in [known for known in base.places if known[: len(here)] == here]:
            del base.places[known]
        base.places |= {p: at for p, at in top.places.items() if p[: len(here)] == here}


def _dotted(path: Path) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


class Section:
    """One object of a document."""

    def __init__(self, source: Document, path: Path, table: dict[str, object]) -> None:
        self._document = source
        self._path = path
        self._table = table

    def __contains__(self, key: str) -> bool:
        return self._table.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def filled(self, key: str) -> bool:
        """Whether there is a value and not an empty one; for secrets, which nobody looks at."""
        return bool(self._table.get(key))

    def place(self, key: str = "") -> str:
        """`file:line` of a value, or of this object."""
        path = (*self._path, key) if key else self._path
        default = self._document.places.get(self._path, self._document.name)
        return self._document.places.get(path, default)

    def warn(self, key: str, text: str) -> None:
        """Tell the user about a value that is taken all the same."""
        name = _dotted((*self._path, key) if key else self._path)
        self._document.warnings.append(f"{self.place(key)}: {name}: {text}")

    def error(self, key: str, expected: str) -> ConfigError:
        """What to raise for a value that cannot be taken."""
        value = self._table.get(key)
        came = f" = {shown(value)}" if value is not None else " is missing"
        name = _dotted((*self._path, key))
        return ConfigError(f"{self.place(key)}: {name}{came}: expected {expected}")

    def flag(self, key: str, default: bool) -> bool:
        """A boolean; any other type counts as absent, as it does for Semtech's program."""
        value = self._table.get(key, default)
        if isinstance(value, bool):
            return value
        self.warn(key, f"{shown(value)} is neither true nor false; taken as {shown(default)}")
        return default

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`. Raises ConfigError."""
        value = self._table.get(key)
        if value is None:
            return default
        if isinstance(value, str) and (number := _plain_number(value)) is not None:
            self.warn(key, f"{shown(value)} is a string; taken as {number}")
            value = number
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"a number from {low} to {high}")
        if not low <= value <= high:
            raise self.error(key, f"{low} to {high}")
        return value

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number; a fraction is cut off with a warning, as C does silently."""
        value = self.number(key, default, low, high)
        if value != int(value):
            self.warn(key, f"{value} is no whole number; taken as {int(value)}")
        return int(value)

    def text(self, key: str, default: str) -> str:
        """A string. Raises ConfigError for another type."""
        value = self._table.get(key, default)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.error(key, "a string")
        return value

    def section(self, key: str) -> Section | None:
        """An object, if there is one by that name."""
        value = self._table.get(key)
        if value is not None and not isinstance(value, dict):
            self.warn(key, f"{shown(value)} is no object in {{}}; ignored")
        if not isinstance(value, dict):
            return None
        return Section(self._document, (*self._path, key), value)

    def sections(self, key: str) -> list[Section]:
        """The objects of an array; none if it is absent. Raises ConfigError for other elements."""
        value = self._table.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(_is(entry) for entry in value):
            raise self.error(key, "an array of objects")
        return [
            Section(self._document, (*self._path, key, index), entry)
            for index, entry in enumerate(value)
        ]

    def values(self, key: str) -> list[object] | None:
        """An array as it stands, None if there is none."""
        value = self._table.get(key)
        return value if isinstance(value, list) else None

    def check(self, known: Iterable[str], unused: Iterable[str] = ()) -> None:
        """Warn of keys that nobody reads, with the nearest known name."""
        known, unused = frozenset(known), frozenset(unused)
        for key in self._table:
            if key in known or key.endswith("desc") or key.lower().startswith(_REMARKS):
                continue
            if key in unused:
                self.warn(key, "is not used here")
            else:
                self.warn(key, f"unknown key, ignored{nearest(key, known)}")


def _is(value: object) -> bool:
    return isinstance(value, dict)


def _plain_number(text: str) -> float | None:
    try:
        number = float(text) if len(text) < 20 else float("nan")
    except ValueError:
        return None
    if number != number or abs(number) > 1e18:
        return None
    return int(number) if number == int(number) else number
