"""What this computer knows that an EUI can come from: its network interfaces, and a stored one."""

from __future__ import annotations

import logging
from pathlib import Path

from hal.firmware_store import data_dir

log = logging.getLogger(__name__)

INTERFACES = Path("/sys/class/net")
FILE = "gateway-eui"


def macs(interfaces: Path = INTERFACES) -> dict[str, str]:
    """Name and MAC of every network interface that belongs to hardware."""
    found = {}
    for folder in sorted(interfaces.glob("*")):
        try:
            if (folder / "device").exists():
                found[folder.name] = (folder / "address").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue  # an interface that went away, or one without an address
    return found


def stored_eui(folder: Path | None = None) -> str | None:
    """What `store_eui` wrote, if it did."""
    try:
        return ((folder or data_dir()) / FILE).read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def store_eui(eui: str, folder: Path | None = None) -> None:
    """Keep `eui` for the day when its source is gone. Not being able to is no failure."""
    path = (folder or data_dir()) / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(eui + "\n", encoding="ascii")
    except OSError as error:
        log.debug("the EUI could not be stored in %s: %s", path, error)
