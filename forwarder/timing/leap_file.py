"""Finds the table of leap seconds: ours, or the system's where that one is newer."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from hal.gps.leap import LeapTable, parse

from ..config.data import folder

FILE = "leap-seconds.list"
SINCE_2017 = LeapTable(((0, 18),), 1_483_228_800)
SYSTEM = Path("/usr/share/zoneinfo") / FILE  # Debian's tzdata keeps it up to date

log = logging.getLogger(__name__)


def load(ours: Path | None = None, system: Path = SYSTEM) -> LeapTable:
    """The table that expires last; where none can be read, what held in 2017, long expired."""
    places = (ours or folder() / FILE, system)
    tables = [table for place in places if (table := _read(place)) is not None]
    return max(tables, key=lambda table: table.expires_s, default=SINCE_2017)


def expired(table: LeapTable, now_s: float) -> str | None:
    """What to warn of; None while the table holds. `now_s` is POSIX seconds."""
    if now_s < table.expires_s:
        return None
    return (
        f"the table of leap seconds expired on {datetime.fromtimestamp(table.expires_s, UTC):%F}: "
        f"UTC may be a second off until the receiver tells its own; update tzdata or edgemast"
    )


def _read(path: Path) -> LeapTable | None:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s: %s; not used", path, error)
        return None
