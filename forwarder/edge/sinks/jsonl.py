"""Records as JSON lines, into a file or to stdout: the plainest sink."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections import deque
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from ..records import to_json
from ..values import Record

log = logging.getLogger(__name__)

MOST = 10_000  # lines that wait for the disk
STDOUT = "-"
RETRY_S = 5.0


class JsonlSettings(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="type",
    tag="jsonl",
):
    """`path` is a file, or "-" for stdout. At `max_mb` the file becomes FILE.1; 0: no limit."""

    name: str = ""
    path: str = STDOUT
    max_mb: Annotated[float, Meta(ge=0, le=1_000_000)] = 100.0

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError('path: a file, or "-" for stdout, expected')


class JsonlSink:
    """Appends; the file is for its owner only, as it has what devices say in clear."""

    def __init__(self, settings: JsonlSettings, gateway: str) -> None:
        self.name = settings.name or "jsonl"
        self.gateway = gateway
        self._settings = settings
        self._lines: deque[bytes] = deque()
        self._work = asyncio.Event()
        self._turn = asyncio.Lock()  # the last write must not begin beside one that was cut off
        self._written = self._dropped = 0
        self._fault = ""

    def publish(self, record: Record) -> None:
        if len(self._lines) >= MOST:
            self._lines.popleft()
            self._dropped += 1
        self._lines.append(to_json(record) + b"\n")
        self._work.set()

    async def run(self) -> None:
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                if not await asyncio.shield(self._write()):
                    await asyncio.sleep(RETRY_S)
                    self._work.set()
        finally:
            await self._write()

    def status(self) -> dict[str, object]:
        state = f"failing: {self._fault}" if self._fault else "writing"
        return {"state": state, "written": self._written, "dropped": self._dropped}

    async def _write(self) -> bool:
        """Write all that waits; what fails stays in the queue."""
        async with self._turn:
            lines = list(self._lines)
            if not lines:
                return True
            try:
                await asyncio.to_thread(self._append, b"".join(lines))
            except OSError as error:
                self._failed(f"{self._settings.path}: {error.strerror or error}")
                return False
            for line in lines:
                if self._lines and self._lines[0] is line:  # else it was dropped meanwhile
                    self._lines.popleft()
            self._written += len(lines)
            self._fault = ""
            return True

    def _append(self, data: bytes) -> None:
        if self._settings.path == STDOUT:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        path = Path(self._settings.path)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            done = 0
            try:
                while done < len(data):
                    done += os.write(handle, data[done:])
            except OSError:
                os.ftruncate(handle, size)  # no half line stays, and none comes twice
                raise
        finally:
            os.close(handle)
        most = self._settings.max_mb * 1e6
        if most and size + len(data) > most:
            path.replace(path.with_name(path.name + ".1"))

    def _failed(self, fault: str) -> None:
        if fault != self._fault:
            log.error("%s: records wait, at most %d of them", fault, MOST)
        self._fault = fault
