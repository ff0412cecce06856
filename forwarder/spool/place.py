"""Where the uplinks of a long outage may be written to."""

from __future__ import annotations

import os
from pathlib import Path

from hal.firmware_store import data_dir


def folder(setting: str, beside: Path, *, simulated: bool) -> Path | None:
    """`[spool] dir`, seen from the configuration; else what systemd gives, else the data directory.

    None: nowhere. What a simulated radio hears is not worth a disk, unless it is asked for.
    """
    if setting:
        return beside / setting
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    return None if simulated else data_dir()
