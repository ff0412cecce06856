"""One call of a payload codec in QuickJS, inside the child process.

Every call gets a context of its own, made and thrown away: no device sees what another one's
script, or an earlier call of its own, left behind. Network servers do the same, and codecs rely on
it. driver.js calls the function and writes its result; limits are QuickJS's (edge-keys.md 7.2).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import quickjs

from .script import as_plain_script

OURS = 20_000  # lines before our own scripts: the engine names every script <input>
STACK_BYTES = 512 * 1024  # of the C stack; some 3 000 calls deep
_PLACE = re.compile(r"<input>:(\d+)(?::(\d+))?")
_INTERRUPTED = "InternalError: interrupted"
_OUT_OF_MEMORY = "InternalError: out of memory"


@dataclass(frozen=True, slots=True)
class Call:
    """What the host asks for. `input` is JSON text: bytes, fPort, recvTime, variables, data."""

    operation: str  # "decode", "encode" or "decode-downlink"
    script: str
    input: str
    time_ms: int
    memory_bytes: int
    characters: int  # of JSON in the result
    depth: int  # of nesting in the result


class Engine:
    """Holds the two scripts of ours; read once, before the process gives up its rights."""

    def __init__(self) -> None:
        here = Path(__file__).parent
        self._driver = "\n" * OURS + (here / "driver.js").read_text(encoding="utf-8")
        self._buffer = "\n" * OURS + (here / "buffer.js").read_text(encoding="utf-8")

    def answer(self, call: Call) -> str:
        """The JSON that driver.js documents, or {"failed", "line"}. Never raises for a script."""
        try:
            return self._run(call)
        except Exception as error:  # the binding has its own ideas; a call is all it may cost
            return json.dumps(failure(_words(error), call))

    def _run(self, call: Call) -> str:
        context = quickjs.Context()
        context.set_memory_limit(call.memory_bytes)
        context.set_max_stack_size(STACK_BYTES)
        drive = context.eval(self._driver)
        if "Buffer" in call.script or "require" in call.script:
            context.eval(self._buffer)
        context.set_time_limit(call.time_ms / 1000)
        # The last value is ours: the binding takes not every value that a script may end in.
        context.eval(as_plain_script(call.script) + "\n;0")
        limits = json.dumps({"characters": call.characters, "depth": call.depth})
        return _explained(str(drive(call.operation, call.input, limits)), call)


def _explained(answer: str, call: Call) -> str:
    """An answer that tells of an exception, as `failure` words it; others as they are."""
    if not answer.startswith('{"function":') or '"thrown":' not in answer[:60]:
        return answer
    told = json.loads(answer)
    why = failure(f"{told['thrown']}\n{told['stack']}", call)
    return json.dumps({"function": told["function"], "log": told["log"], **why})


def _words(error: BaseException) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "the script made text that is no Unicode"
    return str(error) or type(error).__name__


def failure(words: str, call: Call) -> dict[str, object]:
    """An error of the engine as a person is told it, and the script's line if it has one."""
    message, _, stack = words.partition("\n")
    if message.startswith(_INTERRUPTED):
        message = f"stopped: it ran for more than {call.time_ms} ms"
    elif message.startswith(_OUT_OF_MEMORY):
        message = f"stopped: it wanted more than {call.memory_bytes // 2**20} MB of memory"
    return {"failed": message[:500], "line": line_of(stack)}


def line_of(stack: str) -> int | None:
    """The line of the script where an error arose, from the engine's stack text."""
    for frame in stack.splitlines():
        place = _PLACE.search(frame)
        if place and int(place[1]) <= OURS:
            return int(place[1])
    return None
