"""What the documents show can be done: commands parse, the library's example runs, links lead on."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from functools import partial
from itertools import takewhile
from pathlib import Path

import pytest

import hal
from forwarder.__main__ import COMMANDS, command
from hal.clock import ManualClock
from hal.sim.board import DEFAULT_EUI, SimBoard
from hal.sim.rx_encode import Record
from hal.transport.open import open_transport

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def code(text: str) -> Iterator[str]:
    """Lines of code blocks, fenced or indented, and code within lines."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip()
        else:
            yield from SPAN.findall(line)


def edgemast_calls() -> Iterator[tuple[str, str]]:
    for path in DOCUMENTS:
        for line in code(path.read_text(encoding="utf-8")):
            if re.match(r"(sudo )?edgemast [a-z]", line) and "..." not in line:
                yield path.name, line.removeprefix("sudo ").rstrip("&| ")


def is_own(word: str) -> bool:
    """Whether a word is the command's, and not the shell's."""
    return word not in ("|", "||", "&&", ">", ">>", "<", "2>")


@pytest.mark.parametrize(("document", "line"), sorted(set(edgemast_calls())))
def test_a_command_that_a_document_shows_is_understood(document: str, line: str) -> None:
    _, name, *arguments = takewhile(is_own, shlex.split(line, comments=True))
    assert name in COMMANDS
    _, parser = command(name)
    if arguments:  # the name alone is a mention, not a call
        parser.parse_args(["host:1700" if word == "HOST:PORT" else word for word in arguments])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_link_of_a_document_leads_to_a_file(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_librarys_example_sends_and_receives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    clock = ManualClock()
    board = SimBoard(clock)

    def answer(emission: object) -> None:
        board.inject(Record(b"hello yourself"), at_us_from_now=100_000)

    board.on_transmit.append(answer)
    monkeypatch.setattr(hal, "open_transport", partial(open_transport, board=board))
    monkeypatch.setattr(time, "sleep", clock.sleep)
    monkeypatch.setattr(time, "monotonic_ns", clock.now_ns)
    monkeypatch.setattr("sys.argv", ["hello.py"])
    exec(compile(example, "docs/library.md", "exec"), {})  # noqa: S102  # it is what is tested
    started, sent, received = capsys.readouterr().out.splitlines()
    assert started == f"SX1302 {DEFAULT_EUI}"
    assert "30976 us on the air" in sent
    assert received.endswith(b"hello yourself".hex())
