"""`hal` as others import it: light, whole, and clear about what it cannot do."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

import hal
from hal.concentrator import Concentrator
from hal.sim.transport import SimTransport
from tests.hal.configs import EU868


@pytest.mark.parametrize("name", hal.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(hal, name).__name__ == name or name in str(getattr(hal, name))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Concentrato"):
        _ = hal.Concentrato


def test_importing_it_loads_neither_driver_nor_bus() -> None:
    program = "import hal, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "hal.frames" in loaded
    assert not loaded & {
        "asyncio",
        "serial",
        "socket",
        "hal.concentrator",
        "hal.transport",
        "hal.sim",
    }


def test_a_channel_too_few_is_a_fault_with_words() -> None:
    config = replace(EU868, multi_sf=EU868.multi_sf[:7])
    with pytest.raises(ValueError, match="multi_sf has 7 entries; 8 expected"):
        Concentrator(SimTransport(), config).start()
