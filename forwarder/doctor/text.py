"""What the doctor found, as lines for a person. Pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from .values import Check, Finding, Verdict

WORDS = {Verdict.OK: "ok", Verdict.WARN: "warn", Verdict.FAIL: "FAIL", Verdict.SKIPPED: "-"}
WIDTH = 100
COLUMN = 24
MARGIN = " " * 8


def lines(results: Iterable[tuple[Check, Finding]]) -> Iterator[str]:
    """Every check, with causes and what to do below those that are not well; then the sum."""
    results = list(results)
    for check, finding in results:
        yield from _wrapped(f"{WORDS[finding.verdict]:<6}{check.name:<17} ", finding.read, COLUMN)
        yield from _advice(finding)
    yield ""
    yield verdict(results)


def verdict(results: list[tuple[Check, Finding]]) -> str:
    """The last line: how many, and where to start."""
    count = Counter(finding.verdict for _, finding in results)
    parts = [
        f"{count[kind]} {word}"
        for kind, word in (
            (Verdict.FAIL, "failed"),
            (Verdict.WARN, "to look at"),
            (Verdict.OK, "good"),
            (Verdict.SKIPPED, "not tried"),
        )
        if count[kind]
    ]
    first = next((check for check, found in results if found.verdict is Verdict.FAIL), None)
    return ", ".join(parts) + (f"; start with: {first.name}" if first else "")


def _advice(finding: Finding) -> Iterator[str]:
    if finding.expected:
        yield from _wrapped(f"{MARGIN}expected  ", finding.expected, len(MARGIN) + 10)
    for number, cause in enumerate(finding.causes):
        yield from _wrapped(f"{MARGIN}{'or' if number else 'likely':<10}", cause, len(MARGIN) + 10)
    if finding.next:
        yield f"{MARGIN}{'next':<10}{finding.next}"  # never broken: it is there to be copied


def _wrapped(head: str, text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
