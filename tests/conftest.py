"""One outcome for one tree: property tests draw the same examples everywhere.

`HYPOTHESIS_PROFILE=explore scripts/test` draws new ones each time, to look for what nobody has seen.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session", autouse=True)
def runtime_directory(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What gateways of tests keep for a restart is not the machine's own."""
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("runtime"))
    os.environ.pop("RUNTIME_DIRECTORY", None)
