"""The gateway's state as a JSON file in the runtime directory, for commands beside the service.

That is a file system in memory (emission_log.directory): no card is written to. The file is
replaced whole, so that whoever reads it never sees half of it, and removed at a clean stop.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

EVERY_S = 2.0
NAME = "state.json"
MOST_BYTES = 4_000_000  # no file of ours is larger

log = logging.getLogger(__name__)


class StateFile:
    """Writes `state()` to `folder` every two seconds while it runs."""

    def __init__(self, folder: Path, state: Callable[[], dict[str, object]]) -> None:
        self.name = "state file"
        self._path = folder / NAME
        self._state = state
        self._told = False

    async def run(self) -> None:
        """Until cancelled; what goes wrong is told once and tried again."""
        try:
            while True:
                self.write()
                await asyncio.sleep(EVERY_S)
        finally:
            self._path.unlink(missing_ok=True)

    def write(self) -> None:
        """The state as it is now. It is small and goes to memory: the loop does not wait."""
        new = self._path.with_name(NAME + ".new")
        try:
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            new.write_bytes(msgspec.json.encode({"pid": os.getpid(), **self._state()}))
            new.replace(self._path)
        except OSError as error:
            if not self._told:
                self._told = True
                log.warning(
                    "no %s for `edgemast monitor` and `doctor`: %s; RuntimeDirectory=edgemast in "
                    "the systemd unit gives a place for it", self._path, error,
                )  # fmt: skip


def read(folder: Path) -> dict[str, object] | None:
    """What a running gateway says of itself; None where there is none, or nothing of use."""
    try:
        with (folder / NAME).open("rb") as file:
            state = msgspec.json.decode(file.read(MOST_BYTES))
    except (OSError, msgspec.DecodeError):
        return None
    return state if isinstance(state, dict) and _alive(state.get("pid")) else None


def _alive(pid: object) -> bool:
    """Whether that process is there; a killed one leaves its file behind."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # it is there, and another user's
    except (OSError, OverflowError):
        return False
    return True
