"""The JSON dialect of Semtech's configuration files, with the line of every value.

Semtech's parser takes `/* */` and `//` comments and ignores what follows the root value; it
refuses duplicate keys (semtech-udp.md 3.1). We also take the trailing commas that other forks
write, with a warning. Pure: text in, values out; ConfigError for what cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from ..errors import ConfigError
from .names import shown

MAX_DEPTH = 32  # the deepest value of a real file is at 6
MAX_DIGITS = 18  # so that no number is worth a denial of service

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\ufeff]+|//[^\n]*|/\*.*?\*/)
      | (?P<mark>[{}\[\]:,])
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z.]))
      | (?P<word>(?:true|false|null)(?![0-9A-Za-z_]))""",
    re.DOTALL | re.VERBOSE,
)
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(slots=True)
class JsonFile:
    """A parsed file: `value`, the line where each value begins by its path, and warnings."""

    name: str
    value: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


def parse(text: str, name: str) -> JsonFile:
    """Parse a whole file. Raises ConfigError with `name` and the line of the first mistake."""
    parser = _Parser(text, name)
    parser.file.value = parser.value((), 0)
    return parser.file


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self.file = JsonFile(name)
        self._tokens = self._scan(text)
        self._next = next(self._tokens)

    def _scan(self, text: str) -> Iterator[_Token]:
        position, line = 0, 1
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                yield _Token("bad", text[position : position + 20], line)
                return
            token = match.group()
            if match.lastgroup != "space":
                yield _Token(str(match.lastgroup), token, line)
            line += token.count("\n")
            position = match.end()
        yield _Token("end", "", line)

    def _take(self) -> _Token:
        token = self._next
        if token.kind not in ("end", "bad"):
            self._next = next(self._tokens, _Token("end", "", token.line))
        return token

    def value(self, path: Path, depth: int) -> object:
        """The value that begins at the next token; its line is kept under `path`."""
        token = self._take()
        self.file.lines[path] = token.line
        if depth > MAX_DEPTH:
            raise self._error(token, f"at most {MAX_DEPTH} nested values")
        if token.text == "{":
            return self._object(path, depth + 1, token)
        if token.text == "[":
            return self._array(path, depth + 1, token)
        return self._scalar(token)

    def _scalar(self, token: _Token) -> object:
        if token.kind == "string":
            return self._string(token)
        if token.kind == "number":
            return self._number(token)
        if token.kind == "word":
            return _WORDS[token.text]
        raise self._error(token, "a value")

    def _object(self, path: Path, depth: int, start: _Token) -> dict[str, object]:
        result: dict[str, object] = {}
        seen: dict[str, int] = {}
        for token in self._items("}", start):
            if token.kind != "string":
                raise self._error(token, 'a "key"')
            key = self._string(self._take())
            if key in seen:
                raise ConfigError(
                    f"{self.file.name}:{token.line}: {shown(key)} stands here a second time, first "
                    f"in line {seen[key]}: remove one of the two"
                )
            seen[key] = token.line
            if (colon := self._take()).text != ":":
                raise self._error(colon, f"':' after {shown(key)}")
            result[key] = self.value((*path, key), depth)
        return result

    def _array(self, path: Path, depth: int, start: _Token) -> list[object]:
        result: list[object] = []
        for _ in self._items("]", start):
            result.append(self.value((*path, len(result)), depth))
        return result

    def _items(self, close: str, start: _Token) -> Iterator[_Token]:
        """The first token of each item, which the caller then takes, up to `close`."""
        first = True
        while self._next.text != close:
            if not first:
                comma = self._take()
                if comma.text != ",":
                    raise self._error(comma, f"',' or '{close}' (opened in line {start.line})")
                if self._next.text == close:
                    self.file.warnings.append(
                        f"{self.file.name}:{comma.line}: a comma before '{close}' is not JSON; "
                        "accepted here, refused by Semtech's forwarder"
                    )
                    break
            first = False
            yield self._next
        self._take()

    def _string(self, token: _Token) -> str:
        try:
            return msgspec.json.decode(token.text.replace("\t", "\\t"), type=str)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise self._error(token, "a string with valid escapes") from error

    def _number(self, token: _Token) -> int | float:
        if len(token.text) <= MAX_DIGITS and token.text.lstrip("-").isdigit():
            return int(token.text)
        number = float(token.text)
        if abs(number) > 1e18:
            raise self._error(token, "a number below 1e18")
        return number

    def _error(self, token: _Token, expected: str) -> ConfigError:
        came = "the end of the file" if token.kind == "end" else shown(token.text.split("\n")[0])
        if token.kind == "bad" and token.text.startswith("/*"):
            came = "a comment without an end"
        return ConfigError(f"{self.file.name}:{token.line}: expected {expected}, came {came}")
