"""What shuts others out of this process's memory; in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from forwarder.edge.hardening import Hardened

PROGRAM = """
import ctypes, resource
from forwarder.edge.hardening import harden
print(harden())
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_hardened_process_leaves_no_core_and_is_not_dumpable() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "core dumps and debuggers are shut out; root and swap are not",
        "(0, 0) 0",
    ]


def test_what_was_not_reached_is_said() -> None:
    assert "may still be written" in str(Hardened(no_core=False, not_dumpable=True))
    assert "may still read the memory" in str(Hardened(no_core=True, not_dumpable=False))
