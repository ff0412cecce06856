"""Files that are written whole or not at all, also when the power fails."""

from __future__ import annotations

import os
from pathlib import Path

USUAL_MODE = 0o644


def write_whole(path: Path, data: bytes, *, like: Path | None = None) -> None:
    """Replace `path`. Mode and owner are those of `like`, else of what was there, if anything was.

    Raises OSError, and has changed nothing then.
    """
    model = like or path
    facts = model.stat() if model.exists() else None
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    mode = USUAL_MODE if facts is None else facts.st_mode & 0o777
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if facts is not None and os.geteuid() == 0:
                os.fchown(handle, facts.st_uid, facts.st_gid)
            os.fchmod(handle, mode)
            os.fsync(handle)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """What was renamed or removed in `folder` stays so from now on."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
