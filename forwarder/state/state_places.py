"""Where the state file of a running gateway may be, for commands beside the service."""

from __future__ import annotations

import os
from pathlib import Path


def places(given: Path | None = None) -> tuple[Path, ...]:
    """The folders to look in, likeliest first; only `given` if there is one."""
    if given is not None:
        return (given.parent if given.name == "state.json" else given,)
    found = [Path("/run/edgemast"), Path(f"/run/user/{os.geteuid()}/edgemast")]
    if user := os.environ.get("XDG_RUNTIME_DIR"):
        found.append(Path(user) / "edgemast")
    if own := os.environ.get("RUNTIME_DIRECTORY"):
        found.insert(0, Path(own.split(":")[0]))
    return tuple(dict.fromkeys(found))
