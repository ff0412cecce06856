"""The codec process: requests on stdin, answers on stdout, and nothing else it could reach.

Frames are a 32-bit big-endian length and JSON. A request is engine.Call; an answer is what
Engine.answer gives. The engine is C code that runs other people's scripts, so the process gives up
what it does not need before the first one: no file or socket can be opened (no descriptors are
left), nothing written, no core dumped, memory and processor time are bounded by the system too.
It holds no keys and its environment is empty. The host kills it when it is late.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from .engine import Call, Engine, failure

HEAD = struct.Struct(">I")
MAX_FRAME = 4_000_000  # bytes; a script at its longest, escaped
SPARE_BYTES = 64 * 2**20  # address space beyond the engine's own limit
NICE = 5  # below the radio


def main() -> None:
    """Serve until stdin ends."""
    engine = Engine()
    confine(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer, engine)


def confine(memory_bytes: int) -> None:
    """Give up rights for good; `memory_bytes` is what scripts may use."""
    with suppress(OSError):  # a courtesy; the limits below are not
        os.nice(NICE)
    limit = _address_space() + memory_bytes + SPARE_BYTES
    _lower(resource.RLIMIT_AS, limit)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NPROC, 0)
    # Descriptors 0 to 2 stay open; with no number left there is no file and no network.
    _lower(resource.RLIMIT_NOFILE, 3)


def _lower(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def _address_space() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # pathlib costs 1 MB
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 512 * 2**20  # not Linux: a bound all the same


def serve(requests: BinaryIO, answers: BinaryIO, engine: Engine) -> None:
    """Answer one request after the other."""
    _send(answers, b'{"ready":true}')
    while (body := _receive(requests)) is not None:
        call = Call(**json.loads(body))
        _bound_processor_time(call.time_ms)
        _send(answers, guarded(engine.answer, call))


def guarded(answer: Callable[[Call], str], call: Call) -> bytes:
    """The engine's answer as bytes; Python's own lack of memory costs the call only."""
    try:
        return answer(call).encode("utf-8", "replace")
    except MemoryError:
        return json.dumps(failure("InternalError: out of memory", call)).encode()


def _bound_processor_time(time_ms: int) -> None:
    # The last resort, for a host that is gone or stuck: SIGXCPU ends the process.
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + 2 * time_ms / 1000) + 2, hard))


def _receive(requests: BinaryIO) -> bytes | None:
    head = requests.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    if size > MAX_FRAME:
        return None
    body = requests.read(size)
    return body if len(body) == size else None


def _send(answers: BinaryIO, body: bytes) -> None:
    answers.write(HEAD.pack(len(body)) + body)
    answers.flush()


if __name__ == "__main__":
    main()
