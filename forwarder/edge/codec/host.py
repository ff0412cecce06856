"""Payload codecs from the gateway's side: one warm child process, killed when it is late.

A call that overruns, crashes or eats memory costs its own record; the next one finds a new child.
The queue is bounded: records that find it full go out without what the codec would have said.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .answers import Decoded, Encoded, decoded, encoded
from .script import Script

INSTALL = "pip install 'edgemast[codecs]'"
MISSING = f"payload codecs need the package quickjs-ng: {INSTALL}"
_HEAD_SIZE = 4
_MAX_ANSWER = 2_000_000
_START_S = 15.0  # a cold Python on a slow SD card
_BOOT = (
    "import sys; sys.path.extend(sys.argv[2:]); from forwarder.edge.codec.child import main; main()"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may cost. `time_ms` is processor time, for loading and for the call each."""

    time_ms: int = 100
    margin_ms: int = 300  # waited beyond both before the child is killed: other work on the core
    memory_bytes: int = 32 * 2**20
    characters: int = 65_536
    depth: int = 32

    @property
    def wall_s(self) -> float:
        return (2 * self.time_ms + self.margin_ms) / 1000


class _ChildLost(Exception):
    """The child did not answer; says why."""


def missing() -> str | None:
    """Why codecs cannot run here, with the command that helps; None if they can."""
    return MISSING if find_spec("quickjs") is None else None


class CodecHost:
    """Calls codecs, one after the other. Use it in one event loop, and `close` it."""

    def __init__(self, limits: Limits | None = None, *, waiting: int = 64) -> None:
        self._limits = limits or Limits()
        self._room = waiting
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._child: asyncio.subprocess.Process | None = None
        self._counts = {"calls": 0, "failures": 0, "killed": 0, "dropped": 0}

    async def decode(
        self,
        script: Script,
        fport: int,
        payload: bytes,
        recv_time_ns: int | None = None,
        variables: Mapping[str, object] | None = None,
        *,
        downlink: bool = False,
        recv_time_text: str | None = None,
    ) -> Decoded:
        """What `script` makes of `payload`. Faults of the script are in the result, not raised.

        `recv_time_ns` is wall time since 1970, now if None; `recv_time_text` is the same in ISO
        8601, as examples have it. `downlink`: a frame to the device.
        """
        at_ns = time.time_ns() if recv_time_ns is None else recv_time_ns
        given = {
            "bytes": list(payload),
            "fPort": fport,
            "recvTime": recv_time_text or at_ns // 1_000_000,
            "variables": dict(variables or {}),
        }
        operation = "decode-downlink" if downlink else "decode"
        return decoded(await self._call(operation, script, given), operation, script)

    async def encode(
        self,
        script: Script,
        fport: int,
        value: object,
        variables: Mapping[str, object] | None = None,
    ) -> Encoded:
        """The downlink that `script` makes of `value`, an object of JSON values."""
        given = {"data": value, "fPort": fport, "variables": dict(variables or {})}
        return encoded(await self._call("encode", script, given), script)

    def status(self) -> dict[str, object]:
        """Counts for a status page."""
        return {**self._counts, "waiting": self._waiting, "missing": missing()}

    async def close(self) -> None:
        """End the child. The host can be used again afterwards."""
        async with self._turn:
            await self._end_child()

    # One call.

    async def _call(
        self, operation: str, script: Script, given: dict[str, object]
    ) -> dict[str, object]:
        if self._waiting >= self._room:
            self._counts["dropped"] += 1
            return {"failed": f"{self._waiting} payloads wait for their codecs already"}
        self._waiting += 1
        try:
            async with self._turn:
                answer = await self._exchange(self._request(operation, script, given))
        finally:
            self._waiting -= 1
        self._counts["calls"] += 1
        if "failed" in answer:
            self._counts["failures"] += 1
        return answer

    def _request(self, operation: str, script: Script, given: dict[str, object]) -> bytes:
        limits = self._limits
        body = {
            "operation": operation,
            "script": script.text,
            "input": json.dumps(given),
            "time_ms": limits.time_ms,
            "memory_bytes": limits.memory_bytes,
            "characters": limits.characters,
            "depth": limits.depth,
        }
        data = json.dumps(body).encode()
        return len(data).to_bytes(_HEAD_SIZE, "big") + data

    async def _exchange(self, request: bytes) -> dict[str, object]:
        try:
            child = await self._ready_child()
            answered = False
            try:
                async with asyncio.timeout(self._limits.wall_s):
                    answer = await _ask(child, request)
                answered = True
            finally:
                # Late, gone, or the caller was cancelled: its answer must reach nobody else.
                if not answered:
                    await asyncio.shield(self._end_child())
        except TimeoutError:
            self._counts["killed"] += 1
            return {"failed": f"stopped: no answer within {self._limits.wall_s:g} s"}
        except _ChildLost as error:
            return {"failed": str(error)}
        return answer

    async def _ready_child(self) -> asyncio.subprocess.Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        if why := missing():
            raise _ChildLost(why)
        self._child = await _start(self._limits.memory_bytes)
        try:
            async with asyncio.timeout(_START_S):
                await _answer(self._child)
        except asyncio.CancelledError:  # or its first word would be taken for an answer
            await asyncio.shield(self._end_child())
            raise
        except (TimeoutError, _ChildLost) as error:
            await self._end_child()
            raise _ChildLost(f"the codec process did not start: {error or 'too slow'}") from error
        return self._child

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        if child.stdin:
            child.stdin.close()


async def _start(memory_bytes: int) -> asyncio.subprocess.Process:
    """A child that has nothing of ours but the two pipes: no environment, no terminal."""
    package = Path(__file__).parents[3]
    engine = find_spec("quickjs")
    places = [str(package)]
    if engine is not None and engine.origin is not None:
        places.append(str(Path(engine.origin).parents[1]))
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _BOOT, str(memory_bytes), *places),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"TZ": "UTC"},  # dates as a network server's codecs see them
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise _ChildLost(f"the codec process did not start: {error}") from error


async def _ask(child: asyncio.subprocess.Process, request: bytes) -> dict[str, object]:
    assert child.stdin is not None
    try:
        child.stdin.write(request)
        await child.stdin.drain()
    except OSError:
        raise _ChildLost(await _how_it_ended(child)) from None
    return await _answer(child)


async def _answer(child: asyncio.subprocess.Process) -> dict[str, object]:
    assert child.stdout is not None
    try:
        size = int.from_bytes(await child.stdout.readexactly(_HEAD_SIZE), "big")
        if size > _MAX_ANSWER:
            raise _ChildLost(f"stopped: an answer of {size} bytes")
        answer = json.loads(await child.stdout.readexactly(size))
    except (asyncio.IncompleteReadError, OSError):
        raise _ChildLost(await _how_it_ended(child)) from None
    except (ValueError, RecursionError):
        raise _ChildLost("stopped: its answer was no JSON") from None
    if not isinstance(answer, dict):
        raise _ChildLost("stopped: its answer was no object")
    return answer


async def _how_it_ended(child: asyncio.subprocess.Process) -> str:
    code = await child.wait()
    if code >= 0:
        return f"its process ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process was ended by signal {-code}"
