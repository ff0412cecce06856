"""Records as JSON lines, into a file or to stdout: the plainest sink."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from ...spool.spool import Spool
from ..records import to_json
from ..values import Record
from .hand import Hand
from .kept_records import SinkOutage

log = logging.getLogger(__name__)

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
    outage: SinkOutage = SinkOutage()

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError('path: a file, or "-" for stdout, expected')


class JsonlSink:
    """Appends; the file is for its owner only, as it has what devices say in clear."""

    def __init__(
        self, settings: JsonlSettings, gateway: str, *, spool: Spool[Record] | None = None
    ) -> None:
        self._hand = Hand(settings.name or "jsonl", settings.outage, spool)
        self.name = self._hand.name
        self.gateway = gateway
        self._settings = settings
        self._turn = asyncio.Lock()  # the last write must not begin beside one that was cut off
        self._written = 0
        self._fault = ""

    def publish(self, record: Record) -> None:
        self._hand.publish(record)

    async def run(self) -> None:
        more = self._hand.more
        self._hand.opened()
        try:
            while True:
                await more.wait()
                more.clear()
                if not await asyncio.shield(self._write()):
                    await asyncio.sleep(RETRY_S)
                    more.set()
        finally:
            await self._write()
            self._hand.closed()

    def status(self) -> dict[str, object]:
        state = f"failing: {self._fault}" if self._fault else "writing"
        return {"state": state, "written": self._written, **self._hand.status()}

    async def _write(self) -> bool:
        """Write all that is in hand; what fails goes back to its keeper."""
        async with self._turn:
            some = self._hand.some()
            if not some:
                return True
            try:
                lines = [to_json(held.record) + b"\n" for held in some]
                await asyncio.to_thread(self._append, b"".join(lines))
            except OSError as error:
                self._failed(f"{self._settings.path}: {error.strerror or error}")
                return False
            for held in some:
                self._hand.done(held)
            self._written += len(some)
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
            log.error("%s: records wait", fault)
        self._fault = fault
        self._hand.closed()
