"""A gateway carries nothing that it does not use: 30 MB is all that one with UDP only may have."""

from __future__ import annotations

import asyncio
import datetime
import subprocess
import sys
from pathlib import Path

import pytest

from forwarder.sim.certificates import Authority
from forwarder.version import VERSION

from ..edge.brokers import a_broker, free_port

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
# What none with a server behind a broker has; OPENSSL too where the way there is not TLS.
NOT_FOR_MQTT = (
    *("urllib.request", "http.client", "email", "tempfile", "shutil", "importlib.metadata"),
    *("aiomqtt", "sqlite3", "random", "unicodedata", "cryptography", "forwarder.lorawan"),
    *("google.protobuf.json_format", "google.protobuf.text_format"),
    *("google.protobuf.internal.decoder", "forwarder.edge", "forwarder.doctor", "forwarder.page"),
)
OPENSSL = ("ssl", "_ssl", "_hashlib")
GATEWAY = 'board = "corecell-usb"\nregion = "EU868"\n[[server]]\ntype = "mqtt"\n'


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


def test_the_version_is_the_one_that_is_installed() -> None:
    told = python("from importlib.metadata import version; print(version('edgemast'))")
    assert told == VERSION


async def loaded_by_a_gateway(folder: Path, server: str) -> list[str]:
    """What it has imported once a frame and a report were taken by the broker."""
    file = folder / "gateway.toml"
    file.write_text(GATEWAY + server)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.forwarder.lean_gateway", str(file)),
        cwd=Path(__file__).parent.parent.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, trouble = await process.communicate()
    assert process.returncode == 0, trouble.decode()
    return out.decode().split()


@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
def test_an_mqtt_gateway_carries_nothing_that_it_does_not_use(scheme: str, tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        port = free_port()
        lines = (
            f"listener {port} 127.0.0.1",
            *(("protocol websockets",) if scheme == "ws" else ()),
        )
        async with a_broker(tmp_path, free_port(), *lines):
            address = f'address = "{scheme}://127.0.0.1:{port}"\n'
            return await loaded_by_a_gateway(tmp_path, address)

    loaded = asyncio.run(scenario())
    assert "paho.mqtt.client" in loaded and "forwarder.links.chirpstack.v4" in loaded
    assert [name for name in (*NOT_FOR_MQTT, *OPENSSL) if name in loaded] == []


def test_an_mqtt_gateway_with_tls_carries_openssl_and_nothing_else(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        port, authority = free_port(), Authority("test", datetime.datetime.now(datetime.UTC))
        certificate, key = authority.server().write(tmp_path, "server")
        (tmp_path / "ca.pem").write_bytes(authority.certificate)
        tls = (f"listener {port} 127.0.0.1", f"certfile {certificate}", f"keyfile {key}")
        async with a_broker(tmp_path, free_port(), *tls):
            server = f'address = "mqtts://localhost:{port}"\nca_file = "ca.pem"\n'
            return await loaded_by_a_gateway(tmp_path, server)

    loaded = asyncio.run(scenario())
    assert "ssl" in loaded
    assert [name for name in NOT_FOR_MQTT if name in loaded] == []


def test_what_was_deferred_is_there_for_whoever_needs_it_after_all() -> None:
    program = """
import sys
from forwarder.lean import paho_without_proxies, protobuf_without_python
paho_without_proxies(tls=False); protobuf_without_python()
from google.protobuf.internal import builder
assert "google.protobuf.internal.python_message" not in sys.modules
print(builder.python_message.GeneratedProtocolMessageType.__name__)
import ssl, urllib.request, google.protobuf.json_format
print(ssl.create_default_context().check_hostname, urllib.request.getproxies is not None)
"""
    assert python(program).split() == ["GeneratedProtocolMessageType", "True", "True"]
