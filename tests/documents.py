"""What the documents hold: their blocks of code, spans, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]

_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"\s*```(\w*)")
_TOML = re.compile(r"\[\[?[a-z][a-z0-9_.]*\]\]?(\s|$)|[a-z][a-z0-9_]* = ")


@dataclass(frozen=True)
class Block:
    """A block of code: the document, the line it begins at, its language if it names one."""

    document: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"

    @property
    def is_toml(self) -> bool:
        """Whether it is said, or looks as if."""
        if self.language:
            return self.language == "toml"
        words = [line for line in self.text.splitlines() if line and not line.startswith("#")]
        return bool(words) and _TOML.match(words[0]) is not None


def blocks(document: Path) -> Iterator[Block]:
    """Fenced blocks, and indented ones that stand after an empty line."""
    lines = document.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        start, fence = at, _FENCE.match(lines[at])
        if fence:
            at += 1
            while at < len(lines) and not _FENCE.match(lines[at]):
                at += 1
            yield _block(document, start + 2, fence[1], lines[start + 1 : at])
        elif lines[at].startswith("    ") and (not at or not lines[at - 1].strip()):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            yield _block(document, start + 1, "", lines[start:at])
            at -= 1
        at += 1


def _block(document: Path, line: int, language: str, lines: list[str]) -> Block:
    margin = min((len(one) - len(one.lstrip()) for one in lines if one.strip()), default=0)
    text = "\n".join(one[margin:] for one in lines).strip("\n")
    return Block(document, line, language, text + "\n")


def spans(document: Path) -> Iterator[str]:
    """Code within lines, outside blocks."""
    for line in prose(document):
        yield from _SPAN.findall(line)


def prose(document: Path) -> Iterator[str]:
    """Lines outside blocks."""
    fenced = False
    for line in document.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield line


def code_lines(document: Path) -> Iterator[str]:
    """Every line of every block, a line that goes on joined with the next, and every span."""
    for block in blocks(document):
        for line in block.text.replace("\\\n", " ").splitlines():
            yield line.strip()
    yield from spans(document)


def links(document: Path) -> Iterator[tuple[str, str]]:
    """Path and anchor of every link that stays in the repository; either may be empty."""
    for target in _LINK.findall(document.read_text(encoding="utf-8")):
        if ":" not in target:
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(document: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}
