"""The disk: where data is kept, whether it can be written, how much is left."""

from __future__ import annotations

import shutil
from pathlib import Path

from hal.firmware_store import data_dir

from .case import Case
from .values import Finding, fail, ok, warn

LITTLE_BYTES = 50_000_000


def root_file_system(case: Case) -> Finding:
    """A root that was remounted read-only after errors, or on purpose; and free space."""
    options = mount_options(case.machine.text("/proc/mounts") or "", "/")
    free = shutil.disk_usage(case.machine.root).free
    text = f"{free / 1e9:.1f} GB free on /"
    if "ro" in options:
        return warn(
            f"/ is mounted read-only; {text}",
            "a writable one, unless this is meant: Edgemast runs either way",
            "an overlay or read-only image",
            "the card failed and the kernel remounted it",
            next="dmesg | grep -iE 'mmc|ext4|remount'",
        )
    if free < LITTLE_BYTES:
        return fail(
            f"{free / 1e6:.0f} MB free on /",
            f"{LITTLE_BYTES / 1e6:.0f} MB",
            "old logs and packages",
            next="sudo journalctl --vacuum-size=50M; sudo apt clean",
        )
    return ok(text)


def mount_options(mounts: str, place: str) -> set[str]:
    """The options of what is mounted at `place`, the last if several are on top of each other."""
    found: set[str] = set()
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) >= 4 and fields[1] == place:
            found = set(fields[3].split(","))
    return found


def data_folder(case: Case) -> Finding:
    """Where the EUI, firmware and databases are kept."""
    folder = data_dir()
    if folder.is_dir():
        return ok(f"{folder} is there")
    if _parent(folder):
        return ok(f"{folder} will be made when something is to be kept")
    return warn(f"{folder} is not there and cannot be made", "a folder for the EUI and firmware")


def _parent(folder: Path) -> bool:
    import os

    there = next(path for path in folder.parents if path.is_dir())
    return os.access(there, os.W_OK)
