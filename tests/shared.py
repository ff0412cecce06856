"""Where the shared reference material is: golden recordings and real traffic."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("EDGEMAST_SHARED", _ROOT.parent / "shared"))


def shared(name: str) -> Path:
    """The path of a shared file; skips the test, saying so, where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(
            f"needs {name} of the shared folder: put it at ../shared or set EDGEMAST_SHARED"
        )
    return path
