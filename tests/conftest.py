"""One outcome for one tree: property tests draw the same examples everywhere.

`HYPOTHESIS_PROFILE=explore scripts/test` draws new ones each time, to look for what nobody has seen.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


# Where real processes run beside the test: brokers, browsers, programs that are killed.
BESIDE = (
    "forwarder/test_chirpstack_broker", "forwarder/test_mqtt_", "forwarder/test_tts_link",
    "forwarder/spool/test_kill", "edge/test_sink_outage", "edge/test_sinks_net",
    "edge/test_source_mqtt", "edge/test_standalone_mqtt", "edge/test_observe_mqtt", "change/",
    "install/", "page/", "scenarios/", "setup/",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A machine that is too busy for one of these gets a second chance, which is told."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).as_posix().startswith(BESIDE):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session", autouse=True)
def runtime_directory(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What gateways of tests keep for a restart is not the machine's own."""
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("runtime"))
    os.environ.pop("RUNTIME_DIRECTORY", None)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that is called in a test sets up logging for its process: ours."""
    root = logging.getLogger()
    level, handlers = root.level, set(root.handlers)
    yield
    root.setLevel(level)
    for handler in set(root.handlers) - handlers:
        if type(handler).__module__.partition(".")[0] != "_pytest":
            root.removeHandler(handler)
