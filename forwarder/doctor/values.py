"""What a check of the doctor finds. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum


class Verdict(Enum):
    OK = "ok"
    WARN = "warn"  # works, and somebody should know
    FAIL = "fail"
    SKIPPED = "skipped"  # not tried; `read` says why


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result. `read` is what was seen, in words; `next` a command or a setting.

    `expected`, `causes` (likeliest first) and `next` are for what is not well.
    """

    verdict: Verdict
    read: str
    expected: str = ""
    causes: tuple[str, ...] = ()
    next: str = ""

    def as_object(self, check: Check) -> dict[str, object]:
        """For programs."""
        return {"check": check.name, **asdict(self), "verdict": self.verdict.value}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at. It is tried when all of `needs` are neither failed nor skipped, and
    when those of `after` are over, however they ended.

    `run` may block for `timeout_s` at most: then it is left behind and counts as failed.
    """

    name: str
    run: Callable[[], Finding]
    needs: tuple[str, ...] = ()
    timeout_s: float = 3.0
    after: tuple[str, ...] = ()


def ok(read: str) -> Finding:
    return Finding(Verdict.OK, read)


def warn(read: str, expected: str = "", *causes: str, next: str = "") -> Finding:  # noqa: A002
    return Finding(Verdict.WARN, read, expected, causes, next)


def fail(read: str, expected: str, *causes: str, next: str = "") -> Finding:  # noqa: A002
    return Finding(Verdict.FAIL, read, expected, causes, next)


def skipped(why: str) -> Finding:
    return Finding(Verdict.SKIPPED, why)
