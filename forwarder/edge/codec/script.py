"""A payload codec's script as it was read: its text and its hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ..errors import EdgeError

MAX_SCRIPT = 1_000_000  # bytes; the longest published codecs have 200 000

# `export` is the only thing of modules that codecs use; without it they are plain scripts.
_EXPORT_LIST = re.compile(r"^[ \t]*export[ \t]*\{[^}]*\}[ \t]*;?", re.MULTILINE)
_EXPORT = re.compile(
    r"^([ \t]*)export[ \t]+(?:default[ \t]+)?(?=(?:async|function|const|let|var|class)\b)",
    re.MULTILINE,
)


class CodecError(EdgeError):
    """A codec's script or its examples cannot be read, or the engine is not installed."""


@dataclass(frozen=True, slots=True)
class Script:
    """JavaScript of a codec. `sha256` is of the bytes as they were in the file, in hexadecimal."""

    name: str
    text: str
    sha256: str

    @classmethod
    def read(cls, path: str | Path) -> Script:
        """From a file. Raises CodecError with its name where it cannot be used."""
        try:
            with Path(path).open("rb") as file:
                data = file.read(MAX_SCRIPT + 1)
        except OSError as error:
            raise CodecError(f"{path}: the codec cannot be read: {error.strerror}") from error
        if len(data) > MAX_SCRIPT:
            raise CodecError(
                f"{path}: a codec of at most {MAX_SCRIPT} bytes expected, it is longer"
            )
        return cls.of(data, str(path))

    @classmethod
    def of(cls, source: bytes | str, name: str = "codec") -> Script:
        """From text at hand."""
        data = source.encode("utf-8", "replace") if isinstance(source, str) else source
        # Comments in Latin-1 are common and harm nobody: what is no UTF-8 is replaced.
        text = data.decode("utf-8-sig", "replace")
        # The engine's binding takes no NUL; in a string or a comment, an escape is the same.
        return cls(name, text.replace("\0", "\\x00"), sha256(data).hexdigest())


def as_plain_script(text: str) -> str:
    """`text` without the `export`s of a module; every line keeps its number."""
    if "export" not in text:
        return text
    return _EXPORT.sub(r"\1", _EXPORT_LIST.sub(_blank_lines, text))


def _blank_lines(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")
