"""How a person is asked: one line each, with a proposal in brackets that Enter takes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Protocol

from ..errors import ConfigError

Check = Callable[[str], str]


class Talk(Protocol):
    """What asks; `Person` a human at a terminal, `Script` the command line alone."""

    def say(self, text: str = "") -> None: ...

    def ask(self, question: str, proposal: str, option: str, check: Check) -> str:
        """An answer that `check` takes; it raises ValueError with what was expected.

        `option` is what to give on the command line instead.
        """
        ...

    def confirm(self, question: str, *, otherwise: bool) -> bool:
        """Yes or no; `otherwise` is what Enter means, and what a script does."""
        ...

    def secret(self, question: str) -> str:
        """What is not shown while it is typed; "" for none."""
        ...


class Person:
    def __init__(self, read: Callable[[str], str] = input) -> None:
        self._read = read

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def ask(self, question: str, proposal: str, option: str, check: Check) -> str:
        while True:
            text = self._line(f"{question}{f' [{proposal}]' if proposal else ''}: ") or proposal
            try:
                return check(text)
            except (ValueError, ConfigError) as error:
                self.say(f"  {error}")

    def confirm(self, question: str, *, otherwise: bool) -> bool:
        words = {"y": True, "yes": True, "n": False, "no": False, "": otherwise}
        while True:
            text = self._line(f"{question} [{'Y/n' if otherwise else 'y/N'}]: ").lower()
            if text in words:
                return words[text]

    def secret(self, question: str) -> str:
        from getpass import getpass

        return getpass(f"{question}: ")

    def _line(self, prompt: str) -> str:
        try:
            return self._read(prompt).strip()
        except EOFError:
            raise ConfigError(
                "nobody answers: give --board, --region, --server and --yes instead"
            ) from None


class Script:
    """Nobody is asked: proposals are taken, and what has none must be an option."""

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def ask(self, question: str, proposal: str, option: str, check: Check) -> str:
        if not proposal:
            raise ConfigError(f"{option} is missing: nothing tells {question.lower()}")
        try:
            return check(proposal)
        except ValueError as error:
            raise ConfigError(f"{option}: {error}") from error

    def confirm(self, question: str, *, otherwise: bool) -> bool:
        return otherwise

    def secret(self, question: str) -> str:
        return ""


def chosen(text: str, among: Mapping[str, str]) -> str:
    """A name of `among`, given as it is or by its number in the list. Raises ValueError."""
    names = list(among)
    if text.isdecimal() and 1 <= int(text) <= len(names):
        return names[int(text) - 1]
    folded = {name.lower(): name for name in names}
    if text.lower() in folded:
        return folded[text.lower()]
    raise ValueError(f"{text or 'nothing'} is none of these: give a name or its number")


def listed(among: Mapping[str, str]) -> list[str]:
    """A numbered list for `chosen`."""
    width = max(map(len, among), default=0)
    return [f"  {n:>2}  {name:<{width}}  {text}" for n, (name, text) in enumerate(among.items(), 1)]


def is_terminal() -> bool:
    return sys.stdin.isatty()
