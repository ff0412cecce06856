"""Beside a network server: what a local broker is told about downlinks that are not ours to send."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import aiomqtt

from forwarder.config import load
from forwarder.edge.open import open_parts

from .brokers import a_broker, free_port

GATEWAY, DEVICE = "0016c001f1500812", "70b3d57ed1000001"


async def ask(folder: Path) -> str:
    async with a_broker(folder, free_port()) as port:
        path = folder / "gateway.toml"
        path.write_text(
            'board = "sim"\nregion = "EU868"\n[[server]]\naddress = "127.0.0.1"\n'
            f'[edge]\nmode = "observe"\ndatabase = "edge.db"\n[[edge.device]]\ndev_eui = "{DEVICE}"\n'
            f'[[edge.sink]]\ntype = "mqtt"\nserver = "mqtt://127.0.0.1:{port}"\n'
        )
        config = load(path)
        assert config.edge is not None
        running = asyncio.create_task(open_parts(config.edge, GATEWAY).observer.run())
        base = f"edgemast/{GATEWAY}/{DEVICE}/down"
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe([(f"edgemast/{GATEWAY}/state", 1), (f"{base}/state", 1)])
            await anext(aiter(client.messages))  # online: the sink listens by now
            await client.publish(base, b'{"fport":2,"payload_hex":"0a","reference":"r"}', qos=1)
            answer = await anext(aiter(client.messages))
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert isinstance(answer.payload, bytes)
    state: str = json.loads(answer.payload)["state"]
    return state


def test_a_downlink_beside_a_network_server_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async def limited() -> str:
        async with asyncio.timeout(20):
            return await ask(tmp_path)

    state = asyncio.run(limited())
    assert "only observes" in state and "network server" in state
