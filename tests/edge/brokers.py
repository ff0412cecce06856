"""A real mosquitto on a free port for tests; skips, saying so, where there is none."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest


def mosquitto() -> str:
    found = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        pytest.skip("needs a broker: sudo apt-get install mosquitto")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def a_broker(folder: Path, port: int, *lines: str) -> AsyncIterator[int]:
    """A broker that listens when this returns, and has ended when it is left."""
    config = folder / "mosquitto.conf"
    # As root it would become another user, who may not read what a test writes.
    text = ["user root", f"listener {port} 127.0.0.1", "persistence false", *lines]
    if not any(line.startswith("allow_anonymous") for line in lines):
        text.append("allow_anonymous true")
    config.write_text("\n".join(text) + "\n")
    process = await asyncio.create_subprocess_exec(
        mosquitto(), "-c", str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _listening(port)
        yield port
    finally:
        with suppress(ProcessLookupError):  # it did not like its configuration
            process.terminate()
        await process.wait()


async def _listening(port: int) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                turn = loop.create_future()
                loop.call_later(0.01, turn.set_result, None)
                await turn
            else:
                writer.close()
                await writer.wait_closed()
                return
