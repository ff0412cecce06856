"""A UDP-only gateway carries nothing that it does not use: 30 MB is all that it may have."""

from __future__ import annotations

import subprocess
import sys

# What a gateway on a USB board with UDP servers has imported once it runs.
RUNNING = """
import sys
from forwarder.commands import run
assert "asyncio" not in sys.modules, "before the configuration is read"
run.asyncio_without_tls()
import forwarder.app, forwarder.links.semtech_udp.link, hal.firmware_store, hal.transport.usb
"""
HEAVY = (
    *("ssl", "_ssl", "hashlib", "tempfile", "email", "importlib.metadata", "json", "http"),
    *("paho", "aiomqtt", "google", "sqlite3", "_sqlite3", "microdot", "websockets", "serial"),
    *("forwarder.links.mqtt.link", "forwarder.spool", "forwarder.page", "forwarder.edge.local"),
    *("cryptography", "hal.sim", "forwarder.sim", "forwarder.lorawan", "unicodedata", "gpiod"),
)


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_running_gateway_has_imported_nothing_heavy() -> None:
    loaded = python(RUNNING + "print(*sys.modules)").split()
    assert "forwarder.app" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_tls_can_still_be_imported_by_whoever_needs_it() -> None:
    assert python(RUNNING + "import ssl; print(ssl.create_default_context().check_hostname)")


def test_an_asyncio_that_is_there_already_is_left_as_it_is() -> None:
    program = "import asyncio, sys; from forwarder.lean import asyncio_without_tls as lean; "
    assert python(program + "print(lean() is asyncio, 'ssl' in sys.modules)") == "True True"
