"""Programs that the configuration lists: what a server may run, and what adds words to a report.

No shell, a time limit, a limit on what is kept of the output, a short environment. What they
started ends with them.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

MOST_OUTPUT = 65_536  # bytes kept of stdout and of stderr; the rest is read and dropped
MOST_INPUT = 65_536
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Which words a server may put into a program's environment: none that loaders and shells act upon.
NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
DANGEROUS = re.compile(
    r"(LD|DYLD|PYTHON|PERL|RUBY|NODE|JAVA|BASH|GIT|SSH|GCONV|MALLOC|GLIBC)_?|"
    r"(PATH|IFS|ENV|HOME|SHELL|USER|TMPDIR|LOCPATH|NLSPATH|HOSTALIASES|PS4|PROMPT_COMMAND)$"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`error` is empty when the program ended with 0 in time."""

    stdout: bytes = b""
    stderr: bytes = b""
    error: str = ""


async def run_program(
    words: Sequence[str],
    *,
    limit_s: float,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Run the program `words[0]` with its arguments; never raises for what it does."""
    if len(stdin) > MOST_INPUT:
        return Outcome(error=f"more than {MOST_INPUT} bytes of input")
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": PATH, "LANG": "C.UTF-8"} | allowed(environment or {}),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Outcome(error=f"{words[0] if words else 'nothing'}: cannot be started: {error}")
    stdout, stderr = bytearray(), bytearray()
    try:
        async with asyncio.timeout(limit_s):
            await asyncio.gather(
                _feed(process, stdin),
                _drain(process.stdout, stdout),
                _drain(process.stderr, stderr),
            )
            code = await process.wait()
        fault = "" if code == 0 else f"ended with {code}"
    except TimeoutError:
        fault = f"not done after {limit_s:g} s; it was ended"
    finally:
        _end(process)
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await process.wait()
    return Outcome(bytes(stdout), bytes(stderr), fault)


def allowed(environment: Mapping[str, str]) -> dict[str, str]:
    """What of a server's environment a program is given."""
    return {
        name: value
        for name, value in environment.items()
        if NAME.fullmatch(name) and not DANGEROUS.match(name) and "\0" not in value
    }


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is None:
        return
    with suppress(OSError):  # it does not read
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _drain(stream: asyncio.StreamReader | None, kept: bytearray) -> None:
    while stream is not None and (data := await stream.read(16_384)):
        kept += data[: MOST_OUTPUT - len(kept)]


def _end(process: asyncio.subprocess.Process) -> None:
    """The program and all that it started: they share a session."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def told(name: str, output: bytes) -> dict[str, str]:
    """A metadata program's output as words: one line under its name; lines with `=` one each."""
    text = output.decode("utf-8", "replace").strip()
    lines = [line for line in text.splitlines() if line.strip()][:32]
    if len(lines) > 1 and all("=" in line for line in lines):
        pairs = (line.split("=", 1) for line in lines)
        return {f"{name}_{key.strip()}": value.strip()[:256] for key, value in pairs}
    return {name: text[:256]} if text else {}
