"""Which check comes next: order, dependencies, and what is not tried and why. Pure.

Whoever runs the checks asks `ready`, tells each result to `done`, and asks again. Checks that do
not need each other may run at the same time; results are told in the order of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .values import Check, Finding, Verdict, skipped

STOPS = (Verdict.FAIL, Verdict.SKIPPED)


class Walk:
    """Raises ValueError for a table in which a check needs one that does not come before it."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self.checks = tuple(checks)
        self._begun: set[str] = set()
        self.found: dict[str, Finding] = {}
        before: set[str] = set()
        for check in self.checks:
            if unknown := {*check.needs, *check.after} - before:
                raise ValueError(f"{check.name} needs {', '.join(unknown)}, which comes later")
            if check.name in before:
                raise ValueError(f"two checks are called {check.name}")
            before.add(check.name)

    def ready(self) -> list[Check]:
        """What can begin now; each check is given once."""
        self._skip()
        begin = [
            check
            for check in self.checks
            if check.name not in self._begun
            and all(name in self.found for name in (*check.needs, *check.after))
        ]
        self._begun.update(check.name for check in begin)
        return begin

    def done(self, check: Check, finding: Finding) -> None:
        """The first result of a check counts; what comes after it was given up does not."""
        self.found.setdefault(check.name, finding)

    @property
    def finished(self) -> bool:
        return len(self.found) == len(self.checks)

    def results(self) -> Iterator[tuple[Check, Finding]]:
        """In the order of the table."""
        return ((check, self.found[check.name]) for check in self.checks)

    def _skip(self) -> None:
        """Only when all needs are known, so that the reason does not depend on who was faster."""
        for check in self.checks:
            if check.name in self._begun or not all(need in self.found for need in check.needs):
                continue
            if stop := next((need for need in check.needs if self._stops(need)), None):
                self._begun.add(check.name)
                self.found[check.name] = skipped(f"not tried, because of: {self._root(stop)}")

    def _stops(self, name: str) -> bool:
        return self.found[name].verdict in STOPS

    def _root(self, name: str) -> str:
        """The check that is to blame: a skipped one was stopped by another, unless by itself."""
        check = next(check for check in self.checks if check.name == name)
        further = next((need for need in check.needs if self._stops(need)), None)
        return self._root(further) if further else name


def exit_code(found: dict[str, Finding]) -> int:
    """0 well, 1 something failed, 2 the configuration is wrong."""
    failed = {name for name, finding in found.items() if finding.verdict is Verdict.FAIL}
    if "configuration" in failed:
        return 2
    return 1 if failed else 0
